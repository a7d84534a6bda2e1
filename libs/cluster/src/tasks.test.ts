// Tests tasks and agents: updates in stream order, orders and their answers, agents that go and come back.
import { type AgentId, TaskId, type TaskRef } from '@parley/protocol/ids';
import type { StatusUpdate } from '@parley/protocol/tasks';
import { normalise } from '@parley/resources/resources';
import { beforeEach, describe, expect, test } from 'vitest';
import { takeoverEffects } from './cluster-core.ts';
import {
  aCluster,
  aFramework,
  anAgentId,
  answerOf,
  aTask,
  eventsOf,
  factsOf,
  of,
  ScriptedCluster,
  some,
  updatesOf,
} from './scripted-cluster.ts';
import {
  aCommandTask,
  aDefaultExecutor,
  groupOf,
  launchAnswered,
  launchRaw,
  operatorCalls,
  statusIn,
  taskRef,
} from './scripted-tasks.ts';

const agentId = anAgentId();
const framework = aFramework();
let cluster: ScriptedCluster;

beforeEach(() => {
  cluster = aCluster(some(10));
});

const kill = (id: string, more: { agentId?: AgentId; graceMs?: number } = {}) =>
  cluster.frameworkCall(framework, {
    verb: 'killTask',
    body: { taskId: TaskId.parse(id), ...more },
  });
/** The agent as it was, with this task running. */
const registersWith = (task: TaskRef) =>
  cluster.register(agentId, some(10), [{ task, state: 'running', lastSequence: 1 }]);
const launchUnanswered = (id: string) => {
  const effects = cluster.accept(framework, [cluster.offer(framework, some(1))], [aTask(id)]);
  return of(effects, 'order')[0]?.order.orderId ?? '';
};

describe('a status update', () => {
  test('moves the task on; a terminal one frees its resources and keeps what people may ask', () => {
    const task = cluster.launch(framework, 't1', some(3));
    cluster.update(task, 'running');
    expect(cluster.taskState('t1')).toBe('running');
    const effects = cluster.update(task, 'failed', { reason: 'commandExited', exitCode: 3 });
    expect(factsOf(effects)).toContainEqual({
      kind: 'agentFree',
      agentId,
      free: normalise(some(10)),
      reservations: [],
    });
    expect(cluster.state.ended.get('alice/f1/t1')).toMatchObject({ state: 'failed', exitCode: 3 });
    expect(eventsOf(effects)).toMatchObject([{ type: 'taskStateChanged', to: 'failed' }]);
  });

  test('that is repeated, or comes after the terminal one, changes nothing', () => {
    const task = cluster.launch(framework, 't1');
    cluster.update(task, 'running', { sequence: 1 });
    expect(eventsOf(cluster.update(task, 'killing', { sequence: 1 }))).toEqual([]);
    cluster.update(task, 'finished', { sequence: 2 });
    expect(eventsOf(cluster.update(task, 'failed', { sequence: 3 }))).toEqual([]);
    expect(cluster.taskState('t1')).toBe('finished');
  });

  test('of an agent that the task was not launched on is ignored and reported', () => {
    const task = cluster.launch(framework, 't1');
    const effects = cluster.update(task, 'failed', { agentId: anAgentId('other') });
    expect(eventsOf(effects)).toMatchObject([{ type: 'protocolViolation', about: 'other' }]);
    expect(cluster.taskState('t1')).toBe('staging');
  });

  test('that the lifecycle does not allow is reported and without effect', () => {
    const task = cluster.launch(framework, 't1');
    cluster.update(task, 'killing');
    const effects = cluster.update(task, 'unreachable');
    expect(eventsOf(effects)).toMatchObject([{ type: 'protocolViolation' }]);
    expect(cluster.taskState('t1')).toBe('killing');
  });

  test('below the position is not read twice; a stream made anew is read from its start', () => {
    const task = cluster.launch(framework, 't1');
    const read = (streamCreatedMs: number, state: StatusUpdate['state'], sequence: number) =>
      cluster.enter({
        kind: 'updates',
        principal: framework.principal,
        streamCreatedMs,
        readUpTo: 5,
        updates: [
          {
            streamSequence: 5,
            update: {
              task,
              agentId,
              source: 'agent',
              sequence,
              state,
              wallTimeMs: 1,
            },
          },
        ],
      });
    read(1, 'running', 1);
    expect(eventsOf(read(1, 'killing', 2))).toEqual([]);
    expect(cluster.state.streams.get('alice')).toMatchObject({ createdMs: 1, readUpTo: 5 });
    read(2, 'killing', 2);
    expect(cluster.taskState('t1')).toBe('killing');
    expect(cluster.state.streams.get('alice')).toMatchObject({ createdMs: 2, readUpTo: 5 });
  });

  test('of ended tasks: the newest stay, for a limited time', () => {
    cluster.startTerm({ endedTasksPerFramework: 2, endedTasksMs: 1000 });
    for (const id of ['t1', 't2', 't3']) cluster.update(cluster.launch(framework, id), 'finished');
    expect([...cluster.state.ended.keys()]).toEqual(['alice/f1/t2', 'alice/f1/t3']);
    cluster.pass(1000);
    expect(cluster.state.ended.size).toBe(0);
  });
});

