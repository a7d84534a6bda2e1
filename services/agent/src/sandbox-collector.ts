// Owns when sandboxes of what is over go before their number asks for it: when they are too old, and when the disk has too little
// room left. Of all kinds the oldest goes first. Which there are is in sandbox-retention.ts and executors/executor-retention.ts.
// Mesos: `--gc_delay`, `--gc_disk_headroom`; there the age shrinks with the room, here the room is what is asked for.
import { statfs } from 'node:fs/promises';

/** Sandboxes of one kind that are kept. */
export interface Kept {
  /** Since when the oldest is over, in milliseconds since 1970; undefined when there is none. */
  readonly oldestMs: number | undefined;
  /** One that cannot be removed is kept no longer either. */
  removeOldest(): Promise<void>;
}

export type CollectionRules = {
  /** 0: however old. */
  readonly keepForMs: number;
  /** To be left free on the disk, and the same part of its files; 0: nothing. */
  readonly keepFree: { readonly bytes: number } | { readonly percent: number };
};

export type DiskRoom = {
  readonly freeBytes: number;
  readonly totalBytes: number;
  /** Of the files that the file system can hold at all; both 0 where it sets no such number. */
  readonly freeFiles: number;
  readonly totalFiles: number;
};

export type SandboxCollectorOptions = {
  readonly workDirectory: string;
  readonly rules: CollectionRules;
  readonly kept: readonly Kept[];
  readonly wallTimeMs: () => number;
  /** Of the file system that holds the work directory; asked of it where left out. */
  readonly disk?: () => Promise<DiskRoom>;
  /** For the log: sandboxes went because there was no room. */
  readonly onCollected: (count: number) => void;
  readonly onFailure: (error: unknown) => void;
};

const LOOK_MS = 60_000;

export class SandboxCollector {
  readonly #options: SandboxCollectorOptions;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(options: SandboxCollectorOptions) {
    this.#options = options;
  }

  /** Looks now, and once a minute. */
  begin(): void {
    if (this.#isClosed) return;
    void this.collect()
      .catch(this.#options.onFailure)
      .then(() => {
        if (!this.#isClosed) this.#timer = setTimeout(() => this.begin(), LOOK_MS);
      });
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
  }

  /** Rejects with the file error. */
  async collect(): Promise<void> {
    const { rules, wallTimeMs, onCollected } = this.#options;
    const bornBeforeMs = wallTimeMs() - rules.keepForMs;
    if (rules.keepForMs > 0) {
      for (let oldest = this.#oldest(); oldest !== undefined; oldest = this.#oldest()) {
        if ((oldest.oldestMs ?? 0) > bornBeforeMs) break;
        await oldest.removeOldest();
      }
    }
    let count = 0;
    for (let oldest = this.#oldest(); oldest !== undefined; oldest = this.#oldest()) {
      if (await this.#hasRoom()) break;
      await oldest.removeOldest();
      count += 1;
    }
    if (count > 0) onCollected(count);
  }

  #oldest(): Kept | undefined {
    const all = this.#options.kept.filter(({ oldestMs }) => oldestMs !== undefined);
    return all.toSorted((one, other) => (one.oldestMs ?? 0) - (other.oldestMs ?? 0))[0];
  }

  async #hasRoom(): Promise<boolean> {
    const { rules, workDirectory, disk = () => diskOf(workDirectory) } = this.#options;
    const { freeBytes, totalBytes, freeFiles, totalFiles } = await disk();
    const { keepFree } = rules;
    const part = 'bytes' in keepFree ? keepFree.bytes / totalBytes : keepFree.percent / 100;
    return freeBytes >= totalBytes * part && freeFiles >= totalFiles * part;
  }
}

async function diskOf(directory: string): Promise<DiskRoom> {
  const { bavail, blocks, bsize, files, ffree } = await statfs(directory);
  const [freeBytes, totalBytes] = [bavail * bsize, blocks * bsize];
  return { freeBytes, totalBytes, freeFiles: ffree, totalFiles: files };
}
