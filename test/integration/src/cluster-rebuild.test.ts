// Owns the proof that a cluster whose books are lost makes them anew while its tasks go on: streams that are deleted
// under load, an entry that is damaged in the middle.
import { NatsJournal } from '@parley/actor/nats/nats-journal';
import { encode } from '@parley/protocol/codec';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { succeeded } from './actor-fixture.ts';
import { cluster, TEST_TIMEOUT_MS, until } from './cluster-fixture.ts';
import { ClusterTerminal } from './cluster-terminal.ts';
import { HaCluster, LEADS } from './ha-fixture.ts';
import {
  expectSettings,
  LOST,
  makeStreamsAnew,
  mastersSay,
  NEW,
  setUp,
  untilKept,
  untilMastersSay,
} from './rebuild-fixture.ts';

vi.setConfig({ testTimeout: TEST_TIMEOUT_MS, hookTimeout: TEST_TIMEOUT_MS });

let ha: HaCluster;

beforeEach(async () => {
  ha = await new HaCluster().start();
});
afterEach(() => ha.close());

test('journal and snapshots are deleted under load: tasks go on, each runs once, and what operators had set is there', async () => {
  const { fixture, framework } = ha;
  await setUp(ha.fixture);
  const running = ha.tasks('first', 6);
  framework.add(running);
  await framework.untilRunning(6);
  await untilKept(ha.fixture);
  const processes = running.flatMap(({ taskId }) => fixture.pids(taskId));
  await makeStreamsAnew(ha.fixture);
  await untilMastersSay(ha.fixture, NEW);
  const later = ha.tasks('later', 20);
  fixture.open('later');
  framework.add(later);
  await ha.untilSomeEnded(later, 4);
  // They are the same processes as before.
  expect(running.flatMap(({ taskId }) => fixture.pids(taskId))).toEqual(processes);
  fixture.open('first');
  await ha.expectEachOnce([...running, ...later]);
  await expectSettings(ha.fixture);
  expect(fixture.service('a1').output).not.toContain('unknownToMaster');
  const status = await new ClusterTerminal(fixture).type('status');
  expect(status.stdout).toMatch(/the books were lost \(recreated\).*6 tasks.* 1 agents taken over/);
  // Whoever leads next goes on with the new books.
  const [first, second] = [fixture.service('master-1'), fixture.service('master-2')];
  const terms = mastersSay(ha.fixture, LEADS);
  const lost = mastersSay(ha.fixture, LOST);
  await (first.count(NEW) > 0 ? first : second).end('SIGKILL');
  await until(
    () => mastersSay(ha.fixture, LEADS) > terms,
    () => 'another leads',
  );
  const last = ha.tasks('later', 26).slice(20);
  framework.add(last);
  await ha.expectEachOnce(last);
  expect(mastersSay(ha.fixture, LOST)).toBe(lost);
});

test('an entry is damaged in the middle: the books are made anew, and nothing that runs is lost', async () => {
  const { fixture, framework } = ha;
  await setUp(ha.fixture);
  const running = ha.tasks('first', 5);
  framework.add(running);
  await framework.untilRunning(5);
  await untilKept(ha.fixture);
  const masters = [fixture.service('master-1'), fixture.service('master-2')];
  for (const master of masters) await master.end('SIGKILL');
  const journal = new NatsJournal(await fixture.connect('master', 'master-1', 'books'), cluster);
  const { lastSequence } = succeeded(await journal.info());
  const bytes = encode('not what was written');
  await journal.append({ expectedSequence: lastSequence, nonce: 'n', bytes });
  await journal.append({ expectedSequence: lastSequence + 1, nonce: 'n', bytes });
  for (const master of masters) master.start();
  await untilMastersSay(ha.fixture, `entry ${lastSequence + 1} of the journal is damaged`);
  await untilMastersSay(ha.fixture, NEW);
  fixture.open('first');
  await ha.expectEachOnce(running);
  await expectSettings(ha.fixture);
  const { firstSequence } = succeeded(await journal.info());
  expect(firstSequence).toBeGreaterThan(lastSequence + 2);
});
