// Tests of the rate limits of principals.
import { PrincipalName } from '@parley/protocol/ids';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { burstOf, DEFAULT_RATE_LIMITS, RateLimits } from './rate-limits.ts';

const alice = PrincipalName.parse('alice');
const bob = PrincipalName.parse('bob');

const settings = fc.record({
  callsPerSecond: fc.integer({ min: 1, max: 5000 }),
  outstandingCalls: fc.integer({ min: 1, max: 50 }),
});

/** Passes `count` calls that are answered at once; how many did. */
function passing(limits: RateLimits, count: number, nowMs: number): number {
  let passed = 0;
  for (let call = 0; call < count; call += 1) {
    if (limits.admit(alice, nowMs) === undefined) passed += 1;
  }
  return passed;
}

describe('the rate of a principal', () => {
  it('is never above rate times time plus the burst, however the calls come', () => {
    const pauses = fc.array(
      fc.record({
        pauseMs: fc.double({ min: 0, max: 3000, noNaN: true }),
        calls: fc.integer({ min: 0, max: 200 }),
      }),
      { maxLength: 40 },
    );
    fc.assert(
      fc.property(settings, pauses, (limit, batches) => {
        const limits = new RateLimits(limit);
        let nowMs = 17.3;
        let passed = 0;
        for (const { pauseMs, calls } of batches) {
          nowMs += pauseMs;
          passed += passing(limits, calls, nowMs);
          const elapsedMs = nowMs - 17.3 + 1;
          expect(passed).toBeLessThanOrEqual(
            (elapsedMs * limit.callsPerSecond) / 1000 + burstOf(limit),
          );
        }
        expect(limits.counters(alice).passed).toBe(passed);
      }),
    );
  });

  it('is given in full to who calls evenly', () => {
    const limits = new RateLimits({ callsPerSecond: 200, outstandingCalls: 10 });
    for (let nowMs = 0; nowMs < 60_000; nowMs += 5) {
      expect(limits.admit(alice, nowMs)).toBeUndefined();
    }
  });

  it('refuses with the time to wait, and whoever waits that long passes', () => {
    fc.assert(
      fc.property(settings, fc.double({ min: 0, max: 1e6, noNaN: true }), (limit, startMs) => {
        const limits = new RateLimits(limit);
        passing(limits, burstOf(limit), startMs);
        const failure = limits.admit(alice, startMs);
        expect(failure).toMatchObject({ code: 'rateLimited' });
        const waitMs = failure?.retryAfterMs ?? 0;
        expect(waitMs).toBeGreaterThanOrEqual(1);
        expect(limits.admit(alice, startMs + waitMs)).toBeUndefined();
      }),
    );
  });

  it('tells those who are refused together to come back one after the other: all pass then', () => {
    const limits = new RateLimits({ callsPerSecond: 10, outstandingCalls: 5 });
    passing(limits, 10, 0);
    const waits = Array.from({ length: 8 }, () => limits.admit(alice, 0)?.retryAfterMs ?? 0);
    expect(waits).toEqual([100, 200, 300, 400, 500, 600, 700, 800]);
    for (const waitMs of waits) expect(limits.admit(alice, waitMs)).toBeUndefined();
  });

  it('sends nobody away for longer than 5 s', () => {
    const limits = new RateLimits({ callsPerSecond: 10, outstandingCalls: 5 });
    for (let call = 0; call < 1000; call += 1) limits.admit(alice, 0);
    expect(limits.admit(alice, 0)?.retryAfterMs).toBe(5000);
  });

  it('of one says nothing about another', () => {
    const limits = new RateLimits({ callsPerSecond: 1, outstandingCalls: 1 });
    passing(limits, 2, 0);
    expect(limits.admit(alice, 0)).toBeDefined();
    expect(limits.admit(bob, 0)).toBeUndefined();
    expect(limits.counters(alice)).toEqual({ open: 0, passed: 1, refused: 2 });
  });

  it('does not stop what always passes, which uses up what there is', () => {
    const limits = new RateLimits({ callsPerSecond: 2, outstandingCalls: 1 });
    for (let call = 0; call < 10; call += 1) {
      expect(limits.admit(alice, 0, true)).toBeUndefined();
    }
    expect(limits.admit(alice, 0)).toMatchObject({ code: 'rateLimited' });
  });
});

describe('open calls of a principal', () => {
  it('are bounded, and each answer makes room for one more', () => {
    const limits = new RateLimits({ callsPerSecond: 1000, outstandingCalls: 3 });
    for (let call = 0; call < 3; call += 1) {
      expect(limits.admit(alice, 0)).toBeUndefined();
      limits.opened(alice);
    }
    const failure = limits.admit(alice, 0);
    expect(failure).toMatchObject({ code: 'rateLimited' });
    expect(failure?.retryAfterMs).toBeGreaterThan(0);
    limits.answered(alice);
    expect(limits.admit(alice, 0)).toBeUndefined();
  });

  it('eight schedulers with 512 open calls each are within the defaults', () => {
    const limits = new RateLimits();
    for (let call = 0; call < 8 * 512; call += 1) {
      expect(limits.admit(alice, 0)).toBeUndefined();
      limits.opened(alice);
    }
    expect(limits.counters(alice)).toEqual({ open: 4096, passed: 4096, refused: 0 });
    expect(DEFAULT_RATE_LIMITS).toEqual({ callsPerSecond: 2000, outstandingCalls: 4096 });
  });
});
