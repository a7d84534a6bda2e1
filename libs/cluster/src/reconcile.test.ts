// Tests the answers to a reconciliation: one test a row of Mesos's table, and the pages of an implicit one.
import type { TaskStatus } from '@parley/protocol/tasks';
import { beforeEach, describe, expect, test } from 'vitest';
import { clusterCore } from './cluster-core.ts';
import {
  aCluster,
  aFramework,
  anAgentId,
  answerOf,
  type ScriptedCluster,
  some,
} from './scripted-cluster.ts';
import {
  aCommandTask,
  launchAnswered,
  launchOf,
  launchRaw,
  operatorCalls,
  raw,
  reconciled,
  registers,
  taskRef,
} from './scripted-tasks.ts';

const agentId = anAgentId();
const framework = aFramework();
let cluster: ScriptedCluster;

beforeEach(() => {
  cluster = aCluster(some(20));
});

const launch = (...ids: string[]) =>
  launchAnswered(cluster, framework, launchOf(...ids.map((id) => aCommandTask(id))));
const ask = (taskId: string, of?: string): TaskStatus | undefined =>
  reconciled(cluster, framework, {
    tasks: [{ taskId, ...(of !== undefined && { agentId: anAgentId(of) }) }],
  }).statuses[0];
const away = () => cluster.readBack(cluster.agentSilent());
const gone = () =>
  operatorCalls(cluster, { verb: 'operatorAgent', body: { agentId, change: 'gone' } });

describe('an explicit reconciliation', () => {
  test('of a known task says its state, whatever agent is named, and how healthy it is', () => {
    launch('t1');
    cluster.update(taskRef(framework, 't1'), 'running', {
      healthy: false,
      reason: 'healthChanged',
    });
    expect(ask('t1', 'other')).toEqual({
      taskId: 't1',
      agentId,
      state: 'running',
      reason: 'healthChanged',
      healthy: false,
    });
  });

  test('of a task that has ended and is remembered says how', () => {
    launch('t1');
    cluster.update(taskRef(framework, 't1'), 'failed', { reason: 'memoryLimit' });
    expect(ask('t1')).toMatchObject({ state: 'failed', reason: 'memoryLimit' });
  });

  test('of a task that was rejected says why, before the update was read back', () => {
    launchRaw(cluster, framework, launchOf(raw('t1')));
    expect(ask('t1')).toMatchObject({ state: 'error', reason: 'invalidTask' });
  });

  test('of an unknown task on a registered agent says gone', () => {
    expect(ask('t1', 'a1')).toEqual({
      taskId: 't1',
      agentId,
      state: 'gone',
      reason: 'reconciliation',
    });
  });

  test('of an unknown task on an unreachable agent says unreachable, and since when', () => {
    away();
    expect(ask('t1', 'a1')).toMatchObject({
      state: 'unreachable',
      reason: 'reconciliation',
      unreachableSinceMs: 1_700_000_000_000,
    });
    registers(cluster, agentId, {});
    expect(ask('t1', 'a1')).toMatchObject({ state: 'gone' });
  });

  test('of an unknown task on an agent that an operator gave up says gone, and by whom', () => {
    gone();
    expect(ask('t1', 'a1')).toMatchObject({ state: 'gone', reason: 'agentGoneByOperator' });
  });

  test('of an unknown task without an agent, or on one that nobody knows, says unknown', () => {
    expect(ask('t1')).toEqual({ taskId: 't1', state: 'unknown', reason: 'reconciliation' });
    expect(ask('t1', 'a9')).toMatchObject({ state: 'unknown' });
  });

  test('of a task whose agent is away says unreachable until the agent is back', () => {
    launch('t1');
    cluster.update(taskRef(framework, 't1'), 'running');
    cluster.nowMs = 500;
    away();
    expect(ask('t1')).toMatchObject({
      state: 'unreachable',
      reason: 'agentUnreachable',
      unreachableSinceMs: 1_700_000_000_500,
    });
    cluster.readBack(registers(cluster, agentId, { tasks: [taskRef(framework, 't1')] }));
    expect(ask('t1')).toMatchObject({ state: 'running' });
    expect(ask('t1')?.unreachableSinceMs).toBeUndefined();
  });

  test('knows nothing of the tasks of another framework', () => {
    launch('t1');
    const other = aFramework('f2');
    cluster.subscribe(other);
    const { statuses } = reconciled(cluster, other, { tasks: [{ taskId: 't1' }] });
    expect(statuses).toMatchObject([{ state: 'unknown' }]);
    expect(reconciled(cluster, other).statuses).toEqual([]);
  });

  test('cuts long messages, so that an answer about many tasks can be carried', () => {
    launch('t1');
    cluster.update(taskRef(framework, 't1'), 'failed', { message: 'x'.repeat(4096) });
    expect(ask('t1')?.message).toHaveLength(200);
  });
});

