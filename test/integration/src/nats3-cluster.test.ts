// Tests a whole cluster of ours on three nodes of NATS while the node that leads the journal is lost with its disk. What
// takes longer is in nats3-cluster.long.test.ts.
import { execFile } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { alice, TEST_TIMEOUT_MS } from './cluster-fixture.ts';
import {
  longestPauseOfCalls,
  type Nats3Cluster,
  startNats3Cluster,
  wrongOnes,
} from './nats3-cluster.ts';

vi.setConfig({ testTimeout: TEST_TIMEOUT_MS, hookTimeout: TEST_TIMEOUT_MS });

const clone = fileURLToPath(new URL('../../..', import.meta.url));
const WORD_COUNT = path.join(clone, 'services/framework-mapreduce/src/main.ts');

let whole: Nats3Cluster;
/** Of both masters. */
let mastersNode: string | undefined;
beforeAll(async () => {
  whole = await startNats3Cluster(async (nats) => {
    const [node] = await nats.othersThanLeaderOf();
    mastersNode = node?.name;
    return mastersNode === undefined ? {} : { 'master-1': mastersNode, 'master-2': mastersNode };
  });
});
afterAll(() => whole?.close());

test('a second job of a principal, whose stream holds the updates of the first, begins like the first', async () => {
  const { fixture } = whole;
  const credential = fixture.credential('principal', alice);
  const input = path.join(clone, 'infra/docs/decisions');
  for (const id of ['first', 'second']) {
    const words = ['--creds', credential, '--input', input, '--framework-id', id, '--json'];
    const { stdout } = await promisify(execFile)(process.execPath, [WORD_COUNT, ...words], {
      timeout: 60_000,
    });
    expect(stdout).toContain('"event":"done"');
  }
});

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
  // The journal's leader may have moved there meanwhile: a master whose own node ends may be followed.
  if (node.name === mastersNode) {
    process.stdout.write("the masters' own node was killed: nothing is said of their terms\n");
    return;
  }
  // The lease outlasts an election of the journal's.
  const terms = (id: 'master-1' | 'master-2'): number =>
    fixture.service(id).count('"msg":"term begins"');
  expect([terms('master-1'), terms('master-2')]).toEqual([1, 0]);
});
