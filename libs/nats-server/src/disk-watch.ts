// Owns noticing that the disk below a running server is full, and that there is room again. A server of 2.15 stops writing to
// a stream for good at the first write that finds no space, and answers nothing, until it is started again; one of 2.10
// refuses each write and goes on by itself. Starting it again is the caller's.
import { closeSync, existsSync, fstatSync, openSync, readSync, statfsSync } from 'node:fs';
import type { SetupFailure } from '@parley/setup/setup-failure';
import type { NatsServer } from './nats-server.ts';
import { LEAST_FREE_BYTES, logPath } from './server-directory.ts';
import { explainFailure } from './start-failure.ts';

/** Less than one message of the largest size for each of a few streams. */
const FULL_BYTES = 8 * 1024 ** 2;
const LOOK_EVERY_MS = 1000;
const WRITE_FAILED = /no space left on device|disk quota exceeded/i;

export type DiskLook = { readonly freeBytes: number; readonly writeFailed: boolean };
export type DiskVerdict =
  | { readonly kind: 'full' }
  /** `restart`: the server has failed to write, and may go on refusing until it is started again. */
  | { readonly kind: 'room'; readonly restart: boolean };

/** Says each change once. Between full and room lies a margin, so that it does not say both by turns. */
export class DiskJudge {
  #full = false;
  #writeFailed = false;

  look({ freeBytes, writeFailed }: DiskLook): DiskVerdict | undefined {
    this.#writeFailed ||= writeFailed;
    if (!this.#full) {
      if (!writeFailed && freeBytes >= FULL_BYTES) return undefined;
      this.#full = true;
      return { kind: 'full' };
    }
    if (writeFailed || freeBytes < LEAST_FREE_BYTES) return undefined;
    const restart = this.#writeFailed;
    this.#full = false;
    this.#writeFailed = false;
    return { kind: 'room', restart };
  }
}

export type DiskWatch = {
  /** What is full and what to do. Told once, until there is room again. */
  readonly onFull: (failure: SetupFailure) => void;
  /** At least 64 MiB are free again; with `restart` the server must be stopped and started. */
  readonly onRoom: (restart: boolean) => void;
};

/** Looks once a second. The returned function ends the watch. */
export function watchDisk(server: NatsServer, { onFull, onRoom }: DiskWatch): () => void {
  const judge = new DiskJudge();
  const log = new GrowingLog(logPath(server.directory));
  log.added();
  const look = (): void => {
    const { bavail, bsize } = statfsSync(server.directory);
    const freeBytes = bavail * bsize;
    const verdict = judge.look({ freeBytes, writeFailed: WRITE_FAILED.test(log.added()) });
    if (verdict?.kind === 'room') onRoom(verdict.restart);
    if (verdict?.kind !== 'full') return;
    const what = `the disk of ${server.directory} is full; the cluster cannot write`;
    const free = `${Math.floor(freeBytes / 1024 ** 2)} MiB are free; no space left on device`;
    onFull(explainFailure(what, free));
  };
  const timer = setInterval(() => {
    // Between two starts there is no log for a moment.
    if (existsSync(logPath(server.directory))) look();
  }, LOOK_EVERY_MS);
  timer.unref();
  return () => clearInterval(timer);
}

/** At most this much of what was added is read at once; the rest is skipped. */
const MAX_READ_BYTES = 256 * 1024;

class GrowingLog {
  readonly #path: string;
  #read = 0;

  constructor(path: string) {
    this.#path = path;
  }

  /** The text since the last call; from the beginning when the file was replaced by a shorter one. */
  added(): string {
    const file = openSync(this.#path, 'r');
    try {
      const { size } = fstatSync(file);
      const from = Math.max(size < this.#read ? 0 : this.#read, size - MAX_READ_BYTES);
      this.#read = size;
      const bytes = Buffer.alloc(size - from);
      const length = readSync(file, bytes, 0, bytes.length, from);
      return bytes.toString('utf8', 0, length);
    } finally {
      closeSync(file);
    }
  }
}
