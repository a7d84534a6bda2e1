import { expect, test } from 'vitest';
import { steadyRows } from './steady-rows.ts';

type Row = { readonly id: string; readonly state: string };
const row = (id: string, state = 'running'): Row => ({ id, state });
const steady = (shown: readonly Row[], next: readonly Row[], isHeld: boolean) =>
  steadyRows(shown, next, { keyOf: ({ id }) => id, isHeld });

test('rows that are not held are those that are told', () => {
  const next = [row('b'), row('a')];
  expect(steady([row('a')], next, false)).toStrictEqual({ rows: next, waiting: 0 });
});

test('held rows stay where they are and show what is new of them', () => {
  const { rows, waiting } = steady(
    [row('a'), row('b')],
    [row('c'), row('b', 'failed'), row('a', 'killed')],
    true,
  );
  expect(rows).toStrictEqual([row('a', 'killed'), row('b', 'failed')]);
  expect(waiting).toBe(2);
});

test('a held row that has gone is still there until they are let go', () => {
  expect(steady([row('a'), row('b')], [row('b')], true).rows).toStrictEqual([row('a'), row('b')]);
  expect(steady([row('a'), row('b')], [row('b')], false).rows).toStrictEqual([row('b')]);
});

test('where nothing is shown yet there is nothing to hold', () => {
  expect(steady([], [row('a')], true).rows).toStrictEqual([row('a')]);
});
