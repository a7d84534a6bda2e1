// Owns getting a replica from what is kept: the newest good snapshot and the journal's entries after it, and the
// verdict about a journal that does not hold what it must. Used at start, by candidates, by followers that lost track,
// and to get rid of a state that a throwing step has spoiled.
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import type { Core } from './core.ts';
import type { Journal, JournalInfo, StoredEntry } from './journal.ts';
import { decodeEntry } from './journal-entry.ts';
import { systemTimers } from './nats/system-clock.ts';
import { type ApplyResult, Replica, type SkippedInput } from './replica.ts';
import type { SnapshotStore } from './snapshot-store.ts';
import { loadNewestSnapshot, type Manifest, type SnapshotPassedOver } from './snapshots.ts';
import type { Timers } from './timers.ts';

export type ReplicaSource<State, Input, Effect> = {
  readonly core: Core<State, Input, Effect>;
  readonly journal: Journal;
  readonly snapshots: SnapshotStore;
  /** Hears of snapshots that were no good. */
  readonly report?: (report: SnapshotPassedOver) => void;
  /** Absent: those of the host. */
  readonly timers?: Timers;
};

/**
 * `corrupt`: an entry's bytes are not those that were written. `missing`: neither journal nor snapshots hold some.
 * `regressed`: the journal ends before what is known to have been in it. `recreated`: it is another stream, with another
 * history.
 */
export type DamageKind = 'corrupt' | 'missing' | 'regressed' | 'recreated';

/** The journal does not hold what was journalled. Only a state made anew from what agents and frameworks say heals it. */
export type JournalDamage = {
  readonly kind: DamageKind;
  /** The first entry that cannot be stepped. */
  readonly sequence: number;
  readonly message: string;
};

export type Loaded<State, Input, Effect> = {
  /** Of the journal's end or, when it is damaged, of the last entry that could be stepped. */
  readonly replica: Replica<State, Input, Effect>;
  readonly damage: JournalDamage | undefined;
};

type Applied<Effect> = Extract<ApplyResult<Effect>, { kind: 'applied' }>;

/** Entries read at a time. */
export const READ_BATCH = 256;
/** Bytes of entries stepped between two looks at what else there is to do: a few milliseconds of work. */
const BYTES_A_SLICE = 64 * 1024;
/** Before a damage is believed: another server may lead the stream by then, with a whole copy. */
const LOOK_AGAIN_MS = 500;

export type LoadOptions = {
  /** Stop after this entry instead of at the journal's end. */
  readonly upTo?: number;
  /** Beside those in the snapshot. */
  readonly skips?: readonly SkippedInput[];
  /** Newer snapshots are not trusted. */
  readonly snapshotUpTo?: number;
  /** What somebody else knows of the journal: its stream, and an entry that was in it. */
  readonly known?: Pick<JournalInfo, 'createdMs' | 'lastSequence'>;
};

/**
 * A replica of the journal's end. An input that makes a step throw is put on the skip list and everything is read again.
 * Fails with `unavailable` (try again), `booksDamaged`, or `internalError`: the journal cannot be stepped by this
 * release, and the message says what to do.
 */
export async function loadReplica<State, Input, Effect>(
  source: ReplicaSource<State, Input, Effect>,
  options: LoadOptions = {},
): Promise<Outcome<Replica<State, Input, Effect>>> {
  const loaded = await loadBooks(source, options);
  if (!loaded.ok) return loaded;
  const { replica, damage } = loaded.value;
  return damage === undefined ? succeed(replica) : fail('booksDamaged', damage.message);
}

/** As `loadReplica`, but a damaged journal is no failure: who leads decides what follows. A damage is looked at twice. */
export async function loadBooks<State, Input, Effect>(
  source: ReplicaSource<State, Input, Effect>,
  options: LoadOptions = {},
): Promise<Outcome<Loaded<State, Input, Effect>>> {
  const loaded = await loadOnce(source, options);
  if (!loaded.ok || loaded.value.damage === undefined) return loaded;
  await (source.timers ?? systemTimers).wait(LOOK_AGAIN_MS);
  return loadOnce(source, options);
}

