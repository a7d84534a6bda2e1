// Owns "again until done" for what the leader sends: keys, due times, doubling waits. No clock, no bus.

export type RetryLimits = { readonly firstMs: number; readonly maxMs: number };

type Waiting<Item> = { readonly item: Item; dueMs: number; waitMs: number; inFlight: boolean };

/** Each item is handed out when due, at most once at a time, until `done` names its key. */
export class RetryQueue<Item> {
  readonly #limits: RetryLimits;
  readonly #waiting = new Map<string, Waiting<Item>>();

  constructor(limits: RetryLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#waiting.size;
  }

  /** One that is there and not being tried is due at once. */
  add(key: string, item: Item, nowMs: number): void {
    const waiting = this.#waiting.get(key);
    if (waiting !== undefined) {
      if (!waiting.inFlight) waiting.dueMs = Math.min(waiting.dueMs, nowMs);
      return;
    }
    this.#waiting.set(key, { item, dueMs: nowMs, waitMs: this.#limits.firstMs, inFlight: false });
  }

  has(key: string): boolean {
    return this.#waiting.has(key);
  }

  done(key: string): void {
    this.#waiting.delete(key);
  }

  /** The try failed: due again after the wait, which doubles up to its limit; `limits`: of this kind of failure. */
  failed(key: string, nowMs: number, limits: RetryLimits = this.#limits): void {
    const waiting = this.#waiting.get(key);
    if (waiting === undefined) return;
    const waitMs = Math.max(waiting.waitMs, limits.firstMs);
    waiting.inFlight = false;
    waiting.dueMs = nowMs + waitMs;
    waiting.waitMs = Math.min(waitMs * 2, limits.maxMs);
  }

  /** What is due and not being tried, at most `limit`, oldest first; each counts as being tried from now on. */
  takeDue(nowMs: number, limit: number): { key: string; item: Item }[] {
    const due: { key: string; item: Item }[] = [];
    for (const [key, waiting] of this.#waiting) {
      if (due.length >= limit) break;
      if (waiting.inFlight || waiting.dueMs > nowMs) continue;
      waiting.inFlight = true;
      due.push({ key, item: waiting.item });
    }
    return due;
  }
}
