import { ActorId } from '@parley/protocol/ids';
import { expect, test, vi } from 'vitest';
import { JournaledLeader } from './journaled-leader.ts';
import { type LifeAdvice, MasterLife } from './master-life.ts';
import { MemoryJournal } from './memory-journal.ts';
import { MemorySnapshotStore } from './memory-snapshot-store.ts';
import { Replica } from './replica.ts';
import { beginSnapshot, writeSnapshot } from './snapshots.ts';
import { Standby } from './standby.ts';
import { type TallyEffect, type TallyInput, type TallyState, tallyCore } from './tally-core.ts';

const core = tallyCore();
const epoch = { bucketCreatedMs: 1, revision: 1 };
/** Entries after which states are compared. */
const MARK = 64;

function aLeader(journal: MemoryJournal) {
  let count = 0;
  const leader = new JournaledLeader({
    replica: new Replica(core),
    epoch,
    makeNonce: () => `n${++count}`,
  });
  const life = new MasterLife({ id: ActorId.parse('m1'), version: '1', rulesVersion: 3 });
  life.leaseWon(epoch);
  life.termCommitted();
  const write = (entries: number, input: TallyInput = { kind: 'add', key: 'a', amount: 1 }) => {
    for (let index = 0; index < entries; index += 1) {
      leader.submit(input);
      const request = leader.nextAppend({ nowMs: 0, wallTimeMs: 0 });
      if (request === undefined) throw new Error('nothing to append');
      journal.appendNow(request);
      leader.committed(journal.lastSequence);
      life.stepped(journal.lastSequence, () => leader.replica.hash());
    }
  };
  const beat = () => life.beat({ sequence: leader.replica.sequence, lagEntries: 0 }, 0);
  return { leader, write, beat };
}

/** A standby whose core counts wrong while `isWrong` says so. */
function aStandby(journal: MemoryJournal, snapshots: MemorySnapshotStore, isWrong: () => boolean) {
  const life = new MasterLife({ id: ActorId.parse('m2'), version: '1', rulesVersion: 3 });
  const advice: LifeAdvice[] = [];
  const unusable: string[] = [];
  const follow = (more: readonly LifeAdvice[]) => {
    for (const one of more) {
      advice.push(one);
      if (one.kind === 'rebuild') void standby.rebuild(one.notAfter);
    }
  };
  const standby = new Standby<TallyState, TallyInput, TallyEffect>({
    core: {
      ...core,
      step: (state, context, input) =>
        core.step(
          state,
          context,
          input.kind === 'add' && isWrong() ? { ...input, amount: input.amount + 1 } : input,
        ),
    },
    journal,
    tail: journal,
    snapshots,
    onEntry: (replica) => follow(life.stepped(replica.sequence, () => replica.hash())),
    onReplaced: () => life.replaced(),
    onTrouble: () => undefined,
    onRecovered: () => undefined,
    onUnusable: (message) => void unusable.push(message),
  });
  const heard = (beat: Parameters<MasterLife['heard']>[0]) => follow(life.heard(beat, epoch, 0));
  return { standby, advice, heard, unusable };
}

const settled = (standby: Standby<TallyState, TallyInput, TallyEffect>, journal: MemoryJournal) =>
  vi.waitUntil(() => standby.replica?.sequence === journal.lastSequence);

test('a standby that counted wrong finds out, and has the leader state after it is made anew', async () => {
  const journal = new MemoryJournal();
  const snapshots = new MemorySnapshotStore();
  const { leader, write, beat } = aLeader(journal);
  let isWrong = false;
  const { standby, advice, heard } = aStandby(journal, snapshots, () => isWrong);
  standby.start();
  await settled(standby, journal);
  write(MARK);
  await settled(standby, journal);
  heard(beat());
  await writeSnapshot(snapshots, beginSnapshot(leader.replica), () => 0);
  isWrong = true;
  write(MARK);
  await settled(standby, journal);
  expect(standby.replica?.hash()).not.toBe(leader.replica.hash());
  isWrong = false;
  heard(beat());
  await vi.waitUntil(() => standby.replica?.hash() === leader.replica.hash());
  const wanted = { kind: 'rebuild', sequence: 2 * MARK, notAfter: MARK };
  expect(advice).toEqual([{ ...wanted, differences: 1, isFit: true }]);
  write(MARK);
  await settled(standby, journal);
  heard(beat());
  expect(advice).toHaveLength(1);
  await standby.close();
});

