import { encode } from '@parley/protocol/codec';
import { expect, test } from 'vitest';
import { encodeEntry } from './journal-entry.ts';
import { MemorySnapshotStore } from './memory-snapshot-store.ts';
import { Replica } from './replica.ts';
import {
  beginSnapshot,
  loadNewestSnapshot,
  MAX_PART_BYTES,
  type SnapshotPassedOver,
  writeSnapshot,
} from './snapshots.ts';
import { type TallyInput, tallyCore } from './tally-core.ts';

const epoch = { bucketCreatedMs: 5, revision: 1 };
const core = tallyCore();

function anEntry(coreTimeMs: number, ...inputs: TallyInput[]): Uint8Array {
  const head = { rulesVersion: core.rulesVersion, epoch, nonce: 'n', coreTimeMs, wallTimeMs: 0 };
  return encodeEntry(head, inputs.map(encode));
}

function aReplica(entries: number) {
  const replica = new Replica(core);
  replica.skip({ sequence: 1, index: 7 });
  for (let sequence = 1; sequence <= entries; sequence += 1) {
    replica.apply(sequence, anEntry(sequence, { kind: 'add', key: 'a', amount: 1 }));
  }
  return replica;
}

const clock = { nowMs: () => 0, wallTimeMs: () => 0 };

test('a snapshot brings back state, sequence, core time, epoch and skip list', async () => {
  const store = new MemorySnapshotStore();
  const replica = aReplica(3);
  expect((await writeSnapshot(store, beginSnapshot(replica), clock.nowMs)).ok).toBe(true);
  const loaded = await loadNewestSnapshot(core, store);
  expect(loaded.ok && loaded.value?.replica).toMatchObject({
    state: replica.state,
    sequence: 3,
    coreTimeMs: 3,
    epoch,
    skips: [{ sequence: 1, index: 7 }],
  });
});

test('a snapshot of a state under other rules is refused with what to do, and not read as one of these', async () => {
  const store = new MemorySnapshotStore();
  await writeSnapshot(store, beginSnapshot(aReplica(3)), clock.nowMs);
  const { rulesVersion } = core;
  const next = { ...core, rulesVersion: rulesVersion + 1 };
  const upgraded = await loadNewestSnapshot(next, store);
  expect(upgraded).toMatchObject({ ok: true, value: { replica: { rulesVersion } } });
  const later = await loadNewestSnapshot({ ...next, oldestRulesVersion: rulesVersion + 1 }, store);
  expect(later).toMatchObject({
    ok: false,
    failure: { code: 'internalError', message: expect.stringContaining('run "parley init"') },
  });
  const earlier = await loadNewestSnapshot({ ...core, rulesVersion: rulesVersion - 1 }, store);
  expect(earlier).toMatchObject({
    ok: false,
    failure: { message: expect.stringContaining(`a release that knows version ${rulesVersion}`) },
  });
});

test('a state of many and of large records is cut into parts that the bus carries', async () => {
  const store = new MemorySnapshotStore();
  const replica = new Replica(core);
  const inputs = Array.from({ length: 300 }, (_, index): TallyInput => {
    return { kind: 'fill', key: `k${index}`, bytes: index === 7 ? 3_000_000 : 1000 };
  });
  replica.apply(1, anEntry(0, ...inputs));
  const written = await writeSnapshot(store, beginSnapshot(replica), clock.nowMs);
  expect(written.ok && written.value.parts).toBeGreaterThan(6);
  for (let part = 0; part < (written.ok ? written.value.parts : 0); part += 1) {
    const bytes = await store.readPart({ sequence: 1, writer: 'master-1' }, part);
    expect(bytes.ok && bytes.value?.length).toBeLessThanOrEqual(MAX_PART_BYTES);
  }
  const loaded = await loadNewestSnapshot(core, store);
  expect(loaded.ok && loaded.value?.replica.state).toEqual(replica.state);
});

const named = (sequence: number, writer = 'master-1') => ({ sequence, writer });

test('a snapshot that is half-written or damaged is passed over for an older one, and it is said which and why', async () => {
  const store = new MemorySnapshotStore();
  for (const entries of [2, 3, 4]) {
    await writeSnapshot(store, beginSnapshot(aReplica(entries)), clock.nowMs);
  }
  await store.writePart(named(6, 'master-2'), 0, new Uint8Array(10));
  store.damagePart(named(4), 0);
  const manifest = await store.readManifest(named(3));
  await store.remove(named(3));
  if (manifest.ok && manifest.value) await store.writeManifest(named(3), manifest.value.bytes);
  await store.writeManifest(named(5), encode({ version: 1, sequence: 5 }));

  const told: SnapshotPassedOver[] = [];
  const loaded = await loadNewestSnapshot(core, store, { onPassedOver: (one) => told.push(one) });
  expect(loaded.ok && loaded.value?.replica.sequence).toBe(2);
  expect(told.map(({ sequence, writer, why, count }) => [sequence, writer, why, count])).toEqual([
    [6, 'master-2', 'it was not written to its end', 1],
    [5, 'master-1', 'its manifest is damaged', 2],
    [4, 'master-1', 'its parts are not those that were written', 3],
    [3, 'master-1', 'part 0 is missing', 4],
  ]);
});

test('of two snapshots of one entry the whole one is used, whoever wrote it', async () => {
  const store = new MemorySnapshotStore();
  await writeSnapshot(store, beginSnapshot(aReplica(2)), clock.nowMs);
  await store.writePart(named(2, 'a-master'), 0, new Uint8Array(10));
  const loaded = await loadNewestSnapshot(core, store);
  expect(loaded.ok && loaded.value?.replica.sequence).toBe(2);
});

test('a snapshot whose state has another hash is passed over', async () => {
  const store = new MemorySnapshotStore();
  const source = beginSnapshot(aReplica(2));
  await writeSnapshot(store, { ...source, head: { ...source.head, hash: 'other' } }, clock.nowMs);
  const told: string[] = [];
  const choice = { onPassedOver: ({ why }: SnapshotPassedOver) => void told.push(why) };
  expect(await loadNewestSnapshot(core, store, choice)).toEqual({ ok: true, value: undefined });
  expect(told).toEqual(['its state has another hash than it says']);
});
