// Owns how refusals are spread in time.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { FilterSpread } from './filter-spread.ts';

it('short refusals are left as they are', () => {
  const spread = new FilterSpread('fw-1');
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 9999 }), (refuseMs) => {
      expect(spread.spread({ refuseMs })).toEqual({ refuseMs });
    }),
  );
});

it('long refusals are shortened by at most a quarter, and not all alike', () => {
  const spread = new FilterSpread('fw-1');
  const all = Array.from({ length: 200 }, () => spread.spread({ refuseMs: 60_000 }).refuseMs);
  expect(Math.max(...all)).toBeLessThanOrEqual(60_000);
  expect(Math.min(...all)).toBeGreaterThanOrEqual(45_000);
  expect(new Set(all).size).toBeGreaterThan(100);
});

it('the same seed gives the same refusals, another seed others', () => {
  const of = (seed: string) => {
    const spread = new FilterSpread(seed);
    return Array.from({ length: 5 }, () => spread.spread({ refuseMs: 60_000 }).refuseMs);
  };
  expect(of('fw-1')).toEqual(of('fw-1'));
  expect(of('fw-1')).not.toEqual(of('fw-2'));
});