async function loadOnce<State, Input, Effect>(
  source: ReplicaSource<State, Input, Effect>,
  options: LoadOptions,
): Promise<Outcome<Loaded<State, Input, Effect>>> {
  const skips = [...(options.skips ?? [])];
  for (;;) {
    const start = await loadStart(source, options);
    if (!start.ok || start.value.damage !== undefined) return start;
    const { replica } = start.value;
    for (const skip of skips) replica.skip(skip);
    const stop = await stepOn(source, replica, options.upTo);
    if (!stop.ok) return stop;
    if (stop.value.kind === 'end') return start;
    if (stop.value.kind === 'damaged') return succeed({ replica, damage: stop.value.damage });
    // Terminates: each round leaves out one more of finitely many inputs.
    skips.push(stop.value.skip);
  }
}

async function loadStart<State, Input, Effect>(
  { core, journal, snapshots, report, timers }: ReplicaSource<State, Input, Effect>,
  { upTo, snapshotUpTo = upTo, known }: LoadOptions,
): Promise<Outcome<Loaded<State, Input, Effect>>> {
  let newest = 0;
  const snapshot = await loadNewestSnapshot(core, snapshots, {
    ...(timers && { timers }),
    ...(snapshotUpTo !== undefined && { atMost: Math.min(snapshotUpTo, upTo ?? snapshotUpTo) }),
    onPassedOver: (passedOver) => {
      newest = Math.max(newest, passedOver.sequence);
      report?.(passedOver);
    },
  });
  if (!snapshot.ok) return snapshot;
  // After the snapshots: whatever they are of was in the journal before.
  const info = await journal.info();
  if (!info.ok) return info;
  const { replica = new Replica(core), manifest } = snapshot.value ?? {};
  newest = Math.max(newest, replica.sequence);
  const isOther = await isOtherHistory(journal, info.value, { manifest, known });
  if (!isOther.ok) return isOther;
  if (known?.createdMs === info.value.createdMs) newest = Math.max(newest, known.lastSequence);
  const damage = damageOfStart({ replica, newest, isOther: isOther.value }, info.value);
  return succeed({ replica, damage });
}

/**
 * A good snapshot of this very stream outweighs what somebody else knew of another. A stream made anew may be a backup
 * that was put back: then it holds the entry that the snapshot is of.
 */
async function isOtherHistory(
  journal: Journal,
  { createdMs }: JournalInfo,
  { manifest, known }: { manifest: Manifest | undefined; known: LoadOptions['known'] },
): Promise<Outcome<boolean>> {
  if (manifest?.journalCreatedMs === undefined) {
    return succeed(known !== undefined && known.createdMs !== createdMs);
  }
  if (manifest.journalCreatedMs === createdMs) return succeed(false);
  const stored = await journal.entryAt(manifest.sequence);
  if (!stored.ok) return stored;
  const entry = stored.value && decodeEntry(stored.value.bytes);
  const checksum = entry?.ok === true ? entry.value.checksum : undefined;
  return succeed(checksum === undefined || checksum !== manifest.entryChecksum);
}

function damageOfStart(
  {
    replica,
    newest,
    isOther,
  }: { replica: { readonly sequence: number }; newest: number; isOther: boolean },
  { firstSequence, lastSequence }: JournalInfo,
): JournalDamage | undefined {
  const sequence = replica.sequence + 1;
  if (isOther) {
    const what = `the journal's stream was made anew (it holds entries ${firstSequence} to ${lastSequence}, others than before)`;
    return damageOf('recreated', sequence, what);
  }
  if (newest > lastSequence) {
    const what = `the journal ends at entry ${lastSequence}, but entry ${newest} was in it: it lost its end`;
    return damageOf('regressed', lastSequence + 1, what);
  }
  if (sequence >= firstSequence) return undefined;
  const what =
    `the journal begins at entry ${firstSequence} and no good snapshot reaches that far (newest: ` +
    `${replica.sequence})`;
  return damageOf('missing', sequence, what);
}

const damageOf = (kind: DamageKind, sequence: number, what: string): JournalDamage => ({
  kind,
  sequence,
  message: `${what}. Who leads makes the books anew from agents, frameworks and the settings that are kept beside them`,
});

