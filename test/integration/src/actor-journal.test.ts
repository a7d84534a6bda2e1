// Owns the proof that leaders and followers keep their promises on a real JetStream.
import type { Follower } from '@parley/actor/follower';
import { type LeaderReport, LeaderShell } from '@parley/actor/leader-shell';
import { loadReplica } from '@parley/actor/load-replica';
import { openNatsFollower } from '@parley/actor/nats/nats-follower';
import { NatsJournal } from '@parley/actor/nats/nats-journal';
import { NatsSnapshotStore } from '@parley/actor/nats/nats-snapshot-store';
import { randomNonce, systemClock } from '@parley/actor/nats/system-clock';
import {
  type TallyEffect,
  type TallyInput,
  type TallyState,
  tallyCore,
} from '@parley/actor/tally-core';
import { afterEach, describe, expect, test, vi } from 'vitest';
import {
  type ActorFixture,
  cluster,
  startRuntime,
  succeeded,
  TEST_TIMEOUT_MS,
  until,
} from './actor-fixture.ts';
import { TIERS } from './bus-fixture.ts';

vi.setConfig({ testTimeout: TEST_TIMEOUT_MS, hookTimeout: TEST_TIMEOUT_MS });

const core = tallyCore();
const add = (key: string, amount = 1): TallyInput => ({ kind: 'add', key, amount });

async function lead(
  runtime: ActorFixture,
  id: 'master-1' | 'master-2',
  revision: number,
  limits: { everyBytes?: number; historyMs?: number } = {},
) {
  const connection = await runtime.connect('master', id, 'books');
  const journal = new NatsJournal(connection, cluster);
  const snapshots = new NatsSnapshotStore(connection, cluster, id);
  const effects: TallyEffect[] = [];
  const reports: LeaderReport[] = [];
  const shell = new LeaderShell({
    core,
    journal,
    snapshots,
    replica: succeeded(
      await loadReplica({ core, journal, snapshots, report: (one) => void reports.push(one) }),
    ),
    epoch: { bucketCreatedMs: 1, revision },
    clock: systemClock,
    makeNonce: randomNonce,
    mayAct: () => true,
    onEffects: (more) => void effects.push(...more),
    onSkipped: () => undefined,
    report: (report) => void reports.push(report),
    limits,
  });
  return { shell, effects, reports, journal, snapshots, connection };
}

async function follow(runtime: ActorFixture) {
  const followed: string[] = [];
  const follower: Follower<TallyState, TallyInput, TallyEffect> = succeeded(
    await openNatsFollower({
      connection: await runtime.connect('operator', 'olga', 'books'),
      cluster,
      core,
      onEffect: ({ sequence, index, effect }) =>
        void followed.push(`${sequence}.${index} ${effect.key}=${effect.total}`),
      onReset: () => void followed.push('reset'),
      onTrouble: () => undefined,
      onRecovered: () => undefined,
    }),
  );
  return { follower, followed };
}

