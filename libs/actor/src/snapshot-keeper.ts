// Owns when snapshots are written, how many are kept, and how much of the journal they let go. What a snapshot holds is
// in snapshots.ts. A failure is reported and tried again at the next turn: nothing but start-up time depends on it.
import { type Failure, type Outcome, succeed } from '@parley/protocol/errors';
import type { Clock } from './clock.ts';
import type { Journal } from './journal.ts';
import type { Replica } from './replica.ts';
import type { SnapshotStore } from './snapshot-store.ts';
import { beginSnapshot, isGoodSnapshot, type Manifest, writeSnapshot } from './snapshots.ts';

export type SnapshotLimits = {
  /** Entries after which a snapshot is due. */
  readonly everyEntries: number;
  /** Bytes of entries after which one is due. */
  readonly everyBytes: number;
  /** Time after which one is due when there was an entry at all. */
  readonly everyMs: number;
  readonly kept: number;
  /** Entries younger than this stay in the journal, */
  readonly historyMs: number;
  /** unless the journal holds more than this, or more than half of what it may hold. */
  readonly historyBytes: number;
};
const SNAPSHOT_LIMITS: SnapshotLimits = {
  everyEntries: 5000,
  everyBytes: 128 * 1024 ** 2,
  everyMs: 300_000,
  kept: 3,
  historyMs: 24 * 3600_000,
  historyBytes: 6 * 1024 ** 3,
};

export type SnapshotReport =
  | { readonly kind: 'snapshotWritten'; readonly manifest: Manifest; readonly tookMs: number }
  | { readonly kind: 'snapshotFailed'; readonly failure: Failure }
  | { readonly kind: 'journalPurged'; readonly belowSequence: number };

export type SnapshotKeeperOptions = {
  readonly snapshots: SnapshotStore;
  readonly journal: Journal;
  readonly clock: Clock;
  readonly report: (report: SnapshotReport) => void;
  readonly limits?: Partial<SnapshotLimits>;
  /** Whether this one writes the snapshot of that entry; absent: always. Where another does, it is still written here when it comes far too late. */
  readonly mayWrite?: (sequence: number) => boolean;
  /** False: old snapshots and the journal are another's to remove, and what comes too late another's to write. */
  readonly tidies?: boolean;
};

/** So many times over a limit a snapshot is overdue. */
const OVERDUE = 2;

export class SnapshotKeeper {
  readonly #snapshots: SnapshotStore;
  readonly #journal: Journal;
  readonly #clock: Clock;
  readonly #report: (report: SnapshotReport) => void;
  readonly #limits: SnapshotLimits;
  readonly #mayWrite: (sequence: number) => boolean;
  readonly #tidies: boolean;
  /** Sequences of snapshots that were read back whole. */
  readonly #good = new Set<number>();
  #lastSequence: number;
  #bytes = 0;
  #lastMs: number;
  #writing: Promise<void> | undefined;

  /** `sequence`: of the entry that the replica starts from. */
  constructor(options: SnapshotKeeperOptions, sequence: number) {
    this.#snapshots = options.snapshots;
    this.#journal = options.journal;
    this.#clock = options.clock;
    this.#report = options.report;
    this.#limits = { ...SNAPSHOT_LIMITS, ...options.limits };
    this.#mayWrite = options.mayWrite ?? (() => true);
    this.#tidies = options.tidies ?? true;
    this.#lastSequence = sequence;
    this.#lastMs = options.clock.nowMs();
  }

  /** Begins a snapshot in the background when one is due and none is being written. */
  entryApplied<State, Input, Effect>(
    replica: Replica<State, Input, Effect>,
    entryBytes: number,
  ): void {
    this.#bytes += entryBytes;
    if (this.#writing !== undefined || !this.#isDue(replica.sequence, 1)) return;
    const isOverdue = this.#tidies && this.#isDue(replica.sequence, OVERDUE);
    if (isOverdue || this.#mayWrite(replica.sequence)) this.#begin(replica);
  }

  /** Another has written one of that entry: the next is due later, and there may be something to remove. */
  writtenElsewhere(sequence: number): void {
    this.#noteWritten(Math.max(sequence, this.#lastSequence));
    this.#writing ??= this.#tidyAloud().finally(() => {
      this.#writing = undefined;
    });
  }

