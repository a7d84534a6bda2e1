// Tests the keeper of snapshots over a journal and a store in memory: what stays, what goes, what is said.
import { setTimeout } from 'node:timers/promises';
import { encode } from '@parley/protocol/codec';
import { expect, test, vi } from 'vitest';
import { encodeEntry } from './journal-entry.ts';
import { MemoryJournal } from './memory-journal.ts';
import { MemorySnapshotStore } from './memory-snapshot-store.ts';
import { Replica } from './replica.ts';
import {
  purgeLimits,
  SnapshotKeeper,
  type SnapshotLimits,
  type SnapshotReport,
} from './snapshot-keeper.ts';
import { type TallyEffect, type TallyInput, type TallyState, tallyCore } from './tally-core.ts';

const core = tallyCore();
const epoch = { bucketCreatedMs: 5, revision: 1 };
const named = (sequence: number, writer = 'master-1') => ({ sequence, writer });

/** A leader's journal, store and keeper; the clock of all of them is the sequence. */
class Keeping {
  readonly journal = new MemoryJournal();
  readonly store: MemorySnapshotStore;
  readonly reports: SnapshotReport[] = [];
  readonly replica = new Replica<TallyState, TallyInput, TallyEffect>(core);
  mayWrite = true;
  keeper: SnapshotKeeper;
  readonly #limits: Partial<SnapshotLimits>;

  constructor(limits: Partial<SnapshotLimits>, maxBytes?: number) {
    this.#limits = limits;
    const nowMs = () => this.replica.sequence;
    this.store = new MemorySnapshotStore({ nowMs, ...(maxBytes !== undefined && { maxBytes }) });
    this.keeper = this.makeKeeper();
  }

  makeKeeper(): SnapshotKeeper {
    const options = {
      snapshots: this.store,
      journal: this.journal,
      clock: { nowMs: () => this.replica.sequence, wallTimeMs: () => 0 },
      limits: this.#limits,
      mayWrite: () => this.mayWrite,
      report: (report: SnapshotReport) => void this.reports.push(report),
    };
    return new SnapshotKeeper(options, this.replica);
  }

  async write(...snapshotsAt: number[]): Promise<void> {
    for (const at of snapshotsAt) {
      this.enter(at);
      await this.keeper.finish(this.replica);
    }
  }

  /** Entries up to this one; the keeper does not hear of them. */
  enter(last: number): void {
    for (let sequence = this.replica.sequence + 1; sequence <= last; sequence += 1) {
      const head = { rulesVersion: core.rulesVersion, epoch, nonce: 'n', wallTimeMs: 0 };
      const input = encode({ kind: 'add', key: 'a', amount: 1 });
      const bytes = encodeEntry({ ...head, coreTimeMs: sequence }, [input]);
      this.journal.appendNow({ expectedSequence: sequence - 1, nonce: 'n', bytes });
      this.replica.apply(sequence, bytes);
    }
  }

  async kept(): Promise<number[]> {
    const names = await this.store.list();
    return names.ok ? names.value.map(({ sequence }) => sequence) : [];
  }

  async firstEntry(): Promise<number | undefined> {
    const info = await this.journal.info();
    return info.ok ? info.value.firstSequence : undefined;
  }

  told(kind: SnapshotReport['kind']): SnapshotReport[] {
    return this.reports.filter((report) => report.kind === kind);
  }
}

test('three good snapshots are kept, and the journal goes below the oldest of them', async () => {
  const keeping = new Keeping({ historyMs: 0 });
  await keeping.write(1, 2, 3, 4, 5, 6);
  expect(await keeping.kept()).toEqual([6, 5, 4]);
  expect(await keeping.firstEntry()).toBe(5);
  expect(keeping.told('snapshotFailed')).toEqual([]);
});

test('within the history one an hour stays, and the journal always begins behind one that stays', async () => {
  const keeping = new Keeping({ historyMs: 40, historyEveryMs: 10 });
  const at = Array.from({ length: 50 }, (_, index) => (index + 1) * 2);
  await keeping.write(...at);
  const kept = await keeping.kept();
  expect(kept.slice(0, 3)).toEqual([100, 98, 96]);
  expect(kept.slice(3)).toEqual([92, 82, 72, 62, 52]);
  expect(await keeping.firstEntry()).toBe(53);
});

test('what another has not finished is left alone while it is the newest, and goes once a good one is newer', async () => {
  const keeping = new Keeping({ historyMs: 0 });
  await keeping.store.writePart(named(4, 'master-2'), 0, new Uint8Array(3));
  await keeping.write(1, 2, 3);
  expect(await keeping.kept()).toEqual([4, 3, 2, 1]);
  await keeping.write(5);
  expect(await keeping.kept()).toEqual([5, 3, 2]);
  expect(keeping.told('snapshotPassedOver')).toMatchObject([
    { sequence: 4, writer: 'master-2', why: 'it was not written to its end', count: 1 },
  ]);
});

