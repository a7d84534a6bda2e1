import { describe, expect, test } from 'vitest';
import { checkInvariants } from './invariants.ts';
import { anAgentId, eventsOf, factsOf, type ScriptedCluster, some } from './scripted-cluster.ts';
import {
  aFullAgent,
  answers,
  callsOff,
  GRACE_MS,
  HOLDER,
  keyOf,
  ordersOf,
  revokes,
  WAITER,
  withExecutor,
} from './scripted-revocations.ts';
import { operatorCalls, taskRef, toldOf } from './scripted-tasks.ts';

const t1 = taskRef(HOLDER, 't1');
const x1 = taskRef(HOLDER, 'x1');

describe('a revocation that nobody needs any more', () => {
  const ends = (
    what: (cluster: ScriptedCluster) => Parameters<typeof eventsOf>[0],
    settings = { revocationNoticeMs: 5000 },
  ) => {
    const cluster = aFullAgent(['t1'], settings);
    revokes(cluster, t1);
    const effects = what(cluster);
    const later = cluster.pass(600_000);
    return {
      effects,
      killed: ordersOf(later, 'kill').length + ordersOf(later, 'askToStop').length,
    };
  };
  const suppresses = (cluster: ScriptedCluster) =>
    cluster.frameworkCall(WAITER, { verb: 'suppress', body: {} });

  test('is called off while the task was not asked: its framework and the allocator are told', () => {
    const { effects, killed } = ends(suppresses);
    expect(toldOf(effects)).toMatchObject([{ kind: 'inverseOfferWithdrawn', taskId: 't1' }]);
    expect(factsOf(effects)).toContainEqual({ kind: 'revoked', task: t1 });
    expect(eventsOf(effects)).toMatchObject([{ type: 'revocationCalledOff', task: t1 }]);
    expect(killed).toBe(0);
  });

  test('is so when its beneficiary is disconnected, drops the role, is removed or needs nothing', () => {
    const { framework } = { framework: WAITER };
    const cases = [
      (cluster: ScriptedCluster) => {
        const session = cluster.framework(WAITER)?.session ?? 0;
        return cluster.enter({ kind: 'frameworkSilent', framework, session });
      },
      (cluster: ScriptedCluster) =>
        cluster.frameworkCall(WAITER, { verb: 'updateFramework', body: { roles: ['b' as never] } }),
      (cluster: ScriptedCluster) => cluster.frameworkCall(WAITER, { verb: 'teardown', body: {} }),
      (cluster: ScriptedCluster) =>
        cluster.frameworkCall(WAITER, { verb: 'demand', body: { demand: [] } }),
    ];
    for (const what of cases) expect(ends(what).killed).toBe(0);
  });

  test('goes on once a command was asked: it has been told to end', () => {
    const cluster = aFullAgent();
    revokes(cluster, t1);
    expect(toldOf(suppresses(cluster))).toEqual([]);
    expect(ordersOf(cluster.pass(GRACE_MS), 'kill')).toHaveLength(1);
  });

  test('is called off where an executor was asked and has not said that it stops: it is told', () => {
    const cluster = withExecutor(aFullAgent([]));
    const [asked] = ordersOf(revokes(cluster, x1), 'askToStop');
    answers(cluster, x1, { kind: 'needsTime', needMs: 60_000 });
    const effects = suppresses(cluster);
    const [told] = ordersOf(effects, 'askToStop');
    expect(told?.body).toMatchObject({ task: x1, isCalledOff: true });
    expect(told?.orderId).not.toBe(asked?.orderId);
    cluster.answerOrder(told?.orderId ?? '');
    expect(cluster.state.orders.size).toBe(0);
    expect(ordersOf(cluster.pass(600_000), 'kill')).toEqual([]);
  });

  test('goes on where an executor has said that it stops', () => {
    const cluster = withExecutor(aFullAgent([]));
    revokes(cluster, x1);
    answers(cluster, x1, { kind: 'stopping' });
    suppresses(cluster);
    expect(ordersOf(cluster.pass(GRACE_MS), 'kill')).toHaveLength(1);
  });

  test('goes on once the task is being killed', () => {
    const cluster = withExecutor(aFullAgent([]));
    revokes(cluster, x1);
    cluster.pass(GRACE_MS);
    expect(eventsOf(suppresses(cluster))).toEqual([]);
    expect(cluster.state.revocations.get(keyOf('x1'))).toMatchObject({ phase: 'killing' });
  });

  test('is called off when nothing is offered of its agent any more', () => {
    const silent = (cluster: ScriptedCluster) =>
      cluster.enter({ kind: 'agentSilent', agentId: anAgentId(), registration: 1 });
    expect(ends(silent).killed).toBe(0);
    const deactivated = (cluster: ScriptedCluster) =>
      operatorCalls(cluster, {
        verb: 'operatorAgent',
        body: { agentId: anAgentId(), change: 'deactivate' },
      });
    expect(ends(deactivated).killed).toBe(0);
  });

  test('is given up when its agent is gone, whatever was asked', () => {
    const gone = (cluster: ScriptedCluster) =>
      operatorCalls(cluster, {
        verb: 'operatorAgent',
        body: { agentId: anAgentId(), change: 'gone' },
      });
    const { effects, killed } = ends(gone, { revocationNoticeMs: 0 });
    expect(eventsOf(effects)).toContainEqual(
      expect.objectContaining({ type: 'revocationCalledOff', why: 'its agent is gone' }),
    );
    expect(killed).toBe(0);
  });

  test('of a framework that is torn down ends with the kill of its tasks', () => {
    const cluster = aFullAgent();
    revokes(cluster, t1);
    cluster.frameworkCall(HOLDER, { verb: 'teardown', body: {} });
    suppresses(cluster);
    const effects = cluster.update(t1, 'killed', { reason: 'frameworkRemoved' });
    expect(eventsOf(effects)).toMatchObject([{ type: 'revocationOver' }, {}]);
    expect(checkInvariants(cluster.state)).toEqual([]);
  });
});

