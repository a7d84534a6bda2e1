import { describe, expect, test } from 'vitest';
import { clusterCore, takeoverEffects } from './cluster-core.ts';
import { aFramework, anAgentId, answerOf, eventsOf, factsOf, some } from './scripted-cluster.ts';
import {
  aFullAgent,
  answers,
  candidatesIn,
  EXTENSION_MS,
  GRACE_MS,
  HOLDER,
  keyOf,
  ordersOf,
  revokes,
  WAITER,
  withExecutor,
} from './scripted-revocations.ts';
import {
  aCommandTask,
  aDefaultExecutor,
  groupOf,
  launchAnswered,
  launchOf,
  operatorCalls,
  taskRef,
  toldOf,
} from './scripted-tasks.ts';

const t1 = taskRef(HOLDER, 't1');
const x1 = taskRef(HOLDER, 'x1');
const t2 = taskRef(HOLDER, 't2');

describe('a revocation', () => {
  test('tells the framework by an inverse offer, asks the task, and tells the allocator', () => {
    const cluster = aFullAgent();
    const effects = revokes(cluster, t1);
    expect(toldOf(effects)).toMatchObject([
      { kind: 'inverseOffer', taskId: 't1', agentId: 'a1', reason: 'belowGuarantee' },
    ]);
    expect(toldOf(effects)).toMatchObject([{ graceMs: GRACE_MS, resources: some(1) }]);
    expect(ordersOf(effects, 'askToStop')).toMatchObject([
      { body: { task: t1, graceMs: GRACE_MS, isCalledOff: false } },
    ]);
    expect(factsOf(effects)).toContainEqual({
      kind: 'revoking',
      task: t1,
      role: 'r',
      agentId: 'a1',
      resources: expect.objectContaining(some(1)),
      beneficiary: { framework: WAITER, role: 'r' },
      reason: 'belowGuarantee',
    });
    expect(eventsOf(effects).map(({ type }) => type)).toEqual([
      'revocationBegun',
      'revocationAsked',
    ]);
  });

  test('asks the task only after the notice that the settings give its framework', () => {
    const cluster = aFullAgent(['t1'], { revocationNoticeMs: 5000 });
    const effects = revokes(cluster, t1);
    expect(toldOf(effects)).toMatchObject([{ graceMs: 5000 + GRACE_MS }]);
    expect(ordersOf(effects, 'askToStop')).toEqual([]);
    expect(ordersOf(cluster.pass(4999), 'askToStop')).toEqual([]);
    expect(ordersOf(cluster.pass(1), 'askToStop')).toHaveLength(1);
  });

  test('kills the task when nothing happened in the grace, and says that it was silent', () => {
    const cluster = aFullAgent();
    revokes(cluster, t1);
    expect(ordersOf(cluster.pass(GRACE_MS - 1), 'kill')).toEqual([]);
    const effects = cluster.pass(1);
    expect(ordersOf(effects, 'kill')).toMatchObject([
      { body: { task: t1, reason: 'revoked', graceMs: 0 } },
    ]);
    expect(eventsOf(effects)).toMatchObject([{ type: 'revocationKilled', wasSilent: true }]);
    expect(ordersOf(cluster.pass(600_000), 'kill')).toEqual([]);
  });

  test('is over when the task ends by itself: it is not killed, and the allocator hears of it', () => {
    const cluster = aFullAgent();
    revokes(cluster, t1);
    cluster.nowMs += 7000;
    const effects = cluster.update(t1, 'killed', { reason: 'revoked' });
    expect(eventsOf(effects)).toMatchObject([
      { type: 'revocationOver', task: t1, tookMs: 7000 },
      { type: 'taskStateChanged', to: 'killed', reason: 'revoked' },
    ]);
    expect(factsOf(effects)).toContainEqual({ kind: 'revoked', task: t1 });
    expect(ordersOf(cluster.pass(GRACE_MS), 'kill')).toEqual([]);
    expect(cluster.state.ended.get(keyOf('t1'))).toMatchObject({ reason: 'revoked' });
  });

  test('does not ask a task that its framework is ending already, and still kills it in time', () => {
    const cluster = aFullAgent(['t1'], { revocationNoticeMs: 1000 });
    revokes(cluster, t1);
    cluster.frameworkCall(HOLDER, {
      verb: 'killTask',
      body: { taskId: t1.taskId, graceMs: 3600_000 },
    });
    expect(ordersOf(cluster.pass(1000), 'askToStop')).toEqual([]);
    expect(ordersOf(cluster.pass(GRACE_MS), 'kill')).toMatchObject([{ body: { graceMs: 0 } }]);
  });

  test('survives a change of leader: what is unanswered goes out again, and the deadline stays', () => {
    const cluster = aFullAgent();
    revokes(cluster, t1);
    cluster.pass(20_000);
    const reader = clusterCore.snapshot(cluster.state);
    cluster.state = clusterCore.restore(reader.next(100_000));
    const effects = [...cluster.startTerm(), ...takeoverEffects(cluster.state)];
    expect(ordersOf(effects, 'askToStop')).toHaveLength(1);
    expect(toldOf(effects)).toMatchObject([{ kind: 'inverseOffer', taskId: 't1' }]);
    expect(ordersOf(cluster.pass(GRACE_MS - 20_001), 'kill')).toEqual([]);
    expect(ordersOf(cluster.pass(1), 'kill')).toHaveLength(1);
  });

  test('of a task of a group that the agent runs takes back what all of the group holds', () => {
    const cluster = aFullAgent([]);
    const group = groupOf(
      aDefaultExecutor({ resources: some(1) }),
      aCommandTask('g1', { priority: 3 }),
      aCommandTask('g2', { priority: 7 }),
    );
    launchAnswered(cluster, HOLDER, group);
    expect(candidatesIn(cluster)).toMatchObject([
      { task: { taskId: 'g1' }, priority: 7, resources: { scalars: { cpus: 3000 } } },
    ]);
    expect(factsOf(revokes(cluster, taskRef(HOLDER, 'g1')))).toContainEqual(
      expect.objectContaining({ kind: 'revoking', resources: expect.objectContaining(some(3)) }),
    );
    expect(eventsOf(revokes(cluster, taskRef(HOLDER, 'g2')))).toMatchObject([
      { type: 'revocationRefused', why: 'it is being taken back already' },
    ]);
  });
});

