// Owns the proof that agents may be killed, stopped and given up at any moment: what ran goes on or ends as it should, each
// end is told, kills arrive however late, and the framework hears of what happened to the agent.
import { AgentId, ExecutorId, TaskId } from '@parley/protocol/ids';
import type { OperationInput } from '@parley/protocol/offers';
import type { TaskDescription } from '@parley/protocol/tasks';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { TEST_TIMEOUT_MS, until } from './cluster-fixture.ts';
import { ScenarioCluster } from './scenario-cluster.ts';
import { ScenarioFramework } from './scenario-framework.ts';

vi.setConfig({ testTimeout: TEST_TIMEOUT_MS, hookTimeout: TEST_TIMEOUT_MS });

const AGENT_SILENCE_MS = 3000;
/** Of an agent that was declared gone: nobody is to start it again. */
const GONE_EXIT_CODE = 3;
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

const untilDead = (...taskIds: string[]) =>
  until(
    () => !taskIds.flatMap((taskId) => fixture.pids(taskId)).some(isAlive),
    () => `no process of ${taskIds} is left`,
  );

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
    executor: { executorId: ExecutorId.parse('pod'), kind: 'default' },
    tasks: members,
  });
  await framework.untilState('running', 'stays', 'ends', 'member-1', 'member-2');

  const agent = fixture.service('a1');
  const registrations = agent.count('"msg":"registered"');
  await agent.end('SIGKILL');
  fixture.open('ends');
  await untilDead('ends');
  agent.start();
  await agent.says('"msg":"registered"', registrations);
  await framework.untilEnded('ends');
  expect(framework.last('ends')).toMatchObject({ state: 'failed', exitCode: 7 });
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
  await untilDead('early-kill');
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
  await untilDead('graced', 'cut');
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
  await framework.untilState('running', 'waits');
  await framework.untilEvent('agentReturned', 'a2');
  expect(framework.last('waits')).toMatchObject({ reason: 'agentReturned' });
  await framework.untilState('killed', 'unwanted');
  fixture.open('waits');
  await framework.untilState('finished', 'waits');
  expect(fixture.runs('waits')).toBe(1);
});

test('events that were acknowledged are not told again to a later scheduler; others are, also after a kill -9 of the master', async () => {
  const fleeting = await ScenarioFramework.connect(fixture, 'bob', 'fleeting', {
    acknowledges: false,
  });
  const refused = await framework.offersOf('a2', CPUS_FREE);
  expect(await framework.decline(refused, 600_000)).toMatchObject({ ok: true });
  const offers = await fleeting.offersOf('a2', CPUS_FREE);
  const keeper = fixture.task('keeper', 'keeper');
  const filter = { refuseMs: 600_000 };
  const outcome = await fleeting.client.accept({ offers, launches: [keeper], filter });
  expect(outcome).toMatchObject({ ok: true, value: { launched: ['keeper'] } });
  await fleeting.untilState('running', 'keeper');
  fixture.service('a2').signal('SIGSTOP');
  const away = await fleeting.untilEvent('agentUnreachable', 'a2');
  fixture.service('a2').signal('SIGCONT');
  const back = await fleeting.untilEvent('agentReturned', 'a2');
  expect(back.eventId).toBe(away.eventId + 1);
  fleeting.client.acknowledgeEvents(away.eventId);
  await cluster.books(({ frameworkEvents }) => frameworkEvents.size === 1, 'one is acknowledged');
  await fleeting.close();

  await fixture.service('master-1').end('SIGKILL');
  cluster.startMaster();
  const next = await ScenarioFramework.connect(fixture, 'bob', 'fleeting');
  await next.untilEvent('agentReturned', 'a2');
  expect(next.events).toEqual([back]);
  await cluster.books(({ frameworkEvents }) => frameworkEvents.size === 0, 'all are acknowledged');
  await next.close();
  const last = await ScenarioFramework.connect(fixture, 'bob', 'fleeting');
  fixture.open('keeper');
  await last.untilState('finished', 'keeper');
  expect(last.events).toEqual([]);
  await last.client.teardown();
  await last.close();
});

test('what becomes of an agent that is declared gone: its tasks are gone and killed, it ends by itself and is refused', async () => {
  const agent = fixture.service('a2');
  await framework.client.revive();
  await launch('a2', fixture.task('lost-1'), fixture.task('lost-2'));
  await framework.untilState('running', 'lost-1', 'lost-2');
  await untilBegun('lost-1');
  await untilBegun('lost-2');
  const agentId = AgentId.parse('a2');
  expect(await cluster.changeAgent({ agentId, change: 'gone' })).toMatchObject({ ok: true });
  await framework.untilState('gone', 'lost-1', 'lost-2');
  expect(framework.last('lost-1')).toMatchObject({
    source: 'master',
    reason: 'agentGoneByOperator',
  });
  await framework.untilEvent('agentGone', 'a2');
  await until(
    () => !agent.isRunning,
    () => `the agent ends by itself; it said ${agent.output.slice(-2000)}`,
  );
  expect(await agent.end('SIGTERM')).toBe(GONE_EXIT_CODE);
  await untilDead('lost-1', 'lost-2');

  const refusals = agent.count('declared gone');
  agent.start();
  await agent.says('declared gone', refusals);
  await until(
    () => !agent.isRunning,
    () => 'the agent that was started again ends',
  );
  expect(await agent.end('SIGTERM')).toBe(GONE_EXIT_CODE);
  expect(cluster.state.agents.get('a2')?.state).toBe('gone');
  expect(
    await framework.client.reconcile({ tasks: [{ taskId: TaskId.parse('never'), agentId }] }),
  ).toMatchObject({
    ok: true,
    value: { statuses: [{ taskId: 'never', state: 'gone', reason: 'agentGoneByOperator' }] },
  });
});
