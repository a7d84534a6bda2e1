// Owns bringing the splits into the bucket, one after the other and never far ahead of the map tasks, and taking
// those away that were mapped. What becomes of a split is the plan's.
import { type InputFile, UnreadableInput } from './input-files.ts';
import { SplitReader, TEXT_START, type TextPosition } from './split-reader.ts';
import { MAX_SPLITS } from './split-size.ts';

/** The part of the principal's bucket that a job uses. */
export interface JobBucket {
  /** Calls `source` anew for each attempt; what it throws is thrown. */
  put(name: string, source: () => AsyncIterable<Uint8Array>): Promise<void>;
  download(name: string, path: string): Promise<void>;
  /** Bytes of every object whose name begins so, by name. */
  sizesBelow(prefix: string): Promise<ReadonlyMap<string, number>>;
  delete(name: string): Promise<void>;
  deleteBelow(prefix: string): Promise<void>;
}

export type SplitUploadOptions = {
  readonly bucket: JobBucket;
  readonly files: readonly InputFile[];
  readonly splitBytes: number;
  readonly maxAheadBytes: number;
  readonly objectOf: (split: number) => string;
  /** The split lies in the bucket. Splits are numbered from 0. */
  readonly onUploaded: (split: number) => void;
};

export class SplitUpload {
  readonly #options: SplitUploadOptions;
  readonly #stop = new AbortController();
  /** Bytes of each split that was uploaded and not mapped. */
  readonly #ahead = new Map<number, number>();
  readonly #deletions = new Set<Promise<void>>();
  #room = Promise.withResolvers<void>();

  constructor(options: SplitUploadOptions) {
    this.#options = options;
  }

  /** True when every split was uploaded, false when it was stopped. Throws `UnreadableInput` and what the bucket throws. */
  async run(): Promise<boolean> {
    let position: TextPosition | undefined =
      this.#options.files.length > 0 ? TEXT_START : undefined;
    for (let split = 0; position !== undefined; split += 1) {
      if (split === MAX_SPLITS)
        throw new UnreadableInput('the input grew while it was read; start again when it rests.');
      await this.#untilRoom();
      if (this.#stop.signal.aborted) return false;
      try {
        position = await this.#upload(split, position);
      } catch (error) {
        if (this.#stop.signal.aborted) return false;
        throw error;
      }
      this.#options.onUploaded(split);
    }
    return true;
  }

  /** The split was mapped: its object goes, room is made for others. */
  splitDone(split: number): void {
    this.#ahead.delete(split);
    this.#room.resolve();
    const { bucket, objectOf } = this.#options;
    // Not essential here: at its end the job takes away everything that is left.
    const deletion = bucket.delete(objectOf(split)).catch(() => undefined);
    this.#deletions.add(deletion);
    void deletion.then(() => this.#deletions.delete(deletion));
  }

  /** Nothing is uploaded any more once `run` has returned. */
  stop(): void {
    this.#stop.abort();
    this.#room.resolve();
  }

  /** The deletions under way have ended. */
  async settled(): Promise<void> {
    await Promise.all(this.#deletions);
  }

  /** Returns where the next split begins. */
  async #upload(split: number, start: TextPosition): Promise<TextPosition | undefined> {
    const { bucket, files, splitBytes, objectOf } = this.#options;
    let read = { end: undefined as TextPosition | undefined, bytes: 0 };
    await bucket.put(objectOf(split), () => {
      const reader = new SplitReader(files, start, splitBytes);
      return this.#bytesOf(reader, (bytes) => {
        read = { end: reader.end, bytes };
      });
    });
    this.#ahead.set(split, read.bytes);
    return read.end;
  }

  async *#bytesOf(reader: SplitReader, onEnd: (bytes: number) => void): AsyncGenerator<Uint8Array> {
    let count = 0;
    for await (const bytes of reader.bytes()) {
      this.#stop.signal.throwIfAborted();
      count += bytes.length;
      yield bytes;
    }
    onEnd(count);
  }

  async #untilRoom(): Promise<void> {
    while (!this.#stop.signal.aborted && this.#aheadBytes() >= this.#options.maxAheadBytes) {
      this.#room = Promise.withResolvers();
      await this.#room.promise;
    }
  }

  #aheadBytes(): number {
    let sum = 0;
    for (const bytes of this.#ahead.values()) sum += bytes;
    return sum;
  }
}
