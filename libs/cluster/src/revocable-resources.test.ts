// Tests of what agents lend: what is offered of it and to whom, and how it is taken back. Which tasks may use it is in
// revocable-tasks.test.ts.
import { beforeEach, describe, expect, test } from 'vitest';
import { isWorthAnEntry } from './revocable-resources.ts';
import {
  anAgentId,
  answerOf,
  type Effects,
  eventsOf,
  factsOf,
  of,
  some,
  whyRefused,
} from './scripted-cluster.ts';
import { BORROWER, freeFact, LendingCluster, lent, OTHER } from './scripted-lending.ts';
import { operatorCalls, taskRef } from './scripted-tasks.ts';

const agentId = anAgentId();
const framework = BORROWER;
let cluster: LendingCluster;

beforeEach(() => {
  cluster = new LendingCluster();
});

const killsIn = (effects: Effects) =>
  of(effects, 'order').flatMap(({ order }) => (order.kind === 'kill' ? [order.body] : []));
const killedIn = (effects: Effects) => killsIn(effects).map(({ task }) => task.taskId);
const rescindsIn = (effects: Effects) =>
  of(effects, 'rescind').map(({ message: { offerIds, reason } }) => ({ offerIds, reason }));

describe('what an agent says may be lent', () => {
  test('is told to the allocator as free beside what is free, and counts in no total', () => {
    const effects = cluster.lends(lent(2, 512));
    expect(freeFact(effects)).toMatchObject({
      revocable: lent(2, 512),
      free: { ports: [[1000, 1009]] },
    });
    expect(cluster.state.books.total.get('cpus')).toBe(8000);
    const offerId = cluster.offerLent(lent(1, 128));
    expect(factsOf(cluster.enter({ kind: 'tick' }))).toEqual([]);
    expect(freeFact(cluster.accept(framework, [offerId], []))).toMatchObject({
      revocable: lent(2, 512),
    });
  });

  test('is what is left of it once it is offered', () => {
    cluster.lends(lent(2, 512));
    const effects = cluster.propose(framework, {}, agentId, { revocable: lent(1, 128) });
    expect(freeFact(effects)).toMatchObject({ revocable: lent(1, 384) });
    const [message] = of(effects, 'offers');
    expect(message?.message.offers).toMatchObject([{ revocable: lent(1, 128) }]);
    expect(factsOf(effects)).toContainEqual({ kind: 'usage', framework, role: 'r', scalars: {} });
  });

  test('is scalars only, and no more than the agent has', () => {
    cluster.lends({ scalars: { cpus: 99_000, fpgas: 1000 }, ports: [[1000, 1001]] });
    expect(cluster.state.agents.get(agentId)?.revocable).toEqual({
      scalars: { cpus: 8000 },
      ports: [],
      sets: {},
    });
  });

  test('is not heard of a registration that is over', () => {
    cluster.register(agentId, { scalars: { cpus: 8000, mem: 8_000_000 } });
    expect(eventsOf(cluster.lends(lent(2, 512), 1))).toEqual([]);
    expect(eventsOf(cluster.lends(lent(2, 512), 2))).toMatchObject([
      { type: 'agentOversubscribed' },
    ]);
  });

  test('stays through a registration that does not say anything of it, and goes with one that does', () => {
    cluster.lends(lent(2, 512));
    const registers = (more: object) =>
      cluster.call(
        { kind: 'agent', agentId },
        {
          verb: 'register',
          body: { hostname: 'h', total: lent(8, 8000), attributes: {}, tasks: [], ...more },
        },
      );
    expect(freeFact(registers({}))).toMatchObject({ revocable: lent(2, 512) });
    expect(freeFact(registers({ revocable: {} }))).not.toHaveProperty('revocable');
  });
});

