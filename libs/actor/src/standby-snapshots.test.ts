// Owns the proof that a standby writes the snapshots, that the leader judges them and alone removes anything, and that
// the leader writes itself when nobody else does.
import { ActorId } from '@parley/protocol/ids';
import { expect, test, vi } from 'vitest';
import { LeaderShell } from './leader-shell.ts';
import { MasterLife } from './master-life.ts';
import { MemoryJournal } from './memory-journal.ts';
import { MemorySnapshotStore } from './memory-snapshot-store.ts';
import { Replica } from './replica.ts';
import { SnapshotKeeper, type SnapshotReport } from './snapshot-keeper.ts';
import { Standby } from './standby.ts';
import { type TallyEffect, type TallyInput, type TallyState, tallyCore } from './tally-core.ts';

const core = tallyCore();
const clock = { nowMs: () => 0, wallTimeMs: () => 0 };
const epoch = { bucketCreatedMs: 1, revision: 1 };
/** Twice as many, and the leader does not wait any more. */
const limits = { everyEntries: 100, kept: 3, historyMs: 0, historyBytes: 0 };

function aLeader(journal: MemoryJournal, snapshots: MemorySnapshotStore) {
  const life = new MasterLife({ id: ActorId.parse('m1'), version: '1', rulesVersion: 3 });
  life.leaseWon(epoch);
  life.termCommitted();
  const reports: string[] = [];
  let count = 0;
  const shell: LeaderShell<TallyState, TallyInput, TallyEffect> = new LeaderShell({
    core,
    journal,
    snapshots,
    replica: new Replica(core),
    epoch,
    clock,
    makeNonce: () => `n${++count}`,
    mayAct: () => true,
    mayWrite: (sequence) => life.mayWriteSnapshot(sequence, 0),
    onEffects: (_, { sequence }) => void life.stepped(sequence, () => shell.hash()),
    onSkipped: () => undefined,
    report: ({ kind }) => void reports.push(kind),
    limits,
  });
  const write = async (entries: number) => {
    for (let index = 0; index < entries; index += 1) {
      const sequence = journal.lastSequence;
      shell.submit({ kind: 'add', key: 'a', amount: 1 });
      await vi.waitUntil(() => journal.lastSequence > sequence, { interval: 1 });
    }
  };
  const beat = () => life.beat({ sequence: shell.sequence, lagEntries: 0 }, 0);
  return { life, shell, reports, write, beat };
}

function aStandby(journal: MemoryJournal, snapshots: MemorySnapshotStore, isWrong = false) {
  const life = new MasterLife({ id: ActorId.parse('m2'), version: '1', rulesVersion: 3 });
  const reports: SnapshotReport[] = [];
  let keeper: SnapshotKeeper | undefined;
  const standby = new Standby<TallyState, TallyInput, TallyEffect>({
    core: isWrong ? { ...core, hash: (state) => `wrong ${core.hash(state)}` } : core,
    journal,
    tail: journal,
    snapshots,
    onEntry: (replica) => {
      life.stepped(replica.sequence, () => replica.hash());
      keeper?.entryApplied(replica);
    },
    onReplaced: () => {
      keeper = new SnapshotKeeper(
        {
          snapshots,
          journal,
          clock,
          tidies: false,
          mayWrite: (sequence) => life.mayWriteSnapshot(sequence, 0),
          report: (report) => {
            reports.push(report);
            if (report.kind !== 'snapshotWritten') return;
            life.snapshotWritten({
              sequence: report.manifest.sequence,
              hash: report.manifest.hash,
            });
          },
          limits,
        },
        standby.replica,
      );
    },
    onTrouble: () => undefined,
    onRecovered: () => undefined,
    onUnusable: () => undefined,
  });
  const beat = () => life.beat({ sequence: standby.replica?.sequence ?? 0, lagEntries: 0 }, 0);
  return { life, standby, reports, beat };
}

test('the standby that the leader names writes, the leader judges it and removes what is old', async () => {
  const journal = new MemoryJournal();
  const snapshots = new MemorySnapshotStore();
  const leader = aLeader(journal, snapshots);
  const other = aStandby(journal, snapshots);
  other.standby.start();
  await vi.waitUntil(() => other.standby.replica !== undefined);
  leader.life.heard(other.beat(), undefined, 0);
  other.life.heard(leader.beat(), epoch, 0);
  for (let round = 1; round <= 5; round += 1) {
    await leader.write(128);
    await vi.waitUntil(() => other.reports.length === round);
    const [advice] = leader.life.heard(other.beat(), undefined, 0);
    expect(advice).toMatchObject({ kind: 'snapshotTold', writer: 'm2', isWrong: false });
    // What is told again is known.
    expect(leader.life.heard(other.beat(), undefined, 0)).toEqual([]);
    if (advice?.kind === 'snapshotTold') leader.shell.snapshotWritten(advice.sequence);
  }
  // Every second comparison: the first that comes when one is due.
  await vi.waitUntil(async () => {
    const kept = await snapshots.list();
    return kept.ok && kept.value.length === 3;
  });
  const kept = await snapshots.list();
  expect(kept.ok && kept.value.map(({ sequence }) => sequence)).toEqual([640, 512, 384]);
  expect(other.reports.map(({ kind }) => kind)).toEqual(Array(5).fill('snapshotWritten'));
  await vi.waitUntil(() => leader.reports.includes('journalPurged'));
  expect(leader.reports).not.toContain('snapshotWritten');
  await other.standby.close();
});

test('a snapshot of a state that the leader did not have is told apart', async () => {
  const journal = new MemoryJournal();
  const snapshots = new MemorySnapshotStore();
  const leader = aLeader(journal, snapshots);
  const other = aStandby(journal, snapshots, true);
  other.standby.start();
  await vi.waitUntil(() => other.standby.replica !== undefined);
  leader.life.heard(other.beat(), undefined, 0);
  other.life.heard(leader.beat(), epoch, 0);
  await leader.write(128);
  await vi.waitUntil(() => other.reports.length === 1);
  const [advice] = leader.life.heard(other.beat(), undefined, 0);
  expect(advice).toMatchObject({ kind: 'snapshotTold', sequence: 128, isWrong: true });
  await other.standby.close();
});

test('a leader that is alone, or whose standby does not write, writes itself', async () => {
  const journal = new MemoryJournal();
  const snapshots = new MemorySnapshotStore();
  const leader = aLeader(journal, snapshots);
  await leader.write(110);
  await vi.waitUntil(() => leader.reports.includes('snapshotWritten'));
  const other = aStandby(journal, snapshots);
  leader.life.heard(other.beat(), undefined, 0);
  await leader.write(150);
  expect(leader.reports.filter((kind) => kind === 'snapshotWritten')).toHaveLength(1);
  await leader.write(100);
  await vi.waitUntil(
    () => leader.reports.filter((kind) => kind === 'snapshotWritten').length === 2,
  );
});
