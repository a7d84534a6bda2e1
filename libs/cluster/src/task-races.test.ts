// Tests the races about tasks: whatever comes twice, late or in another order has one outcome, and the order in the
// stream is the only order of a task's states.
import type { StatusUpdate } from '@parley/protocol/tasks';
import { beforeEach, describe, expect, test } from 'vitest';
import {
  aCluster,
  aFramework,
  anAgentId,
  answerOf,
  eventsOf,
  of,
  type ScriptedCluster,
  some,
  updatesOf,
} from './scripted-cluster.ts';
import {
  aCommandTask,
  anExecutor,
  executorExits,
  launchAnswered,
  launchOf,
  launchRaw,
  operatorCalls,
  raw,
  registers,
  taskRef,
  writtenOf,
} from './scripted-tasks.ts';

const agentId = anAgentId();
const framework = aFramework();
const t1 = taskRef(framework, 't1');
let cluster: ScriptedCluster;

beforeEach(() => {
  cluster = aCluster(some(20));
});

const running = () => {
  launchAnswered(cluster, framework, launchOf(aCommandTask('t1')), { resources: some(1) });
  cluster.update(t1, 'running');
};
const record = () => cluster.state.tasks.get('alice/f1/t1');
const state = () => cluster.taskState('t1');
const gone = () =>
  operatorCalls(cluster, { verb: 'operatorAgent', body: { agentId, change: 'gone' } });
const byAgent = (named: StatusUpdate['state'], sequence: number): StatusUpdate => ({
  task: t1,
  agentId,
  source: 'agent',
  sequence,
  state: named,
  wallTimeMs: 1,
});

describe('a finished that', () => {
  beforeEach(running);

  test('stands in the stream after gone is dropped', () => {
    const effects = gone();
    cluster.read(...updatesOf(effects), byAgent('finished', 2));
    expect(state()).toBe('gone');
  });

  test('stands in the stream before gone wins, though gone was ordered first', () => {
    const effects = gone();
    expect(record()?.orderedState).toBe('gone');
    cluster.read(byAgent('finished', 2), ...updatesOf(effects));
    expect(state()).toBe('finished');
    expect(cluster.state.unwritten.size).toBe(0);
  });
});

describe('an unreachable that', () => {
  beforeEach(running);

  test('stands in the stream after running leaves the task unreachable', () => {
    const effects = cluster.agentSilent();
    cluster.read(byAgent('running', 2), ...updatesOf(effects));
    expect(state()).toBe('unreachable');
  });

  test('stands in the stream before running leaves the task running', () => {
    const effects = cluster.agentSilent();
    cluster.read(...updatesOf(effects), byAgent('running', 2));
    expect(state()).toBe('running');
  });
});

describe('a verdict about silence', () => {
  test('that comes after its agent registered again is void', () => {
    running();
    registers(cluster, agentId, { tasks: [t1] });
    expect(cluster.agentSilent(1)).toEqual([]);
  });

  test('that comes twice is told once', () => {
    running();
    cluster.agentSilent();
    expect(cluster.agentSilent()).toEqual([]);
  });
});

test('two registrations of one agent under way leave one agent, and the first verdict about silence void', () => {
  running();
  registers(cluster, agentId, { tasks: [t1] });
  registers(cluster, agentId, { tasks: [t1] });
  expect(cluster.state.agents.get(agentId)?.registration).toBe(3);
  expect(cluster.agentSilent(2)).toEqual([]);
  expect(state()).toBe('running');
});

test('a failover deadline that comes up after the framework came back removes nothing', () => {
  cluster.subscribe(framework, { failoverTimeoutMs: 1000 });
  cluster.frameworkSilent(framework);
  cluster.subscribe(framework, { failoverTimeoutMs: 1000 });
  cluster.pass(5000);
  expect(cluster.framework(framework)?.state).toBe('subscribed');
});