describe('an executor that does not end a task when it is told to', () => {
  const killedTask = () => {
    const cluster = withExecutor(aFullAgent([]));
    revokes(cluster, x1);
    const [kill] = ordersOf(cluster.pass(GRACE_MS), 'kill');
    return { cluster, orderId: kill?.orderId ?? '' };
  };

  test('is shut down after the same time again, counted from when its agent has taken the kill', () => {
    const { cluster, orderId } = killedTask();
    expect(ordersOf(cluster.pass(10 * GRACE_MS), 'shutdownExecutor')).toEqual([]);
    cluster.answerOrder(orderId);
    expect(ordersOf(cluster.pass(GRACE_MS - 1), 'shutdownExecutor')).toEqual([]);
    const effects = cluster.pass(1);
    expect(ordersOf(effects, 'shutdownExecutor')).toMatchObject([{ body: { graceMs: 0 } }]);
    expect(eventsOf(effects)).toMatchObject([{ type: 'revocationEnforced', executorId: 'e1' }]);
  });

  test('is given no more time by kills of its framework', () => {
    const { cluster, orderId } = killedTask();
    cluster.answerOrder(orderId);
    cluster.pass(GRACE_MS - 1);
    const { taskId } = x1;
    const body = { taskId, graceMs: 3600_000 };
    const again = cluster.frameworkCall(HOLDER, { verb: 'killTask', body });
    cluster.answerOrder(ordersOf(again, 'kill')[0]?.orderId ?? '');
    expect(ordersOf(cluster.pass(1), 'shutdownExecutor')).toHaveLength(1);
  });
});

test('a revocation is called off when its beneficiary has been offered room for all that it needs', () => {
  const cluster = aFullAgent(['t1'], { revocationNoticeMs: 5000 });
  const demand = (count: number) => [{ count, resources: some(1) }];
  cluster.frameworkCall(WAITER, { verb: 'demand', body: { demand: demand(2) } });
  revokes(cluster, t1);
  const [need] = cluster.framework(WAITER)?.demand ?? [];
  const promised = [{ shape: need?.shape ?? '', count: 1 }];
  cluster.propose(WAITER, some(1), anAgentId(), { promised });
  expect(cluster.state.revocations.size).toBe(1);
  const effects = cluster.propose(WAITER, some(1), anAgentId(), { promised });
  expect(eventsOf(effects)).toContainEqual(
    expect.objectContaining({ type: 'revocationCalledOff', task: t1 }),
  );
});

describe('a revocation that the allocator finds nobody to need any more', () => {
  const t2 = taskRef(HOLDER, 't2');

  test('is called off, and the others go on', () => {
    const cluster = aFullAgent(['t1', 't2'], { revocationNoticeMs: 5000 });
    revokes(cluster, t1);
    revokes(cluster, t2);
    const effects = callsOff(cluster, t1);
    expect(toldOf(effects)).toMatchObject([{ kind: 'inverseOfferWithdrawn', taskId: 't1' }]);
    expect(factsOf(effects)).toEqual([{ kind: 'revoked', task: t1 }]);
    expect(ordersOf(cluster.pass(5000), 'askToStop')).toMatchObject([{ body: { task: t2 } }]);
  });

  test('goes on where the task has begun to end, and of one that is not there the allocator is told so', () => {
    const cluster = aFullAgent(['t1', 't2']);
    revokes(cluster, t1);
    expect(factsOf(callsOff(cluster, t1))).toEqual([]);
    expect(ordersOf(cluster.pass(GRACE_MS), 'kill')).toHaveLength(1);
    expect(factsOf(callsOff(cluster, t2))).toEqual([{ kind: 'revoked', task: t2 }]);
  });

  test('is none that an earlier allocator names', () => {
    const cluster = aFullAgent(['t1'], { revocationNoticeMs: 5000 });
    revokes(cluster, t1, { revision: 9 });
    expect(callsOff(cluster, t1)).toEqual([]);
    expect(cluster.state.revocations.size).toBe(1);
  });
});
