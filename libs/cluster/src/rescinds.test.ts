// Tests everything that takes offers back: one test for each case that there is here (Mesos: rescind, section by section).
// Of operators are in operator-operations.test.ts, of volumes in volumes.test.ts, of time in offer-expiry.test.ts.
import { beforeEach, describe, expect, test } from 'vitest';
import {
  aCluster,
  aFramework,
  anAgentId,
  answerOf,
  aTask,
  type Effects,
  eventsOf,
  factOf,
  factsOf,
  of,
  type ScriptedCluster,
  some,
} from './scripted-cluster.ts';
import { operatorCalls, taskRef } from './scripted-tasks.ts';

const agentId = anAgentId();
const [framework, other] = [aFramework('f1'), aFramework('f2')];
let cluster: ScriptedCluster;

beforeEach(() => {
  cluster = aCluster(some(4));
  cluster.register(anAgentId('a2'), some(4));
  cluster.subscribe(other);
});

const rescindsOf = (effects: Effects) =>
  of(effects, 'rescind').map(({ framework: holder, message }) => ({
    frameworkId: holder.frameworkId,
    offerIds: message.offerIds,
    reason: message.reason,
  }));
const reasonsOf = (effects: Effects) =>
  eventsOf(effects).flatMap((event) => (event.type === 'offerRescinded' ? [event.reason] : []));

/** Two offers of the agent to one framework, one to another, and one of another agent that must stay. */
function offers() {
  const own = [cluster.offer(framework, some(1)), cluster.offer(framework, some(1))];
  const others = [cluster.offer(other, some(1))];
  const kept = cluster.offer(other, some(1), anAgentId('a2'));
  return { own, others, kept };
}

function expectAllOfAgent(effects: Effects, made: ReturnType<typeof offers>, reason: string) {
  expect(rescindsOf(effects)).toEqual([
    { frameworkId: 'f1', offerIds: made.own, reason },
    { frameworkId: 'f2', offerIds: made.others, reason },
  ]);
  expect([...cluster.state.offers.keys()]).toEqual([made.kept]);
  expect(factOf(effects, 'refused')).toBeUndefined();
}

describe('offers of an agent are rescinded, each framework told once,', () => {
  test('when the agent becomes unreachable', () => {
    const made = offers();
    const effects = cluster.agentSilent();
    expectAllOfAgent(effects, made, 'agentUnreachable');
  });

  test.each([
    ['deactivate', 'agentDeactivated'],
    ['drain', 'agentDraining'],
    ['gone', 'agentGone'],
  ] as const)('when an operator says %s', (change, reason) => {
    const made = offers();
    const effects = operatorCalls(cluster, { verb: 'operatorAgent', body: { agentId, change } });
    expectAllOfAgent(effects, made, reason);
    expect(factsOf(effects)).toContainEqual({ kind: 'agentAway', agentId });
    expect(eventsOf(cluster.propose(framework, some(1)))).toMatchObject([
      { type: 'proposalRefused' },
    ]);
  });

  test('when it comes back with another total', () => {
    const made = offers();
    expectAllOfAgent(cluster.register(agentId, some(5)), made, 'agentChanged');
  });

  test('when it comes back with other attributes', () => {
    const made = offers();
    const body = { hostname: 'a1.example', total: some(4), attributes: { zone: 'z' }, tasks: [] };
    const effects = cluster.call({ kind: 'agent', agentId }, { verb: 'register', body });
    expectAllOfAgent(effects, made, 'agentChanged');
  });
});

describe('offers of an agent whose fault domain changes', () => {
  const registersIn = (domain?: { region: string; zone: string }) => {
    const total = some(4);
    const body = { hostname: 'a1.example', total, domain, attributes: {}, tasks: [] };
    return cluster.call({ kind: 'agent', agentId }, { verb: 'register', body });
  };

  test.each([
    ['it gets one', undefined, { region: 'eu', zone: 'a' }],
    ['it is in another zone', { region: 'eu', zone: 'a' }, { region: 'eu', zone: 'b' }],
    ['it is in another region', { region: 'eu', zone: 'a' }, { region: 'us', zone: 'a' }],
    ['it has none any more', { region: 'eu', zone: 'a' }, undefined],
  ])('are rescinded when %s', (_, before, after) => {
    registersIn(before);
    const made = offers();
    expectAllOfAgent(registersIn(after), made, 'agentChanged');
  });

  test('stay when it does not, and tell it', () => {
    const domain = { region: 'eu', zone: 'a' };
    expect(factsOf(registersIn(domain))).toMatchObject([{ kind: 'agent', agentId, domain }]);
    const [message] = of(cluster.propose(framework, some(1)), 'offers');
    expect(message?.message.offers).toMatchObject([{ agentId, domain }]);
    expect(rescindsOf(registersIn(domain))).toEqual([]);
  });
});