describe("a leader's own update", () => {
  test('is state until it is read back, and only then in force', () => {
    const effects = cluster.accept(
      framework,
      [cluster.offer(framework, some(1))],
      [aTask('big', some(2))],
    );
    expect(cluster.taskState('big')).toBeUndefined();
    expect(updatesOf(takeoverEffects(cluster.state))).toHaveLength(1);
    cluster.readBack(effects);
    expect(cluster.taskState('big')).toBe('error');
    expect(updatesOf(takeoverEffects(cluster.state))).toEqual([]);
    expect(statusIn(kill('big'))).toMatchObject({
      state: 'error',
      reason: 'insufficientResources',
    });
  });
});

describe('a run order', () => {
  test('is state until the agent has answered it', () => {
    const orderId = launchUnanswered('t1');
    expect(of(takeoverEffects(cluster.state), 'order')).toMatchObject([{ order: { orderId } }]);
    cluster.answerOrder(orderId);
    expect(of(takeoverEffects(cluster.state), 'order')).toEqual([]);
  });

  test('that the agent refuses drops the task', () => {
    const effects = cluster.answerOrder(launchUnanswered('t1'), agentId, 'diskFull');
    expect(updatesOf(effects)).toMatchObject([
      { state: 'dropped', reason: 'agentRefused', source: 'master' },
    ]);
    expect(cluster.taskState('t1')).toBe('staging');
    cluster.readBack(effects);
    expect(cluster.taskState('t1')).toBe('dropped');
  });

  test('is not answered by another agent', () => {
    const orderId = launchUnanswered('t1');
    expect(eventsOf(cluster.answerOrder(orderId, anAgentId('other')))).toMatchObject([
      { type: 'protocolViolation' },
    ]);
    expect(cluster.state.orders.has(orderId)).toBe(true);
  });
});

