// Owns what a command has written and its client has not confirmed: in its order, of both outputs, so many bytes and no
// more. Offsets count from the first byte of the session.
import { MAX_OUTPUT_BYTES } from '@parley/protocol/task-exec';

export type Chunk = {
  readonly stream: 'stdout' | 'stderr';
  readonly data: Uint8Array<ArrayBuffer>;
};

export class ExecOutput {
  /** Of the first byte that is kept. */
  #begin = 0;
  #end = 0;
  #chunks: Chunk[] = [];

  /** Whoever writes is to be paused until less is kept. */
  get isFull(): boolean {
    return this.#end - this.#begin >= MAX_OUTPUT_BYTES;
  }

  get end(): number {
    return this.#end;
  }

  append(stream: Chunk['stream'], data: Uint8Array): void {
    this.#chunks.push({ stream, data: Uint8Array.from(data) });
    this.#end += data.length;
  }

  /** What comes behind an offset, up to what fits an answer. What is before it has arrived and is let go. */
  from(offset: number): Chunk[] {
    while (this.#begin < Math.min(offset, this.#end)) this.#drop(offset - this.#begin);
    const answer: Chunk[] = [];
    let room = MAX_OUTPUT_BYTES;
    for (const { stream, data } of this.#chunks) {
      if (room === 0) break;
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
