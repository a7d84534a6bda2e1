// Tests the ordered set against a sorted array.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SortedKeys } from './sorted-keys.ts';

const key = fc.integer({ min: 0, max: 3000 }).map((number) => `k${number}`);
const change = fc.record({ adds: fc.boolean(), key });

describe('a sorted set of keys', () => {
  test('holds what was added and not deleted, in order, and pages through it from any key', () => {
    fc.assert(
      fc.property(
        fc.array(change, { maxLength: 4000, size: 'max' }),
        key,
        fc.nat(700),
        (all, from, limit) => {
          const keys = new SortedKeys();
          const expected = new Set<string>();
          for (const one of all) {
            if (one.adds) keys.add(one.key);
            else keys.delete(one.key);
            if (one.adds) expected.add(one.key);
            else expected.delete(one.key);
          }
          const sorted = [...expected].sort();
          expect([...keys]).toEqual(sorted);
          expect(keys.size).toBe(sorted.length);
          expect(keys.after(undefined, limit)).toEqual(sorted.slice(0, limit));
          const after = sorted.filter((one) => one > from).slice(0, limit);
          expect(keys.after(from, limit)).toEqual(after);
        },
      ),
      { numRuns: 50 },
    );
  });
});
