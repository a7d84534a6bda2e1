// Owns a rate: so many a second in the long run, and no more than a second's worth at once.

/** Thousandths, so that a rate of n a second is n of them a millisecond and all sums are exact. */
const TOKEN = 1000;

export class TokenBucket {
  #tokens: number | undefined;
  #atMs = 0;

  /** What has come by now; full at the first call. Times are whole or not, and never fall. */
  refill(perSecond: number, nowMs: number): void {
    const full = perSecond * TOKEN;
    const gained = (nowMs - this.#atMs) * perSecond;
    this.#tokens = Math.min(full, this.#tokens === undefined ? full : this.#tokens + gained);
    this.#atMs = nowMs;
  }

  has(count: number): boolean {
    return (this.#tokens ?? 0) >= count * TOKEN;
  }

  take(count: number): void {
    this.#tokens = (this.#tokens ?? 0) - count * TOKEN;
  }
}
