import { expect, test } from 'vitest';
import { densityOf, markOf } from './density.ts';

test('what was counted and what was heard since add up along the bar', () => {
  const counted = { fromMs: 0, toMs: 100, counts: [1, 2, 3, 4] };
  const heard = [{ wallTimeMs: 90 }, { wallTimeMs: 150 }, { wallTimeMs: 199 }];
  expect(densityOf(counted, heard, { fromMs: 0, toMs: 200, buckets: 4 })).toStrictEqual([
    3, 7, 0, 2,
  ]);
});

test('events outside the bar are not on it', () => {
  const heard = [{ wallTimeMs: 5 }, { wallTimeMs: 20 }, { wallTimeMs: 31 }];
  expect(densityOf(undefined, heard, { fromMs: 10, toMs: 30, buckets: 2 })).toStrictEqual([0, 1]);
});

test('a failed task is marked, one that finished is not', () => {
  expect(markOf({ type: 'taskStateChanged', to: 'failed' })).toBe('taskFailed');
  expect(markOf({ type: 'taskStateChanged', to: 'finished' })).toBeUndefined();
});
