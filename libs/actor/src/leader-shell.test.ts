import { expect, test } from 'vitest';
import { type LeaderReport, LeaderShell } from './leader-shell.ts';
import { loadReplica } from './load-replica.ts';
import { type AppendFault, MemoryJournal } from './memory-journal.ts';
import { MemorySnapshotStore } from './memory-snapshot-store.ts';
import type { Skipped } from './replica.ts';
import { type TallyEffect, type TallyInput, tallyCore } from './tally-core.ts';

const core = tallyCore();
const add = (key: string, amount = 1): TallyInput => ({ kind: 'add', key, amount });
const clock = { nowMs: () => 0, wallTimeMs: () => 0 };

type Setting = {
  journal?: MemoryJournal;
  snapshots?: MemorySnapshotStore;
  revision?: number;
  mayAct?: () => boolean;
  everyEntries?: number;
};

async function lead(setting: Setting = {}) {
  const { journal = new MemoryJournal(), snapshots = new MemorySnapshotStore() } = setting;
  const { revision = 1, mayAct = () => true, everyEntries = 1_000_000 } = setting;
  const loaded = await loadReplica({ core, journal, snapshots });
  if (!loaded.ok) throw new Error(loaded.failure.message);
  const effects: TallyEffect[] = [];
  const skipped: Skipped[] = [];
  const reports: LeaderReport[] = [];
  let count = 0;
  const shell = new LeaderShell({
    core,
    journal,
    snapshots,
    replica: loaded.value,
    epoch: { bucketCreatedMs: 1, revision },
    clock,
    makeNonce: () => `${revision}-${++count}`,
    mayAct,
    onEffects: (more) => void effects.push(...more),
    onSkipped: (one) => void skipped.push(one),
    report: (report) => void reports.push(report),
    limits: { retryFirstMs: 1, retryMaxMs: 2, everyEntries },
  });
  return { shell, journal, snapshots, effects, skipped, reports };
}

const totalsOf = (effects: readonly TallyEffect[], key: string) =>
  effects.filter((effect) => effect.key === key).map(({ total }) => total);

test('effects come once and in order through lost, delayed and refused-for-space appends', async () => {
  const plan: AppendFault[] = [
    'lost',
    'diskFull',
    'delayed',
    'lostAck',
    'lost',
    'delayed',
    'lostAck',
  ];
  const journal = new MemoryJournal({ fault: () => plan.shift() ?? 'none' });
  const { shell, effects, reports } = await lead({ journal });
  for (let index = 0; index < 5; index += 1) shell.submit(add('a'));
  await shell.stop();
  expect(totalsOf(effects, 'a')).toEqual([1, 2, 3, 4, 5]);
  expect(reports.map(({ kind }) => kind).slice(0, 2)).toEqual([
    'journalTrouble',
    'journalRecovered',
  ]);
});

test('an input that makes a step throw is left out, told, and gone after a restart as well', async () => {
  const { shell, journal, snapshots, effects, skipped, reports } = await lead();
  shell.submit(add('a'));
  shell.submit({ kind: 'poison', key: 'a' });
  shell.submit(add('a'));
  shell.submit({ kind: 'poison', key: 'b' });
  await shell.stop();
  expect(totalsOf(effects, 'a')).toEqual([1, 2]);
  expect(skipped.map(({ input }) => input)).toEqual([
    { kind: 'poison', key: 'a' },
    { kind: 'poison', key: 'b' },
  ]);
  expect(reports.filter(({ kind }) => kind === 'inputSkipped')).toHaveLength(2);

  const fromSnapshot = await loadReplica({ core, journal, snapshots });
  const fromJournal = await loadReplica({ core, journal, snapshots: new MemorySnapshotStore() });
  for (const loaded of [fromSnapshot, fromJournal]) {
    expect(loaded.ok && [...loaded.value.state.totals]).toEqual([['a', 2]]);
    expect(loaded.ok && loaded.value.skips).toHaveLength(2);
  }
});

test('a full stack ends the process: the promise of the end rejects', async () => {
  const { shell } = await lead();
  shell.submit({ kind: 'recurse' });
  await expect(shell.ended).rejects.toThrow(RangeError);
});

test('a lease that is over stops the leader before it appends', async () => {
  const { shell, journal, effects } = await lead({ mayAct: () => false });
  shell.submit(add('a'));
  expect(await shell.ended).toEqual({ reason: 'leaseLost' });
  expect([journal.lastSequence, effects.length]).toEqual([0, 0]);
  expect(shell.submit(add('a'))).toMatchObject({ ok: false, failure: { code: 'unavailable' } });
});

test('an append of a deposed leader that lands late costs the new one a second try, no more', async () => {
  const journal = new MemoryJournal({
    fault: ({ nonce }) => (nonce === '1-1' ? 'delayed' : 'none'),
  });
  let acts = true;
  const old = await lead({ journal, mayAct: () => acts });
  const successor = await lead({ journal, revision: 2 });
  old.shell.submit(add('old'));
  // The lease ends while the first try is on its way.
  await new Promise((resolve) => setImmediate(resolve));
  acts = false;
  successor.shell.submit(add('new'));
  expect(await old.shell.ended).toEqual({ reason: 'leaseLost' });
  successor.shell.submit(add('new'));
  await successor.shell.stop();
  expect(old.effects).toEqual([]);
  expect(successor.shell.state.totals.get('new')).toBe(2);
});

test('a leader deposed in the middle of its term stops without effect', async () => {
  const { shell, journal, effects } = await lead();
  shell.submit(add('a'));
  await expect.poll(() => shell.sequence).toBe(1);
  const successor = await lead({ journal, revision: 2 });
  successor.shell.submit(add('b'));
  await expect.poll(() => successor.shell.sequence).toBe(2);
  const told = effects.length;
  shell.submit(add('a'));
  expect(await shell.ended).toEqual({ reason: 'deposed' });
  expect(effects.length).toBe(told);
  await successor.shell.stop();
});

test('a clean stop leaves a snapshot of the last entry, and a running leader writes them on its way', async () => {
  const { shell, snapshots, journal } = await lead({ everyEntries: 2 });
  for (let index = 1; index <= 5; index += 1) {
    shell.submit(add('a'));
    await expect.poll(() => shell.sequence).toBe(index);
  }
  await shell.stop();
  const listed = await snapshots.list();
  expect(listed.ok && listed.value[0]).toEqual({ sequence: 5, writer: 'master-1' });
  expect(listed.ok && listed.value.length).toBeGreaterThan(1);
  const next = await lead({ journal, snapshots, revision: 2 });
  expect(next.shell.state.totals.get('a')).toBe(5);
});

test('a journal without the entries that the newest snapshot needs is refused with what to do', async () => {
  const { shell, journal } = await lead();
  for (let index = 1; index <= 3; index += 1) {
    shell.submit(add('a'));
    await expect.poll(() => shell.sequence).toBe(index);
  }
  await journal.purgeBelow(3);
  const loaded = await loadReplica({ core, journal, snapshots: new MemorySnapshotStore() });
  expect(loaded).toMatchObject({ ok: false, failure: { code: 'booksDamaged' } });
  expect(loaded.ok ? '' : loaded.failure.message).toContain('makes the books anew');
  await shell.stop();
});
