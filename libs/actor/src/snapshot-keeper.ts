// Owns when snapshots are written, and carries out which are kept and how much of the journal they let go
// (snapshot-retention.ts). What a snapshot holds is in snapshots.ts. A failure is reported and tried again at the next
// turn: nothing but start-up time depends on it.
import { type Failure, type Outcome, succeed } from '@parley/protocol/errors';
import type { Clock } from './clock.ts';
import type { Journal, JournalInfo } from './journal.ts';
import { systemTimers } from './nats/system-clock.ts';
import type { Replica } from './replica.ts';
import {
  type DatedSnapshot,
  purgeBase,
  type RetentionLimits,
  retained,
} from './snapshot-retention.ts';
import { type SnapshotName, type SnapshotStore, snapshotKey } from './snapshot-store.ts';
import {
  beginSnapshot,
  faultOfSnapshot,
  hashInTurns,
  MAX_PART_BYTES,
  type Manifest,
  readManifest,
  type SnapshotPassedOver,
  writeSnapshot,
} from './snapshots.ts';
import type { Timers } from './timers.ts';

export type SnapshotLimits = RetentionLimits & {
  /** Entries after which a snapshot is due. */
  readonly everyEntries: number;
  /** Bytes of entries after which one is due. */
  readonly everyBytes: number;
  /**
   * But not before so many times the size of the last snapshot, and for as many more entries: what is saved of stepping is to
   * be worth writing it.
   */
  readonly everySizes: number;
  /** Time after which one is due when there was an entry at all. */
  readonly everyMs: number;
  /** Entries younger than this stay in the journal, */
  readonly historyMs: number;
  /** unless the journal holds more than this, or more than half of what it may hold. */
  readonly historyBytes: number;
};
const SNAPSHOT_LIMITS: SnapshotLimits = {
  everyEntries: 5000,
  everyBytes: 32 * 1024 ** 2,
  everySizes: 4,
  everyMs: 300_000,
  kept: 3,
  historyEveryMs: 3600_000,
  historyMs: 24 * 3600_000,
  historyBytes: 8 * 1024 ** 3,
};

export type SnapshotReport =
  | { readonly kind: 'snapshotWritten'; readonly manifest: Manifest; readonly tookMs: number }
  | { readonly kind: 'snapshotFailed'; readonly failure: Failure }
  | SnapshotPassedOver
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
  /** Absent: those of the host. */
  readonly timers?: Timers;
};

/** So many times over a limit a snapshot is overdue. */
const OVERDUE = 2;

/** What a keeper reads of a replica, whatever its core. */
type KeptReplica = Pick<
  Replica<unknown, unknown, unknown>,
  'sequence' | 'snapshotSequence' | 'appliedBytes' | 'bytesSinceSnapshot' | 'snapshotNoted'
>;
/** A snapshot with a manifest. */
type Known = DatedSnapshot & SnapshotName;
type Judged =
  | { readonly kind: 'known'; readonly snapshot: Known }
  /** `isFinished`: it was written to its end and is damaged since. */
  | { readonly kind: 'bad'; readonly why: string; readonly isFinished: boolean };

export class SnapshotKeeper {
  readonly #snapshots: SnapshotStore;
  readonly #journal: Journal;
  readonly #clock: Clock;
  readonly #report: (report: SnapshotReport) => void;
  readonly #limits: SnapshotLimits;
  readonly #mayWrite: (sequence: number) => boolean;
  readonly #tidies: boolean;
  readonly #timers: Timers;
  /** Keys of snapshots that were read back whole. */
  readonly #good = new Set<string>();
  readonly #known = new Map<string, Known>();
  #passedOver = 0;
  /** As it was seen last: it remembers what was noted of snapshots, for the keeper of a later term as well. */
  #replica: KeptReplica | undefined;
  /** How far that was at the beginning. What another should have written before may have been written: nobody told. */
  readonly #began: { readonly sequence: number; readonly bytes: number };
  #lastMs: number;
  /** At most, of the newest one that is known. */
  #newestBytes = 0;
  #writing: Promise<void> | undefined;

  constructor(options: SnapshotKeeperOptions, replica: KeptReplica | undefined) {
    this.#snapshots = options.snapshots;
    this.#journal = options.journal;
    this.#clock = options.clock;
    this.#report = options.report;
    this.#limits = { ...SNAPSHOT_LIMITS, ...options.limits };
    this.#mayWrite = options.mayWrite ?? (() => true);
    this.#timers = options.timers ?? systemTimers;
    this.#tidies = options.tidies ?? true;
    this.#replica = replica;
    this.#began = { sequence: replica?.sequence ?? 0, bytes: replica?.appliedBytes ?? 0 };
    this.#lastMs = options.clock.nowMs();
  }