/**
 * Applies what the journal holds beyond `replica`, up to `upTo` or its end; effects are dropped.
 * The value is the input to leave out when a step threw; the replica is spoiled then. Fails as `loadReplica` does.
 */
export async function catchUp<State, Input, Effect>(
  source: SteppingSource<State, Input, Effect>,
  replica: Replica<State, Input, Effect>,
  upTo = Number.MAX_SAFE_INTEGER,
  onApplied?: (result: Applied<Effect>) => void,
): Promise<Outcome<SkippedInput | undefined>> {
  const stop = await stepOn(source, replica, upTo, onApplied);
  if (!stop.ok) return stop;
  if (stop.value.kind === 'damaged') return fail('booksDamaged', stop.value.damage.message);
  return succeed(stop.value.kind === 'broken' ? stop.value.skip : undefined);
}

type SteppingSource<State, Input, Effect> = Pick<
  ReplicaSource<State, Input, Effect>,
  'journal' | 'timers'
>;

/** Why stepping went no further. */
type Stop =
  | { readonly kind: 'end' }
  | { readonly kind: 'broken'; readonly skip: SkippedInput }
  | { readonly kind: 'damaged'; readonly damage: JournalDamage };

const END: Outcome<Stop> = succeed({ kind: 'end' });

async function stepOn<State, Input, Effect>(
  { journal, timers = systemTimers }: SteppingSource<State, Input, Effect>,
  replica: Replica<State, Input, Effect>,
  upTo = Number.MAX_SAFE_INTEGER,
  onApplied?: (result: Applied<Effect>) => void,
): Promise<Outcome<Stop>> {
  while (replica.sequence < upTo) {
    const limit = Math.min(READ_BATCH, upTo - replica.sequence);
    const entries = await journal.read(replica.sequence + 1, limit);
    if (!entries.ok) return entries;
    const [first] = entries.value;
    if (first?.sequence !== replica.sequence + 1) {
      const stop = await examineEnd(journal, replica, first);
      if (stop !== undefined) return stop;
      continue;
    }
    const stop = await stepAll(replica, entries.value, { onApplied, timers });
    if (stop !== undefined) return stop;
  }
  return END;
}

/** The entry after the last one was not there: whether it is the end, was purged, or is missing. Undefined: it came meanwhile. */
async function examineEnd(
  journal: Journal,
  { sequence }: { readonly sequence: number },
  next: StoredEntry | undefined,
): Promise<Outcome<Stop> | undefined> {
  const info = await journal.info();
  if (!info.ok) return info;
  const { firstSequence, lastSequence } = info.value;
  if (sequence >= lastSequence) return END;
  const missing = sequence + 1;
  if (missing < firstSequence) {
    return fail('unavailable', `the journal was purged past entry ${missing} meanwhile`);
  }
  const again = await journal.entryAt(missing);
  if (!again.ok) return again;
  if (again.value !== undefined) return undefined;
  const until = (next?.sequence ?? lastSequence + 1) - 1;
  const what = `the journal has no entries ${missing} to ${until}, but others before and after them`;
  return succeed({ kind: 'damaged', damage: damageOf('missing', missing, what) });
}

/** Undefined when all were stepped that follow each other. */
async function stepAll<State, Input, Effect>(
  replica: Replica<State, Input, Effect>,
  entries: readonly StoredEntry[],
  {
    onApplied,
    timers,
  }: {
    readonly onApplied: ((result: Applied<Effect>) => void) | undefined;
    readonly timers: Timers;
  },
): Promise<Outcome<Stop> | undefined> {
  let slice = 0;
  for (const { sequence, bytes } of entries) {
    if (sequence !== replica.sequence + 1) return undefined;
    const result = replica.apply(sequence, bytes);
    if (result.kind === 'broken') return succeed(result);
    if (result.kind === 'unknownRules') return fail('internalError', result.message);
    if (result.kind === 'corrupt') {
      return succeed({ kind: 'damaged', damage: damageOf('corrupt', sequence, result.message) });
    }
    onApplied?.(result);
    slice += bytes.length;
    if (slice < BYTES_A_SLICE) continue;
    slice = 0;
    await timers.yieldToOthers();
  }
  return undefined;
}