describe('a kill', () => {
  test('goes to the agent, again when it is repeated, under one id while unanswered', () => {
    cluster.launch(framework, 't1');
    const ids = [kill('t1'), kill('t1')].flatMap((effects) =>
      of(effects, 'order').map(({ order }) => order.orderId),
    );
    expect(ids).toHaveLength(2);
    expect(new Set(ids).size).toBe(1);
  });

  test('of a task that is not live does nothing, and says what is known as a reconciliation would', () => {
    expect(statusIn(kill('nobody'))).toMatchObject({ state: 'unknown', reason: 'reconciliation' });
    expect(statusIn(kill('nobody', { agentId }))).toMatchObject({
      state: 'gone',
      reason: 'reconciliation',
    });
    cluster.update(cluster.launch(framework, 't1'), 'finished');
    const effects = kill('t1');
    expect(statusIn(effects)).toMatchObject({ state: 'finished' });
    expect(of(effects, 'order')).toEqual([]);
  });

  test('that names another agent than the task runs on does nothing', () => {
    cluster.launch(framework, 't1');
    const effects = kill('t1', { agentId: anAgentId('other') });
    expect(of(effects, 'order')).toEqual([]);
    expect(statusIn(effects)).toMatchObject({ agentId, state: 'staging' });
  });

  test('that shortens the grace stands when the one before it, which was under way, is answered', () => {
    cluster.launch(framework, 't1');
    const killWith = (graceMs: number) => of(kill('t1', { graceMs }), 'order')[0]?.order;
    const first = killWith(60_000);
    const second = killWith(1000);
    cluster.answerOrder(first?.orderId ?? '');
    const left = [...cluster.state.orders.rows()].map(({ order }) => order);
    expect(left).toEqual([second]);
    cluster.answerOrder(second?.orderId ?? '');
    expect(cluster.state.orders.size).toBe(0);
  });

  test('that is repeated shortens the grace and never lengthens it while the first is unanswered', () => {
    cluster.launch(framework, 't1');
    const withGrace = (graceMs: number) => {
      const [sent] = of(kill('t1', { graceMs }), 'order');
      return sent?.order.kind === 'kill' ? sent.order.body.graceMs : undefined;
    };
    expect([withGrace(5000), withGrace(100), withGrace(9000)]).toEqual([5000, 100, 100]);
  });

  test('of one task of a group is ordered of that one: its agent ends the others', () => {
    launchAnswered(
      cluster,
      framework,
      groupOf(aDefaultExecutor(), aCommandTask('t1'), aCommandTask('t2')),
    );
    const orders = of(kill('t1'), 'order');
    expect(orders).toMatchObject([{ order: { kind: 'kill', body: { task: { taskId: 't1' } } } }]);
  });

  test('before the launch of a group is confirmed goes out again with the confirmation', () => {
    const group = groupOf(aDefaultExecutor(), aCommandTask('t1'), aCommandTask('t2'));
    const [run] = of(launchRaw(cluster, framework, group), 'order');
    const [order] = of(kill('t2'), 'order');
    cluster.answerOrder(order?.order.orderId ?? '', agentId, 'unknownTask');
    const again = of(cluster.answerOrder(run?.order.orderId ?? ''), 'order');
    expect(again).toMatchObject([{ order: { kind: 'kill', body: { task: { taskId: 't2' } } } }]);
  });

  test('that overtook its launch is sent again when the launch is confirmed', () => {
    const run = launchUnanswered('t1');
    const [order] = of(kill('t1'), 'order');
    cluster.answerOrder(order?.order.orderId ?? '', agentId, 'unknownTask');
    expect(cluster.taskState('t1')).toBe('staging');
    const again = of(cluster.answerOrder(run), 'order');
    expect(again).toMatchObject([{ order: { kind: 'kill' } }]);
  });

  test('of a task that the agent has forgotten makes it gone', () => {
    cluster.launch(framework, 't1');
    const [order] = of(kill('t1'), 'order');
    const effects = cluster.answerOrder(order?.order.orderId ?? '', agentId, 'unknownTask');
    expect(updatesOf(effects)).toMatchObject([{ state: 'gone' }]);
    cluster.readBack(effects);
    expect(cluster.taskState('t1')).toBe('gone');
  });

  test('by an operator reaches any task', () => {
    const task = cluster.launch(framework, 't1');
    const effects = operatorCalls(cluster, { verb: 'operatorKill', body: { task, graceMs: 5 } });
    expect(of(effects, 'order')).toMatchObject([
      { order: { kind: 'kill', body: { reason: 'operator', graceMs: 5 } } },
    ]);
  });
});

