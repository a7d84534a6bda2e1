// Tests deadlines against the obvious model: a list that is sorted each time.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Deadlines } from './deadlines.ts';

const keys = fc.constantFrom('a', 'b', 'c', 'd', 'e');
const step = fc.oneof(
  fc.record({ kind: fc.constant('set' as const), key: keys, inMs: fc.nat(20) }),
  fc.record({ kind: fc.constant('drop' as const), key: keys }),
  fc.record({ kind: fc.constant('pass' as const), ms: fc.nat(10) }),
);

function takeDue(model: Map<string, number>, nowMs: number): Map<string, number> {
  const due = [...model].filter(([, atMs]) => atMs <= nowMs);
  for (const [key] of due) model.delete(key);
  return new Map(due.sort((a, b) => a[1] - b[1] || (a[0] < b[0] ? -1 : 1)));
}

const earliestOf = (model: Map<string, number>): number | undefined =>
  [...model.values()].sort((a, b) => a - b)[0];

describe('deadlines', () => {
  test('come up exactly when they are due, in order, though they were moved or dropped meanwhile', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
        const deadlines = new Deadlines();
        const model = new Map<string, number>();
        let nowMs = 0;
        for (const one of steps) {
          if (one.kind === 'drop') model.delete(one.key);
          else if (one.kind === 'set') {
            model.set(one.key, nowMs + one.inMs);
            deadlines.set(one.key, nowMs + one.inMs);
          } else {
            nowMs += one.ms;
            const due = takeDue(model, nowMs);
            expect(deadlines.takeDue(nowMs, (key) => model.get(key) ?? due.get(key))).toEqual([
              ...due.keys(),
            ]);
          }
          if (one.kind !== 'set') {
            expect(deadlines.next((key) => model.get(key))).toBe(earliestOf(model));
          }
        }
      }),
    );
  });
});
