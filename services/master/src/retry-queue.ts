// Owns "again until done" for what the leader sends: keys, due times, doubling waits. No clock, no bus.

export type RetryLimits = { readonly firstMs: number; readonly maxMs: number };

type Waiting<Item> = {
  readonly item: Item;
  dueMs: number;
  waitMs: number;
  where: 'due' | 'later' | 'tried';
};

/** Each item is handed out when due, at most once at a time, until `done` names its key. */
export class RetryQueue<Item> {
  readonly #limits: RetryLimits;
  readonly #waiting = new Map<string, Waiting<Item>>();
  /** Those of which it is known that they are due, oldest first, so that a look need not pass those that are not. */
  readonly #due = new Set<string>();
  /** Those that failed and are not due yet, as of the last look. */
  readonly #later = new Set<string>();
  /** Nothing of `later` is due before. */
  #laterDueMs = Number.POSITIVE_INFINITY;

  constructor(limits: RetryLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#waiting.size;
  }

  /** One that is there and not being tried is due at once. */
  add(key: string, item: Item, nowMs: number): void {
    const waiting = this.#waiting.get(key);
    if (waiting === undefined) {
      const { firstMs } = this.#limits;
      this.#waiting.set(key, { item, dueMs: nowMs, waitMs: firstMs, where: 'later' });
      this.#postpone(key, nowMs);
    } else if (waiting.where === 'later' && nowMs < waiting.dueMs) {
      waiting.dueMs = nowMs;
      this.#postpone(key, nowMs);
    }
  }

  has(key: string): boolean {
    return this.#waiting.has(key);
  }

  done(key: string): void {
    this.#waiting.delete(key);
    this.#due.delete(key);
    this.#later.delete(key);
  }

  /** The try failed: due again after the wait, which doubles up to its limit; `limits`: of this kind of failure. */
  failed(key: string, nowMs: number, limits: RetryLimits = this.#limits): void {
    const waiting = this.#waiting.get(key);
    if (waiting === undefined) return;
    const waitMs = Math.max(waiting.waitMs, limits.firstMs);
    waiting.where = 'later';
    waiting.dueMs = nowMs + waitMs;
    waiting.waitMs = Math.min(waitMs * 2, limits.maxMs);
    this.#due.delete(key);
    this.#postpone(key, waiting.dueMs);
  }

  /** What is due and not being tried, at most `limit`, oldest first; each counts as being tried from now on. */
  takeDue(nowMs: number, limit: number): { key: string; item: Item }[] {
    if (nowMs >= this.#laterDueMs) this.#sort(nowMs);
    const taken: { key: string; item: Item }[] = [];
    for (const key of this.#due) {
      if (taken.length >= limit) break;
      this.#due.delete(key);
      const waiting = this.#waiting.get(key);
      if (waiting === undefined) continue;
      waiting.where = 'tried';
      taken.push({ key, item: waiting.item });
    }
    return taken;
  }

  #postpone(key: string, dueMs: number): void {
    this.#later.add(key);
    this.#laterDueMs = Math.min(this.#laterDueMs, dueMs);
  }

  /** What has become due since the last look. */
  #sort(nowMs: number): void {
    this.#laterDueMs = Number.POSITIVE_INFINITY;
    for (const key of this.#later) {
      const waiting = this.#waiting.get(key);
      if (waiting !== undefined && waiting.dueMs > nowMs) {
        this.#laterDueMs = Math.min(this.#laterDueMs, waiting.dueMs);
        continue;
      }
      this.#later.delete(key);
      if (waiting === undefined) continue;
      waiting.where = 'due';
      this.#due.add(key);
    }
  }
}
