// Owns putting the reducers' outputs together: a merge of sorted lines, and the commonest words among them.
// Streaming: it never holds more than one line of each output and the best so far.

export type WordCount = { readonly word: string; readonly count: number };

/** `word<TAB>count` lines out of bytes that may be cut anywhere. Throws on a line of another shape. */
export async function* countsOf(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<WordCount> {
  let pieces: string[] = [];
  for await (const chunk of bytes) {
    const lines = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
      .toString('latin1')
      .split('\n');
    for (const [index, line] of lines.entries()) {
      pieces.push(line);
      if (index === lines.length - 1) break;
      yield parseLine(pieces.join(''));
      pieces = [];
    }
  }
  const rest = pieces.join('');
  if (rest !== '') yield parseLine(rest);
}

/** Merges outputs that are sorted by word; no word is in two of them. */
export async function* mergeCounts(
  outputs: readonly AsyncIterable<WordCount>[],
): AsyncGenerator<WordCount> {
  const heads: { iterator: AsyncIterator<WordCount>; value: WordCount }[] = [];
  for (const output of outputs) {
    const iterator = output[Symbol.asyncIterator]();
    const first = await iterator.next();
    if (!first.done) heads.push({ iterator, value: first.value });
  }
  // At most MAX_REDUCERS heads: a scan costs no more than a heap would.
  for (;;) {
    const [start] = heads;
    if (start === undefined) return;
    const least = heads.reduce((a, b) => (b.value.word < a.value.word ? b : a), start);
    yield least.value;
    const next = await least.iterator.next();
    if (next.done) heads.splice(heads.indexOf(least), 1);
    else least.value = next.value;
  }
}

/** Keeps the commonest words: by count, the highest first, then by word. */
export class CommonestWords {
  readonly #limit: number;
  #best: WordCount[] = [];

  constructor(limit: number) {
    this.#limit = limit;
  }

  add(entry: WordCount): void {
    const last = this.#best.at(-1);
    if (this.#best.length === this.#limit && last && compare(entry, last) >= 0) return;
    const index = this.#best.findIndex((other) => compare(entry, other) < 0);
    this.#best.splice(index === -1 ? this.#best.length : index, 0, entry);
    if (this.#best.length > this.#limit) this.#best.pop();
  }

  get words(): readonly WordCount[] {
    return this.#best;
  }
}

function compare(a: WordCount, b: WordCount): number {
  if (a.count !== b.count) return b.count - a.count;
  if (a.word === b.word) return 0;
  return a.word < b.word ? -1 : 1;
}

function parseLine(line: string): WordCount {
  const match = /^([a-z]+)\t(\d+)$/.exec(line);
  const [, word, count] = match ?? [];
  if (word === undefined || count === undefined) {
    throw new Error(`a reducer wrote a line that is no word and count: ${line.slice(0, 200)}`);
  }
  return { word, count: Number(count) };
}
