// Tests a whole cluster of ours on three nodes of NATS: a node that does not lead is lost with its disk, one hangs, and one is
// cut off from the others with the leading master on it.
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { TEST_TIMEOUT_MS, until } from './cluster-fixture.ts';
import {
  longestPauseOfCalls,
  type Nats3Cluster,
  startNats3Cluster,
  wrongOnes,
} from './nats3-cluster.ts';

vi.setConfig({ testTimeout: TEST_TIMEOUT_MS, hookTimeout: TEST_TIMEOUT_MS });

let whole: Nats3Cluster;
beforeEach(async () => {
  // Who is to be cut off from whom must be known.
  whole = await startNats3Cluster(() => ({
    'master-1': 'n1',
    'master-2': 'n2',
    'allocator-1': 'n3',
    a1: 'n2',
    a2: 'n3',
  }));
});
afterEach(() => whole?.close());

const tasks = (gate: string, count: number) =>
  Array.from({ length: count }, (_, index) => whole.fixture.task(`${gate}-${index}`, gate));

test('a node that does not lead the journal is killed and its disk wiped: nothing runs twice, and it gets all back', async () => {
  const { nats, fixture, work } = whole;
  await nats.untilWhole();
  const leader = await nats.leaderOf();
  const node = nats.nodes.find((one) => one !== leader && one.name !== 'n1') ?? leader;
  const all = tasks('gate', 30);
  fixture.open();
  work.add(all);
  const pause = await longestPauseOfCalls(whole, () => node.kill());
  process.stdout.write(`no commit for ${Math.round(pause.longestMs)} ms\n`);
  expect(pause.failed).toBe(0);
  node.wipe();
  await node.start();
  await nats.untilWhole();
  await work.untilEnded(all);
  expect(wrongOnes(whole, all)).toEqual([]);
  expect(fixture.service('master-1').count('"msg":"term begins"')).toBe(1);
});

test('the node that leads the journal hangs: another takes the journal over, no call fails, every task runs once', async () => {
  const { nats, fixture, work } = whole;
  await nats.untilWhole();
  const node = await nats.leaderOf();
  const all = tasks('gate', 30);
  fixture.open();
  work.add(all);
  const pause = await longestPauseOfCalls(whole, () => node.freeze());
  process.stdout.write(`no commit for ${Math.round(pause.longestMs)} ms\n`);
  expect(pause.failed).toBe(0);
  node.thaw();
  await work.untilEnded(all);
  await nats.untilWhole();
  expect(wrongOnes(whole, all)).toEqual([]);
});

test('a node is cut off with the leading master on it: another master goes on, the first has no effect, nothing is lost', async () => {
  const { nats, fixture, work } = whole;
  await nats.untilWhole();
  const held = tasks('held', 8);
  work.add(held);
  await work.untilRunning(held.length);
  const passing = tasks('passing', 20);
  fixture.open('passing');
  work.add(passing);
  nats.separate(['n1']);
  await until(
    () => fixture.service('master-2').count('"msg":"term begins"') === 1,
    () => `master-2 leads; it said ${fixture.service('master-2').output.slice(-2000)}`,
  );
  const said = fixture.service('master-1').count('"msg":"term begins"');
  await nats.reunite();
  await work.untilEnded(passing);
  fixture.open('held');
  await work.untilEnded(held);
  expect(wrongOnes(whole, [...held, ...passing])).toEqual([]);
  expect(fixture.service('master-1').count('"msg":"term begins"')).toBe(said);
});
