// Tests what becomes of a group whose order the agent has not answered: when one of its tasks ends, that order must never
// be repeated, or the ended task could be started a second time, and the others go on where the agent is known to have
// them; when the agent names only some of them, it must be repeated.
import { beforeEach, describe, expect, test } from 'vitest';
import { takeoverEffects } from './cluster-core.ts';
import type { Effect } from './effects.ts';
import { orderToSend } from './order-book.ts';
import {
  aCluster,
  aFramework,
  anAgentId,
  of,
  type ScriptedCluster,
  some,
} from './scripted-cluster.ts';
import {
  aCommandTask,
  aDefaultExecutor,
  anExecutor,
  executorExits,
  groupOf,
  launchAnswered,
  launchRaw,
  raw,
  registers,
  taskRef,
  writtenOf,
} from './scripted-tasks.ts';

const framework = aFramework();
const pod = aDefaultExecutor();
let cluster: ScriptedCluster;

beforeEach(() => {
  cluster = aCluster(some(20));
});

const group = (...args: Parameters<typeof groupOf>) =>
  launchRaw(cluster, framework, groupOf(...args));
const live = () => [...cluster.state.tasks.rows()].map(({ task }) => task.taskId).sort();

describe('a group', () => {
  describe('one task of which ended before its order was answered', () => {
    let orderId: string;
    let ended: ReturnType<ScriptedCluster['enter']>;
    const runOrdersOf = (effects: readonly Effect[]) =>
      of(effects, 'order').filter(({ order }) => order.kind === 'runGroup');

    beforeEach(() => {
      const effects = group(pod, aCommandTask('t1'), aCommandTask('t2'), aCommandTask('t3'));
      orderId = of(effects, 'order')[0]?.order.orderId ?? '';
      ended = cluster.update(taskRef(framework, 't1'), 'finished');
    });

    test('is ordered no more: not at registration, not by the next leader, not with a late answer', () => {
      expect(cluster.state.orders.has(orderId)).toBe(false);
      cluster.answerOrder(orderId, anAgentId(), 'diskFull');
      expect(live()).toEqual(['t2', 't3']);
      expect(
        runOrdersOf(registers(cluster, anAgentId(), { tasks: [taskRef(framework, 't2')] })),
      ).toEqual([]);
      cluster.startTerm();
      expect(runOrdersOf(takeoverEffects(cluster.state))).toEqual([]);
    });

    test('is killed: the others end when their agent says so', () => {
      expect(of(ended, 'order').map(({ order }) => order)).toMatchObject([
        { kind: 'kill', body: { task: { taskId: 't2' }, reason: 'groupMemberEnded' } },
        { kind: 'kill', body: { task: { taskId: 't3' }, reason: 'groupMemberEnded' } },
      ]);
      cluster.update(taskRef(framework, 't2'), 'killed', { reason: 'groupMemberEnded' });
      cluster.update(taskRef(framework, 't3'), 'killed', { reason: 'groupMemberEnded' });
      expect(cluster.state.orders.size).toBe(0);
      expect(cluster.state.executors.size).toBe(0);
    });

    test('is gone where the agent does not know the others', () => {
      const kills = of(ended, 'order').map(({ order }) => order.orderId);
      const answers = kills.flatMap((kill) =>
        cluster.answerOrder(kill, anAgentId(), 'unknownTask'),
      );
      expect(writtenOf(answers)).toMatchObject([
        { taskId: 't2', state: 'gone', reason: 'agentForgot' },
        { taskId: 't3', state: 'gone', reason: 'agentForgot' },
      ]);
      cluster.readBack(answers);
      expect(cluster.state.orders.size + cluster.state.tasks.size).toBe(0);
    });
  });

  describe('one task of which ran and ended before its order was answered', () => {
    let orderId: string;
    let ended: ReturnType<ScriptedCluster['enter']>;
    const named = (taskId: string) =>
      ({ task: taskRef(framework, taskId), state: 'running', lastSequence: 1 }) as const;
    const registersWith = (...taskIds: string[]) =>
      cluster.register(anAgentId(), some(20), taskIds.map(named));
    const ordersOf = (effects: readonly Effect[]) => of(effects, 'order').map(({ order }) => order);

    beforeEach(() => {
      const effects = group(pod, aCommandTask('t1'), aCommandTask('t2'), aCommandTask('t3'));
      orderId = of(effects, 'order')[0]?.order.orderId ?? '';
      cluster.update(taskRef(framework, 't1'), 'running');
      ended = cluster.update(taskRef(framework, 't1'), 'finished');
    });

    test('goes on: its agent has all of it', () => {
      expect(ordersOf(ended)).toEqual([]);
      expect(live()).toEqual(['t2', 't3']);
    });

    test('is ordered no more: not now, not at registration, not by the next leader', () => {
      expect(orderToSend(cluster.state, orderId)).toBeUndefined();
      expect(ordersOf(registersWith('t2', 't3'))).toEqual([]);
      cluster.startTerm();
      expect(ordersOf(takeoverEffects(cluster.state))).toEqual([]);
    });

    test('is confirmed by the answer when it comes: what the agent names no more is gone', () => {
      expect(writtenOf(cluster.answerOrder(orderId))).toEqual([]);
      expect(cluster.state.orders.size).toBe(0);
      expect(writtenOf(registersWith('t2'))).toMatchObject([{ taskId: 't3', state: 'gone' }]);
    });

    test('is confirmed when the agent names all that is left of it', () => {
      expect(ordersOf(registersWith('t2', 't3'))).toEqual([]);
      expect(cluster.state.orders.size).toBe(0);
      expect(live()).toEqual(['t2', 't3']);
    });

    test('is killed, and not gone, when the agent names less: it may have registered before it had them', () => {
      const effects = registersWith('t2');
      expect(writtenOf(effects)).toEqual([]);
      expect(ordersOf(effects)).toMatchObject([
        { kind: 'kill', body: { task: { taskId: 't2' }, reason: 'groupMemberEnded' } },
        { kind: 'kill', body: { task: { taskId: 't3' }, reason: 'groupMemberEnded' } },
      ]);
    });

    test('leaves nothing when the last of it has ended', () => {
      cluster.update(taskRef(framework, 't2'), 'finished');
      cluster.update(taskRef(framework, 't3'), 'finished');
      expect(cluster.state.orders.size + cluster.state.executors.size).toBe(0);
    });
  });

  test('one task of which ran and ended early does not have its executor, which has exited, started anew', () => {
    group(anExecutor(), raw('t1'), raw('t2'));
    cluster.update(taskRef(framework, 't1'), 'running');
    cluster.update(taskRef(framework, 't1'), 'finished');
    executorExits(cluster, framework);
    expect(cluster.state.executors.size).toBe(0);
    cluster.update(taskRef(framework, 't2'), 'failed', { reason: 'executorExited' });
    expect(cluster.state.orders.size + cluster.state.tasks.size).toBe(0);
  });

  test('one task of which ran and ended early was killed under the rules before', () => {
    cluster.rulesVersion = 5;
    cluster.state.change({ rulesVersion: 5 });
    group(pod, aCommandTask('t1'), aCommandTask('t2'));
    cluster.update(taskRef(framework, 't1'), 'running');
    expect(of(cluster.update(taskRef(framework, 't1'), 'finished'), 'order')).toMatchObject([
      { order: { kind: 'kill', body: { task: { taskId: 't2' }, reason: 'groupMemberEnded' } } },
    ]);
  });

  describe('whose order was not answered when its agent registers', () => {
    let orderId: string;
    const named = (taskId: string) =>
      ({ task: taskRef(framework, taskId), state: 'staging', lastSequence: 0 }) as const;
    const registersWith = (...taskIds: string[]) =>
      cluster.register(anAgentId(), some(20), taskIds.map(named));

    beforeEach(() => {
      const effects = group(pod, aCommandTask('t1'), aCommandTask('t2'));
      orderId = of(effects, 'order')[0]?.order.orderId ?? '';
    });

    test('is ordered again when the agent names only a part of it, and none of it is gone', () => {
      const effects = registersWith('t1');
      expect(writtenOf(effects)).toEqual([]);
      expect(of(effects, 'order')).toMatchObject([{ order: { orderId, kind: 'runGroup' } }]);
      cluster.answerOrder(orderId);
      expect(writtenOf(registersWith('t2'))).toMatchObject([{ taskId: 't1', state: 'gone' }]);
    });

    test('is dropped as a whole when the agent refuses it after naming a part of it', () => {
      registersWith('t1');
      expect(writtenOf(cluster.answerOrder(orderId, anAgentId(), 'diskFull'))).toMatchObject([
        { taskId: 't1', state: 'dropped', reason: 'agentRefused' },
        { taskId: 't2', state: 'dropped', reason: 'agentRefused' },
      ]);
    });

    test('is confirmed when the agent names all of it', () => {
      expect(of(registersWith('t1', 't2'), 'order')).toEqual([]);
      expect(cluster.state.orders.size).toBe(0);
    });
  });

  test('one task of which ended after its order was answered goes on', () => {
    launchAnswered(cluster, framework, groupOf(pod, aCommandTask('t1'), aCommandTask('t2')));
    const effects = cluster.update(taskRef(framework, 't1'), 'finished');
    expect(of(effects, 'order')).toEqual([]);
    expect(live()).toEqual(['t2']);
  });

  test('one task of which was killed before the order arrived is not ordered again', () => {
    const [run] = of(group(pod, aCommandTask('t1'), aCommandTask('t2')), 'order');
    const task = taskRef(framework, 't1');
    cluster.frameworkCall(framework, { verb: 'killTask', body: { taskId: task.taskId } });
    cluster.update(task, 'killed', { reason: 'killedBeforeStart' });
    expect(cluster.state.orders.has(run?.order.orderId ?? '')).toBe(false);
    expect([...cluster.state.orders.rows()]).toMatchObject([
      { order: { kind: 'kill', body: { task: { taskId: 't2' } } } },
    ]);
  });
});
