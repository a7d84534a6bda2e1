// Owns the rules of trying again: growth, jitter, and giving up.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { retryPolicy } from './retry-policy.ts';

const delays = (key: string, count: number): number[] => {
  const policy = retryPolicy({ backoff: { firstMs: 1000, factor: 2, maxMs: 10_000 } });
  return Array.from({ length: count }, (_, index) => {
    const next = policy.next(key, index + 1);
    return next.kind === 'retry' ? next.delayMs : Number.NaN;
  });
};

describe('a retry policy', () => {
  it('waits between half of the backoff and all of it, and the backoff grows up to its limit', () => {
    for (const [index, delayMs] of delays('k', 8).entries()) {
      const fullMs = Math.min(1000 * 2 ** index, 10_000);
      expect(delayMs).toBeGreaterThanOrEqual(fullMs / 2);
      expect(delayMs).toBeLessThanOrEqual(fullMs);
    }
  });

  it('gives the same delays for the same key, and other ones for another', () => {
    expect(delays('k', 5)).toEqual(delays('k', 5));
    expect(delays('k', 5)).not.toEqual(delays('l', 5));
  });

  it('gives up after as many attempts as it was told', () => {
    const policy = retryPolicy({ max: 3 });
    expect([1, 2, 3].map((failures) => policy.next('k', failures).kind)).toEqual([
      'retry',
      'retry',
      'giveUp',
    ]);
  });

  it('never waits longer than its limit (property)', () => {
    const policy = retryPolicy({ backoff: { firstMs: 10, factor: 3, maxMs: 5000 } });
    fc.assert(
      fc.property(fc.string(), fc.integer({ min: 1, max: 10_000 }), (key, failures) => {
        const next = policy.next(key, failures);
        expect(next.kind === 'retry' && next.delayMs <= 5000 && next.delayMs >= 0).toBe(true);
      }),
    );
  });
});