  /** Begins a snapshot in the background when one is due and none is being written. */
  entryApplied<State, Input, Effect>(replica: Replica<State, Input, Effect>): void {
    this.#replica = replica;
    if (this.#writing !== undefined) return;
    const entries = replica.sequence - replica.snapshotSequence;
    if (!this.#isDue(entries, replica.bytesSinceSnapshot, 1)) return;
    if (this.#isOverdue(replica) || this.#mayWrite(replica.sequence)) this.#begin(replica);
  }

  /** Another has written one of that entry: the next is due later, and there may be something to remove. */
  writtenElsewhere(sequence: number): void {
    this.#noteWritten(this.#replica, sequence);
    this.#writing ??= this.#tidyAloud().finally(() => {
      this.#writing = undefined;
    });
  }

  /** By what was journalled since the beginning: before that another was to write, and may have. */
  #isOverdue(replica: KeptReplica): boolean {
    const { sequence, snapshotSequence, appliedBytes, bytesSinceSnapshot } = replica;
    const entries = Math.min(sequence - snapshotSequence, sequence - this.#began.sequence);
    const bytes = Math.min(bytesSinceSnapshot, appliedBytes - this.#began.bytes);
    return this.#tidies && this.#isDue(entries, bytes, OVERDUE);
  }

  #isDue(entries: number, bytes: number, times: number): boolean {
    const { everyEntries, everyBytes, everySizes, everyMs } = this.#limits;
    const longer = Math.max(1, (everySizes * this.#newestBytes) / everyBytes);
    return (
      entries >= times * longer * everyEntries ||
      bytes >= times * longer * everyBytes ||
      this.#clock.nowMs() - this.#lastMs >= times * everyMs
    );
  }

  #noteWritten(replica: KeptReplica | undefined, sequence: number): void {
    replica?.snapshotNoted(sequence);
    this.#lastMs = this.#clock.nowMs();
  }

  /** Waits for a snapshot of the replica's last entry: for a clean stop. */
  async finish<State, Input, Effect>(replica: Replica<State, Input, Effect>): Promise<void> {
    await this.#writing;
    if (replica.sequence === 0 || this.#good.has(this.#ownKey(replica.sequence))) return;
    this.#begin(replica);
    await this.#writing;
  }

  #begin<State, Input, Effect>(replica: Replica<State, Input, Effect>): void {
    this.#noteWritten(replica, replica.sequence);
    this.#writing = this.#write(replica).finally(() => {
      this.#writing = undefined;
    });
  }

