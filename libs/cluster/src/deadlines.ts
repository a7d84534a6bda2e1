// Owns the order of what falls due: a binary heap of keys by core time, at most one time a key.
// A deadline that moves later is found out when it comes up (the caller says what it is then).

export const DEADLINE_KINDS = [
  'framework',
  'ended',
  'session',
  'tombstone',
  'offer',
  'goneAgent',
  'revocation',
  'maintenance',
] as const;
export type DeadlineKind = (typeof DEADLINE_KINDS)[number];

/** The key of a deadline: whose table, and its key there. */
export const deadlineKey = (kind: DeadlineKind, key: string): string => `${kind}:${key}`;

type Deadline = { readonly atMs: number; readonly key: string };

export class Deadlines {
  #heap: Deadline[] = [];
  readonly #known = new Map<string, number>();

  /**
   * Earliest deadline in core time; what is none any more is dropped on the way, so that nobody wakes up for an offer
   * that was answered. `deadlineOf` as in `takeDue`.
   */
  next(deadlineOf: (key: string) => number | undefined): number | undefined {
    for (let top = this.#heap[0]; top !== undefined; top = this.#heap[0]) {
      const isCurrent = this.#known.get(top.key) === top.atMs;
      const atMs = isCurrent ? deadlineOf(top.key) : undefined;
      if (atMs === top.atMs) return atMs;
      this.#pop();
      if (isCurrent) this.#known.delete(top.key);
      if (atMs !== undefined) this.set(top.key, atMs);
    }
    return undefined;
  }

  clear(): void {
    this.#heap = [];
    this.#known.clear();
  }

  /** Sets the deadline of a key; one that is set already and earlier stays until it comes up. */
  set(key: string, atMs: number): void {
    const known = this.#known.get(key);
    if (known !== undefined && known <= atMs) return;
    this.#known.set(key, atMs);
    this.#push({ atMs, key });
  }

  /**
   * Keys that are due at `nowMs`, in the order of (deadline, key). `deadlineOf` gives the deadline of a key
   * as it is now, or undefined when there is none any more.
   */
  takeDue(nowMs: number, deadlineOf: (key: string) => number | undefined): string[] {
    const due: Deadline[] = [];
    for (let top = this.#heap[0]; top !== undefined && top.atMs <= nowMs; top = this.#heap[0]) {
      this.#pop();
      if (this.#known.get(top.key) !== top.atMs) continue;
      this.#known.delete(top.key);
      const atMs = deadlineOf(top.key);
      if (atMs === undefined) continue;
      if (atMs <= nowMs) due.push({ atMs, key: top.key });
      else this.set(top.key, atMs);
    }
    return due.sort(compare).map((deadline) => deadline.key);
  }

  #push(deadline: Deadline): void {
    const heap = this.#heap;
    let at = heap.push(deadline) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.#swapIfBefore(at, parent)) return;
      at = parent;
    }
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    heap[0] = last;
    let at = 0;
    for (;;) {
      const left = 2 * at + 1;
      const right = left + 1;
      const [a, b] = [heap[left], heap[right]];
      const child = a && b && compare(b, a) < 0 ? right : left;
      if (child >= heap.length || !this.#swapIfBefore(child, at)) return;
      at = child;
    }
  }

  #swapIfBefore(lower: number, upper: number): boolean {
    const [a, b] = [this.#heap[lower], this.#heap[upper]];
    if (a === undefined || b === undefined || compare(a, b) >= 0) return false;
    this.#heap[lower] = b;
    this.#heap[upper] = a;
    return true;
  }
}

function compare(a: Deadline, b: Deadline): number {
  if (a.atMs !== b.atMs) return a.atMs - b.atMs;
  if (a.key === b.key) return 0;
  return a.key < b.key ? -1 : 1;
}
