// Owns the proof that of two masters the one that stands by takes over with what it holds, whatever happens to the one
// that leads: killed, stopped for a while, cut from the bus, told to end, told to step down.
import { setTimeout as wait } from 'node:timers/promises';
import { WATCH_TIMING } from '@parley/actor/leader-watch';
import { PrincipalName } from '@parley/protocol/ids';
import { MasterList, StepDownResult } from '@parley/protocol/leadership';
import { encodeMessage } from '@parley/protocol/message';
import type { BodyOf, SubjectEntry } from '@parley/protocol/subject-entry';
import { SUBJECTS } from '@parley/protocol/subjects';
import { afterEach, expect, test, vi } from 'vitest';
import { ask } from './cluster-caller.ts';
import { cluster, TEST_TIMEOUT_MS } from './cluster-fixture.ts';
import { CuttableWay, HaCluster, LEADS, nextLine, printTime, STANDS_BY } from './ha-fixture.ts';

vi.setConfig({ testTimeout: TEST_TIMEOUT_MS, hookTimeout: TEST_TIMEOUT_MS });

const SILENT = 'the leader is silent';
const ALARM = 'ALARM';
const SNAPSHOT = 'snapshot written';
let ha: HaCluster;
const cleanups: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function start(): Promise<HaCluster> {
  ha = new HaCluster();
  cleanups.push(() => ha.close());
  return ha.start();
}

const olga = { operator: PrincipalName.parse('olga') };

async function askLeader<Entry extends typeof SUBJECTS.masterList | typeof SUBJECTS.stepDown>(
  entry: Entry,
  body: BodyOf<Entry>,
) {
  const connection = await ha.fixture.connect('operator', 'olga');
  const { subject, bytes } = encodeMessage<SubjectEntry>(entry, cluster, olga, body);
  const answer = await ask(connection, entry, subject, bytes);
  if (!answer.ok) throw new Error(answer.failure.message);
  return answer.value;
}

test('a master that is killed again and again is followed by the one that stands by, which held the books', async () => {
  const { fixture, framework } = await start();
  const tasks = ha.tasks('gate', 80);
  fixture.open('gate');
  framework.add(tasks);
  let [leader, other] = [fixture.service('master-1'), fixture.service('master-2')];
  for (const share of [10, 30, 50]) {
    await ha.untilSomeEnded(tasks, share);
    const [leads, silent] = [other.count(LEADS), other.count(SILENT)];
    const killedMs = Date.now();
    await leader.end('SIGKILL');
    const term = await nextLine(other, LEADS, leads);
    printTime('kill -9 until the term begins', killedMs, term.timeMs);
    // It had no need to read anything, and knew by the missing signs of life, not by the lease's end.
    expect(term['wasHeld']).toBe(true);
    const suspicion = await nextLine(other, SILENT, silent);
    expect(suspicion['silentMs']).toBeLessThan(WATCH_TIMING.hungMs);
    const standing = leader.count(STANDS_BY);
    await leader.start().says(STANDS_BY, standing);
    [leader, other] = [other, leader];
  }
  await ha.expectEachOnce(tasks);
  expect([leader.count(ALARM), other.count(ALARM)]).toEqual([0, 0]);
});

test('a master that hangs is followed after some seconds; when it wakes it has no effect, says so and stands by', async () => {
  const { fixture, framework } = await start();
  const [first, second] = [fixture.service('master-1'), fixture.service('master-2')];
  const tasks = ha.tasks('gate', 100);
  fixture.open('gate');
  framework.add(tasks);
  await ha.untilSomeEnded(tasks, 10);
  const stoppedMs = Date.now();
  first.signal('SIGSTOP');
  const term = await nextLine(second, LEADS, 0);
  printTime('SIGSTOP until the term begins', stoppedMs, term.timeMs);
  expect(second.line(SILENT)['silentMs']).toBeGreaterThanOrEqual(WATCH_TIMING.hungMs);
  await ha.untilSomeEnded(tasks, 40);
  // It still believes in its lease, which it renewed moments before, and has appends and orders to send.
  const standing = first.count(STANDS_BY);
  first.signal('SIGCONT');
  await first.says('term is over');
  await first.says(STANDS_BY, standing);
  await ha.expectEachOnce(tasks);
  expect([first.count(LEADS), second.count(LEADS)]).toEqual([1, 1]);
  expect(second.count('term is over')).toBe(0);
});

test('a master that is cut from the bus is followed, and stands by when it is back', async () => {
  ha = new HaCluster();
  cleanups.push(() => ha.close());
  const { fixture } = ha;
  await fixture.startServer();
  await fixture.provision();
  const way = await new CuttableWay(fixture.server.port).open();
  cleanups.push(() => way.cut());
  const [first, second] = [fixture.service('master-1'), fixture.service('master-2')];
  await first.start('--nats', way.url).says(LEADS);
  await ha.startRest();
  const tasks = ha.tasks('gate', 70);
  fixture.open('gate');
  ha.framework.add(tasks);
  await ha.untilSomeEnded(tasks, 20);
  const cutMs = Date.now();
  await way.cut();
  const term = await nextLine(second, LEADS, 0);
  printTime('cut from the bus until the term begins', cutMs, term.timeMs);
  expect(second.line(SILENT)['silentMs']).toBeLessThan(WATCH_TIMING.hungMs);
  await ha.untilSomeEnded(tasks, 40);
  const standing = first.count(STANDS_BY);
  await way.open();
  await first.says(STANDS_BY, standing);
  await ha.expectEachOnce(tasks);
  expect([first.count(LEADS), second.count(LEADS)]).toEqual([1, 1]);
});

