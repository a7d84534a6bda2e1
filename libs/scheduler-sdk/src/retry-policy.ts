// Owns when something that failed is tried again: truncated exponential backoff with a jitter that is the same for the same
// key and attempt, and giving up. Pure.
import { assert } from '@parley/protocol/unreachable';
import { stableFraction } from './stable-hash.ts';

export type Backoff = {
  readonly firstMs: number;
  readonly factor: number;
  readonly maxMs: number;
};
export type RetryOptions = {
  /** Attempts in all, the first one included; for ever when left out. */
  readonly max?: number;
  readonly backoff?: Partial<Backoff>;
};
export type RetryDecision =
  | { readonly kind: 'retry'; readonly delayMs: number }
  | { readonly kind: 'giveUp' };

export type RetryPolicy = {
  /** After so many failures in a row (from 1). The delay is between half of the backoff and all of it. */
  next(key: string, failures: number): RetryDecision;
};

const DEFAULT_BACKOFF: Backoff = { firstMs: 1000, factor: 2, maxMs: 60_000 };

export function retryPolicy(options: RetryOptions = {}): RetryPolicy {
  const { max = Number.POSITIVE_INFINITY } = options;
  const { firstMs, factor, maxMs } = { ...DEFAULT_BACKOFF, ...options.backoff };
  assert(max >= 1, 'retryPolicy: max counts the first attempt, too');
  assert(firstMs >= 0 && factor >= 1 && maxMs >= firstMs, 'retryPolicy: backoff grows up to maxMs');
  return {
    next: (key, failures) => {
      if (failures >= max) return { kind: 'giveUp' };
      const fullMs = Math.min(firstMs * factor ** Math.max(failures - 1, 0), maxMs);
      const delayMs = Math.round(fullMs * (0.5 + stableFraction(key, failures) / 2));
      return { kind: 'retry', delayMs };
    },
  };
}