describe('an implicit reconciliation', () => {
  test('names every live task, unreachable ones too, and no ended one', () => {
    launch('t1', 't2', 't3');
    cluster.update(taskRef(framework, 't2'), 'finished');
    away();
    const { statuses, next } = reconciled(cluster, framework);
    expect(statuses.map(({ taskId, state }) => [taskId, state])).toEqual([
      ['t1', 'unreachable'],
      ['t3', 'unreachable'],
    ]);
    expect(next).toBeUndefined();
  });

  test('comes in pages of at most 512, in an order that stays while tasks come and go', () => {
    cluster.register(agentId, some(2000));
    const ids = Array.from({ length: 1100 }, (_, index) => `t${1000 + ((index * 7) % 1100)}`);
    for (const part of [ids.slice(0, 600), ids.slice(600)]) {
      const tasks = part.map((id) => aCommandTask(id));
      launchRaw(cluster, framework, launchOf(...tasks), { resources: some(600) });
    }
    const seen: string[] = [];
    let after: string | undefined;
    do {
      const page = reconciled(cluster, framework, after === undefined ? {} : { after });
      expect(page.statuses.length).toBeLessThanOrEqual(512);
      seen.push(...page.statuses.map(({ taskId }) => taskId));
      after = page.next;
      if (after !== undefined) cluster.update(taskRef(framework, after), 'finished');
    } while (after !== undefined);
    expect(seen).toEqual([...ids].sort());
  });
});

test('a reconciliation says up to where the stream was read', () => {
  expect(reconciled(cluster, framework).position).toEqual({ streamCreatedMs: 0, sequence: 0 });
  launch('t1');
  cluster.update(taskRef(framework, 't1'), 'running');
  cluster.update(taskRef(framework, 't1'), 'killing');
  expect(reconciled(cluster, framework).position).toEqual({ streamCreatedMs: 7, sequence: 2 });
});

test('a repeated reconciliation is answered with what is true then', () => {
  launch('t1');
  const session = cluster.framework(framework)?.session;
  const caller = { kind: 'framework', ...framework } as const;
  const call = { verb: 'reconcile', body: {} } as const;
  const input = cluster.callInput(caller, call, session);
  const stateIn = (answer: ReturnType<typeof answerOf>) =>
    answer.ok && (answer.value as { statuses: TaskStatus[] }).statuses[0]?.state;
  expect(stateIn(answerOf(cluster.enter(input)))).toBe('staging');
  cluster.update(taskRef(framework, 't1'), 'running');
  expect(stateIn(answerOf(cluster.enter(input)))).toBe('running');
});

test('a reconciliation changes nothing but that the caller was heard', () => {
  launch('t1');
  reconciled(cluster, framework);
  const tables = () =>
    cluster.state.tables.filter(({ name }) => !['cluster', 'sessions'].includes(name));
  const before = tables().map((table) => table.hash());
  reconciled(cluster, framework, { tasks: [{ taskId: 't1' }, { taskId: 't2' }] });
  expect(tables().map((table) => table.hash())).toEqual(before);
  expect(clusterCore.hash(cluster.state)).toBeTypeOf('string');
});
