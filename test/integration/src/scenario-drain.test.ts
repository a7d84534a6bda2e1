// Owns the proof that agents are taken out of service and come back over real processes, with the master killed in the
// middle of it: a drain, a maintenance window, and an agent that comes back with less.
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { AgentId, WindowId } from '@parley/protocol/ids';
import { TaskDescription } from '@parley/protocol/tasks';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { TEST_TIMEOUT_MS, until } from './cluster-fixture.ts';
import { ScenarioCluster } from './scenario-cluster.ts';
import { ScenarioFramework } from './scenario-framework.ts';

vi.setConfig({ testTimeout: TEST_TIMEOUT_MS, hookTimeout: TEST_TIMEOUT_MS });

const cluster = new ScenarioCluster();
const { fixture } = cluster;
const a1 = AgentId.parse('a1');
const a2 = AgentId.parse('a2');
const HOUR_MS = 3_600_000;
const EXECUTOR = fileURLToPath(new URL('./executor-process.ts', import.meta.url));
let framework: ScenarioFramework;

beforeAll(async () => {
  await cluster.start({
    agents: ['a1', 'a2'],
    masterOptions: ['--offer-timeout-ms', '600000', '--outstanding-cap', '100'],
  });
  framework = await ScenarioFramework.connect(fixture, 'alice', 'worker');
});
afterEach(() => cluster.check());
afterAll(async () => {
  await framework?.close();
  await cluster.close();
});

async function launch(agentId: string, ...tasks: TaskDescription[]): Promise<void> {
  const offers = await framework.offersOf(agentId, tasks.length * 400);
  const operations = [{ kind: 'launch' as const, tasks }];
  const outcome = await framework.client.accept({ offers, operations, filter: { refuseMs: 0 } });
  expect(outcome).toMatchObject({ ok: true, value: { rejected: [], staleOffers: [] } });
  await framework.untilState('running', ...tasks.map(({ taskId }) => taskId));
  for (const { taskId } of tasks) {
    await until(
      () => fixture.runs(taskId) > 0,
      () => `${taskId} begins`,
    );
  }
}

/** Asked to stop it waits until the gate is open. */
const slowToStop = (taskId: string, gate: string): TaskDescription =>
  fixture.scriptTask(
    taskId,
    `trap '${fixture.waitAt(gate)}; exit 0' TERM; ${fixture.waitAt('never')}`,
  );

const emptied = (agentId: AgentId) => () => cluster.state.agents.get(agentId)?.isEmptied === true;

test('a drain empties an agent though the master is killed in the middle of it, and it is offered again afterwards', async () => {
  await launch('a1', slowToStop('slow', 'slow'), fixture.task('quick', 'never'));
  const emptying = { graceMs: HOUR_MS, marksGone: false };
  const drained = { agentId: a1, change: 'drain', reason: 'a new disk', emptying } as const;
  expect(await cluster.changeAgent(drained)).toMatchObject({ ok: true });
  await framework.untilEnded('quick');
  await framework.untilState('killing', 'slow');
  expect(framework.last('quick')).toMatchObject({ state: 'killed', reason: 'agentDraining' });
  expect(cluster.state.agents.get(a1)?.isEmptied).toBeUndefined();

  await cluster.replaceMaster();
  expect(cluster.state.agents.get(a1)?.draining).toMatchObject({ reason: 'a new disk', emptying });
  fixture.open('slow');
  await framework.untilEnded('slow');
  expect(framework.last('slow')).toMatchObject({ state: 'killed', reason: 'agentDraining' });
  await cluster.books(emptied(a1), 'a1 is drained');
  expect(framework.offers.filter(({ agentId }) => agentId === a1)).toEqual([]);
  for (const taskId of ['slow', 'quick']) expect(fixture.runs(taskId)).toBe(1);

  await cluster.changeAgent({ agentId: a1, change: 'reactivate' });
  await launch('a1', fixture.task('again', 'again'));
  fixture.open('again');
  await framework.untilState('finished', 'again');
});

/** What the task does when it is told to end, executor-process.ts says by its name. */
const executorTask = (name: string, killGraceMs: number): TaskDescription =>
  TaskDescription.parse({
    ...{ taskId: name, name, resources: { scalars: { cpus: 100, mem: 32_000 } }, killGraceMs },
    executor: {
      executorId: 'e1',
      command: { argv: [process.execPath, EXECUTOR, path.join(fixture.directory, 'tidy')] },
      resources: { scalars: { cpus: 300, mem: 256_000 } },
    },
  });

