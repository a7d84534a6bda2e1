// Owns looking, over and over, whether sandboxes hold more than they may, and telling the supervisor of those that do. Whose
// they are is in disk-shares.ts, how they are measured in @parley/isolation/disk-usage.
import { measureDisk } from '@parley/isolation/disk-usage';
import type { DiskExcess } from './disk-excess.ts';
import type { DiskShare } from './disk-shares.ts';

export type DiskWatchOptions = {
  /** From the end of one look to the next; 0: nobody looks. */
  readonly intervalMs: number;
  readonly shares: () => Iterable<DiskShare>;
  /** All that the task writes to the disk, its temporary files too. */
  readonly directoriesOf: (share: DiskShare) => readonly string[];
  /** Before each look: what is not to count goes. */
  readonly before: () => Promise<void>;
  readonly onExceeded: (share: DiskShare, excess: DiskExcess) => void;
  /** For the log. */
  readonly onTrouble: (what: string) => void;
};

export class DiskWatch {
  readonly #options: DiskWatchOptions;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;
  #lastTrouble: string | undefined;

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
      await this.#look();
    } catch (error) {
      this.#trouble(error instanceof Error ? error.message : String(error));
    }
    this.begin();
  }

  async #look(): Promise<void> {
    const { shares, directoriesOf, before, onExceeded } = this.#options;
    const watched = [...shares()].map((share) => ({ share, directories: directoriesOf(share) }));
    if (watched.length === 0) return;
    await before();
    const { usedMib, tooLarge, trouble } = await measureDisk(
      watched.flatMap(({ directories }) => directories),
    );
    if (trouble !== undefined) this.#trouble(`no sandbox can be measured: ${trouble}`);
    else if (tooLarge.length > 0) this.#trouble(`not measured in time: ${tooLarge.join(', ')}`);
    else this.#lastTrouble = undefined;
    for (const { share, directories } of watched) {
      const used = directories.reduce((sum, each) => sum + (usedMib.get(each) ?? 0), 0);
      const peakMib = Math.ceil(used);
      const { limitMib } = share;
      if (peakMib > limitMib) onExceeded(share, { limitMib, peakMib });
    }
  }

  /** Once, until it is another one or over. */
  #trouble(what: string): void {
    if (what === this.#lastTrouble) return;
    this.#lastTrouble = what;
    this.#options.onTrouble(what);
  }
}