describe('an offer of what is lent', () => {
  beforeEach(() => void cluster.lends(lent(2, 512)));

  test('is made to nobody who has not subscribed for it', () => {
    const effects = cluster.propose(OTHER, some(1), agentId, { revocable: lent(1, 128) });
    expect(whyRefused(effects)).toEqual(['the framework takes nothing that is revocable']);
  });

  test('holds no more than is free of it', () => {
    cluster.offerLent(lent(1, 128));
    const tooMuch = { revocable: lent(1.5, 128) };
    const effects = cluster.propose(framework, {}, agentId, tooMuch);
    expect(whyRefused(effects)).toEqual(['so much that is revocable is not free']);
    const ports = { revocable: { ports: [[1000, 1000]] as [number, number][] } };
    expect(whyRefused(cluster.propose(framework, {}, agentId, ports))).toHaveLength(1);
  });

  test('tells the allocator who takes such offers', () => {
    const [fact] = factsOf(cluster.subscribe(framework, { takesRevocable: true }));
    expect(fact).toMatchObject({ kind: 'framework', framework, takesRevocable: true });
    expect(factsOf(cluster.subscribe(OTHER))[0]).not.toHaveProperty('takesRevocable');
  });

  test('that is declined is refused for as long as was said, though there was nothing else in it', () => {
    const offerId = cluster.offerLent(lent(1, 128));
    expect(factsOf(cluster.accept(framework, [offerId], []))).toContainEqual(
      expect.objectContaining({
        kind: 'refused',
        revocable: { ...lent(1, 128), ports: [], sets: {} },
      }),
    );
  });
});

describe('when an agent needs back what it has lent', () => {
  beforeEach(() => void cluster.lends(lent(4, 1024)));

  test('nothing happens while what is offered and used still fits', () => {
    cluster.launchLent({ t1: lent(1, 128) });
    cluster.offerLent(lent(1, 128));
    const effects = cluster.lends(lent(2, 256));
    expect([rescindsIn(effects), killsIn(effects)]).toEqual([[], []]);
  });

  test('offers go first, the newest before the others and no more than needed, and no task', () => {
    cluster.launchLent({ t1: lent(1, 128) });
    const ordinary = cluster.offer(OTHER, some(1));
    const [first, second] = [cluster.offerLent(lent(1, 128)), cluster.offerLent(lent(1, 128))];
    const effects = cluster.lends(lent(2, 1024));
    expect(rescindsIn(effects)).toEqual([{ offerIds: [second], reason: 'revocableTakenBack' }]);
    expect(killsIn(effects)).toEqual([]);
    expect([...cluster.state.offers.keys()]).toEqual([ordinary, first]);
  });

  test('the youngest task is killed at once, and is told why', () => {
    cluster.launchLent({ t1: lent(1, 128), t2: lent(1, 128), t3: lent(1, 128) });
    const offerId = cluster.offerLent(lent(1, 128));
    const effects = cluster.lends(lent(2, 512));
    expect(rescindsIn(effects)).toEqual([{ offerIds: [offerId], reason: 'revocableTakenBack' }]);
    expect(killsIn(effects)).toEqual([
      {
        task: taskRef(framework, 't3'),
        reason: 'revoked',
        graceMs: 1000,
        message: 'agent a1 needs back what it had lent to the task: others use it now',
      },
    ]);
    cluster.update(taskRef(framework, 't3'), 'killed', { reason: 'revoked' });
    expect(cluster.state.ended.get('alice/f1/t3')).toMatchObject({
      state: 'killed',
      reason: 'revoked',
    });
  });

  test('a task that holds nothing of what is short is spared, however young it is', () => {
    cluster.launchLent({ t1: lent(3, 100), t2: { scalars: { mem: 500_000 } } });
    expect(killedIn(cluster.lends(lent(1, 1024)))).toEqual(['t1']);
  });

  test('a task is spared after all where a later one gives back enough', () => {
    cluster.launchLent({ t1: lent(3, 100), t2: lent(0.5, 100) });
    expect(killedIn(cluster.lends(lent(0.5, 1024)))).toEqual(['t1']);
  });

  test('an offer that holds nothing of what is short is left alone, though it stays short for a while', () => {
    cluster.launchLent({ t1: lent(3, 100) });
    cluster.offerLent({ scalars: { mem: 100_000 } });
    const effects = cluster.lends(lent(1, 1024));
    expect([rescindsIn(effects), killedIn(effects)]).toEqual([[], ['t1']]);
  });

  test('what is on its way back counts: nobody is killed twice, or in its place', () => {
    cluster.launchLent({ t1: lent(1, 128), t2: lent(1, 128), t3: lent(1, 128) });
    expect(killedIn(cluster.lends(lent(2, 512)))).toEqual(['t3']);
    expect(killedIn(cluster.lends(lent(2, 500)))).toEqual([]);
    expect(killedIn(cluster.lends(lent(1, 500)))).toEqual(['t2']);
    const effects = cluster.propose(framework, {}, agentId, { revocable: lent(0.1, 1) });
    expect(whyRefused(effects)).toHaveLength(1);
  });

  test('a task that its framework kills with a long grace has no longer than others', () => {
    cluster.launchLent({ t1: lent(2, 128), t2: lent(2, 128) });
    const taskId = taskRef(framework, 't1').taskId;
    const graceMs = 3_600_000;
    cluster.frameworkCall(framework, { verb: 'killTask', body: { taskId, graceMs } });
    expect(killsIn(cluster.lends(lent(2, 512)))).toMatchObject([
      { task: { taskId: 't1' }, reason: 'framework', graceMs: 1000 },
    ]);
  });

  test('ordinary tasks are never touched', () => {
    cluster.launch(framework, 'mine', some(2));
    cluster.launchLent({ t1: lent(1, 128) });
    expect(killedIn(cluster.lends({}))).toEqual(['t1']);
  });

  test('so it is when it comes back after a while and has none any more', () => {
    cluster.launchLent({ t1: lent(1, 128) });
    cluster.enter({ kind: 'agentSilent', agentId, registration: 1 });
    const tasks = [{ task: taskRef(framework, 't1'), state: 'running', lastSequence: 1 }] as const;
    const body = { hostname: 'h', total: lent(8, 8000), attributes: {}, revocable: {} };
    const effects = cluster.call(
      { kind: 'agent', agentId },
      { verb: 'register', body: { ...body, tasks: [...tasks] } },
    );
    expect(answerOf(effects).ok).toBe(true);
    expect(killedIn(effects)).toEqual(['t1']);
  });

  test('nothing is lent of an agent that is drained', () => {
    const offerId = cluster.offerLent(lent(1, 128));
    const body = { agentId, change: 'drain' } as const;
    const effects = operatorCalls(cluster, { verb: 'operatorAgent', body });
    expect(rescindsIn(effects)).toEqual([{ offerIds: [offerId], reason: 'agentDraining' }]);
    expect(factsOf(effects)).toContainEqual({ kind: 'agentAway', agentId });
  });
});

