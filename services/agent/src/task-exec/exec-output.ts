// Owns what a command has written and its client has not confirmed: in its order, of both outputs, so many bytes and no
// more. Offsets count from the first byte of the session.
import { MAX_OUTPUT_BYTES } from '@parley/protocol/task-exec';

export type Chunk = {
  readonly stream: 'stdout' | 'stderr';
  readonly data: Uint8Array<ArrayBuffer>;
};

/** What is written byte by byte is put together up to this: a piece costs a hundred bytes here, and some ten in an answer. */
const PIECE_BYTES = 4096;
/** Of one answer, with what they cost beside their bytes. */
const MAX_PIECES = 4096;
/** Of both outputs in turn nothing can be put together. */
const MAX_KEPT_PIECES = 2 * MAX_PIECES;

export class ExecOutput {
  /** Of the first byte that is kept. */
  #begin = 0;
  #end = 0;
  #chunks: Chunk[] = [];

  /** Whoever writes is to be paused until less is kept. */
  get isFull(): boolean {
    return this.#end - this.#begin >= MAX_OUTPUT_BYTES || this.#chunks.length >= MAX_KEPT_PIECES;
  }

  get end(): number {
    return this.#end;
  }

  append(stream: Chunk['stream'], data: Uint8Array): void {
    this.#end += data.length;
    const last = this.#chunks.at(-1);
    if (last?.stream !== stream || last.data.length + data.length > PIECE_BYTES) {
      this.#chunks.push({ stream, data: Uint8Array.from(data) });
      return;
    }
    const joined = new Uint8Array(last.data.length + data.length);
    joined.set(last.data);
    joined.set(data, last.data.length);
    this.#chunks[this.#chunks.length - 1] = { stream, data: joined };
  }

  /** What comes behind an offset, up to what fits an answer. What is before it has arrived and is let go. */
  from(offset: number): Chunk[] {
    while (this.#begin < Math.min(offset, this.#end)) this.#drop(offset - this.#begin);
    const answer: Chunk[] = [];
    let room = MAX_OUTPUT_BYTES;
    for (const { stream, data } of this.#chunks) {
      if (room === 0 || answer.length === MAX_PIECES) break;
      const fitting = data.slice(0, room);
      answer.push({ stream, data: fitting });
      room -= fitting.length;
    }
    return answer;
  }

  #drop(length: number): void {
    const [first] = this.#chunks;
    if (first === undefined) return;
    const { stream, data } = first;
    const dropped = Math.min(length, data.length);
    if (dropped === data.length) this.#chunks.shift();
    else this.#chunks[0] = { stream, data: data.slice(dropped) };
    this.#begin += dropped;
  }
}
