// Tests the verdict about a journal that does not hold what it must: it is never stepped past, and says what to do.
import { encode } from '@parley/protocol/codec';
import { expect, test } from 'vitest';
import { encodeEntry } from './journal-entry.ts';
import { loadBooks, loadReplica } from './load-replica.ts';
import { MemoryJournal } from './memory-journal.ts';
import { MemorySnapshotStore } from './memory-snapshot-store.ts';
import { Replica } from './replica.ts';
import { beginSnapshot, writeSnapshot } from './snapshots.ts';
import { tallyCore } from './tally-core.ts';

const core = tallyCore();
const epoch = { bucketCreatedMs: 5, revision: 1 };
const flip = (bytes: Uint8Array): Uint8Array =>
  bytes.map((byte, at) => (at === bytes.length - 1 ? byte ^ 1 : byte));

function entryAt(sequence: number, previous: string | undefined): Uint8Array {
  const head = { rulesVersion: core.rulesVersion, epoch, nonce: `n${sequence}`, sequence };
  const times = { coreTimeMs: sequence, wallTimeMs: 0 };
  const inputs = [encode({ kind: 'add', key: 'a', amount: 1 })];
  return encodeEntry({ ...head, ...times, ...(previous !== undefined && { previous }) }, inputs);
}

/** A journal of so many entries, with snapshots at these. */
async function written(entries: number, snapshotsAt: readonly number[] = []) {
  const journal = new MemoryJournal();
  const snapshots = new MemorySnapshotStore();
  const replica = new Replica(core);
  for (let sequence = 1; sequence <= entries; sequence += 1) {
    const bytes = entryAt(sequence, replica.entryChecksum);
    journal.appendNow({ expectedSequence: sequence - 1, nonce: 'n', bytes });
    replica.apply(sequence, bytes);
    if (snapshotsAt.includes(sequence)) {
      await writeSnapshot(snapshots, beginSnapshot(replica, 1), () => 0);
    }
  }
  return { core, journal, snapshots };
}

test('a damaged entry ends the load at the one before it, with its sequence and what to do', async () => {
  const source = await written(5, [2]);
  source.journal.replace(4, flip);
  const loaded = await loadBooks(source);
  expect(loaded).toMatchObject({
    value: { replica: { sequence: 3 }, damage: { kind: 'corrupt', sequence: 4 } },
  });
  expect(await loadReplica(source)).toMatchObject({
    failure: {
      code: 'booksDamaged',
      message: expect.stringMatching(/entry 4 of the journal is damaged.*anew/),
    },
  });
});

test('a damaged entry below the newest good snapshot hurts nobody', async () => {
  const source = await written(5, [4]);
  source.journal.replace(3, flip);
  expect(await loadBooks(source)).toMatchObject({
    value: { replica: { sequence: 5 }, damage: undefined },
  });
});

test('a damage that is not there any more at the second look is none', async () => {
  const source = await written(3);
  source.journal.replace(2, flip);
  const loading = loadBooks(source);
  await new Promise((resolve) => setTimeout(resolve, 50));
  source.journal.replace(2, flip);
  expect(await loading).toMatchObject({
    value: { replica: { sequence: 3 }, damage: undefined },
  });
});

test('a journal that begins after the newest good snapshot is missing a stretch', async () => {
  const source = await written(5, [2]);
  await source.journal.purgeBelow(5);
  expect(await loadBooks(source)).toMatchObject({
    value: { replica: { sequence: 2 }, damage: { kind: 'missing', sequence: 3 } },
  });
});

test('a gap within the journal is missing, from its first entry on', async () => {
  const source = await written(6, [2]);
  source.journal.lose(4);
  source.journal.lose(5);
  const loaded = await loadBooks(source);
  expect(loaded).toMatchObject({
    value: { replica: { sequence: 3 }, damage: { kind: 'missing', sequence: 4 } },
  });
  expect(loaded.ok && loaded.value.damage?.message).toContain('no entries 4 to 5');
});

test('a journal that lost its last entries is found by the newest snapshot, even a damaged one', async () => {
  const source = await written(6, [2, 6]);
  source.journal.regress(4);
  expect(await loadBooks(source)).toMatchObject({
    value: { replica: { sequence: 6 }, damage: { kind: 'regressed', sequence: 5 } },
  });
  source.snapshots.damagePart({ sequence: 6, writer: 'master-1' }, 0);
  expect(await loadBooks(source)).toMatchObject({
    value: { replica: { sequence: 2 }, damage: { kind: 'regressed', sequence: 5 } },
  });
});

test('a stream made anew is found by the snapshots, whatever it holds now', async () => {
  const source = await written(6, [4]);
  source.journal.recreate(0);
  expect(await loadBooks(source)).toMatchObject({
    value: { replica: { sequence: 4 }, damage: { kind: 'recreated', sequence: 5 } },
  });
  const { journal } = await written(9);
  journal.recreate(9);
  journal.replace(4, () => entryAt(4, 'another history'));
  expect(await loadBooks({ ...source, journal })).toMatchObject({
    value: { damage: { kind: 'recreated' } },
  });
});

test('a backup that was put back whole is no damage', async () => {
  const source = await written(6, [4]);
  source.journal.recreate(6);
  expect(await loadBooks(source)).toMatchObject({
    value: { replica: { sequence: 6 }, damage: undefined },
  });
});

test('what another knows of the journal is compared too: an empty one is then no new cluster', async () => {
  const source = await written(0);
  const fresh = await loadBooks(source);
  expect(fresh).toMatchObject({ value: { replica: { sequence: 0 }, damage: undefined } });
  expect(await loadBooks(source, { known: { createdMs: 1, lastSequence: 7 } })).toMatchObject({
    value: { damage: { kind: 'regressed', sequence: 1 } },
  });
  expect(await loadBooks(source, { known: { createdMs: 0, lastSequence: 7 } })).toMatchObject({
    value: { damage: { kind: 'recreated', sequence: 1 } },
  });
  const whole = await written(3);
  expect(await loadBooks(whole, { known: { createdMs: 1, lastSequence: 2 } })).toMatchObject({
    value: { replica: { sequence: 3 }, damage: undefined },
  });
});

test('a good snapshot of this very stream outweighs what a lease tells of another one', async () => {
  const source = await written(6, [4]);
  const known = { createdMs: 99, lastSequence: 500 };
  expect(await loadBooks(source, { known })).toMatchObject({
    value: { replica: { sequence: 6 }, damage: undefined },
  });
  const without = await written(6);
  expect(await loadBooks(without, { known })).toMatchObject({
    value: { damage: { kind: 'recreated' } },
  });
});
