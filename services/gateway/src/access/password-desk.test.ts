// Tests of how much work guesses of passwords can make.
import { expect, test } from 'vitest';
import { PasswordDesk } from './password-desk.ts';

function aDesk() {
  const asked: { password: string; answer: (isRight: boolean) => void }[] = [];
  const desk = new PasswordDesk('key', async (password) => {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    asked.push({ password, answer: resolve });
    return await promise;
  });
  return { desk, asked, passwords: () => asked.map(({ password }) => password) };
}
const olga = (password: string) => ({ name: 'olga', password });

test('who was right is not asked again for a minute, or until the password is another', async () => {
  const { desk, asked } = aDesk();
  const first = desk.fits(olga('a'), 'hash', 0);
  asked[0]?.answer(true);
  expect(await first).toStrictEqual({ ok: true, value: true });
  expect(desk.isKnownRight(olga('a'), 'hash', 59_999)).toBe(true);
  expect(desk.isKnownRight(olga('a'), 'hash', 60_000)).toBe(false);
  expect(desk.isKnownRight(olga('a'), 'changed', 1)).toBe(false);
  expect(desk.isKnownRight(olga('b'), 'hash', 1)).toBe(false);
});

test('who was wrong is asked again', async () => {
  const { desk, asked } = aDesk();
  const first = desk.fits(olga('a'), 'hash', 0);
  asked[0]?.answer(false);
  await first;
  expect(desk.isKnownRight(olga('a'), 'hash', 0)).toBe(false);
});

test('equal questions at the same time are one', async () => {
  const { desk, asked } = aDesk();
  const both = Promise.all([desk.fits(olga('a'), 'hash', 0), desk.fits(olga('a'), 'hash', 0)]);
  asked[0]?.answer(true);
  await both;
  expect(asked).toHaveLength(1);
});

test('two are checked at once, sixteen wait, and more are refused', async () => {
  const { desk, asked, passwords } = aDesk();
  const waiting = Array.from({ length: 18 }, (_, index) => desk.fits(olga(`${index}`), 'hash', 0));
  expect(passwords()).toEqual(['0', '1']);
  expect(await desk.fits(olga('more'), 'hash', 0)).toMatchObject({
    ok: false,
    failure: { code: 'overloaded' },
  });
  for (let index = 0; index < 18; index += 1) {
    asked[index]?.answer(false);
    await waiting[index];
  }
  expect(asked).toHaveLength(18);
});
