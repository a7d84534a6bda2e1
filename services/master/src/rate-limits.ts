// Owns how often a principal may call and how many of its calls may be open: a token bucket and a count for each.
// Pure: times are milliseconds of the caller's monotonic clock. Which calls are never refused is call-gate.ts's.
import type { Failure } from '@parley/protocol/errors';
import type { PrincipalName } from '@parley/protocol/ids';

export type RateLimitSettings = {
  /** Calls that a principal may make in the long run, over all of its frameworks. */
  readonly callsPerSecond: number;
  /** Calls of a principal that may wait for their answer. So many may also come at once after a rest. */
  readonly outstandingCalls: number;
};

/** Generous: eight schedulers of one principal with 512 open calls each never notice. */
export const DEFAULT_RATE_LIMITS: RateLimitSettings = {
  callsPerSecond: 2000,
  outstandingCalls: 4096,
};

/** Calls that may come at once: no fewer than may be open, and no fewer than a second allows. */
export const burstOf = ({ callsPerSecond, outstandingCalls }: RateLimitSettings): number =>
  Math.max(callsPerSecond, outstandingCalls);

/** Thousandths of a call: a rate of n calls a second is n of them a millisecond, so that all sums are exact. */
const CALL = 1000;
/** Nobody is sent away for longer, however many were refused before. */
const MAX_RETRY_AFTER_MS = 5000;
/** An answer comes after one append, as a rule: a place is free again by then. */
const OPEN_RETRY_MS = 50;
/** Principals at rest are forgotten beyond so many. */
const MAX_PRINCIPALS = 10_000;

type Account = {
  /** Thousandths of calls that may come now. */
  tokens: number;
  atMs: number;
  /** When the last of those who were refused was told to come back. */
  promisedMs: number;
  open: number;
  passed: number;
  refused: number;
};

export type RateCounters = {
  readonly open: number;
  readonly passed: number;
  readonly refused: number;
};

export class RateLimits {
  readonly #settings: RateLimitSettings;
  readonly #full: number;
  readonly #accounts = new Map<PrincipalName, Account>();

  constructor(settings: RateLimitSettings = DEFAULT_RATE_LIMITS) {
    this.#settings = settings;
    this.#full = burstOf(settings) * CALL;
  }

  /**
   * Counts one call. `always`: it passes whatever the account says, and still uses what is there. A failure is
   * `rateLimited`; whoever comes back after `retryAfterMs` finds a token, unless others took it that were never refused.
   */
  admit(principal: PrincipalName, nowMs: number, always = false): Failure | undefined {
    const account = this.#account(principal, Math.floor(nowMs));
    const failure = always ? undefined : this.#refuse(principal, account);
    if (failure !== undefined) {
      account.refused += 1;
      return failure;
    }
    account.tokens = Math.max(0, account.tokens - CALL);
    account.passed += 1;
    return undefined;
  }

  /** An admitted call waits for its answer from now on. */
  opened(principal: PrincipalName): void {
    const account = this.#accounts.get(principal);
    if (account !== undefined) account.open += 1;
  }

  answered(principal: PrincipalName): void {
    const account = this.#accounts.get(principal);
    if (account !== undefined) account.open = Math.max(0, account.open - 1);
  }

  counters(principal: PrincipalName): RateCounters {
    const { open, passed, refused } = this.#accounts.get(principal) ?? NOTHING;
    return { open, passed, refused };
  }

  #refuse(principal: PrincipalName, account: Account): Failure | undefined {
    const { callsPerSecond, outstandingCalls } = this.#settings;
    if (account.open >= outstandingCalls) {
      return limited(
        `principal ${principal} has ${account.open} calls open; so many are allowed: wait for answers`,
        OPEN_RETRY_MS,
      );
    }
    if (account.tokens >= CALL) return undefined;
    // One after the other: so that those who were refused together do not come back together.
    const firstMs = account.atMs + Math.ceil((CALL - account.tokens) / callsPerSecond);
    const nextMs = account.promisedMs + Math.ceil(CALL / callsPerSecond);
    const dueMs = Math.min(Math.max(firstMs, nextMs), account.atMs + MAX_RETRY_AFTER_MS);
    account.promisedMs = dueMs;
    return limited(
      `principal ${principal} calls more often than ${callsPerSecond} times a second, over all of its frameworks`,
      dueMs - account.atMs,
    );
  }

  #account(principal: PrincipalName, nowMs: number): Account {
    let account = this.#accounts.get(principal);
    if (account === undefined) {
      if (this.#accounts.size >= MAX_PRINCIPALS) this.#forgetResting(nowMs);
      account = { ...NOTHING, tokens: this.#full, atMs: nowMs };
      this.#accounts.set(principal, account);
    }
    this.#fill(account, nowMs);
    return account;
  }

  #fill(account: Account, nowMs: number): void {
    if (nowMs <= account.atMs) return;
    const gained = (nowMs - account.atMs) * this.#settings.callsPerSecond;
    account.tokens = Math.min(this.#full, account.tokens + gained);
    account.atMs = nowMs;
  }

  /** An account that is full and has nothing open is as good as a new one. */
  #forgetResting(nowMs: number): void {
    for (const [principal, account] of this.#accounts) {
      this.#fill(account, nowMs);
      if (account.open === 0 && account.tokens === this.#full) this.#accounts.delete(principal);
    }
  }
}

const NOTHING: Account = {
  tokens: 0,
  atMs: 0,
  promisedMs: Number.NEGATIVE_INFINITY,
  open: 0,
  passed: 0,
  refused: 0,
};

const limited = (message: string, retryAfterMs: number): Failure => ({
  code: 'rateLimited',
  message: `${message}. The same request may be sent again after retryAfterMs; an operator can raise the limit with --calls-per-second and --outstanding-calls of the master`,
  retryAfterMs,
});
