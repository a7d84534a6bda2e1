// Owns bringing the text into the bucket, split by split, no further ahead of the map tasks than a window.
// What is read and where splits end is in split-reader.ts.
import type { WorkBucket } from '@parley/scheduler-sdk/work-bucket';
import type { InputFile } from './input-files.ts';
import { SplitReader, TEXT_START, type TextPosition } from './split-reader.ts';

/** Splits in the bucket that no map task is through with: what an interrupted job has to take away again. */
const WINDOW = 64;

export type UploadOptions = {
  readonly bucket: Pick<WorkBucket, 'put'>;
  readonly files: readonly InputFile[];
  readonly splitBytes: number;
  readonly objectOf: (split: number) => string;
  readonly onSplit: (split: number) => void;
  readonly signal: AbortSignal;
};

export class SplitUpload {
  readonly #options: UploadOptions;
  #ahead = 0;
  #room = Promise.withResolvers<void>();

  constructor(options: UploadOptions) {
    this.#options = options;
    options.signal.addEventListener('abort', () => this.#room.resolve(), { once: true });
  }

  /** Resolves when the whole text is in the bucket, or the job was given up. Throws what reading a file throws. */
  async run(): Promise<void> {
    const { bucket, files, splitBytes, objectOf, onSplit, signal } = this.#options;
    let position: TextPosition | undefined = files.length === 0 ? undefined : TEXT_START;
    for (let split = 0; position !== undefined; split += 1) {
      while (this.#ahead >= WINDOW && !signal.aborted) await this.#roomForOne();
      if (signal.aborted) return;
      const start: TextPosition = position;
      let reader = new SplitReader(files, start, splitBytes);
      await bucket.put(objectOf(split), () => {
        reader = new SplitReader(files, start, splitBytes);
        return reader.bytes();
      });
      position = reader.end;
      this.#ahead += 1;
      onSplit(split);
    }
  }

  /** A map task is through with its split. */
  splitDone(): void {
    this.#ahead -= 1;
    this.#room.resolve();
  }

  async #roomForOne(): Promise<void> {
    await this.#room.promise;
    if (!this.#options.signal.aborted) this.#room = Promise.withResolvers<void>();
  }
}
