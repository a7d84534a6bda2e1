// Owns getting a replica from what is kept: the newest good snapshot and the journal's entries after it. Used at
// start, by candidates, by followers that lost track, and to get rid of a state that a throwing step has spoiled.
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import type { Core } from './core.ts';
import type { Journal, StoredEntry } from './journal.ts';
import { type ApplyResult, Replica, type SkippedInput } from './replica.ts';
import type { SnapshotStore } from './snapshot-store.ts';
import { loadNewestSnapshot } from './snapshots.ts';

export type ReplicaSource<State, Input, Effect> = {
  readonly core: Core<State, Input, Effect>;
  readonly journal: Journal;
  readonly snapshots: SnapshotStore;
};

type Applied<Effect> = Extract<ApplyResult<Effect>, { kind: 'applied' }>;

/** Entries read at a time. */
export const READ_BATCH = 256;

export type LoadOptions = {
  /** Stop after this entry instead of at the journal's end. */
  readonly upTo?: number;
  /** Beside those in the snapshot. */
  readonly skips?: readonly SkippedInput[];
  /** Newer snapshots are not trusted. */
  readonly snapshotUpTo?: number;
};

/**
 * A replica of the journal's end. An input that makes a step throw is put on the skip list and everything is read again.
 * Fails with `unavailable` (try again), or `internalError`: the journal cannot be stepped by this release, and the
 * message says what to do.
 */
export async function loadReplica<State, Input, Effect>(
  source: ReplicaSource<State, Input, Effect>,
  options: LoadOptions = {},
): Promise<Outcome<Replica<State, Input, Effect>>> {
  const skips = [...(options.skips ?? [])];
  for (;;) {
    const start = await loadStart(source, options);
    if (!start.ok) return start;
    for (const skip of skips) start.value.skip(skip);
    const caughtUp = await catchUp(source, start.value, options.upTo);
    if (!caughtUp.ok) return caughtUp;
    if (caughtUp.value === undefined) return start;
    // Terminates: each round leaves out one more of finitely many inputs.
    skips.push(caughtUp.value);
  }
}

async function loadStart<State, Input, Effect>(
  { core, journal, snapshots }: ReplicaSource<State, Input, Effect>,
  { upTo = Number.MAX_SAFE_INTEGER, snapshotUpTo = upTo }: LoadOptions,
): Promise<Outcome<Replica<State, Input, Effect>>> {
  const info = await journal.info();
  if (!info.ok) return info;
  const { firstSequence, lastSequence } = info.value;
  const snapshot = await loadNewestSnapshot(
    core,
    snapshots,
    Math.min(upTo, snapshotUpTo, lastSequence),
  );
  if (!snapshot.ok) return snapshot;
  const replica = snapshot.value ?? new Replica(core);
  if (replica.sequence + 1 < firstSequence) {
    return fail(
      'internalError',
      `the journal begins at entry ${firstSequence} and no good snapshot reaches that far (newest: ` +
        `${replica.sequence}). Restore the snapshot stream, or delete both streams and run "parley init": ` +
        'agents and frameworks then register again and the books are made anew.',
    );
  }
  return succeed(replica);
}

/**
 * Applies what the journal holds beyond `replica`, up to `upTo` or its end; effects are dropped.
 * The value is the input to leave out when a step threw; the replica is spoiled then.
 */
export async function catchUp<State, Input, Effect>(
  source: Pick<ReplicaSource<State, Input, Effect>, 'journal'>,
  replica: Replica<State, Input, Effect>,
  upTo = Number.MAX_SAFE_INTEGER,
  onApplied?: (result: Applied<Effect>) => void,
): Promise<Outcome<SkippedInput | undefined>> {
  while (replica.sequence < upTo) {
    const limit = Math.min(READ_BATCH, upTo - replica.sequence);
    const entries = await source.journal.read(replica.sequence + 1, limit);
    if (!entries.ok) return entries;
    if (entries.value.length === 0) return succeed(undefined);
    const applied = applyAll(replica, entries.value, onApplied);
    if (!applied.ok || applied.value !== undefined) return applied;
  }
  return succeed(undefined);
}

function applyAll<State, Input, Effect>(
  replica: Replica<State, Input, Effect>,
  entries: readonly StoredEntry[],
  onApplied: ((result: Applied<Effect>) => void) | undefined,
): Outcome<SkippedInput | undefined> {
  for (const { sequence, bytes } of entries) {
    if (sequence !== replica.sequence + 1) {
      const missing = replica.sequence + 1;
      return fail('unavailable', `the journal was purged past entry ${missing} meanwhile`);
    }
    const result = replica.apply(sequence, bytes);
    if (result.kind === 'broken') return succeed(result.skip);
    if (result.kind === 'unknownRules') return fail('internalError', result.message);
    onApplied?.(result);
  }
  return succeed(undefined);
}