describe('an answer to the question', () => {
  test('that asks for time puts the kill off for so long, counted from the answer', () => {
    const cluster = withExecutor(aFullAgent([]));
    revokes(cluster, x1);
    cluster.pass(10_000);
    const effects = answers(cluster, x1, { kind: 'needsTime', needMs: 60_000 });
    expect(eventsOf(effects)).toEqual([
      {
        type: 'revocationAnswered',
        task: x1,
        agentId: 'a1',
        answer: { kind: 'needsTime', needMs: 60_000 },
        leftMs: 60_000,
      },
    ]);
    expect(ordersOf(cluster.pass(59_999), 'kill')).toEqual([]);
    const killed = cluster.pass(1);
    expect(ordersOf(killed, 'kill')).toHaveLength(1);
    expect(eventsOf(killed)).toMatchObject([{ type: 'revocationKilled', wasSilent: false }]);
  });

  test('never puts the kill off beyond the most that is given, however often it asks', () => {
    const cluster = withExecutor(aFullAgent([]));
    revokes(cluster, x1);
    answers(cluster, x1, { kind: 'needsTime', needMs: 3600_000 });
    cluster.pass(GRACE_MS + EXTENSION_MS - 1);
    const again = answers(cluster, x1, { kind: 'needsTime', needMs: 3600_000 });
    expect(eventsOf(again)).toMatchObject([{ leftMs: 1 }]);
    expect(ordersOf(cluster.pass(1), 'kill')).toHaveLength(1);
  });

  test('never brings the kill nearer', () => {
    const cluster = withExecutor(aFullAgent([]));
    revokes(cluster, x1);
    answers(cluster, x1, { kind: 'needsTime', needMs: 1 });
    expect(ordersOf(cluster.pass(GRACE_MS - 1), 'kill')).toEqual([]);
    expect(ordersOf(cluster.pass(1), 'kill')).toHaveLength(1);
  });

  test('of an agent that the task is not on, or about a task that nobody takes back, changes nothing', () => {
    const cluster = aFullAgent(['t1', 't2']);
    cluster.register(anAgentId('a2'));
    revokes(cluster, t1);
    const later = { kind: 'needsTime', needMs: 90_000 } as const;
    expect(answerOf(answers(cluster, t1, later, anAgentId('a2')))).toEqual({ ok: true, value: {} });
    expect(answerOf(answers(cluster, t2, later))).toEqual({ ok: true, value: {} });
    expect(ordersOf(cluster.pass(GRACE_MS), 'kill')).toMatchObject([{ body: { task: t1 } }]);
  });

  test('of an agent that was declared gone is refused', () => {
    const cluster = aFullAgent();
    operatorCalls(cluster, {
      verb: 'operatorAgent',
      body: { agentId: anAgentId(), change: 'gone' },
    });
    expect(answerOf(answers(cluster, t1, { kind: 'stopping' }))).toMatchObject({
      failure: { code: 'agentGone' },
    });
  });
});