describe('offers of an agent stay', () => {
  test('when it comes back as it was', () => {
    offers();
    expect(rescindsOf(cluster.register(agentId, some(4)))).toEqual([]);
    expect(cluster.state.offers.size).toBe(4);
  });

  test('through a change of leaders, and can be accepted', () => {
    const made = offers();
    const effects = cluster.startTerm();
    expect(reasonsOf(effects)).toEqual([]);
    expect(cluster.state.offers.size).toBe(4);
    expect(answerOf(cluster.accept(framework, made.own, [aTask('t1')]))).toMatchObject({
      ok: true,
      value: { launched: ['t1'], staleOffers: [] },
    });
  });
});

describe('offers of a framework are taken back without a message', () => {
  test('when it falls silent: there is nobody to tell', () => {
    offers();
    const effects = cluster.frameworkSilent(framework);
    expect(rescindsOf(effects)).toEqual([]);
    expect(reasonsOf(effects)).toEqual(['frameworkDisconnected', 'frameworkDisconnected']);
    expect(factsOf(effects)).toContainEqual({ kind: 'frameworkAway', framework });
    expect(cluster.state.offers.size).toBe(2);
  });

  test('when it falls silent just after a decline: nobody is told to keep a filter for it', () => {
    const made = offers();
    const session = cluster.framework(framework)?.session;
    const decline = { verb: 'decline' as const, body: { offerIds: made.own } };
    const effects = cluster.enter(
      cluster.callInput({ kind: 'framework', ...framework }, decline, session),
      { kind: 'frameworkSilent', framework, session: 1 },
    );
    expect(factOf(effects, 'refused')).toBeUndefined();
  });

  test('when it subscribes anew: a scheduler forgets its offers then', () => {
    offers();
    const effects = cluster.subscribe(framework);
    expect(rescindsOf(effects)).toEqual([]);
    expect(reasonsOf(effects)).toEqual(['sessionReplaced', 'sessionReplaced']);
    expect(factsOf(effects)).toContainEqual({ kind: 'filtersCleared', framework });
  });

  test('when it tears itself down', () => {
    offers();
    const effects = cluster.frameworkCall(framework, { verb: 'teardown', body: {} });
    expect(rescindsOf(effects)).toEqual([]);
    expect(reasonsOf(effects)).toEqual(['frameworkRemoved', 'frameworkRemoved']);
  });

  test('when an operator tears it down: its id stays removed, and so it does under a new leader', () => {
    offers();
    const tearDown = () =>
      operatorCalls(cluster, { verb: 'operatorTeardown', body: { framework } });
    expect(eventsOf(tearDown())).toContainEqual({
      type: 'frameworkRemoved',
      framework,
      reason: 'teardownByOperator',
    });
    cluster.startTerm();
    expect(answerOf(cluster.subscribe(framework))).toMatchObject({
      failure: { code: 'frameworkRemoved' },
    });
    expect(answerOf(tearDown())).toMatchObject({
      failure: { code: 'frameworkRemoved' },
    });
  });
});

describe('an offer that the allocator proposes', () => {
  test('for a framework or an agent that has left meanwhile is never made', () => {
    cluster.frameworkSilent(framework);
    const effects = cluster.propose(framework, some(1));
    expect(of(effects, 'offers')).toEqual([]);
    expect(factsOf(effects)).toContainEqual({ kind: 'frameworkAway', framework });
    cluster.agentSilent();
    const late = cluster.propose(other, some(1));
    expect(of(late, 'offers')).toEqual([]);
    expect(factsOf(late)).toContainEqual({ kind: 'agentAway', agentId });
  });
});

describe('a task of an agent that is declared gone', () => {
  test('is gone, though its agent had refused to launch it and reported it running all the same', () => {
    const offerId = cluster.offer(framework, some(1));
    const [run] = of(cluster.accept(framework, [offerId], [aTask('t1')]), 'order');
    cluster.update(taskRef(framework, 't1'), 'running');
    const refused = cluster.answerOrder(run?.order.orderId ?? '', agentId, 'diskFull');
    const body = { agentId, change: 'gone' as const };
    const gone = operatorCalls(cluster, { verb: 'operatorAgent', body });
    cluster.readBack(refused);
    cluster.readBack(gone);
    expect(cluster.state.tasks.size).toBe(0);
    expect(cluster.taskState('t1')).toBe('gone');
  });
});
