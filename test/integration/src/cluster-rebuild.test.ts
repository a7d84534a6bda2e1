// Owns the proof that a cluster whose books are lost makes them anew while its tasks go on: streams that are deleted under
// load. The rarer ways to lose them are in cluster-rebuild.long.test.ts.
import { settingsBucketName } from '@parley/protocol/streams';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import {
  type ClusterFixture,
  type CommandTask,
  cluster,
  TEST_TIMEOUT_MS,
  until,
} from './cluster-fixture.ts';
import { ClusterTerminal } from './cluster-terminal.ts';
import { HaCluster, LEADS } from './ha-fixture.ts';
import {
  expectSettings,
  LOST,
  makeSettingsAnew,
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

test('what operators had set is deleted, then journal and snapshots, under load: tasks go on, each runs once, and what operators had set is there', async () => {
  const { fixture, framework } = ha;
  await setUp(ha.fixture);
  const running = ha.tasks('first', 6);
  framework.add(running);
  await framework.untilRunning(6);
  await untilKept(ha.fixture);
  // What is kept is lost first, while its leader has nothing to write: it is kept again, whole.
  await makeSettingsAnew(ha.fixture);
  await untilKept(ha.fixture);
  const processes = await processesOf(fixture, running);
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

test('journal, snapshots and what is kept beside them are deleted together: what operators had set is there, since masters held it in memory', async () => {
  const { fixture, framework } = ha;
  await setUp(ha.fixture);
  const running = ha.tasks('first', 3);
  framework.add(running);
  await framework.untilRunning(3);
  const processes = await processesOf(fixture, running);
  await makeStreamsAnew(ha.fixture, `KV_${settingsBucketName(cluster)}`);
  await untilMastersSay(ha.fixture, 'as this master held it in memory');
  await untilMastersSay(ha.fixture, NEW);
  await expectSettings(ha.fixture);
  // And kept again, for masters that hold nothing in memory.
  await untilKept(ha.fixture);
  fixture.open('first');
  await ha.expectEachOnce(running);
  expect(running.flatMap(({ taskId }) => fixture.pids(taskId))).toEqual(processes);
});

/** A task is told to run a moment before its first words are in its file: that is waited for. */
async function processesOf(
  fixture: ClusterFixture,
  tasks: readonly CommandTask[],
): Promise<number[]> {
  const begun = (): number[] => tasks.flatMap(({ taskId }) => fixture.pids(taskId));
  await until(
    () => begun().length >= tasks.length,
    () => `each of ${tasks.length} tasks leaves a trace; ${begun().length} have`,
  );
  return begun();
}