test('a master that is told to end hands over without a snapshot; the last one writes one', async () => {
  const { fixture, framework } = await start();
  const [first, second] = [fixture.service('master-1'), fixture.service('master-2')];
  const tasks = ha.tasks('gate', 40);
  fixture.open('gate');
  framework.add(tasks);
  await ha.untilSomeEnded(tasks, 10);
  const toldMs = Date.now();
  const ending = first.end('SIGTERM');
  const term = await nextLine(second, LEADS, 0);
  printTime('SIGTERM until the term begins', toldMs, term.timeMs);
  expect(await ending).toBe(0);
  expect(term['wasHeld']).toBe(true);
  expect([first.count(SNAPSHOT), second.count(SILENT)]).toEqual([0, 0]);
  await ha.expectEachOnce(tasks);
  expect(await second.end('SIGTERM')).toBe(0);
  expect(second.count(SNAPSHOT)).toBe(1);
});

test('an operator sees who leads and who stands by, and the leader steps down when it is told', async () => {
  const { fixture, framework } = await start();
  const [first, second] = [fixture.service('master-1'), fixture.service('master-2')];
  const tasks = ha.tasks('gate', 30);
  fixture.open('gate');
  framework.add(tasks);
  await ha.untilSomeEnded(tasks, 5);
  const before = MasterList.parse(await askLeader(SUBJECTS.masterList, {}));
  expect(before.masters.map(({ id, phase }) => [id, phase])).toEqual([
    ['master-1', 'leading'],
    ['master-2', 'following'],
  ]);
  const standing = first.count(STANDS_BY);
  const answer = StepDownResult.parse(await askLeader(SUBJECTS.stepDown, before));
  expect(answer).toEqual({ id: 'master-1', epoch: before.epoch });
  const term = await nextLine(second, LEADS, 0);
  expect(term['wasHeld']).toBe(true);
  await first.says(STANDS_BY, standing);
  await ha.expectEachOnce(tasks);
  await vi.waitUntil(async () => {
    const after = MasterList.parse(await askLeader(SUBJECTS.masterList, {}));
    const [one, two] = after.masters;
    return one?.id === 'master-2' && two?.id === 'master-1' && two.books?.lagEntries === 0;
  }, TEST_TIMEOUT_MS);
  // Agents and frameworks told the new leader what they have, and nothing of it was news.
  await second.says('every agent was heard in this term');
  await second.says('every framework was heard in this term');
  const { census } = MasterList.parse(await askLeader(SUBJECTS.masterList, {}));
  expect(census).toMatchObject({
    ...{ agents: 2, agentsHeard: 2, frameworks: 1, frameworksHeard: 1 },
    ...{ unknownTasks: 0, unknownExecutors: 0, forgottenTasks: 0 },
    ...{ differingTasks: 0, differingAgents: 0, differingRoles: 0, lostCalls: 0 },
  });
  // Alone, it stays.
  expect(await first.end('SIGTERM')).toBe(0);
  await expect(askLeader(SUBJECTS.stepDown, before)).rejects.toThrow('leads no more');
  const now = MasterList.parse(await askLeader(SUBJECTS.masterList, {}));
  await expect(askLeader(SUBJECTS.stepDown, now)).rejects.toThrow('no other master stands by');
  expect(second.count('term is over')).toBe(0);
});

test('a standby whose state is not what the leader says raises an alarm, makes it anew and follows on', async () => {
  const { fixture, framework } = await start();
  const second = fixture.service('master-2');
  const { epoch, masters } = MasterList.parse(await askLeader(SUBJECTS.masterList, {}));
  const tasks = ha.tasks('gate', 60);
  fixture.open('gate');
  framework.add(tasks);
  await ha.framework.untilEnded(tasks);
  const [leader] = masters;
  if (leader === undefined) throw new Error('nobody leads');
  // The leader's own words, but for the state after an entry that both have stepped.
  const connection = await fixture.connect('master', 'master-2');
  const { silentMs: _, ...beat } = leader;
  const books = { ...beat.books, mark: { sequence: 64, hash: 'not what it is' } };
  const lie = { ...beat, books } as typeof beat;
  const { subject, bytes } = encodeMessage(SUBJECTS.masterBeat, cluster, {}, lie, { epoch });
  const standing = second.count(STANDS_BY);
  connection.publish(subject, bytes);
  const alarm = await nextLine(second, ALARM, 0);
  expect(alarm).toMatchObject({ sequence: 64, differences: 1, isFit: true, level: 'error' });
  await second.says(STANDS_BY, standing);
  const again = ha.tasks('again', 60);
  fixture.open('again');
  framework.add(again);
  await framework.untilEnded(again);
  // Compared anew since, with what the leader really says.
  await wait(2 * WATCH_TIMING.beatMs);
  expect(second.count(ALARM)).toBe(1);
  const after = MasterList.parse(await askLeader(SUBJECTS.masterList, {}));
  expect(after.masters[1]?.books).toMatchObject({ differences: 1, isFit: true });
});