  async #write<State, Input, Effect>(replica: Replica<State, Input, Effect>): Promise<void> {
    const startedMs = this.#clock.nowMs();
    const info = await this.#journal.info();
    await hashInTurns(replica.core, replica.state, this.#timers);
    // Another replica has taken its place meanwhile: the next snapshot is of that one.
    if (replica.isBroken) return;
    const source = beginSnapshot(replica, info.ok ? info.value.createdMs : undefined);
    const { sequence } = source.head;
    const written = await writeSnapshot(this.#snapshots, source, () => this.#clock.nowMs());
    if (written.ok) {
      this.#good.add(this.#ownKey(sequence));
      this.#newestBytes = written.value.parts * MAX_PART_BYTES;
      const tookMs = this.#clock.nowMs() - startedMs;
      this.#report({ kind: 'snapshotWritten', manifest: written.value, tookMs });
    } else {
      this.#report({ kind: 'snapshotFailed', failure: written.failure });
      // Parts without a manifest are no snapshot; what cannot be removed now is overwritten or removed later.
      await this.#snapshots.remove({ sequence, writer: this.#snapshots.writer });
    }
    // Also after a failure: it may be that the old ones leave no room.
    if (this.#tidies) await this.#tidyAloud();
  }

  async #tidyAloud(): Promise<void> {
    const tidied = await this.#tidy();
    if (!tidied.ok) this.#report({ kind: 'snapshotFailed', failure: tidied.failure });
  }

  #ownKey(sequence: number): string {
    return snapshotKey({ sequence, writer: this.#snapshots.writer });
  }

  /** Purges the journal behind a good snapshot and removes those that nothing needs any more. */
  async #tidy(): Promise<Outcome<undefined>> {
    const surveyed = await this.#survey();
    if (!surveyed.ok) return surveyed;
    const { newest, others, bad } = surveyed.value;
    this.#newestBytes = newest[0]?.bytes ?? this.#newestBytes;
    if (newest.length < this.#limits.kept) return succeed(undefined);
    const info = await this.#journal.info();
    if (!info.ok) return info;
    const purged = await this.#purge(
      [...newest, ...others],
      newest.at(-1)?.sequence ?? 0,
      info.value,
    );
    if (!purged.ok) return purged;
    const maxBytes = await this.#snapshots.maxBytes();
    if (!maxBytes.ok) return maxBytes;
    const all = [...newest, ...others].filter((one) => !purged.value.bad.has(one));
    const largest = Math.max(...all.map(({ bytes }) => bytes));
    // Room for the next two, of which the first is not yet good while the second is written.
    const room = maxBytes.value === undefined ? undefined : maxBytes.value - 2 * largest;
    const staying = retained(all, purged.value.firstSequence, this.#limits, room);
    const going = [...bad, ...purged.value.bad, ...all.filter((one) => !staying.has(one))];
    for (const name of going) {
      const removed = await this.#remove(name);
      if (!removed.ok) return removed;
    }
    return succeed(undefined);
  }

  async #remove(name: SnapshotName): Promise<Outcome<undefined>> {
    this.#good.delete(snapshotKey(name));
    this.#known.delete(snapshotKey(name));
    return this.#snapshots.remove(name);
  }

  /** The newest good ones, read back; what else has a manifest; and what is no good and older than a good one. */
  async #survey(): Promise<Outcome<{ newest: Known[]; others: Known[]; bad: SnapshotName[] }>> {
    const names = await this.#snapshots.list();
    if (!names.ok) return names;
    const newest: Known[] = [];
    const others: Known[] = [];
    const bad: SnapshotName[] = [];
    for (const name of names.value) {
      const known = await this.#know(name, newest.length < this.#limits.kept);
      if (!known.ok) return known;
      if (known.value.kind === 'known') {
        const { snapshot } = known.value;
        (newest.length < this.#limits.kept ? newest : others).push(snapshot);
        continue;
      }
      // Above the newest good one it may be one that another master writes at this moment.
      if (newest.length === 0 && !known.value.isFinished) continue;
      this.#passOver(name, known.value.why);
      bad.push(name);
    }
    return succeed({ newest, others, bad });
  }

  async #know(name: SnapshotName, isToBeRead: boolean): Promise<Outcome<Judged>> {
    const key = snapshotKey(name);
    let snapshot = this.#known.get(key);
    if (snapshot === undefined) {
      const read = await readManifest(this.#snapshots, name);
      if (!read.ok) return read;
      if (read.value.kind === 'bad') {
        return succeed({ kind: 'bad', why: read.value.why, isFinished: false });
      }
      const { manifest, storedMs } = read.value;
      snapshot = { ...name, storedMs, bytes: manifest.parts * MAX_PART_BYTES };
      this.#known.set(key, snapshot);
    }
    const fault = isToBeRead ? await this.#faultOf(name) : succeed(undefined);
    if (!fault.ok) return fault;
    return succeed(
      fault.value === undefined
        ? { kind: 'known', snapshot }
        : { kind: 'bad', why: fault.value, isFinished: true },
    );
  }

  async #faultOf(name: SnapshotName): Promise<Outcome<string | undefined>> {
    const key = snapshotKey(name);
    if (this.#good.has(key)) return succeed(undefined);
    const fault = await faultOfSnapshot(this.#snapshots, name);
    if (fault.ok && fault.value === undefined) this.#good.add(key);
    return fault;
  }

  #passOver(name: SnapshotName, why: string): void {
    this.#passedOver += 1;
    this.#report({ kind: 'snapshotPassedOver', ...name, why, count: this.#passedOver });
  }

  /** Behind a snapshot that is read back before the entries below it go; those found damaged are told. */
  async #purge(
    snapshots: readonly Known[],
    newest: number,
    info: JournalInfo,
  ): Promise<Outcome<{ firstSequence: number; bad: Set<Known> }>> {
    const bad = new Set<Known>();
    const limits = await purgeLimits(this.#journal, info, this.#limits);
    if (!limits.ok) return limits;
    const { firstSequence } = info;
    for (;;) {
      const usable = snapshots.filter((one) => !bad.has(one));
      const base = purgeBase(usable, { firstSequence, newest, ...limits.value });
      if (base === undefined) return succeed({ firstSequence, bad });
      const fault = await this.#faultOf(base);
      if (!fault.ok) return fault;
      if (fault.value !== undefined) {
        this.#passOver(base, fault.value);
        bad.add(base);
        continue;
      }
      const belowSequence = base.sequence + 1;
      const purged = await this.#journal.purgeBelow(belowSequence);
      if (!purged.ok) return purged;
      this.#report({ kind: 'journalPurged', belowSequence });
      return succeed({ firstSequence: belowSequence, bad });
    }
  }
}

/** The first entry that is young enough to stay, and the first with which the journal has the size that it is to have. */
export async function purgeLimits(
  journal: Journal,
  { firstSequence, lastSequence, bytes, maxBytes = Number.POSITIVE_INFINITY }: JournalInfo,
  limits: Pick<SnapshotLimits, 'historyMs' | 'historyBytes'>,
): Promise<Outcome<{ ageLimit: number; sizeLimit: number }>> {
  const range = { firstSequence, lastSequence };
  const ageLimit = await firstYoungerThan(journal, range, limits.historyMs);
  if (!ageLimit.ok) return ageLimit;
  // Entries differ in size, so this is where the limit is met on average; the next turn purges what is left.
  const wantedBytes = Math.min(limits.historyBytes, maxBytes / 2);
  const excess = Math.max(bytes - wantedBytes, 0) / Math.max(bytes, 1);
  const sizeLimit = firstSequence + Math.ceil(excess * (lastSequence - firstSequence + 1));
  return succeed({ ageLimit: ageLimit.value, sizeLimit });
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