  #isDue(sequence: number, times: number): boolean {
    const { everyEntries, everyBytes, everyMs } = this.#limits;
    return (
      sequence - this.#lastSequence >= times * everyEntries ||
      this.#bytes >= times * everyBytes ||
      this.#clock.nowMs() - this.#lastMs >= times * everyMs
    );
  }

  #noteWritten(sequence: number): void {
    this.#lastSequence = sequence;
    this.#bytes = 0;
    this.#lastMs = this.#clock.nowMs();
  }

  /** Waits for a snapshot of the replica's last entry: for a clean stop. */
  async finish<State, Input, Effect>(replica: Replica<State, Input, Effect>): Promise<void> {
    await this.#writing;
    if (replica.sequence === 0 || this.#good.has(replica.sequence)) return;
    this.#begin(replica);
    await this.#writing;
  }

  #begin<State, Input, Effect>(replica: Replica<State, Input, Effect>): void {
    this.#noteWritten(replica.sequence);
    this.#writing = this.#write(replica).finally(() => {
      this.#writing = undefined;
    });
  }

  async #write<State, Input, Effect>(replica: Replica<State, Input, Effect>): Promise<void> {
    const startedMs = this.#clock.nowMs();
    const source = beginSnapshot(replica);
    const written = await writeSnapshot(this.#snapshots, source, () => this.#clock.nowMs());
    if (!written.ok) {
      this.#report({ kind: 'snapshotFailed', failure: written.failure });
      // Parts without a manifest are no snapshot; what cannot be removed now is overwritten or removed later.
      await this.#snapshots.remove(source.head.sequence);
      return;
    }
    this.#good.add(written.value.sequence);
    const tookMs = this.#clock.nowMs() - startedMs;
    this.#report({ kind: 'snapshotWritten', manifest: written.value, tookMs });
    if (this.#tidies) await this.#tidyAloud();
  }

  async #tidyAloud(): Promise<void> {
    const tidied = await this.#tidy();
    if (!tidied.ok) this.#report({ kind: 'snapshotFailed', failure: tidied.failure });
  }

  /** Keeps the newest good ones and lets the journal go below the oldest of them and the history window. */
  async #tidy(): Promise<Outcome<undefined>> {
    const listed = await this.#snapshots.list();
    if (!listed.ok) return listed;
    let kept = 0;
    let oldestKept = 0;
    for (const sequence of listed.value) {
      const good = kept < this.#limits.kept ? await this.#isGood(sequence) : succeed(false);
      if (!good.ok) return good;
      if (good.value) {
        kept += 1;
        oldestKept = sequence;
        continue;
      }
      this.#good.delete(sequence);
      const removed = await this.#snapshots.remove(sequence);
      if (!removed.ok) return removed;
    }
    return kept < this.#limits.kept ? succeed(undefined) : this.#purge(oldestKept + 1);
  }

  async #isGood(sequence: number): Promise<Outcome<boolean>> {
    if (this.#good.has(sequence)) return succeed(true);
    const good = await isGoodSnapshot(this.#snapshots, sequence);
    if (good.ok && good.value) this.#good.add(sequence);
    return good;
  }

  async #purge(notFrom: number): Promise<Outcome<undefined>> {
    const below = await purgeLimit(this.#journal, notFrom, this.#limits);
    if (!below.ok) return below;
    if (below.value === undefined) return succeed(undefined);
    const purged = await this.#journal.purgeBelow(below.value);
    if (purged.ok) this.#report({ kind: 'journalPurged', belowSequence: below.value });
    return purged;
  }
}

/** The first sequence to keep, at most `notFrom`; undefined when nothing is to be purged. */
export async function purgeLimit(
  journal: Journal,
  notFrom: number,
  limits: Pick<SnapshotLimits, 'historyMs' | 'historyBytes'>,
): Promise<Outcome<number | undefined>> {
  const info = await journal.info();
  if (!info.ok) return info;
  const { firstSequence, lastSequence, bytes, maxBytes = Number.POSITIVE_INFINITY } = info.value;
  if (notFrom <= firstSequence) return succeed(undefined);
  const byAge = await firstYoungerThan(journal, { firstSequence, lastSequence }, limits.historyMs);
  if (!byAge.ok) return byAge;
  // Entries differ in size, so this is where the limit is met on average; the next turn purges what is left.
  const wantedBytes = Math.min(limits.historyBytes, maxBytes / 2);
  const excess = Math.max(bytes - wantedBytes, 0) / Math.max(bytes, 1);
  const bySize = firstSequence + Math.ceil(excess * (lastSequence - firstSequence + 1));
  const below = Math.min(notFrom, Math.max(byAge.value, bySize));
  return succeed(below > firstSequence ? below : undefined);
}

/** Binary search by the server's time of storing, compared with that of the newest entry. */
async function firstYoungerThan(
  journal: Journal,
  range: { firstSequence: number; lastSequence: number },
  ageMs: number,
): Promise<Outcome<number>> {
  const newest = await journal.entryAt(range.lastSequence);
  if (!newest.ok) return newest;
  const limitMs = (newest.value?.storedMs ?? 0) - ageMs;
  let low = range.firstSequence;
  let high = range.lastSequence;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const entry = await journal.entryAt(middle);
    if (!entry.ok) return entry;
    if (entry.value === undefined || entry.value.storedMs < limitMs) low = middle + 1;
    else high = middle;
  }
  return succeed(low);
}