test('a standby that counts wrong again is found out again', async () => {
  const journal = new MemoryJournal();
  const { write, beat } = aLeader(journal);
  const { standby, advice, heard } = aStandby(journal, new MemorySnapshotStore(), () => true);
  standby.start();
  await settled(standby, journal);
  for (let round = 0; round < 2; round += 1) {
    write(MARK);
    await settled(standby, journal);
    heard(beat());
    await settled(standby, journal);
  }
  expect(advice.map((one) => one.kind === 'rebuild' && one.isFit)).toEqual([true, false]);
  await standby.close();
});

test('what a standby holds is led with: the first append fits behind the last one of the leader', async () => {
  const journal = new MemoryJournal();
  const { write } = aLeader(journal);
  const { standby } = aStandby(journal, new MemorySnapshotStore(), () => false);
  standby.start();
  write(10);
  await settled(standby, journal);
  const replica = await standby.takeOver();
  expect(replica?.sequence).toBe(10);
  if (replica === undefined) return;
  const next = new JournaledLeader({
    replica,
    epoch: { ...epoch, revision: 2 },
    makeNonce: () => 'next',
  });
  next.submit({ kind: 'add', key: 'a', amount: 1 });
  const request = next.nextAppend({ nowMs: 0, wallTimeMs: 0 });
  expect(request && journal.appendNow(request)).toEqual({ kind: 'committed', sequence: 11 });
});

test('a standby that takes over while it still reads waits for that, and reads nothing twice', async () => {
  const journal = new MemoryJournal();
  const { write } = aLeader(journal);
  write(10);
  const { standby } = aStandby(journal, new MemorySnapshotStore(), () => false);
  standby.start();
  expect((await standby.takeOver())?.sequence).toBe(10);
});

test('a journal that this release cannot step is told once, with what to do', async () => {
  const journal = new MemoryJournal();
  const later = new JournaledLeader({
    replica: new Replica(tallyCore(9)),
    epoch,
    makeNonce: () => 'n',
  });
  later.submit({ kind: 'add', key: 'a', amount: 1 });
  const request = later.nextAppend({ nowMs: 0, wallTimeMs: 0 });
  if (request) journal.appendNow(request);
  const { standby, unusable } = aStandby(journal, new MemorySnapshotStore(), () => false);
  standby.start();
  expect(await standby.takeOver()).toBeUndefined();
  expect(unusable).toEqual([expect.stringContaining('knows version 9')]);
});

test('a standby of a damaged journal waits, loudly, and is led with by nobody until the books are made anew', async () => {
  const journal = new MemoryJournal();
  const snapshots = new MemorySnapshotStore();
  aLeader(journal).write(5);
  journal.replace(3, (bytes) =>
    bytes.map((byte, at) => (at === bytes.length - 1 ? byte ^ 1 : byte)),
  );
  const codes: string[] = [];
  const unusable: string[] = [];
  const standby = new Standby<TallyState, TallyInput, TallyEffect>({
    core,
    journal,
    snapshots,
    tail: journal,
    onReplaced: () => undefined,
    onTrouble: ({ code }) => void codes.push(code),
    onRecovered: () => undefined,
    onUnusable: (message) => void unusable.push(message),
  });
  standby.start();
  await vi.waitUntil(() => codes.length > 0);
  expect([codes, unusable]).toEqual([['booksDamaged'], []]);
  const anew = Replica.anew(core, 5, 0);
  await writeSnapshot(snapshots, beginSnapshot(anew, 1), () => 0);
  await vi.waitUntil(() => standby.replica !== undefined);
  const taken = await standby.takeOver();
  expect([taken?.sequence, taken?.state.totals.size]).toEqual([5, 0]);
});