describe('what an agent says makes an entry', () => {
  const isWorth = (stated: ReturnType<typeof lent>) => {
    const agent = cluster.state.agents.get(agentId);
    if (agent === undefined) throw new Error('it is registered');
    return isWorthAnEntry(cluster.state, agent, { ports: [], sets: {}, ...stated });
  };

  test('the first time, and the last', () => {
    expect(isWorth(lent(0, 0))).toBe(false);
    expect(isWorth(lent(0.1, 0))).toBe(true);
    cluster.lends(lent(0.1, 0));
    expect(isWorth(lent(0.1, 0))).toBe(false);
    expect(isWorth(lent(0, 0))).toBe(true);
  });

  test('when it changes by a twentieth of what the agent has', () => {
    cluster.lends(lent(4, 1000));
    expect(isWorth(lent(4.399, 1399))).toBe(false);
    expect(isWorth(lent(4.4, 1000))).toBe(true);
    expect(isWorth(lent(3.6, 1000))).toBe(true);
    expect(isWorth(lent(4, 600))).toBe(true);
  });

  test('at once when it runs short of what is held', () => {
    cluster.lends(lent(4, 1000));
    cluster.launchLent({ t1: lent(4, 100) });
    expect(isWorth(lent(3.999, 1000))).toBe(true);
    expect(isWorth(lent(4, 999))).toBe(false);
  });
});
