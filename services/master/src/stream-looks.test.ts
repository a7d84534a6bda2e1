import { PrincipalName } from '@parley/protocol/ids';
import { expect, test } from 'vitest';
import type { LookedAt } from './books-watch.ts';
import { StreamLooks } from './stream-looks.ts';

const alice = PrincipalName.parse('alice');
const bob = PrincipalName.parse('bob');
const at = (principal: PrincipalName, sequence: number, createdMs = 7) => ({
  ...{ principal, createdMs, sequence },
});

/** Whether each was written, by what is looked at. */
function scene() {
  const looked: (readonly LookedAt[])[] = [];
  let positions: ReturnType<typeof at>[] = [];
  const looks = new StreamLooks({
    nowMs: 0,
    view: { streamPositions: () => positions.values() },
    look: (principals) => void looked.push(principals),
  });
  return {
    looked,
    look: (nowMs: number, ...now: ReturnType<typeof at>[]) => {
      positions = now;
      looks.look(nowMs, [alice, 'not a name.']);
      return looked.at(-1)?.map(({ principal, isWritten }) => [principal, isWritten]);
    },
  };
}

test('a term looks soon after it began and then once a minute', () => {
  const { looked, look } = scene();
  const times = [];
  for (let nowMs = 0; nowMs <= 130_000; nowMs += 50) {
    const before = looked.length;
    look(nowMs);
    if (looked.length > before) times.push(nowMs);
  }
  expect(times).toEqual([5000, 65_000, 125_000]);
});

test('a stream of which something was read since the last look needs no test write', () => {
  const { look } = scene();
  expect(look(5000, at(alice, 4), at(bob, 9))).toEqual([
    [alice, false],
    [bob, false],
  ]);
  expect(look(65_000, at(alice, 5), at(bob, 9))).toEqual([
    [alice, true],
    [bob, false],
  ]);
  expect(look(125_000, at(alice, 5), at(bob, 9, 8))).toEqual([
    [alice, false],
    [bob, true],
  ]);
});

test('a principal of whom nothing was ever read is looked at as well', () => {
  const { look } = scene();
  expect(look(5000)).toEqual([[alice, false]]);
  expect(look(65_000)).toEqual([[alice, false]]);
});
