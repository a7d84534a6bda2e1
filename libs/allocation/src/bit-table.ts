// Owns a table of bits that grows with what is set in it, up to a bound. What its rows and columns stand for is up to whoever
// has it.

const BITS = 32;

export class BitTable {
  readonly #maxBytes: number;
  #bits = new Uint32Array(0);
  #rows = 0;
  /** A row has so many. */
  #words = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** The value: whether it is within the bound; nothing is set otherwise. */
  set(row: number, column: number): boolean {
    if (!this.#reach(row, column >>> 5)) return false;
    const word = row * this.#words + (column >>> 5);
    this.#bits[word] = (this.#bits[word] ?? 0) | (1 << (column & 31));
    return true;
  }

  has(row: number, column: number): boolean {
    return (this.word(row, column >>> 5) & (1 << (column & 31))) !== 0;
  }

  clear(row: number, column: number): void {
    if (row >= this.#rows || column >>> 5 >= this.#words) return;
    const word = row * this.#words + (column >>> 5);
    this.#bits[word] = (this.#bits[word] ?? 0) & ~(1 << (column & 31));
  }

  /** 32 columns, from 32 times `index`. */
  word(row: number, index: number): number {
    if (row >= this.#rows || index >= this.#words) return 0;
    return this.#bits[row * this.#words + index] ?? 0;
  }

  isEmpty(row: number): boolean {
    if (row >= this.#rows) return true;
    const end = (row + 1) * this.#words;
    for (let word = row * this.#words; word < end; word += 1) {
      if (this.#bits[word] !== 0) return false;
    }
    return true;
  }

  clearRow(row: number): void {
    if (row < this.#rows) this.#bits.fill(0, row * this.#words, (row + 1) * this.#words);
  }

  /** Of all rows. */
  clearColumns(columns: Iterable<number>): void {
    const masks = new Map<number, number>();
    for (const column of columns) {
      const word = column >>> 5;
      if (word < this.#words) masks.set(word, (masks.get(word) ?? 0) | (1 << (column & 31)));
    }
    for (const [word, mask] of masks) {
      for (let at = word; at < this.#bits.length; at += this.#words) {
        this.#bits[at] = (this.#bits[at] ?? 0) & ~mask;
      }
    }
  }

  clearAll(): void {
    this.#bits.fill(0);
  }

  /** Grows to hold them; the value: whether it does. */
  #reach(row: number, word: number): boolean {
    if (row < this.#rows && word < this.#words) return true;
    const words = word < this.#words ? this.#words : Math.max(word + 1, this.#words * 2);
    const rows = row < this.#rows ? this.#rows : Math.max(row + 1, this.#rows * 2, BITS);
    if (words * rows * Uint32Array.BYTES_PER_ELEMENT > this.#maxBytes) return false;
    const bits = new Uint32Array(words * rows);
    for (let known = 0; known < this.#rows; known += 1) {
      const from = known * this.#words;
      bits.set(this.#bits.subarray(from, from + this.#words), known * words);
    }
    [this.#bits, this.#rows, this.#words] = [bits, rows, words];
    return true;
  }
}