test('a task for an executor that exits meanwhile is launched, and the executor with it', () => {
  const task = (id: string) => raw(id, { executor: anExecutor() });
  launchAnswered(cluster, framework, launchOf(task('t0')));
  const [run] = of(launchRaw(cluster, framework, launchOf(task('t1'))), 'order');
  executorExits(cluster, framework, { tasks: ['t0'] });
  cluster.answerOrder(run?.order.orderId ?? '');
  cluster.update(t1, 'running');
  expect(state()).toBe('running');
  expect(cluster.state.executors.size).toBe(1);
});

test('a kill that comes before the launch is confirmed ends the task, and a late launch does not revive it', () => {
  const [run] = of(launchRaw(cluster, framework, launchOf(aCommandTask('t1'))), 'order');
  cluster.frameworkCall(framework, { verb: 'killTask', body: { taskId: t1.taskId } });
  cluster.update(t1, 'killed', { reason: 'killedBeforeStart' });
  expect(cluster.state.orders.size).toBe(0);
  cluster.answerOrder(run?.order.orderId ?? '');
  expect(cluster.update(t1, 'running')).not.toContainEqual(
    expect.objectContaining({ kind: 'order' }),
  );
  expect(state()).toBe('killed');
});

test('a task that the leader ended and that its agent still names is to be killed there', () => {
  running();
  cluster.readBack(registers(cluster, agentId, {}));
  expect(state()).toBe('gone');
  cluster.update(t1, 'running');
  expect(state()).toBe('gone');
  const effects = registers(cluster, agentId, { tasks: [t1] });
  expect(answerOf(effects)).toMatchObject({ value: { unknownTasks: [t1] } });
});

test('an update of an earlier process of the agent after its new one registered counts by its number only', () => {
  running();
  registers(cluster, agentId, { tasks: [t1] });
  cluster.read(byAgent('starting', 1));
  expect(state()).toBe('running');
  cluster.read(byAgent('finished', 2));
  expect(state()).toBe('finished');
});

test('a role that is dropped while tasks hold resources in it is counted until they end', () => {
  running();
  cluster.frameworkCall(framework, { verb: 'updateFramework', body: { roles: ['other'] } });
  const usage = () => cluster.state.books.framework('alice/f1').usage;
  expect([...usage().keys()]).toEqual(['r']);
  cluster.update(t1, 'finished');
  expect([...usage().keys()]).toEqual([]);
});

test('a deactivated agent stays until the terminal updates of its tasks are read', () => {
  running();
  operatorCalls(cluster, { verb: 'operatorAgent', body: { agentId, change: 'deactivate' } });
  expect(cluster.state.books.agent(agentId).allocated.scalars['cpus']).toBe(1000);
  cluster.update(t1, 'finished');
  expect(cluster.state.books.agent(agentId).allocated.scalars).toEqual({});
});

describe('the health of a task', () => {
  beforeEach(running);

  test('is taken over from an update that changes nothing else', () => {
    const before = record();
    const effects = cluster.update(t1, 'running', { healthy: true, reason: 'healthChanged' });
    expect(eventsOf(effects)).toEqual([]);
    expect(record()).toEqual({ ...before, healthy: true, agentSequence: 2 });
    cluster.update(t1, 'running', { healthy: false });
    expect(record()?.healthy).toBe(false);
  });

  test('is not taken back by a repeated update', () => {
    cluster.update(t1, 'running', { healthy: true, sequence: 2 });
    cluster.update(t1, 'running', { healthy: false, sequence: 3 });
    cluster.update(t1, 'running', { healthy: true, sequence: 2 });
    expect(record()?.healthy).toBe(false);
  });
});

describe('an answer to an order', () => {
  test.each(['staleEpoch', 'overloaded', 'rateLimited', 'unavailable'] as const)(
    '%s says nothing about the order: it stands',
    (code) => {
      const [run] = of(launchRaw(cluster, framework, launchOf(aCommandTask('t1'))), 'order');
      const orderId = run?.order.orderId ?? '';
      const failure = { code, message: 'no' };
      const effects = cluster.enter({ kind: 'orderAnswered', agentId, orderId, failure });
      expect(writtenOf(effects)).toEqual([]);
      expect(cluster.state.orders.has(orderId)).toBe(true);
    },
  );
});
