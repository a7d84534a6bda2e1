// Owns that what tasks write to stdout and stderr stays bounded: of a file that grew beyond the limit the oldest part is given
// back to the file system. Nothing is copied and no process stands between: the file keeps its size, offsets stay what they
// were, no line that is kept is lost. What is kept is told by @parley/isolation/kept-output.
import { lstatSync } from 'node:fs';
import { truncate } from 'node:fs/promises';
import {
  type OutputStream,
  outputFile,
  readFirstKept,
  writeFirstKept,
} from '@parley/isolation/kept-output';
import { runCommand } from '@parley/isolation/run-command';

export type OutputLimitsOptions = {
  /** Bytes of one stream of one task that stay on the disk; 0: all. */
  readonly limitBytes: number;
  /** Run directories of what may be writing now. */
  readonly runs: () => Iterable<string>;
  readonly nowMs: () => number;
  /** For the log. */
  readonly onTrouble: (what: string) => void;
  /** Gives the blocks of the first bytes back; answers why it cannot. `fallocate` of util-linux where left out. */
  readonly punch?: (file: string, bytes: number) => Promise<string | undefined>;
};

type Output = {
  readonly file: string;
  readonly runDirectory: string;
  readonly stream: OutputStream;
  firstKept: number;
  size: number;
  lookedMs: number;
  dueMs: number;
  /** Until the next look, when it does not grow. */
  quietMs: number;
  /** Tries in a row that gave nothing back. */
  failures: number;
};

const STREAMS = ['stdout', 'stderr'] as const;
/** Where the kept part may begin; no file system of Linux has larger blocks by default. */
const BLOCK_BYTES = 4096;
/** Of the limit, what is left after a cut: not every line that follows needs another. */
const KEPT_EIGHTHS = 7;
const SOONEST_MS = 100;
const LATEST_MS = 1000;
/** Of an output that does not grow; each look that finds it as it was makes the next one later, up to this. */
const LATEST_QUIET_MS = 4000;
/** Tries, a second from one to the next; then the output is emptied: it stays bounded whatever is wrong. */
const MAX_FAILURES = 30;
/** What the file system cannot do it never will: EOPNOTSUPP in the words of glibc, and what util-linux says of it. */
const NOT_SUPPORTED = /not supported|unsupported/i;

export class OutputLimits {
  readonly #options: OutputLimitsOptions;
  /** By run directory. */
  #outputs = new Map<string, readonly Output[]>();
  #listedMs = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> = Promise.resolve();
  #isClosed = false;
  #cannotPunch = false;

  constructor(options: OutputLimitsOptions) {
    this.#options = options;
  }

  begin(): void {
    if (this.#options.limitBytes === 0 || this.#isClosed) return;
    this.#timer = setTimeout(() => void this.look().then(() => this.begin()), this.#pauseMs());
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
  }

  /** Cuts what is due, or `all`; what has ended meanwhile for the last time. Never rejects. */
  look(all = false): Promise<void> {
    this.#looking = this.#looking.then(() => this.#look(all));
    return this.#looking;
  }

  /** Cuts what has ended, which may have run for less time than passes between two looks. Never rejects. */
  ended(runDirectory: string): Promise<void> {
    this.#looking = this.#looking.then(() => this.#lookAtLast(runDirectory));
    return this.#looking;
  }

  async #lookAtLast(runDirectory: string): Promise<void> {
    if (this.#options.limitBytes === 0) return;
    const outputs = this.#outputs.get(runDirectory) ?? (await this.#begin(runDirectory));
    for (const output of outputs) await this.#tryToLookAt(output);
  }

  async #look(all: boolean): Promise<void> {
    if (this.#options.limitBytes === 0) return;
    const nowMs = this.#options.nowMs();
    // What has just begun is found a second later; to list what runs costs more than to look at what is due.
    const isToList = all || nowMs - this.#listedMs >= LATEST_MS;
    const ended = isToList ? await this.#list(nowMs) : [];
    for (const output of [...this.#outputs.values()].flat()) {
      if (all || output.dueMs <= nowMs) await this.#tryToLookAt(output);
    }
    for (const output of ended) await this.#tryToLookAt(output);
  }

  /** Finds what runs now; gives what ended. */
  async #list(nowMs: number): Promise<readonly Output[]> {
    this.#listedMs = nowMs;
    const before = this.#outputs;
    this.#outputs = new Map();
    for (const runDirectory of this.#options.runs()) {
      const known = before.get(runDirectory) ?? (await this.#begin(runDirectory));
      this.#outputs.set(runDirectory, known);
      before.delete(runDirectory);
    }
    return [...before.values()].flat();
  }

  async #begin(runDirectory: string): Promise<readonly Output[]> {
    const begun = STREAMS.map(async (stream): Promise<Output> => {
      const firstKept = await readFirstKept(runDirectory, stream).catch(() => 0);
      const nowMs = this.#options.nowMs();
      return {
        ...{ file: outputFile(runDirectory, stream), runDirectory, stream, firstKept },
        ...{ size: firstKept, lookedMs: nowMs, dueMs: nowMs, quietMs: LATEST_MS, failures: 0 },
      };
    });
    return Promise.all(begun);
  }

  async #tryToLookAt(output: Output): Promise<void> {
    try {
      await this.#lookAt(output);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      this.#options.onTrouble(`${output.file} was not cut: ${why}`);
    }
  }

