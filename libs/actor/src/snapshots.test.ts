import { encode } from '@parley/protocol/codec';
import { expect, test } from 'vitest';
import { encodeEntry } from './journal-entry.ts';
import { MemoryJournal } from './memory-journal.ts';
import { Replica } from './replica.ts';
import { purgeLimit, SnapshotKeeper, type SnapshotReport } from './snapshot-keeper.ts';
import { MemorySnapshotStore } from './snapshot-store.ts';
import { beginSnapshot, loadNewestSnapshot, MAX_PART_BYTES, writeSnapshot } from './snapshots.ts';
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
  expect(loaded.ok && loaded.value).toMatchObject({
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
  const later = await loadNewestSnapshot({ ...core, rulesVersion: rulesVersion + 1 }, store);
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
    const bytes = await store.readPart(1, part);
    expect(bytes.ok && bytes.value?.length).toBeLessThanOrEqual(MAX_PART_BYTES);
  }
  const loaded = await loadNewestSnapshot(core, store);
  expect(loaded.ok && loaded.value?.state).toEqual(replica.state);
});

test('a snapshot with a damaged part, or without a manifest, is passed over for an older one', async () => {
  const store = new MemorySnapshotStore();
  for (const entries of [2, 4]) {
    await writeSnapshot(store, beginSnapshot(aReplica(entries)), clock.nowMs);
  }
  await store.writePart(6, 0, new Uint8Array(10));
  store.damagePart(4, 0);
  const loaded = await loadNewestSnapshot(core, store);
  expect(loaded.ok && loaded.value?.sequence).toBe(2);
});

test('a snapshot whose state has another hash is passed over', async () => {
  const store = new MemorySnapshotStore();
  const source = beginSnapshot(aReplica(2));
  await writeSnapshot(store, { ...source, head: { ...source.head, hash: 'other' } }, clock.nowMs);
  expect(await loadNewestSnapshot(core, store)).toEqual({ ok: true, value: undefined });
});

test('three good snapshots are kept, and the journal goes below the oldest of them', async () => {
  const store = new MemorySnapshotStore();
  const journal = new MemoryJournal();
  const replica = new Replica(core);
  const reports: SnapshotReport[] = [];
  const limits = { everyEntries: 1, historyMs: 0 };
  const options = { snapshots: store, journal, clock, limits };
  const keeper = new SnapshotKeeper({ ...options, report: (report) => reports.push(report) }, 0);
  await store.writePart(1, 5, new Uint8Array(3));
  for (let sequence = 1; sequence <= 6; sequence += 1) {
    const bytes = anEntry(sequence, { kind: 'add', key: 'a', amount: 1 });
    journal.appendNow({ expectedSequence: sequence - 1, nonce: 'n', bytes });
    replica.apply(sequence, bytes);
    await keeper.finish(replica);
  }
  expect(await store.list()).toEqual({ ok: true, value: [6, 5, 4] });
  expect((await journal.info()).ok && (await journal.info())).toMatchObject({
    value: { firstSequence: 5, lastSequence: 6 },
  });
  expect(reports.filter(({ kind }) => kind === 'snapshotFailed')).toEqual([]);
});

test('a purge keeps what is younger than the window, unless the journal is larger than its limit', async () => {
  const journal = new MemoryJournal();
  for (let sequence = 1; sequence <= 100; sequence += 1) {
    journal.appendNow({ expectedSequence: sequence - 1, nonce: 'n', bytes: new Uint8Array(10) });
  }
  const limitOf = async (notFrom: number, historyMs: number, historyBytes: number) => {
    const limit = await purgeLimit(journal, notFrom, { historyMs, historyBytes });
    return limit.ok ? limit.value : limit.failure.code;
  };
  // The memory journal stores entry n at n milliseconds.
  expect(await limitOf(90, 30, 1_000_000)).toBe(70);
  expect(await limitOf(50, 30, 1_000_000)).toBe(50);
  expect(await limitOf(90, 1000, 1_000_000)).toBeUndefined();
  expect(await limitOf(90, 1000, 500)).toBe(51);
});
