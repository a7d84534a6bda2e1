import { expect, test } from 'vitest';
import { UnledWatch } from './unled-watch.ts';

const LOOK_MS = 1000;
/** Times of the looks at which it moved, seconds. */
function movesOf(
  watch: UnledWatch,
  { others = 2, seconds }: { others?: number; seconds: number },
  isHeardAt: (second: number) => boolean = () => false,
): number[] {
  const moves: number[] = [];
  for (let second = 1; second <= seconds; second += 1) {
    if (isHeardAt(second)) watch.heard();
    if (watch.look(LOOK_MS, others)) moves.push(second);
  }
  return moves;
}
/** Even, and the same each time. */
function rolls(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

test('it moves between 11 and 22 s after the last sign of a leader', () => {
  const stopsAt = (stop: number) => (second: number) => second <= stop && second % 5 === 0;
  expect(movesOf(new UnledWatch(() => 0), { seconds: 41 }, stopsAt(30))).toEqual([40]);
  expect(movesOf(new UnledWatch(() => 0.999), { seconds: 52 }, stopsAt(30))).toEqual([51]);
});

test('as long as a leader is heard, and where there is no other server, it stays', () => {
  const heard = (second: number) => second % 5 === 0;
  expect(movesOf(new UnledWatch(() => 0), { seconds: 3600 }, heard)).toEqual([]);
  expect(movesOf(new UnledWatch(() => 0), { others: 0, seconds: 3600 })).toEqual([]);
});

test('it tries each other server at the first pace, then ever more slowly up to every five to ten minutes', () => {
  const moves = movesOf(new UnledWatch(() => 0), { seconds: 7200 });
  expect(moves.slice(0, 4)).toEqual([11, 22, 44, 66]);
  const waits = moves.map((move, index) => move - (moves[index - 1] ?? 0));
  expect(Math.max(...waits)).toBe(300);
  expect(waits).toEqual(waits.toSorted((one, other) => one - other));
});

test('a leader that is heard again makes it as quick as before', () => {
  const watch = new UnledWatch(() => 0);
  movesOf(watch, { seconds: 3600 });
  watch.heard();
  expect(movesOf(watch, { seconds: 30 })).toEqual([11, 22]);
});

test('ten thousand that lose the only leader in the same moment make no storm', () => {
  const agents = Array.from({ length: 10_000 }, (_, index) => new UnledWatch(rolls(index * 7919)));
  const perSecond = new Map<number, number>();
  for (const agent of agents) {
    for (const second of movesOf(agent, { seconds: 3600 })) {
      perSecond.set(second, (perSecond.get(second) ?? 0) + 1);
    }
  }
  expect(Math.max(...perSecond.values())).toBeLessThan(1500);
  const later = [...perSecond].filter(([second]) => second > 1800).map(([, count]) => count);
  expect(Math.max(...later)).toBeLessThan(60);
});
