// Owns where a split of the text ends: after about so many bytes, never inside a word. Pure. A word is a
// maximal run of ASCII letters; one that is longer than a split makes its split longer.

/** Says how far one split goes. Make a new one for the next split, and go on with the bytes left over. */
export class SplitCutter {
  readonly #splitBytes: number;
  #taken = 0;
  #lastIsLetter = false;

  constructor(splitBytes: number) {
    this.#splitBytes = splitBytes;
  }

  /** How many of these bytes belong to the split. Fewer than all: the split ends there. */
  accept(bytes: Uint8Array): number {
    const free = this.#splitBytes - this.#taken;
    let end = Math.min(Math.max(free, 0), bytes.length);
    if (this.#taken + end >= this.#splitBytes) {
      while (end < bytes.length && this.#isInsideWord(bytes, end)) end += 1;
    }
    if (end > 0) this.#lastIsLetter = isLetter(bytes[end - 1]);
    this.#taken += end;
    return end;
  }

  #isInsideWord(bytes: Uint8Array, at: number): boolean {
    const before = at === 0 ? this.#lastIsLetter : isLetter(bytes[at - 1]);
    return before && isLetter(bytes[at]);
  }
}

function isLetter(byte: number | undefined): boolean {
  return byte !== undefined && ((byte >= 65 && byte <= 90) || (byte >= 97 && byte <= 122));
}
