// Owns looking, over and over, whether sandboxes and volumes hold more than they may, of the disk and of files, and telling
// the supervisor of those that do, or that are too large to tell. Whose they are is in disk-shares.ts, how they are measured in @parley/isolation/disk-usage.
import { type DiskUsage, measureDisk } from '@parley/isolation/disk-usage';
import type { DiskFinding } from './disk-excess.ts';
import type { DiskShare } from './disk-shares.ts';

export type DiskWatchOptions = {
  /** From the end of one look to the next; 0: nobody looks. */
  readonly intervalMs: number;
  readonly shares: () => Iterable<DiskShare>;
  /** All that the task writes to the disk, its temporary files too; of a share of a volume, the volume. */
  readonly directoriesOf: (share: DiskShare) => readonly string[];
  /** Before each look: what is not to count goes. */
  readonly before: () => Promise<void>;
  readonly onExceeded: (share: DiskShare, excess: DiskFinding) => void;
  /** For the log. */
  readonly onTrouble: (what: string) => void;
  readonly measure?: typeof measureDisk;
};

/** One for every block that may be filled, so that only files without content come to it first; and for a small task as many. */
const FILES_A_MIB = 256;
const LEAST_FILES = 10_000;
/** Looks that a sandbox may be too large for, one after the other: the host may be busy once. */
const MAX_MISSED_LOOKS = 3;

export const filesLimitOf = (limitMib: number): number =>
  Math.max(LEAST_FILES, limitMib * FILES_A_MIB);

export class DiskWatch {
  readonly #options: DiskWatchOptions;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;
  #lastTrouble: string | undefined;
  /** Directories that could not be measured in time, and how often in a row. */
  #missed: ReadonlyMap<string, number> = new Map();

  constructor(options: DiskWatchOptions) {
    this.#options = options;
  }

  begin(): void {
    const { intervalMs } = this.#options;
    if (intervalMs === 0 || this.#isClosed) return;
    this.#timer = setTimeout(() => void this.#lookAndGoOn(), intervalMs);
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
  }

  async #lookAndGoOn(): Promise<void> {
    try {
      await this.look();
    } catch (error) {
      this.#trouble(error instanceof Error ? error.message : String(error));
    }
    this.begin();
  }

  /** Looks once. */
  async look(): Promise<void> {
    const { shares, directoriesOf, before, onExceeded, measure = measureDisk } = this.#options;
    const watched = [...shares()].map((share) => ({ share, directories: directoriesOf(share) }));
    if (watched.length === 0) return;
    await before();
    const usage = await measure(watched.flatMap(({ directories }) => directories));
    const { tooLarge, trouble } = usage;
    if (trouble !== undefined) this.#trouble(`nothing can be measured: ${trouble}`);
    else if (tooLarge.length > 0) this.#trouble(`not measured in time: ${tooLarge.join(', ')}`);
    else this.#lastTrouble = undefined;
    this.#missed = new Map(tooLarge.map((each) => [each, (this.#missed.get(each) ?? 0) + 1]));
    for (const { share, directories } of watched) {
      const excess = this.#excessOf(share, directories, usage);
      if (excess !== undefined) onExceeded(share, excess);
    }
  }

  #excessOf(
    { limitMib }: DiskShare,
    directories: readonly string[],
    { usedMib, files }: DiskUsage,
  ): DiskFinding | undefined {
    const sumOf = (each: ReadonlyMap<string, number>): number =>
      directories.reduce((sum, directory) => sum + (each.get(directory) ?? 0), 0);
    const peakMib = Math.ceil(sumOf(usedMib));
    if (peakMib > limitMib) return { limitMib, peakMib };
    const [limitFiles, peakFiles] = [filesLimitOf(limitMib), sumOf(files)];
    if (peakFiles > limitFiles) return { limitFiles, peakFiles };
    const missedLooks = Math.max(...directories.map((each) => this.#missed.get(each) ?? 0));
    return missedLooks < MAX_MISSED_LOOKS ? undefined : { missedLooks };
  }

  /** Once, until it is another one or over. */
  #trouble(what: string): void {
    if (what === this.#lastTrouble) return;
    this.#lastTrouble = what;
    this.#options.onTrouble(what);
  }
}
