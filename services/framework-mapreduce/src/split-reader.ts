// Owns reading one split out of a list of files: from a position to where the cutter ends it. A separator
// follows each file, so that no word runs from one into the next. Reading again gives the same bytes.
import { type FileHandle, open } from 'node:fs/promises';
import { explain, type InputFile } from './input-files.ts';
import { SplitCutter } from './split-cutter.ts';

/** A place in the text: the bytes of a file, then its separator. */
export type TextPosition = { readonly file: number; readonly offset: number };
export const TEXT_START: TextPosition = { file: 0, offset: 0 };

const READ_BYTES = 128 * 1024;
const SEPARATOR = new Uint8Array([10]);

export class SplitReader {
  readonly #files: readonly InputFile[];
  readonly #cutter: SplitCutter;
  #position: TextPosition;

  constructor(files: readonly InputFile[], start: TextPosition, splitBytes: number) {
    this.#files = files;
    this.#position = start;
    this.#cutter = new SplitCutter(splitBytes);
  }

  /** Where the next split begins, once all bytes were read; undefined at the end of the text. */
  get end(): TextPosition | undefined {
    return this.#position.file < this.#files.length ? this.#position : undefined;
  }

  /** The bytes of the split. Throws `UnreadableInput`. */
  async *bytes(): AsyncGenerator<Uint8Array> {
    for (;;) {
      const file = this.#files[this.#position.file];
      if (file === undefined) return;
      const handle = await explain(file.path, () => open(file.path, 'r'));
      try {
        if (yield* this.#fileBytes(handle, file.path)) return;
      } finally {
        await handle.close();
      }
    }
  }

  /** True when the split ends in this file. */
  async *#fileBytes(handle: FileHandle, path: Buffer): AsyncGenerator<Uint8Array, boolean> {
    for (;;) {
      const { file, offset } = this.#position;
      const { bytesRead, buffer } = await explain(path, () =>
        handle.read(new Uint8Array(READ_BYTES), 0, READ_BYTES, offset),
      );
      const isSeparator = bytesRead === 0;
      const bytes = isSeparator ? SEPARATOR : buffer.subarray(0, bytesRead);
      const taken = this.#cutter.accept(bytes);
      if (taken < bytes.length) {
        this.#position = { file, offset: offset + taken };
        if (taken > 0) yield bytes.subarray(0, taken);
        return true;
      }
      this.#position = isSeparator
        ? { file: file + 1, offset: 0 }
        : { file, offset: offset + taken };
      yield bytes;
      if (isSeparator) return false;
    }
  }
}
