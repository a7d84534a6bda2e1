// Owns the allocator's only source of chance: a small generator whose whole state is one number.
// Not for secrets. Algorithm: Marsaglia, Xorshift RNGs, Journal of Statistical Software 8 (14), 2003.

/** Equal seeds give equal sequences. */
export class SeededRandom {
  #state: number;

  /** Any number; only its low 32 bits count. */
  constructor(seed: number) {
    // Zero is the one state that xorshift never leaves.
    this.#state = seed | 0 || 0x9e3779b9;
  }

  /** An integer from -2^31 to 2^31 - 1, never 0. */
  next(): number {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x;
    return x;
  }

  /** In place; every order is about equally likely (Fisher and Yates). */
  shuffle<T>(items: T[]): void {
    for (let last = items.length - 1; last > 0; last -= 1) {
      const other = (this.next() >>> 0) % (last + 1);
      const [a, b] = [items[last], items[other]];
      if (a === undefined || b === undefined) continue;
      items[last] = b;
      items[other] = a;
    }
  }
}
