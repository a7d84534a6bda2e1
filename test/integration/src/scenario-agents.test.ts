// Owns the proof that agents may be killed, stopped and given up at any moment: what ran goes on or ends as it should, each
// end is told, kills arrive however late, and the framework hears of what happened to the agent.
import type { OperationInput } from '@parley/protocol/offers';
import type { TaskDescription } from '@parley/protocol/tasks';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { TEST_TIMEOUT_MS, until } from './cluster-fixture.ts';
import { ScenarioCluster } from './scenario-cluster.ts';
import { ScenarioFramework } from './scenario-framework.ts';

vi.setConfig({ testTimeout: TEST_TIMEOUT_MS, hookTimeout: TEST_TIMEOUT_MS });

const AGENT_SILENCE_MS = 3000;
/** Milli-cpus, enough for what a test launches at a time: five of the fixture's tasks. */
const CPUS_FREE = 2000;

const cluster = new ScenarioCluster();
const { fixture } = cluster;
let framework: ScenarioFramework;

beforeAll(async () => {
  await cluster.start({
    agents: ['a1', 'a2'],
    masterOptions: [
      ...['--agent-silence-ms', String(AGENT_SILENCE_MS), '--offer-timeout-ms', '600000'],
      ...['--outstanding-cap', '100'],
    ],
  });
  framework = await ScenarioFramework.connect(fixture, 'alice', 'worker');
});
afterEach(() => cluster.check());
afterAll(async () => {
  await framework?.close();
  await cluster.close();
});

/** Carries these operations out on what is free of the agent; all that is left is offered again. */
async function onAgent(agentId: string, ...operations: OperationInput[]): Promise<void> {
  const offers = await framework.offersOf(agentId, CPUS_FREE);
  const filter = { refuseMs: 0 };
  const outcome = await framework.client.accept({ offers, operations, filter });
  expect(outcome).toMatchObject({ ok: true, value: { rejected: [], staleOffers: [] } });
}

const launch = (agentId: string, ...tasks: TaskDescription[]): Promise<void> =>
  onAgent(agentId, { kind: 'launch', tasks });

const isAlive = (pid: number | undefined): boolean => {
  try {
    return pid !== undefined && process.kill(pid, 0);
  } catch {
    return false;
  }
};

const status = (taskId: string) => ({
  ok: true,
  value: { status: expect.objectContaining({ taskId }) },
});

/** Waits until the process of the task has begun. */
const untilBegun = (taskId: string) =>
  until(
    () => fixture.runs(taskId) > 0,
    () => `${taskId} begins`,
  );

test('tasks and groups outlive a kill -9 of their agent, and what ended meanwhile is told with its exit code', async () => {
  const stays = fixture.task('stays', 'stays');
  const ends = fixture.scriptTask('ends', `${fixture.waitAt('ends')}; exit 7`);
  const members = ['member-1', 'member-2'].map((taskId) => fixture.task(taskId, 'group'));
  await launch('a1', stays, ends);
  await onAgent('a1', {
    kind: 'launchGroup',
    executor: { executorId: 'pod' as never, kind: 'default' },
    tasks: members,
  });
  await framework.untilState('running', 'stays', 'ends', 'member-1', 'member-2');
  const [pid] = fixture.pids('ends');

  const agent = fixture.service('a1');
  const registrations = agent.count('"msg":"registered"');
  await agent.end('SIGKILL');
  fixture.open('ends');
  await until(
    () => !isAlive(pid),
    () => 'the task ends without its agent',
  );
  agent.start();
  await agent.says('"msg":"registered"', registrations);
  await framework.untilEnded('ends');
  expect(framework.last('ends')).toMatchObject({ state: 'failed', exitCode: 7 });
  const { ok, ...rest } = await framework.client.reconcile({ tasks: [] });
  expect({ ok, ...rest }).toMatchObject({ ok: true });
  for (const taskId of ['stays', 'member-1', 'member-2']) {
    expect(framework.last(taskId)?.state, taskId).toBe('running');
    expect(fixture.pids(taskId).map(isAlive), taskId).toEqual([true]);
  }
  for (const gate of ['stays', 'group']) fixture.open(gate);
  await framework.untilState('finished', 'stays', 'member-1', 'member-2');
  for (const taskId of ['stays', 'ends', 'member-1', 'member-2'])
    expect(fixture.runs(taskId), taskId).toBe(1);
});

