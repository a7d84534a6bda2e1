// Tests dominant shares: which resource dominates, and that comparisons are exact.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  compareShares,
  compareWeightedShares,
  dominantShare,
  shareAsNumber,
} from './dominant-share.ts';

const TOTAL = { cpus: 9000, mem: 18_000 };
const amount = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
const positive = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });
const share = fc.record({ used: amount, total: positive });

describe('the dominant share', () => {
  // Ghodsi et al., Dominant Resource Fairness, NSDI 2011, section 4.1.
  test("memory dominates for user A of the paper's example, CPU for user B", () => {
    expect(dominantShare({ cpus: 1000, mem: 4000 }, TOTAL)).toStrictEqual({
      used: 4000,
      total: 18_000,
      resource: 'mem',
    });
    expect(dominantShare({ cpus: 3000, mem: 1000 }, TOTAL).resource).toBe('cpus');
  });

  test('names that do not count and resources that nobody has do not count', () => {
    const used = { cpus: 900, gpus: 1000, licences: 5 };
    const total = { ...TOTAL, gpus: 1000, licences: 0 };
    expect(dominantShare(used, total, { uncounted: ['gpus'] }).resource).toBe('cpus');
    expect(dominantShare(used, total).resource).toBe('gpus');
    expect(shareAsNumber(dominantShare({}, TOTAL))).toBe(0);
  });

  test('of equal fractions the first by name dominates, whatever the order of the keys', () => {
    expect(dominantShare({ mem: 2000, cpus: 1000 }, TOTAL).resource).toBe('cpus');
    expect(dominantShare({ cpus: 1000, mem: 2000 }, TOTAL).resource).toBe('cpus');
  });
});

describe('comparing shares', () => {
  test('the comparison equals that of exact fractions', () => {
    fc.assert(
      fc.property(share, share, (a, b) => {
        const exact = BigInt(a.used) * BigInt(b.total) - BigInt(b.used) * BigInt(a.total);
        expect(Math.sign(compareShares(a, b))).toBe(exact === 0n ? 0 : exact < 0n ? -1 : 1);
      }),
    );
  });

  test('equal fractions of different wholes are equal, and one unit more or less shows', () => {
    const factor = fc.integer({ min: 1, max: 2 ** 26 - 1 });
    fc.assert(
      fc.property(factor, factor, factor, factor, (used, total, k, l) => {
        const [a, b] = [k, l].map((by) => ({ used: used * by, total: total * by }));
        if (a === undefined || b === undefined) return;
        expect(compareShares(a, b)).toBe(0);
        expect(compareShares({ ...a, used: a.used + 1 }, b)).toBe(1);
        expect(compareShares(a, { ...b, used: b.used + 1 })).toBe(-1);
        expect(compareShares({ ...a, total: a.total + 1 }, b)).toBe(-1);
      }),
    );
  });

  test('fractions that doubles cannot tell apart are told apart', () => {
    const large = Number.MAX_SAFE_INTEGER;
    const a = { used: large - 2, total: large - 1 };
    const b = { used: large - 1, total: large };
    expect(a.used / a.total).toBe(b.used / b.total);
    expect(compareShares(a, b)).toBeLessThan(0);
    expect(compareShares(b, a)).toBeGreaterThan(0);
  });

  test('a weight divides the share: half the cluster at weight 2 equals a quarter at weight 1', () => {
    const half = { used: 1, total: 2 };
    const quarter = { used: 1, total: 4 };
    expect(compareWeightedShares(half, 2, quarter, 1)).toBe(0);
    expect(compareWeightedShares(half, 1, quarter, 1)).toBeGreaterThan(0);
    expect(compareWeightedShares(half, 3, quarter, 1)).toBeLessThan(0);
  });
});