test('a drain waits for tasks of an executor as long as their grace, over a new master and a killed agent, and then ends the executor', async () => {
  const tasks = [
    executorTask('heeds', HOUR_MS),
    executorTask('tidies', HOUR_MS),
    executorTask('ignores', 500),
  ];
  const offers = await framework.offersOf('a1', 600);
  const operations = [{ kind: 'launch' as const, tasks }];
  const outcome = await framework.client.accept({ offers, operations, filter: { refuseMs: 0 } });
  expect(outcome).toMatchObject({ ok: true, value: { rejected: [], staleOffers: [] } });
  await framework.untilState('running', 'heeds', 'tidies', 'ignores');

  // Each has the grace that it states itself.
  const emptying = { marksGone: false };
  const drained = { agentId: a1, change: 'drain', reason: 'a new fan', emptying } as const;
  expect(await cluster.changeAgent(drained)).toMatchObject({ ok: true });
  await framework.untilEnded('heeds', 'ignores');
  const why = { reason: 'agentDraining', message: 'agent a1 is drained: a new fan' };
  const killed = { state: 'killed', executorId: 'e1', ...why };
  for (const taskId of ['heeds', 'ignores']) {
    expect(framework.last(taskId), taskId).toMatchObject(killed);
  }
  await framework.untilState('killing', 'tidies');

  await cluster.replaceMaster();
  const agent = fixture.service('a1');
  const registrations = agent.count('"msg":"registered"');
  await agent.end('SIGKILL');
  await agent.start().says('"msg":"registered"', registrations);
  expect(framework.last('tidies')?.state).toBe('killing');
  expect(cluster.state.agents.get(a1)?.isEmptied).toBeUndefined();
  expect([...cluster.state.executors.rows()]).toMatchObject([{ isShuttingDown: false }]);

  fixture.open('tidy');
  await framework.untilEnded('tidies');
  expect(framework.last('tidies')).toMatchObject(killed);
  expect(await framework.untilEvent('executorExited', 'a1')).toMatchObject({ end: 'shutDown' });
  await cluster.books(emptied(a1), 'a1 is drained');
  expect(cluster.state.executors.size).toBe(0);
  await cluster.changeAgent({ agentId: a1, change: 'reactivate' });
});

test('a maintenance window asks frameworks, empties its agents and gives them back, over two new masters', async () => {
  await launch('a1', fixture.task('there', 'never'));
  const windowId = WindowId.parse('kernel');
  const startWallTimeMs = Date.now() + HOUR_MS;
  const times = { startWallTimeMs, durationMs: HOUR_MS, noticeMs: 2 * HOUR_MS };
  const window = { windowId, agents: [a1], ...times, graceMs: 1000, reason: 'a new kernel' };
  expect(await cluster.maintain({ change: 'schedule', window })).toMatchObject({ ok: true });
  const asked = await framework.untilEvent('agentInverseOffer', 'a1');
  expect(asked).toMatchObject({ windowId, startWallTimeMs, reason: 'a new kernel' });
  const answered = await framework.client.answerInverseOffer({ windowId, answer: 'accept' });
  expect(answered).toMatchObject({ ok: true });

  await cluster.replaceMaster();
  expect(framework.last('there')?.state).toBe('running');
  expect([...cluster.state.inverseOffers.rows()]).toMatchObject([{ windowId, answer: 'accept' }]);
  expect(await cluster.maintain({ change: 'start', windowId })).toMatchObject({ ok: true });
  await framework.untilEnded('there');
  expect(framework.last('there')).toMatchObject({ state: 'killed', reason: 'agentDraining' });
  await cluster.books(emptied(a1), 'a1 is empty for its maintenance');

  await cluster.replaceMaster();
  expect(await cluster.maintain({ change: 'stop', windowId })).toMatchObject({ ok: true });
  await launch('a1', fixture.task('afterwards', 'afterwards'));
  fixture.open('afterwards');
  await framework.untilState('finished', 'afterwards');
});

test('an agent that comes back with less is taken as it is: the youngest of its tasks that no longer fit are stopped', async () => {
  await launch('a2', fixture.task('elder', 'elder'));
  await launch('a2', fixture.task('younger', 'never'));
  const agent = fixture.service('a2');
  const registrations = agent.count('"msg":"registered"');
  await agent.end('SIGTERM');
  agent.start('--cpus', '0.5');
  await agent.says('"msg":"registered"', registrations);
  await framework.untilEnded('younger');
  expect(framework.last('younger')).toMatchObject({ state: 'killed', reason: 'agentDraining' });
  expect(framework.last('elder')?.state).toBe('running');
  expect(cluster.state.agents.get(a2)?.total.scalars).toMatchObject({ cpus: 500 });
  fixture.open('elder');
  await framework.untilState('finished', 'elder');
  await framework.offersOf('a2', 500);
});