describe('an agent', () => {
  test('found silent loses its offers, its tasks become unreachable once that is read back', () => {
    cluster.launch(framework, 't1');
    const offerId = cluster.offer(framework, some(2));
    const effects = cluster.agentSilent();
    expect(of(effects, 'rescind')).toMatchObject([
      { message: { offerIds: [offerId], reason: 'agentUnreachable' } },
    ]);
    expect(factsOf(effects)).toContainEqual({ kind: 'agentAway', agentId });
    cluster.readBack(effects);
    expect(cluster.taskState('t1')).toBe('unreachable');
    expect(eventsOf(cluster.propose(framework, some(1)))).toMatchObject([
      { type: 'proposalRefused' },
    ]);
  });

  test('that registered again meanwhile is not unreachable', () => {
    cluster.register(agentId, some(10));
    expect(cluster.agentSilent(1)).toEqual([]);
  });

  test('that comes back brings its tasks back, and those it has forgotten are gone', () => {
    const kept = cluster.launch(framework, 't1');
    cluster.update(kept, 'running');
    cluster.launch(framework, 't2');
    cluster.readBack(cluster.agentSilent());
    const effects = registersWith(kept);
    expect(updatesOf(effects)).toMatchObject([
      { task: { taskId: 't1' }, state: 'running', reason: 'agentReturned' },
      { task: { taskId: 't2' }, state: 'gone', reason: 'agentForgot' },
    ]);
    cluster.readBack(effects);
    expect([cluster.taskState('t1'), cluster.taskState('t2')]).toEqual(['running', 'gone']);
  });

  test('that comes back before its tasks were read as unreachable has them running in the end', () => {
    const task = cluster.launch(framework, 't1');
    cluster.update(task, 'running');
    const away = cluster.agentSilent();
    cluster.readBack([...away, ...registersWith(task)]);
    expect(cluster.taskState('t1')).toBe('running');
  });

  test('that comes and goes while nothing can be written makes no end of updates', () => {
    const task = cluster.launch(framework, 't1');
    for (let registration = 1; registration < 100; registration += 1) {
      cluster.agentSilent(registration);
      registersWith(task);
    }
    expect(cluster.state.unwritten.size).toBe(32);
    for (const { update } of [...cluster.state.unwritten.rows()]) cluster.read(update);
    expect(cluster.taskState('t1')).toBe('running');
  });

  test('that names live tasks nobody knows is told to kill them', () => {
    const live = taskRef(framework, 'x');
    const effects = cluster.register(agentId, some(10), [
      { task: live, state: 'running', lastSequence: 1 },
      { task: taskRef(framework, 'y'), state: 'finished', lastSequence: 1 },
    ]);
    expect(answerOf(effects)).toMatchObject({ ok: true, value: { unknownTasks: [live] } });
  });

  test('that registers without a task whose launch it has not answered gets the order again', () => {
    const orderId = launchUnanswered('t1');
    const effects = cluster.register(agentId, some(10));
    expect(of(effects, 'order')).toMatchObject([{ order: { orderId } }]);
    expect(updatesOf(effects)).toEqual([]);
  });

  test('with less than what is held on it offers nothing until it fits again', () => {
    const task = cluster.launch(framework, 't1', some(6));
    const offerId = cluster.offer(framework, some(2));
    const effects = cluster.register(agentId, some(3));
    expect(of(effects, 'rescind')).toMatchObject([
      { message: { offerIds: [offerId], reason: 'agentChanged' } },
    ]);
    expect(factsOf(effects)).toContainEqual(
      expect.objectContaining({ kind: 'agent', free: normalise({}) }),
    );
    expect(factsOf(cluster.update(task, 'finished'))).toContainEqual({
      kind: 'agentFree',
      agentId,
      free: normalise(some(3)),
      reservations: [],
    });
  });

  test('that registers again unchanged keeps its offers', () => {
    cluster.offer(framework, some(2));
    expect(of(cluster.register(agentId, some(10)), 'rescind')).toEqual([]);
    expect(cluster.state.offers.size).toBe(1);
  });

  test.each([
    [5, 151],
    [6, 602],
  ])('gets a longer heartbeat interval in a large cluster (rules %i)', (rules, intervalMs) => {
    cluster = new ScriptedCluster();
    cluster.rulesVersion = rules;
    cluster.startTerm({ agentHeartbeatIntervalMs: 100 });
    for (let number = 0; number < 300; number += 1) cluster.register(anAgentId(`n${number}`));
    expect(answerOf(cluster.register(anAgentId('last')))).toMatchObject({
      value: { heartbeatIntervalMs: intervalMs },
    });
  });

  test('has three heartbeats within the silence after which it counts as unreachable, however large the cluster', () => {
    cluster.startTerm({ agentHeartbeatIntervalMs: 100, agentSilenceMs: 1500 });
    for (let number = 0; number < 300; number += 1) cluster.register(anAgentId(`n${number}`));
    expect(answerOf(cluster.register(anAgentId('last')))).toMatchObject({
      value: { heartbeatIntervalMs: 500 },
    });
  });
});