test('a kill that comes before the agent confirmed the launch ends the task, and the late launch does not revive it', async () => {
  const agent = fixture.service('a1');
  const task = fixture.task('early-kill');
  agent.signal('SIGSTOP');
  await launch('a1', task);
  expect(await framework.client.kill({ taskId: task.taskId })).toMatchObject(status('early-kill'));
  expect(framework.states('early-kill')).toEqual([]);
  agent.signal('SIGCONT');
  await framework.untilEnded('early-kill');
  expect(framework.last('early-kill')).toMatchObject({ state: 'killed' });
  await cluster.books(
    ({ tasks, orders }) => tasks.size + orders.size === 0,
    'neither task nor order is left',
  );
  expect(fixture.pids('early-kill').map(isAlive)).not.toContain(true);
  expect(fixture.runs('early-kill')).toBeLessThanOrEqual(1);
});

test('a task that ignores SIGTERM is killed after its grace, and a second kill shortens it', async () => {
  const stubborn = `trap '' TERM; ${fixture.waitAt('gate')}`;
  await launch('a1', fixture.scriptTask('graced', stubborn), fixture.scriptTask('cut', stubborn));
  await framework.untilState('running', 'graced', 'cut');
  await untilBegun('graced');
  await untilBegun('cut');
  const killedMs = performance.now();
  const graceMs = 1500;
  const graced = framework.client.kill({ taskId: fixture.task('graced').taskId, graceMs });
  expect(await graced).toMatchObject(status('graced'));
  const { taskId } = fixture.task('cut');
  expect(await framework.client.kill({ taskId, graceMs: 600_000 })).toMatchObject(status('cut'));
  await framework.untilState('killed', 'graced');
  expect(performance.now() - killedMs).toBeGreaterThanOrEqual(graceMs);
  expect(framework.last('graced')).toMatchObject({ reason: 'killedByFramework' });
  expect(fixture.pids('cut').map(isAlive)).toEqual([true]);

  const againMs = performance.now();
  expect(await framework.client.kill({ taskId, graceMs: 200 })).toMatchObject(status('cut'));
  await framework.untilState('killed', 'cut');
  expect(performance.now() - againMs).toBeGreaterThanOrEqual(200);
  expect(fixture.pids('cut').map(isAlive)).toEqual([false]);
});

test('a kill of a task that nobody knows is answered so', async () => {
  const { taskId } = fixture.task('nobody');
  expect(await framework.client.kill({ taskId })).toMatchObject({
    ok: true,
    value: { status: { taskId, state: 'unknown' } },
  });
});

test('tasks of an agent that is silent are unreachable and run again when it returns; one that was killed meanwhile ends', async () => {
  const agent = fixture.service('a2');
  await launch('a2', fixture.task('waits', 'waits'), fixture.task('unwanted', 'waits'));
  await framework.untilState('running', 'waits', 'unwanted');
  agent.signal('SIGSTOP');
  await framework.untilState('unreachable', 'waits', 'unwanted');
  await framework.untilEvent('agentUnreachable', 'a2');
  expect(framework.last('waits')).toMatchObject({ source: 'master', reason: 'agentUnreachable' });
  const { taskId } = fixture.task('unwanted');
  expect(await framework.client.kill({ taskId })).toMatchObject({
    ok: true,
    value: { status: { taskId, state: 'unreachable', agentId: 'a2' } },
  });
  expect(framework.states('unwanted').at(-1)).toBe('unreachable');

  agent.signal('SIGCONT');
  await until(
    () => framework.last('waits')?.state === 'running',
    () =>
      JSON.stringify([
        ...cluster.state.tasks.rows(),
        ...cluster.state.unwritten.rows(),
        cluster.happened.slice(-20),
        framework.events,
      ]) +
      fixture.service('a2').output.slice(-3000) +
      fixture.service('master-1').output.slice(-3000),
  );
  await framework.untilEvent('agentReturned', 'a2');
  expect(framework.last('waits')).toMatchObject({ reason: 'agentReturned' });
  await framework.untilState('killed', 'unwanted');
  fixture.open('waits');
  await framework.untilState('finished', 'waits');
  expect(fixture.runs('waits')).toBe(1);
});
