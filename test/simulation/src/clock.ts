// Owns virtual time: what is to happen, in order of time and then of scheduling. Nothing waits for real.

type Event = { readonly atMs: number; readonly order: number; readonly run: () => void };

export class Clock {
  #nowMs = 0;
  #order = 0;
  /** Binary heap by (time, order). */
  readonly #heap: Event[] = [];

  get nowMs(): number {
    return this.#nowMs;
  }

  after(delayMs: number, run: () => void): void {
    this.#order += 1;
    this.#push({ atMs: this.#nowMs + Math.max(0, Math.round(delayMs)), order: this.#order, run });
  }

  /** Runs the next event; false when nothing is left. */
  step(): boolean {
    const event = this.#pop();
    if (event === undefined) return false;
    this.#nowMs = event.atMs;
    event.run();
    return true;
  }

  #push(event: Event): void {
    const heap = this.#heap;
    heap.push(event);
    let index = heap.length - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!this.#swapIfEarlier(index, parent)) break;
      index = parent;
    }
  }

  #pop(): Event | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    heap[0] = last;
    let index = 0;
    for (;;) {
      const left = 2 * index + 1;
      const child = left + 1 < heap.length && earlier(heap[left + 1], heap[left]) ? left + 1 : left;
      if (child >= heap.length || !this.#swapIfEarlier(child, index)) break;
      index = child;
    }
    return first;
  }

  #swapIfEarlier(child: number, parent: number): boolean {
    const a = this.#heap[child];
    const b = this.#heap[parent];
    if (a === undefined || b === undefined || !earlier(a, b)) return false;
    this.#heap[child] = b;
    this.#heap[parent] = a;
    return true;
  }
}

function earlier(a: Event | undefined, b: Event | undefined): boolean {
  if (a === undefined || b === undefined) return false;
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}
