// Tests that a leading master leaves a node of NATS that hangs before it is taken for dead itself.
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { TEST_TIMEOUT_MS } from './cluster-fixture.ts';
import { LEADS } from './ha-fixture.ts';
import {
  longestPauseOfCalls,
  type Nats3Cluster,
  startNats3Cluster,
  wrongOnes,
} from './nats3-cluster.ts';

vi.setConfig({ testTimeout: 2 * TEST_TIMEOUT_MS, hookTimeout: TEST_TIMEOUT_MS });

let whole: Nats3Cluster;
beforeEach(async () => {
  whole = await startNats3Cluster(() => ({
    ...{ 'master-1': 'n1', 'master-2': 'n2', 'allocator-1': 'n3' },
    ...{ a1: 'n2', a2: 'n3' },
  }));
});
afterEach(() => whole?.close());

const tasks = (name: string, count: number) =>
  Array.from({ length: count }, (_, index) => whole.fixture.task(`${name}-${index}`));
const terms = () => {
  const { fixture } = whole;
  return fixture.service('master-1').count(LEADS) + fixture.service('master-2').count(LEADS);
};

test('whichever node hangs, the leading master keeps leading: if it was its own, it goes on over another one', async () => {
  const { nats, fixture, work } = whole;
  fixture.open();
  const all = [];
  let changes = 0;
  for (const node of nats.nodes) {
    await nats.untilWhole();
    const some = tasks(node.name, 15);
    all.push(...some);
    work.add(some);
    const before = fixture.service('master-1').count('"msg":"the bus is back"');
    const pause = await longestPauseOfCalls(whole, async () => {
      node.freeze();
      await work.untilEnded(some);
    });
    node.thaw();
    process.stdout.write(`${node.name} hung: no commit for ${Math.round(pause.longestMs)} ms\n`);
    expect(pause.failed).toBe(0);
    changes += fixture.service('master-1').count('"msg":"the bus is back"') - before;
  }
  // The leader is connected to one of the three.
  expect(changes).toBeGreaterThanOrEqual(1);
  expect(terms()).toBe(1);
  expect(wrongOnes(whole, all)).toEqual([]);
});
