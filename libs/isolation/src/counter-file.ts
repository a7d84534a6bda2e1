// Owns reading a small file of the kernel again and again: it is kept open, as long as the process has files to spare, since
// opening and closing cost three times what reading does. The kernel answers a read at offset 0 with what is so now.
//
// The reads are synchronous: the kernel answers each from memory in some microseconds, and an asynchronous one costs
// a multiple of that. Whoever reads many files yields between them (usage-sampling.ts of the agent).
import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { errorCode } from './file-failure.ts';

/** Of the files that the process may have open, this part is kept for counters at most. */
const KEPT_PART = 0.5;
/** Where a system does not tell how many may be open. */
const KEPT_WHEN_UNKNOWN = 256;
/** The kernel breaks a read off no earlier than a page less one line: what is shorter was all. */
const WHOLE_BYTES = 2048;
const buffer = Buffer.allocUnsafe(64 * 1024);

let keptNow = 0;
let keptAtMost: number | undefined;

export class CounterFile {
  readonly #path: string;
  #opened: number | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  /** Undefined when the file is not there, or its group went. Throws on any other file error. */
  text(): string | undefined {
    const length = this.#read();
    return length === undefined ? undefined : buffer.toString('latin1', 0, length);
  }

  /** The number that the file holds; undefined as with `text`, and where it holds nothing. */
  number(): number | undefined {
    const length = this.#read();
    if (length === undefined || length === 0) return undefined;
    return Number(buffer.toString('latin1', 0, length));
  }

  /** Lets go of the file; another read opens it again. */
  close(): void {
    if (this.#opened === undefined) return;
    closeSync(this.#opened);
    this.#opened = undefined;
    keptNow -= 1;
  }

  #read(): number | undefined {
    try {
      if (this.#opened !== undefined) return readWhole(this.#opened);
      const opened = openSync(this.#path, 'r');
      if (keptNow < mostKept()) {
        this.#opened = opened;
        keptNow += 1;
        return readWhole(opened);
      }
      return readAndClose(opened);
    } catch (error) {
      this.close();
      // A group that goes while its open file is read answers ENODEV.
      if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENODEV') return undefined;
      throw error;
    }
  }
}

function readAndClose(opened: number): number {
  try {
    return readWhole(opened);
  } finally {
    closeSync(opened);
  }
}

function readWhole(opened: number): number {
  let length = 0;
  for (;;) {
    const read = readSync(opened, buffer, length, buffer.length - length, length);
    length += read;
    if (read < WHOLE_BYTES || length === buffer.length) return length;
  }
}

/** proc(5), /proc/PID/limits: `Max open files  SOFT  HARD  files`. */
function mostKept(): number {
  keptAtMost ??= Math.floor(openFilesLimit() * KEPT_PART);
  return keptAtMost;
}

function openFilesLimit(): number {
  try {
    const limits = readFileSync('/proc/self/limits', 'latin1');
    const soft = /^Max open files\s+(\d+)/m.exec(limits)?.[1];
    return soft === undefined ? KEPT_WHEN_UNKNOWN : Number(soft);
  } catch {
    return KEPT_WHEN_UNKNOWN;
  }
}
