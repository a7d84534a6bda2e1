import { describe, expect, it } from 'vitest';
import { decideRestart } from './restart-policy.ts';

describe('decideRestart', () => {
  it('starts a service again at once the first time, later after doubling waits up to a bound', () => {
    const delays = [1, 2, 3, 8].map((count) => decideRestart(new Array(count).fill(1000), 1000));
    expect(delays).toEqual([100, 200, 400, 5000].map((delayMs) => ({ kind: 'restart', delayMs })));
  });

  it('gives a service up that keeps ending', () => {
    expect(decideRestart(new Array(9).fill(0), 1000)).toEqual({ kind: 'giveUp', ends: 9 });
  });

  it('leaves a service alone that said that it is done, however seldom it ended', () => {
    expect(decideRestart([1000], 1000, true)).toEqual({ kind: 'leave' });
  });

  it('forgives what is long ago', () => {
    const decision = decideRestart([...new Array(20).fill(0), 500_000], 500_000);
    expect(decision).toEqual({ kind: 'restart', delayMs: 100 });
  });
});
