// Owns a queue of things by the time at which they end: the next one is found at once, adding and removing
// cost O(log n). Cancelled things are skipped, and swept out before they outnumber the others.

type Expiring = { readonly expiresMs: number; isCancelled: boolean };

export class ExpiryHeap<Item extends Expiring> {
  #items: Item[] = [];
  #cancelled = 0;

  /** Without the cancelled ones. */
  get size(): number {
    return this.#items.length - this.#cancelled;
  }

  push(item: Item): void {
    this.#items.push(item);
    this.#rise(this.#items.length - 1);
  }

  cancel(item: Item): void {
    if (item.isCancelled) return;
    item.isCancelled = true;
    this.#cancelled += 1;
    if (this.#cancelled * 2 > this.#items.length) this.#sweep();
  }

  clear(): void {
    this.#items = [];
    this.#cancelled = 0;
  }

  /** The one that ends first; it stays inside. */
  peek(): Item | undefined {
    while (this.#items[0]?.isCancelled) {
      this.#removeFirst();
      this.#cancelled -= 1;
    }
    return this.#items[0];
  }

  /** Takes out the one that ends first, if it has ended. */
  popExpired(nowMs: number): Item | undefined {
    const first = this.peek();
    if (first === undefined || first.expiresMs > nowMs) return undefined;
    this.#removeFirst();
    return first;
  }

  #sweep(): void {
    const remaining = this.#items.filter(({ isCancelled }) => !isCancelled);
    // A sorted array is a heap.
    this.#items = remaining.sort((a, b) => a.expiresMs - b.expiresMs);
    this.#cancelled = 0;
  }

  #removeFirst(): void {
    const last = this.#items.pop();
    if (last === undefined || this.#items.length === 0) return;
    this.#items[0] = last;
    this.#sink(0);
  }

  #rise(from: number): void {
    let place = from;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if (!this.#isBefore(place, parent)) return;
      this.#swap(place, parent);
      place = parent;
    }
  }

  #sink(from: number): void {
    let place = from;
    for (;;) {
      const left = 2 * place + 1;
      const right = left + 1;
      let first = place;
      if (this.#isBefore(left, first)) first = left;
      if (this.#isBefore(right, first)) first = right;
      if (first === place) return;
      this.#swap(place, first);
      place = first;
    }
  }

  #isBefore(a: number, b: number): boolean {
    const [one, other] = [this.#items[a], this.#items[b]];
    return one !== undefined && other !== undefined && one.expiresMs < other.expiresMs;
  }

  #swap(a: number, b: number): void {
    const [one, other] = [this.#items[a], this.#items[b]];
    if (one === undefined || other === undefined) return;
    this.#items[a] = other;
    this.#items[b] = one;
  }
}
