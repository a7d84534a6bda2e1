// Owns how long this process was held up lately: stopped, without a processor, or busy with one thing. Whoever is held up
// does not read what is sent to it, and a NATS server that waits too long for that drops it without a word. It knows no clock.

/** Shorter ones are everyday life. */
const MIN_MS = 1000;
/** A server needs its write deadline (10 s by default) and the client some moments to find out. */
const REMEMBERED_MS = 30_000;

export class HoldUps {
  #lookedMs: number;
  #last: { readonly endedMs: number; readonly forMs: number } | undefined;

  constructor(nowMs: number) {
    this.#lookedMs = nowMs;
  }

  /** By a timer, more often than every second. */
  look(nowMs: number): void {
    const forMs = nowMs - this.#lookedMs;
    this.#lookedMs = nowMs;
    if (forMs < MIN_MS || forMs < this.latestMs(nowMs)) return;
    this.#last = { endedMs: nowMs, forMs };
  }

  /** The longest one that is not long ago, which may end just now; 0: there was none. */
  latestMs(nowMs: number): number {
    const current = nowMs - this.#lookedMs;
    const isRecent = this.#last !== undefined && nowMs - this.#last.endedMs <= REMEMBERED_MS;
    const before = isRecent ? (this.#last?.forMs ?? 0) : 0;
    return Math.max(before, current < MIN_MS ? 0 : current);
  }
}