describe.each(TIERS)('on a server of the %s tier', (tier) => {
  let runtime: ActorFixture | undefined;
  afterEach(async () => {
    await runtime?.close();
    runtime = undefined;
  });

  test('of two leaders on one journal the deposed one is refused and stops without effect', async () => {
    runtime = await startRuntime(tier);
    const old = await lead(runtime, 'master-1', 1);
    old.shell.submit(add('old'));
    await until(() => old.shell.sequence === 1);
    const successor = await lead(runtime, 'master-2', 2);
    successor.shell.submit(add('new'));
    await until(() => successor.shell.sequence === 2);
    const before = old.effects.length;

    old.shell.submit(add('old'));
    expect(await old.shell.ended).toEqual({ reason: 'deposed' });
    expect(old.effects.length).toBe(before);
    expect(old.shell.submit(add('old')).ok).toBe(false);

    successor.shell.submit(add('new'));
    await until(() => successor.shell.sequence === 3);
    expect(successor.shell.state.totals).toEqual(
      new Map([
        ['old', 1],
        ['new', 2],
      ]),
    );
    await successor.shell.stop();
  });

  test('a candidate that was late catches up and leads on', async () => {
    runtime = await startRuntime(tier);
    const candidate = await lead(runtime, 'master-2', 2);
    const old = await lead(runtime, 'master-1', 1);
    old.shell.submit(add('old'));
    await until(() => old.shell.sequence === 1);
    candidate.shell.submit(add('new'));
    await until(() => candidate.shell.sequence === 2);
    expect(candidate.shell.state.totals).toEqual(
      new Map([
        ['old', 1],
        ['new', 1],
      ]),
    );
    await candidate.shell.stop();
  });

  test('inputs that wait while the server is dead are journalled once when it is back', async () => {
    runtime = await startRuntime(tier);
    const { shell, effects, reports } = await lead(runtime, 'master-1', 1);
    const { follower, followed } = await follow(runtime);
    shell.submit(add('a'));
    await until(() => shell.sequence === 1);
    process.kill(runtime.server.pid, 'SIGKILL');
    for (let count = 0; count < 50; count += 1) shell.submit(add('a'));
    await until(() => reports.some(({ kind }) => kind === 'journalTrouble'));
    await runtime.server.stop();
    await runtime.start();
    await until(() => shell.pending === 0 && shell.state.totals.get('a') === 51);
    expect(effects.filter(({ key }) => key === 'a').map(({ total }) => total)).toEqual(
      Array.from({ length: 51 }, (_, index) => index + 1),
    );
    expect(reports.at(-1)).toEqual({ kind: 'journalRecovered' });

    // The follower was cut off as well.
    await until(() => follower.state.totals.get('a') === 51);
    expect(followed.filter((line) => line.includes('a='))).toHaveLength(51);
    await follower.close();
    await shell.stop();
  });

  test('a leader that was stopped leaves a snapshot, from which the next one goes on', async () => {
    runtime = await startRuntime(tier);
    const first = await lead(runtime, 'master-1', 1);
    for (let index = 0; index < 3; index += 1) {
      first.shell.submit({ kind: 'fill', key: `text-${index}`, bytes: 700_000 });
    }
    first.shell.submit(add('a', 5));
    expect(await first.shell.stop()).toEqual({ reason: 'stopped' });
    const { sequence } = first.shell;
    expect(succeeded(await first.snapshots.list())).toEqual([{ sequence, writer: 'master-1' }]);

    succeeded(await first.journal.purgeBelow(sequence + 1));
    expect(succeeded(await first.journal.info())).toMatchObject({
      firstSequence: sequence + 1,
      lastSequence: sequence,
    });
    const second = await lead(runtime, 'master-2', 2);
    expect(second.shell.state).toEqual(first.shell.state);
    expect(first.shell.submit(add('a')).ok).toBe(false);
    second.shell.submit(add('a', 5));
    await until(() => second.shell.state.totals.get('a') === 10);
    await second.shell.stop();
  });

  test('a snapshot that is damaged in the store is passed over for the one before it, and it is said', async () => {
    runtime = await startRuntime(tier);
    const first = await lead(runtime, 'master-1', 1);
    first.shell.submit(add('a'));
    await first.shell.stop();
    const second = await lead(runtime, 'master-2', 2);
    second.shell.submit(add('a'));
    await second.shell.stop();
    const newest = { sequence: 2, writer: 'master-2' };
    expect(succeeded(await second.snapshots.list())).toEqual([
      newest,
      { sequence: 1, writer: 'master-1' },
    ]);
    succeeded(await second.snapshots.writePart(newest, 0, new Uint8Array(100)));

    const third = await lead(runtime, 'master-1', 3);
    expect(third.reports).toMatchObject([
      { kind: 'snapshotPassedOver', ...newest, why: 'its parts are not those that were written' },
    ]);
    expect(third.shell.state).toEqual(second.shell.state);
    await third.shell.stop();
  });

  test('a follower tells each effect once and in order, from where it began', async () => {
    runtime = await startRuntime(tier);
    const { shell } = await lead(runtime, 'master-1', 1);
    shell.submit(add('a'));
    await until(() => shell.sequence === 1);
    const { follower, followed } = await follow(runtime);
    expect(follower.state.totals).toEqual(new Map([['a', 1]]));
    shell.submit(add('a'));
    await until(() => shell.sequence === 2);
    shell.submit(add('b', 7));
    await until(() => follower.replica.sequence === 3);
    expect(followed).toEqual(['2.0 a=2', '2.1 entry=1', '3.0 b=7', '3.1 entry=2']);
    await follower.close();
    await shell.stop();
  });

  test('a journal of any size does not fill up while snapshots let it go', async () => {
    runtime = await startRuntime(tier);
    const { shell, reports, journal } = await lead(runtime, 'master-1', 1, {
      everyBytes: 4_000_000,
      historyMs: 3_600_000,
    });
    // Twice what the stream holds.
    for (let index = 1; index <= 280; index += 1) {
      shell.submit(add('x'.repeat(480_000)));
      await until(() => shell.sequence === index);
    }
    expect(reports.map(({ kind }) => kind)).not.toContain('journalTrouble');
    expect(succeeded(await journal.info()).firstSequence).toBeGreaterThan(100);
    await shell.stop();
  });

  test('a full journal delays inputs, is told once, and loses nothing', async () => {
    runtime = await startRuntime(tier);
    const { shell, reports, journal } = await lead(runtime, 'master-1', 1);
    // Two entries are left when the journal is purged; each is half a mebibyte, the stream holds 64 MiB.
    for (let index = 0; index < 140; index += 1) {
      shell.submit({ kind: 'fill', key: 'text', bytes: 10 });
      shell.submit(add('x'.repeat(500_000)));
    }
    await until(() => reports.some(({ kind }) => kind === 'journalTrouble'));
    const troubles = () => reports.filter(({ kind }) => kind.startsWith('journal'));
    const [trouble] = troubles();
    expect(trouble).toMatchObject({ kind: 'journalTrouble', failure: { code: 'diskFull' } });
    const operator = await runtime.connect('master', 'master-2', 'books');
    const { lastSequence } = succeeded(await journal.info());
    succeeded(await new NatsJournal(operator, cluster).purgeBelow(lastSequence));
    await until(() => [...shell.state.totals.values()][0] === 140);
    expect(troubles().map(({ kind }) => kind)).toEqual(['journalTrouble', 'journalRecovered']);
    expect([...shell.state.totals.values()]).toEqual([140]);
    await shell.stop();
  });
});
