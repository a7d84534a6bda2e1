// Owns the proof that a cluster survives the death of its master: the same one started again, and a second one that waits.
import { LEASE_TIMING } from '@parley/actor/lease';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { ClusterFixture, TEST_TIMEOUT_MS, until, type WatchedProcess } from './cluster-fixture.ts';
import { QueueFramework } from './cluster-framework.ts';

vi.setConfig({ testTimeout: TEST_TIMEOUT_MS, hookTimeout: TEST_TIMEOUT_MS });

let fixture: ClusterFixture;
let framework: QueueFramework;

beforeAll(async () => {
  fixture = new ClusterFixture();
  await fixture.start();
  framework = await new QueueFramework().connect(fixture, 'alice', 'survivor');
});
afterAll(async () => {
  await framework?.close();
  await fixture?.close();
});

const tasksAt = (gate: string, count: number) =>
  Array.from({ length: count }, (_, index) => fixture.task(`${gate}-${index}`, gate));

/** When a process last said something, by its own log. */
function saidMs(process: WatchedProcess, text: string): number {
  const line = process.output.split('\n').findLast((one) => one.includes(text)) ?? '{}';
  const { time }: { time?: string | number } = JSON.parse(line);
  return new Date(time ?? Number.NaN).getTime();
}

test('after a kill -9 the master goes on where it was: tasks run once, each end is told once', async () => {
  const early = tasksAt('early', 5);
  const late = tasksAt('late', 23);
  const all = [...early, ...late];
  framework.add(all);
  await framework.untilRunning(20);
  expect(framework.waiting).toBe(8);
  const master = fixture.service('master-1');
  await master.end('SIGKILL');

  fixture.open('early');
  await framework.untilEnded(early);
  expect(framework.inState('running')).toHaveLength(15);

  master.start();
  await framework.untilRunning(20);
  // The lease names this master still: had it waited for its end, this would have taken longer.
  const waitedMs = saidMs(master, '"msg":"term begins"') - saidMs(master, '"msg":"started"');
  expect(waitedMs).toBeLessThan(LEASE_TIMING.leaseMs);

  fixture.open('late');
  await framework.untilEnded(all);
  expect(all.map(({ taskId }) => fixture.runs(taskId))).toEqual(all.map(() => 1));
  const ends = all.map(({ taskId }) => ({ taskId, state: 'finished' }));
  expect(framework.ends).toHaveLength(all.length);
  expect(framework.ends).toEqual(expect.arrayContaining(ends));
});

test('a master that is killed again and again at any moment costs time and nothing else', async () => {
  const master = fixture.service('master-1');
  const tasks = tasksAt('late-again', 120);
  fixture.open('late-again');
  const before = framework.ends.length;
  framework.add(tasks);
  for (const share of [5, 20, 35, 50, 65]) {
    await until(
      () => framework.ends.length - before >= share,
      () => framework.said,
    );
    await master.end('SIGKILL');
    master.start();
  }
  await framework.untilEnded(tasks);
  expect(tasks.map(({ taskId }) => fixture.runs(taskId))).toEqual(tasks.map(() => 1));
  const told = framework.ends.slice(before);
  expect(told).toHaveLength(tasks.length);
  expect(told.filter(({ state }) => state !== 'finished')).toEqual([]);
});

test('a master that slept while another took over under its id does no harm when it wakes, says so and waits', async () => {
  const first = fixture.service('master-1');
  const leads = 'term begins';
  const before = first.count(leads);
  const early = tasksAt('asleep', 10);
  const late = tasksAt('awake', 60);
  framework.add(early);
  await framework.untilRunning(10);
  first.signal('SIGSTOP');
  const twin = fixture.twinOf('master-1').start();
  await twin.says(leads);
  fixture.open('asleep');
  fixture.open('awake');
  framework.add(late);
  await framework.untilEnded(early);
  first.signal('SIGCONT');
  await first.says('give each master an id of its own');
  const all = [...early, ...late];
  await framework.untilEnded(all);
  expect([first.count(leads), twin.count(leads)]).toEqual([before, 1]);
  expect(all.map(({ taskId }) => fixture.runs(taskId))).toEqual(all.map(() => 1));
  // Stopped: its lease is released, and the one that waited leads.
  expect(await twin.end('SIGTERM')).toBe(0);
  await first.says(leads, before);
});

test('a second master waits, and leads at once when the first one is stopped', async () => {
  const first = fixture.service('master-1');
  const second = fixture.service('master-2');
  second.start();
  await second.says('"msg":"started"');
  const running = tasksAt('handover', 4);
  framework.add(running);
  await framework.untilRunning(4);
  expect(second.count('term begins')).toBe(0);

  expect(await first.end('SIGTERM')).toBe(0);
  await second.says('"msg":"term begins"');
  const waitedMs = saidMs(second, '"msg":"term begins"') - saidMs(first, '"msg":"stopped"');
  expect(waitedMs).toBeLessThan(LEASE_TIMING.leaseMs);

  const later = tasksAt('handover-later', 4);
  framework.add(later);
  await framework.untilRunning(8);
  fixture.open('handover');
  fixture.open('handover-later');
  const all = [...running, ...later];
  await framework.untilEnded(all);
  expect(all.map(({ taskId }) => fixture.runs(taskId))).toEqual(all.map(() => 1));
  const told = framework.ends.filter(({ taskId }) => taskId.startsWith('handover'));
  expect(told.map(({ state }) => state)).toEqual(all.map(() => 'finished'));
});
