// Tests that who stands by, a master or an allocator, goes on over another node of NATS when its own one is killed, and
// takes over when who leads is killed after that.
import { PrincipalName } from '@parley/protocol/ids';
import { MasterList } from '@parley/protocol/leadership';
import { encodeMessage } from '@parley/protocol/message';
import { SUBJECTS } from '@parley/protocol/subjects';
import type { NatsConnection } from 'nats';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { ask } from './cluster-caller.ts';
import { type CommandTask, cluster, TEST_TIMEOUT_MS, until } from './cluster-fixture.ts';
import { LEADS, nextLine, printTime, STANDS_BY } from './ha-fixture.ts';
import { type Nats3Cluster, startNats3Cluster, wrongOnes } from './nats3-cluster.ts';

vi.setConfig({ testTimeout: 2 * TEST_TIMEOUT_MS, hookTimeout: TEST_TIMEOUT_MS });

const AWAY = '"msg":"the bus is away"';
const BACK = '"msg":"the bus is back"';
const BEGAN = '"msg":"term began"';
const PROPOSES = 'knows what the master knows: proposes';
const ALARM = 'ALARM';
/** Who runs from the beginning to the end. */
const HELD = 6;
const PASSING = 12;

let whole: Nats3Cluster;
let operator: NatsConnection;
beforeEach(async () => {
  whole = await startNats3Cluster(() => ({
    ...{ 'master-1': 'n1', 'master-2': 'n2', 'allocator-1': 'n1' },
    ...{ a1: 'n2', a2: 'n3' },
  }));
  const { nats, fixture } = whole;
  await fixture.service('master-2').says(STANDS_BY);
  await fixture.service('allocator-1').says(PROPOSES);
  const standby = fixture.service('allocator-2').start('--nats', nats.node('n3').url);
  await standby.says('"msg":"started"');
  // That one is not killed.
  operator = await nats.connect('operator', 'olga', 'control', [nats.node('n1')]);
  await nats.untilWhole();
});
afterEach(() => whole?.close());

function add(gate: string, count: number): CommandTask[] {
  const { fixture, work } = whole;
  const tasks = Array.from({ length: count }, (_, index) => fixture.task(`${gate}-${index}`, gate));
  work.add(tasks);
  return tasks;
}

/** Tasks that are launched, run and end now. */
async function pass(name: string): Promise<CommandTask[]> {
  whole.fixture.open(name);
  const tasks = add(name, PASSING);
  await whole.work.untilEnded(tasks);
  return tasks;
}

/** Tasks that end when `finish` opens their gate. */
async function hold(): Promise<CommandTask[]> {
  const tasks = add('held', HELD);
  await whole.work.untilRunning(HELD);
  return tasks;
}

async function finish(held: readonly CommandTask[]): Promise<void> {
  whole.fixture.open('held');
  await whole.work.untilEnded(held);
}

/** Of whom the leader says what it holds of the books. */
async function booksOf(id: string) {
  const asker = { operator: PrincipalName.parse('olga') };
  const { subject, bytes } = encodeMessage(SUBJECTS.masterList, cluster, asker, {});
  const answer = await ask(operator, SUBJECTS.masterList, subject, bytes);
  if (!answer.ok) throw new Error(answer.failure.message);
  return MasterList.parse(answer.value).masters.find((one) => one.id === id)?.books;
}

/** Kills the node that serves the process, which shows by that process missing it; returns when it is on another one. */
async function killNodeOf(id: 'master-2' | 'allocator-2', name: string): Promise<void> {
  const standby = whole.fixture.service(id);
  const [away, back] = [standby.count(AWAY), standby.count(BACK)];
  await whole.nats.node(name).kill();
  await standby.says(AWAY, away);
  await standby.says(BACK, back);
}

test('the node of the standby master is killed, then the leader: the standby followed over another node and takes over with the books it held', async () => {
  const { fixture } = whole;
  const [leader, standby] = [fixture.service('master-1'), fixture.service('master-2')];
  const held = await hold();
  const before = await pass('before');
  await killNodeOf('master-2', 'n2');
  const between = await pass('between');
  const journalled = (await booksOf('master-1'))?.sequence ?? Number.NaN;
  let books: Awaited<ReturnType<typeof booksOf>>;
  await until(
    async () => {
      books = await booksOf('master-2');
      return books?.lagEntries === 0 && books.sequence >= journalled;
    },
    () => `the standby holds entry ${journalled}: ${JSON.stringify(books)}`,
  );
  expect(books).toMatchObject({ differences: 0, isFit: true });
  expect([leader.count(LEADS), standby.count(LEADS)]).toEqual([1, 0]);
  const killedMs = Date.now();
  await leader.end('SIGKILL');
  const term = await nextLine(standby, LEADS, 0);
  printTime('kill -9 until the term begins', killedMs, term.timeMs);
  expect(term['wasHeld']).toBe(true);
  expect(term['sequence']).toBeGreaterThanOrEqual(journalled);
  const after = await pass('after');
  await finish(held);
  expect(wrongOnes(whole, [...held, ...before, ...between, ...after])).toEqual([]);
  expect([leader.count(ALARM), standby.count(ALARM)]).toEqual([0, 0]);
});

test('the node of the standby allocator is killed, then the leading allocator: the standby decides, and offers go on', async () => {
  const { fixture } = whole;
  const [leader, standby] = [fixture.service('allocator-1'), fixture.service('allocator-2')];
  const held = await hold();
  const before = await pass('before');
  await killNodeOf('allocator-2', 'n3');
  const between = await pass('between');
  expect([leader.count(BEGAN), standby.count(BEGAN)]).toEqual([1, 0]);
  const killedMs = Date.now();
  await leader.end('SIGKILL');
  const able = await nextLine(standby, PROPOSES, 0);
  printTime('kill -9 until the other allocator proposes', killedMs, able.timeMs);
  const after = await pass('after');
  await finish(held);
  expect(wrongOnes(whole, [...held, ...before, ...between, ...after])).toEqual([]);
  expect(fixture.service('master-1').count(LEADS)).toBe(1);
});
