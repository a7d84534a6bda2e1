// Owns what a replay reads from, a cluster or a file alike, and how far back it reaches: to the first entry of the journal
// for which there is a state to begin with. It needs read access only.
import type { Journal } from '@parley/actor/journal';
import { loadReplica, type ReplicaSource } from '@parley/actor/load-replica';
import type { Replica } from '@parley/actor/replica';
import { loadNewestSnapshot } from '@parley/actor/snapshots';
import type { ClusterState } from '@parley/cluster/cluster-state';
import type { Effect } from '@parley/cluster/effects';
import type { Input } from '@parley/cluster/inputs';
import { fail, type Outcome, succeed } from '@parley/protocol/errors';

export type ReplaySource = ReplicaSource<ClusterState, Input, Effect>;
export type ClusterReplica = Replica<ClusterState, Input, Effect>;

export type StoredAt = { readonly sequence: number; readonly storedMs: number };

/** The entries that can be replayed. */
export type Kept = {
  readonly first: StoredAt;
  readonly last: StoredAt;
  /** Of the state before the first of them: 0, or that of a snapshot. */
  readonly startSequence: number;
};

/** Fails with `unknownMoment` where nothing can be replayed at all. */
export async function keptEntries(source: ReplaySource): Promise<Outcome<Kept>> {
  const info = await source.journal.info();
  if (!info.ok) return info;
  const { firstSequence, lastSequence } = info.value;
  if (lastSequence < firstSequence) return fail('unknownMoment', 'the journal holds no entry');
  const start = await startOf(source, firstSequence);
  if (!start.ok) return start;
  if (start.value >= lastSequence) {
    return fail(
      'unknownMoment',
      `no entry after the oldest good snapshot (${start.value}) is kept`,
    );
  }
  const first = await storedAt(source.journal, start.value + 1);
  if (!first.ok) return first;
  const last = await storedAt(source.journal, lastSequence);
  if (!last.ok) return last;
  return succeed({ first: first.value, last: last.value, startSequence: start.value });
}

/** The oldest state from which the journal goes on without a gap. */
async function startOf(source: ReplaySource, firstSequence: number): Promise<Outcome<number>> {
  if (firstSequence <= 1) return succeed(0);
  const listed = await source.snapshots.list();
  if (!listed.ok) return listed;
  for (const { sequence } of listed.value.toReversed()) {
    if (sequence + 1 < firstSequence) continue;
    const loaded = await snapshotAt(source, sequence);
    if (!loaded.ok) return loaded;
    if (loaded.value !== undefined) return succeed(sequence);
  }
  return fail(
    'unknownMoment',
    `the journal begins at entry ${firstSequence} and no good snapshot reaches that far: without the state before it nothing can be replayed`,
  );
}

/** Exactly the snapshot of this entry; undefined when it is damaged or incomplete. */
export async function snapshotAt(
  { core, snapshots }: ReplaySource,
  sequence: number,
): Promise<Outcome<ClusterReplica | undefined>> {
  const loaded = await loadNewestSnapshot(core, snapshots, { atMost: sequence });
  if (!loaded.ok) return loaded;
  const replica = loaded.value?.replica;
  return succeed(replica?.sequence === sequence ? replica : undefined);
}

/** The state after this entry, from the nearest snapshot. */
export function replicaAt(
  source: ReplaySource,
  sequence: number,
): Promise<Outcome<ClusterReplica>> {
  return loadReplica(source, { upTo: sequence });
}

export async function storedAt(
  journal: Pick<Journal, 'entryAt'>,
  sequence: number,
): Promise<Outcome<StoredAt>> {
  const entry = await journal.entryAt(sequence);
  if (!entry.ok) return entry;
  return entry.value === undefined
    ? fail('unavailable', `entry ${sequence} is no longer in the journal`)
    : succeed({ sequence, storedMs: entry.value.storedMs });
}
