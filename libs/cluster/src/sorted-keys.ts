// Owns a set of strings in their order: to be read in pages that stay true while keys come and go.
// Kept in chunks, so that a change costs a search and one small array, however many keys there are.

const MAX_CHUNK = 512;

export class SortedKeys {
  /** None is empty; each ends before the next one begins. */
  #chunks: string[][] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(key: string): void {
    const at = this.#chunkOf(key);
    const chunk = this.#chunks[at];
    if (chunk === undefined) {
      this.#chunks.push([key]);
      this.#size += 1;
      return;
    }
    const position = firstNotBelow(chunk, key);
    if (chunk[position] === key) return;
    chunk.splice(position, 0, key);
    this.#size += 1;
    if (chunk.length <= MAX_CHUNK) return;
    this.#chunks.splice(at + 1, 0, chunk.splice(MAX_CHUNK / 2));
  }

  delete(key: string): void {
    const at = this.#chunkOf(key);
    const chunk = this.#chunks[at];
    if (chunk === undefined) return;
    const position = firstNotBelow(chunk, key);
    if (chunk[position] !== key) return;
    chunk.splice(position, 1);
    this.#size -= 1;
    if (chunk.length === 0) this.#chunks.splice(at, 1);
  }

  /** At most `limit` keys that come after this one, whether it is in the set or not; from the first one without. */
  after(key: string | undefined, limit: number): string[] {
    const found: string[] = [];
    for (let at = key === undefined ? 0 : this.#chunkOf(key); found.length < limit; at += 1) {
      const chunk = this.#chunks[at];
      if (chunk === undefined) break;
      let from = key === undefined ? 0 : firstNotBelow(chunk, key);
      if (chunk[from] === key) from += 1;
      found.push(...chunk.slice(from, from + limit - found.length));
    }
    return found;
  }

  *[Symbol.iterator](): Generator<string> {
    for (const chunk of this.#chunks) yield* chunk;
  }

  /** Where the key is, or would be: the last chunk that does not begin after it, else the first one. */
  #chunkOf(key: string): number {
    let [low, high] = [0, this.#chunks.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.#chunks[middle]?.[0] ?? '') <= key) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}

function firstNotBelow(chunk: readonly string[], key: string): number {
  let [low, high] = [0, chunk.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((chunk[middle] ?? '') < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
