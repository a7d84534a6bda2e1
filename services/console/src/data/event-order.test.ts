import { expect, test } from 'vitest';
import { mergeEvents } from './event-order.ts';

const at = (sequence: number, index = 0) => ({ sequence, index });

test('what comes later is put at the end, and the oldest are forgotten beyond the bound', () => {
  expect(mergeEvents([at(1), at(2)], [at(2, 1), at(3)], 3)).toStrictEqual([at(2), at(2, 1), at(3)]);
});

test('what fills a gap is put where it was, and what is known already is there once', () => {
  expect(mergeEvents([at(1), at(5)], [at(1), at(2), at(2, 1), at(5)], 10)).toStrictEqual([
    at(1),
    at(2),
    at(2, 1),
    at(5),
  ]);
});

test('nothing more leaves what is known', () => {
  const known = [at(1)];
  expect(mergeEvents(known, [], 10)).toBe(known);
});