test('a snapshot that is found damaged does not count, is told once and removed', async () => {
  const keeping = new Keeping({ historyMs: 0 });
  await keeping.write(1, 2, 3, 4);
  // Another master takes over and knows of none that it is good.
  keeping.store.damagePart(named(3), 0);
  keeping.keeper = keeping.makeKeeper();
  await keeping.write(5);
  expect(await keeping.kept()).toEqual([5, 4, 2]);
  expect(keeping.told('snapshotPassedOver')).toMatchObject([{ sequence: 3, count: 1 }]);
  expect(await keeping.firstEntry()).toBe(3);
});

test('the journal is not purged behind a snapshot that does not read back', async () => {
  const keeping = new Keeping({ historyMs: 20, historyEveryMs: 10 });
  await keeping.write(10, 20, 26, 28, 30);
  keeping.store.damagePart(named(20), 0);
  keeping.keeper = keeping.makeKeeper();
  await keeping.write(45);
  // The window would let the journal go up to 25; behind 20 it may not, behind 10 it may.
  expect(await keeping.firstEntry()).toBe(11);
  expect(await keeping.kept()).toEqual([45, 30, 28, 26, 10]);
  expect(keeping.told('snapshotPassedOver')).toMatchObject([{ sequence: 20 }]);
});

test('nothing is purged before there are three good ones', async () => {
  const keeping = new Keeping({ historyMs: 0 });
  await keeping.write(5, 9);
  expect(await keeping.firstEntry()).toBe(1);
});

test('a store with little room keeps the newest ones and gives up the history', async () => {
  const part = 512 * 1024;
  const keeping = new Keeping({ historyMs: 1000, historyEveryMs: 2 }, 7 * part);
  await keeping.write(2, 4, 6, 8, 10, 12, 14, 16);
  expect(await keeping.kept()).toEqual([16, 14, 12, 10, 8]);
});

test('entries go by age, and by size when the journal is larger than its limit', async () => {
  const journal = new MemoryJournal();
  for (let sequence = 1; sequence <= 100; sequence += 1) {
    journal.appendNow({ expectedSequence: sequence - 1, nonce: 'n', bytes: new Uint8Array(10) });
  }
  const info = await journal.info();
  const limitsOf = (historyMs: number, historyBytes: number) =>
    info.ok ? purgeLimits(journal, info.value, { historyMs, historyBytes }) : undefined;
  // The memory journal stores entry n at n milliseconds.
  expect(await limitsOf(30, 1_000_000)).toMatchObject({ value: { ageLimit: 70, sizeLimit: 1 } });
  expect(await limitsOf(1000, 500)).toMatchObject({ value: { ageLimit: 1, sizeLimit: 51 } });
});

test('whoever had to step much since the newest snapshot writes one with its next entry', async () => {
  const keeping = new Keeping({ everyEntries: 1000, everyBytes: 1000 });
  keeping.enter(30);
  expect(keeping.replica.bytesSinceSnapshot).toBeGreaterThan(1000);
  // It has read all of this at its start.
  keeping.keeper = keeping.makeKeeper();
  keeping.keeper.entryApplied(keeping.replica);
  await vi.waitUntil(async () => (await keeping.kept()).length === 1);
  expect(await keeping.kept()).toEqual([30]);
  // The keeper of its next term knows of that.
  keeping.enter(31);
  keeping.keeper = keeping.makeKeeper();
  keeping.keeper.entryApplied(keeping.replica);
  await setTimeout(20);
  expect(await keeping.kept()).toEqual([30]);
});

test('a large snapshot is not written again before twice its size was journalled, nor for as many more entries', async () => {
  const limits = { everyEntries: 10, everyBytes: 100, everySizes: 2 };
  const keeping = new Keeping(limits);
  await keeping.write(1);
  keeping.enter(50);
  keeping.keeper.entryApplied(keeping.replica);
  // It may have filled a part of 512 KiB.
  await setTimeout(20);
  expect(await keeping.kept()).toEqual([1]);
});

test('a snapshot that is small beside what is journalled is written after so many entries', async () => {
  const keeping = new Keeping({ everyEntries: 10, everyBytes: 2 * 1024 ** 2, everySizes: 2 });
  await keeping.write(1);
  keeping.enter(10);
  keeping.keeper.entryApplied(keeping.replica);
  await setTimeout(20);
  expect(await keeping.kept()).toEqual([1]);
  keeping.enter(11);
  keeping.keeper.entryApplied(keeping.replica);
  await vi.waitUntil(async () => (await keeping.kept()).length === 2);
});

test('whoever begins to lead does not write what another should have written before: that may have been', async () => {
  const keeping = new Keeping({ everyEntries: 10 });
  keeping.enter(50);
  keeping.mayWrite = false;
  keeping.keeper = keeping.makeKeeper();
  keeping.enter(69);
  keeping.keeper.entryApplied(keeping.replica);
  await setTimeout(20);
  expect(await keeping.kept()).toEqual([]);
  // Nobody has written one in its own time either.
  keeping.enter(70);
  keeping.keeper.entryApplied(keeping.replica);
  await vi.waitUntil(async () => (await keeping.kept()).length === 1);
});
