// Owns what waits for one reader: an async iterator over pushed items. What comes after the end is dropped.

/** A reader that is so far behind has stopped reading; what waits is bounded by what the leader keeps unacknowledged. */
const MAX_WAITING = 1_000_000;

export class EventQueue<Item> implements AsyncIterableIterator<Item> {
  readonly #waiting: Item[] = [];
  readonly #readers: ((result: IteratorResult<Item>) => void)[] = [];
  #isEnded = false;

  /** Throws when nobody has read for so long that a million items wait. */
  push(item: Item): void {
    if (this.#isEnded) return;
    const reader = this.#readers.shift();
    if (reader) {
      reader({ done: false, value: item });
      return;
    }
    if (this.#waiting.length >= MAX_WAITING) throw new Error('nobody reads the events');
    this.#waiting.push(item);
  }

  /** What waits is still read. */
  end(): void {
    this.#isEnded = true;
    for (const reader of this.#readers.splice(0)) reader({ done: true, value: undefined });
  }

  next(): Promise<IteratorResult<Item>> {
    const item = this.#waiting.shift();
    if (item !== undefined) return Promise.resolve({ done: false, value: item });
    if (this.#isEnded) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve) => this.#readers.push(resolve));
  }

  /** The reader has left: nothing more is kept for him. */
  return(): Promise<IteratorResult<Item>> {
    this.end();
    this.#waiting.length = 0;
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
