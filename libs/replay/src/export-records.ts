// Owns what goes into an exported replay: the nearest snapshot before its first entry, the snapshots after it (so that the
// file can be verified), and the entries as they stand in the journal.
import { READ_BATCH } from '@parley/actor/load-replica';
import type { SnapshotName, SnapshotStore } from '@parley/actor/snapshot-store';
import { faultOfSnapshot } from '@parley/actor/snapshots';
import { type Outcome, succeed } from '@parley/protocol/errors';
import type { ClusterName } from '@parley/protocol/ids';
import { EXPORT_VERSION, type ExportRecord } from './export-format.ts';
import type { ReplaySource } from './replay-source.ts';

export type ExportRange = {
  readonly cluster: ClusterName;
  readonly fromSequence: number;
  readonly toSequence: number;
  readonly exportedMs: number;
};

export type Exported = {
  readonly firstSequence: number;
  readonly lastSequence: number;
  readonly snapshots: number;
};

/** Each record in order, to `write`. Fails as the source or `write` does, and with `unavailable` where entries are gone meanwhile. */
export async function exportRecords(
  source: ReplaySource,
  range: ExportRange,
  write: (record: Exclude<ExportRecord, { kind: 'end' }>) => Promise<void>,
): Promise<Outcome<Exported>> {
  const info = await source.journal.info();
  if (!info.ok) return info;
  const chosen = await snapshotsOf(source, range);
  if (!chosen.ok) return chosen;
  const { base, snapshots } = chosen.value;
  const firstSequence = base + 1;
  await write({
    kind: 'header',
    version: EXPORT_VERSION,
    cluster: range.cluster,
    rulesVersion: source.core.rulesVersion,
    exportedMs: range.exportedMs,
    journalCreatedMs: info.value.createdMs,
    firstSequence,
    lastSequence: range.toSequence,
  });
  for (const name of snapshots) {
    const written = await writeSnapshotRecords(source.snapshots, name, write);
    if (!written.ok) return written;
  }
  const written = await writeEntries(
    source,
    { firstSequence, lastSequence: range.toSequence },
    write,
  );
  if (!written.ok) return written;
  return succeed({ firstSequence, lastSequence: range.toSequence, snapshots: snapshots.length });
}

/** The nearest good one before the range, and one of each entry within it; without the former, all from the empty state on. */
async function snapshotsOf(
  source: ReplaySource,
  { fromSequence, toSequence }: ExportRange,
): Promise<Outcome<{ base: number; snapshots: SnapshotName[] }>> {
  const listed = await source.snapshots.list();
  if (!listed.ok) return listed;
  const snapshots: SnapshotName[] = [];
  for (const name of listed.value) {
    const { sequence } = name;
    if (sequence > toSequence || snapshots[0]?.sequence === sequence) continue;
    const fault = await faultOfSnapshot(source.snapshots, name);
    if (!fault.ok) return fault;
    if (fault.value !== undefined) continue;
    snapshots.unshift(name);
    if (sequence < fromSequence) return succeed({ base: sequence, snapshots });
  }
  return succeed({ base: 0, snapshots });
}

type Write = Parameters<typeof exportRecords>[2];

async function writeSnapshotRecords(
  store: SnapshotStore,
  name: SnapshotName,
  write: Write,
): Promise<Outcome<undefined>> {
  const { sequence } = name;
  for (let part = 0; ; part += 1) {
    const bytes = await store.readPart(name, part);
    if (!bytes.ok) return bytes;
    if (bytes.value === undefined) break;
    await write({ kind: 'part', sequence, part, bytes: bytes.value });
  }
  const manifest = await store.readManifest(name);
  if (!manifest.ok) return manifest;
  if (manifest.value !== undefined)
    await write({ kind: 'manifest', sequence, bytes: manifest.value.bytes });
  return succeed(undefined);
}

async function writeEntries(
  { journal }: ReplaySource,
  { firstSequence, lastSequence }: Omit<Exported, 'snapshots'>,
  write: Write,
): Promise<Outcome<undefined>> {
  for (let next = firstSequence; next <= lastSequence; ) {
    const limit = Math.min(READ_BATCH, lastSequence - next + 1);
    const entries = await journal.read(next, limit);
    if (!entries.ok) return entries;
    for (const { sequence, storedMs, bytes } of entries.value) {
      if (sequence !== next) return gone(next);
      await write({ kind: 'entry', sequence, storedMs, bytes });
      next += 1;
    }
    if (entries.value.length === 0) return gone(next);
  }
  return succeed(undefined);
}

const gone = (sequence: number): Outcome<undefined> => ({
  ok: false,
  failure: {
    code: 'unavailable',
    message: `the journal was purged past entry ${sequence} meanwhile`,
  },
});