  async #lookAt(output: Output): Promise<void> {
    const { limitBytes, nowMs } = this.#options;
    output.dueMs = nowMs() + LATEST_MS;
    const status = lstatSync(output.file, { throwIfNoEntry: false });
    if (status === undefined || !status.isFile()) return;
    const { size } = status;
    // The task has emptied it: it begins anew.
    if (size < output.firstKept) await this.#keepFrom(output, 0);
    const grown = Math.max(0, size - output.size);
    const perMs = grown / Math.max(1, nowMs() - output.lookedMs);
    if (size - output.firstKept > limitBytes) await this.#cut(output, size);
    output.size = size;
    output.lookedMs = nowMs();
    // Before it could be over the limit again were it four times as fast.
    const leftMs = (limitBytes - (size - output.firstKept)) / Math.max(1, perMs * 4);
    const inMs = output.failures > 0 ? LATEST_MS : leftMs;
    output.quietMs = grown > 0 ? LATEST_MS : Math.min(LATEST_QUIET_MS, output.quietMs * 2);
    output.dueMs = output.lookedMs + Math.min(output.quietMs, Math.max(SOONEST_MS, inMs));
  }

  async #cut(output: Output, size: number): Promise<void> {
    const { limitBytes, punch = punchHole, onTrouble } = this.#options;
    const { file } = output;
    const kept = (limitBytes / 8) * KEPT_EIGHTHS;
    const firstKept = Math.floor((size - kept) / BLOCK_BYTES) * BLOCK_BYTES;
    if (!this.#cannotPunch && firstKept > output.firstKept) {
      const { firstKept: before } = output;
      await this.#keepFrom(output, firstKept);
      const why = await punch(file, firstKept);
      if (why === undefined) {
        output.failures = 0;
        return;
      }
      // The host may have no room or no process to spare now: another look may find it otherwise.
      await this.#keepFrom(output, before);
      this.#failed(output, why);
    }
    if (!this.#cannotPunch && output.failures < MAX_FAILURES) return;
    await truncate(file, 0);
    await this.#keepFrom(output, 0);
    output.failures = 0;
    onTrouble(`${file} was emptied at ${size} bytes`);
  }

  #failed(output: Output, why: string): void {
    const { onTrouble } = this.#options;
    output.failures += 1;
    if (!NOT_SUPPORTED.test(why)) {
      onTrouble(`the oldest part of an output could not be given back now: ${why}`);
      return;
    }
    this.#cannotPunch = true;
    const instead = 'outputs beyond the limit are emptied instead, with their newest part';
    onTrouble(`the oldest part of an output cannot be given back here (${why}): ${instead}`);
  }

  async #keepFrom(output: Output, offset: number): Promise<void> {
    await writeFirstKept(output.runDirectory, output.stream, offset);
    output.firstKept = offset;
  }

  #pauseMs(): number {
    let dueMs = Number.POSITIVE_INFINITY;
    for (const output of [...this.#outputs.values()].flat()) dueMs = Math.min(dueMs, output.dueMs);
    return Math.min(LATEST_MS, Math.max(SOONEST_MS, dueMs - this.#options.nowMs()));
  }
}

/** From the beginning, whatever has been given back before: the task may have emptied and filled it meanwhile. */
async function punchHole(file: string, bytes: number): Promise<string | undefined> {
  const range = ['--offset', '0', '--length', String(bytes)];
  const { code, stderr } = await runCommand(['fallocate', '--punch-hole', ...range, '--', file]);
  return code === 0 ? undefined : stderr.trim();
}
