// What holds for looks at which units live that many share: none is older than its question.
import { expect, test } from 'vitest';
import { LiveLooks } from './live-looks.ts';

test('questions that come together share a look, and one that comes during it gets one of its own', async () => {
  const asked: PromiseWithResolvers<ReadonlySet<string>>[] = [];
  const looks = new LiveLooks(() => {
    const look = Promise.withResolvers<ReadonlySet<string>>();
    asked.push(look);
    return look.promise;
  });
  const first = Promise.all([looks.isAlive('a'), looks.isAlive('b')]);
  await expect.poll(() => asked.length).toBe(1);
  const later = looks.isAlive('b');
  asked[0]?.resolve(new Set(['a']));
  expect(await first).toEqual([true, false]);
  await expect.poll(() => asked.length).toBe(2);
  asked[1]?.resolve(new Set(['a', 'b']));
  expect(await later).toBe(true);
});

test('a look that fails fails those who asked for it, and the next one is made', async () => {
  let count = 0;
  const looks = new LiveLooks(async () => {
    count += 1;
    if (count === 1) throw new Error('systemd is away');
    return new Set(['a']);
  });
  await expect(looks.isAlive('a')).rejects.toThrow('systemd is away');
  expect(await looks.isAlive('a')).toBe(true);
});
