// Tests a whole cluster of ours on three nodes of NATS while the node that leads the journal is lost with its disk. What
// takes longer is in nats3-cluster.long.test.ts.
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { TEST_TIMEOUT_MS } from './cluster-fixture.ts';
import {
  longestPauseOfCalls,
  type Nats3Cluster,
  startNats3Cluster,
  wrongOnes,
} from './nats3-cluster.ts';

vi.setConfig({ testTimeout: TEST_TIMEOUT_MS, hookTimeout: TEST_TIMEOUT_MS });

let whole: Nats3Cluster;
beforeAll(async () => {
  whole = await startNats3Cluster();
});
afterAll(() => whole?.close());

test('the node that leads the journal is killed and its disk wiped: the leader stays, no call fails, every task runs once', async () => {
  const { nats, fixture, work } = whole;
  await nats.untilWhole();
  const held = Array.from({ length: 8 }, (_, index) => fixture.task(`held-${index}`, 'held'));
  const passing = Array.from({ length: 30 }, (_, index) => fixture.task(`passing-${index}`));
  fixture.open();
  work.add(held);
  await work.untilRunning(held.length);
  work.add(passing);
  const node = await nats.leaderOf();
  const pause = await longestPauseOfCalls(whole, () => node.kill());
  process.stdout.write(`no commit for ${Math.round(pause.longestMs)} ms\n`);
  expect(pause.failed).toBe(0);
  await work.untilEnded(passing);
  node.wipe();
  await node.start();
  await nats.untilWhole();
  fixture.open('held');
  await work.untilEnded(held);
  expect(wrongOnes(whole, [...held, ...passing])).toEqual([]);
  // The lease outlasts an election of the journal's.
  expect(fixture.service('master-1').count('"msg":"term begins"')).toBe(1);
  expect(fixture.service('master-2').count('"msg":"term begins"')).toBe(0);
});