describe('a revocation is refused', () => {
  const refusal = (effects: Parameters<typeof eventsOf>[0]) => {
    const [event] = eventsOf(effects);
    return event?.type === 'revocationRefused' ? event.why : event?.type;
  };

  test('of a task that is not live, and the allocator is told that nothing comes back', () => {
    const cluster = aFullAgent();
    const effects = revokes(cluster, taskRef(HOLDER, 'none'));
    expect(refusal(effects)).toBe('the task is not live');
    expect(factsOf(effects)).toContainEqual({ kind: 'revoked', task: taskRef(HOLDER, 'none') });
  });

  test('of a task on another agent, and the allocator hears how its agent stands', () => {
    const cluster = aFullAgent();
    const effects = revokes(cluster, t1, { agentId: anAgentId('a9') });
    expect(refusal(effects)).toBe('the task is on agent a1');
    expect(factsOf(effects)).toContainEqual({ kind: 'agentAway', agentId: 'a9' });
  });

  test('for a framework that is not there, has no such role, suppressed it, or states no need', () => {
    const cluster = aFullAgent();
    const why = 'the beneficiary takes no offers in that role';
    expect(refusal(revokes(cluster, t1, { beneficiary: aFramework('f9') }))).toBe(why);
    expect(refusal(revokes(cluster, t1, { role: 'other' }))).toBe(why);
    cluster.frameworkCall(WAITER, { verb: 'suppress', body: {} });
    expect(refusal(revokes(cluster, t1))).toBe(why);
    cluster.frameworkCall(WAITER, { verb: 'revive', body: {} });
    cluster.frameworkCall(WAITER, { verb: 'demand', body: { demand: [] } });
    expect(refusal(revokes(cluster, t1))).toBe(why);
    const demand = [{ count: 1, resources: some(1) }];
    cluster.frameworkCall(WAITER, { verb: 'demand', body: { demand } });
    expect(refusal(revokes(cluster, t1))).toBe('revocationBegun');
  });

  test('for the framework that holds the task', () => {
    expect(refusal(revokes(aFullAgent(), t1, { beneficiary: HOLDER }))).toBe(
      "it is the beneficiary's own",
    );
  });

  test('while the task is being taken back or killed already', () => {
    const cluster = aFullAgent(['t1', 't2']);
    revokes(cluster, t1);
    expect(refusal(revokes(cluster, t1))).toBe('it is being taken back already');
    cluster.frameworkCall(HOLDER, { verb: 'killTask', body: { taskId: t2.taskId } });
    expect(refusal(revokes(cluster, t2))).toBe('it is being killed already');
  });

  test('on an agent of which nothing is offered', () => {
    const cluster = aFullAgent();
    operatorCalls(cluster, {
      verb: 'operatorAgent',
      body: { agentId: anAgentId(), change: 'deactivate' },
    });
    expect(refusal(revokes(cluster, t1))).toBe('nothing is offered of its agent');
  });

  test('of a task that holds what is reserved for a role that is not the beneficiary’s', () => {
    const cluster = aFullAgent([]);
    cluster.operateAsOperator(
      { kind: 'reserve', reservationId: 'v1' as never, resources: some(1) },
      anAgentId(),
      'r',
    );
    const reservations = [{ reservationId: 'v1', role: 'r', resources: some(1) }] as never;
    const offerId = cluster.offer(HOLDER, some(0), anAgentId(), { reservations });
    cluster.operate(HOLDER, [offerId], [launchOf(aCommandTask('t1', { reservationId: 'v1' }))]);
    cluster.subscribe(aFramework('f3'), { roles: ['other'] });
    const foreign = { beneficiary: aFramework('f3'), role: 'other' };
    expect(refusal(revokes(cluster, t1, foreign))).toBe('it holds what is reserved for r');
    expect(refusal(revokes(cluster, t1))).toBe('revocationBegun');
  });

  test('silently when an earlier allocator asks for it; a later one begins its numbers anew', () => {
    const cluster = aFullAgent();
    cluster.propose(WAITER, some(1));
    expect(revokes(cluster, t1, { revision: 0 })).toEqual([]);
    expect(refusal(revokes(cluster, t1, { revision: 9 }))).toBe('revocationBegun');
    expect(cluster.state.record).toMatchObject({
      allocatorEpoch: { revision: 9 },
      allocatorDecided: 0,
    });
  });
});
