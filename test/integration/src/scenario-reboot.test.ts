// Owns the proof that an agent outlives its host: everything that ran is gone and the next boot has another id; each task is
// told as what became of it, the agent is itself again, and new tasks run. A process that by chance has the pid and the
// start time of one before the boot is nobody's task.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { ExecutorId } from '@parley/protocol/ids';
import type { OperationInput } from '@parley/protocol/offers';
import { TaskDescription } from '@parley/protocol/tasks';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { TEST_TIMEOUT_MS, until } from './cluster-fixture.ts';
import { ScenarioCluster } from './scenario-cluster.ts';
import { ScenarioFramework } from './scenario-framework.ts';

vi.setConfig({ testTimeout: TEST_TIMEOUT_MS, hookTimeout: TEST_TIMEOUT_MS });

const EARLIER_BOOT = '00000000-0000-4000-8000-000000000000';
const EXECUTOR = fileURLToPath(new URL('./executor-process.ts', import.meta.url));
/** An executor that cannot return is not waited for. */
const AGENT_OPTIONS = ['--executor-return-timeout', '1'];
const REGISTERED = '"msg":"registered"';

const cluster = new ScenarioCluster();
const { fixture } = cluster;
const runs = path.join(fixture.directory, 'a1', 'runs');
let framework: ScenarioFramework;
let stranger: number | undefined;

beforeAll(async () => {
  await cluster.start({
    agents: ['a1'],
    masterOptions: ['--offer-timeout-ms', '600000', '--outstanding-cap', '100'],
  });
  framework = await ScenarioFramework.connect(fixture, 'alice', 'worker');
});
afterAll(async () => {
  await framework?.close();
  await fixture.service('a1').close();
  // An executor would wait for its agent to come back.
  for (const directory of runDirectories()) endGroup(leaderOf(directory));
  await cluster.close();
});

async function onAgent(cpus: number, ...operations: OperationInput[]): Promise<void> {
  const offers = await framework.offersOf('a1', cpus);
  const outcome = await framework.client.accept({
    ...{ offers, operations },
    filter: { refuseMs: 0 },
  });
  expect(outcome).toMatchObject({ ok: true, value: { rejected: [], staleOffers: [] } });
}

const executorTask = (taskId: string): TaskDescription =>
  TaskDescription.parse({
    ...{ taskId, name: 'waits', resources: { scalars: { cpus: 100, mem: 32_000 } } },
    executor: {
      executorId: 'e1',
      command: { argv: [process.execPath, EXECUTOR] },
      resources: { scalars: { cpus: 300, mem: 256_000 } },
    },
  });

/** Directory of each run of a task or an executor. */
const runDirectories = (): string[] =>
  readdirSync(runs, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'))
    .map(({ name }) => path.join(runs, name));

/** Of the process that leads the run's group. */
function leaderOf(directory: string): number {
  const [, pid] = /^pid=(\d+)$/m.exec(readFileSync(path.join(directory, 'process'), 'utf8')) ?? [];
  if (pid === undefined) throw new Error(`no process is named in ${directory}`);
  return Number(pid);
}

function endGroup(leader: number): void {
  try {
    process.kill(-leader, 'SIGKILL');
  } catch {
    // It has ended.
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** What a reboot does: nothing of the runs is left, and they were of another boot. One process is spared. */
function reboot(spared: string): number {
  let of: number | undefined;
  for (const directory of runDirectories()) {
    const leader = leaderOf(directory);
    if (path.basename(directory).includes(spared)) of = leader;
    else endGroup(leader);
    writeFileSync(path.join(directory, 'boot'), EARLIER_BOOT);
  }
  if (of === undefined) throw new Error(`no run is of ${spared}`);
  return of;
}

test('a host reboots: what ran is told as ended, the agent comes back under its id, and runs new tasks', async () => {
  const tasks = ['plain', 'spared'].map((taskId) => fixture.task(taskId, 'never'));
  const members = ['member-1', 'member-2'].map((taskId) => fixture.task(taskId, 'never'));
  await onAgent(
    4000,
    { kind: 'launch', tasks: [...tasks, executorTask('of-executor')] },
    {
      kind: 'launchGroup',
      executor: { executorId: ExecutorId.parse('pod'), kind: 'default' },
      tasks: members,
    },
  );
  const all = ['plain', 'spared', 'of-executor', 'member-1', 'member-2'];
  await framework.untilState('running', ...all);
  await until(
    () => ['plain', 'spared', 'member-1', 'member-2'].every((taskId) => fixture.runs(taskId) === 1),
    () => 'each has begun',
  );

  const agent = fixture.service('a1');
  const registrations = agent.count(REGISTERED);
  await agent.end('SIGKILL');
  stranger = reboot('spared');
  agent.start(...AGENT_OPTIONS);
  await agent.says(REGISTERED, registrations);
  await framework.untilEnded(...all);

  // Nobody saw how the commands ended; what an executor ran ends with it.
  for (const taskId of ['plain', 'spared', 'member-1', 'member-2']) {
    const cause = { kind: 'hostRebooted' };
    const ended = { state: 'failed', reason: 'exitStatusUnknown', cause, agentId: 'a1' };
    expect(framework.last(taskId), taskId).toMatchObject(ended);
  }
  expect(framework.last('of-executor')).toMatchObject({
    state: 'failed',
    reason: 'executorExited',
  });
  expect(await framework.untilEvent('executorExited', 'a1')).toMatchObject({ end: 'unknown' });
  expect(isAlive(stranger)).toBe(true);
  expect([...cluster.state.agents.rows()].map(({ agentId }) => agentId)).toEqual(['a1']);
  expect(cluster.of('agentUnreachable')).toEqual([]);
  await cluster.books(
    ({ tasks: live, executors }) => live.size === 0 && executors.size === 0,
    'nothing of before is in the books',
  );
  cluster.check();

  await onAgent(4000, {
    kind: 'launch',
    tasks: [fixture.task('after', 'after'), executorTask('of-executor-again')],
  });
  await framework.untilState('running', 'after', 'of-executor-again');
  fixture.open('after');
  await framework.untilState('finished', 'after');
  for (const taskId of [...tasks, ...members].map((task) => task.taskId)) {
    expect(fixture.runs(taskId), taskId).toBe(1);
  }
});
