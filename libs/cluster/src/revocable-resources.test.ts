// Tests of what agents lend: what is offered of it and to whom, which tasks may use it, and how it is taken back.
import { beforeEach, describe, expect, test } from 'vitest';
import { isWorthAnEntry } from './revocable-resources.ts';
import {
  aFramework,
  anAgentId,
  answerOf,
  eventsOf,
  factsOf,
  of,
  ScriptedCluster,
  some,
} from './scripted-cluster.ts';
import {
  aCommandTask,
  acceptResultOf,
  aDefaultExecutor,
  anExecutor,
  groupOf,
  launchOf,
  operatorCalls,
  type RawTask,
  taskRef,
  writtenOf,
} from './scripted-tasks.ts';

const agentId = anAgentId();
const [framework, other] = [aFramework('f1'), aFramework('f2')];
let cluster: ScriptedCluster;
type Effects = ReturnType<ScriptedCluster['enter']>;

const lent = (cpus: number, memMib: number) => ({
  scalars: { cpus: cpus * 1000, mem: memMib * 1000 },
});

beforeEach(() => {
  cluster = new ScriptedCluster();
  cluster.startTerm();
  cluster.register(agentId, { scalars: { cpus: 8000, mem: 8_000_000 }, ports: [[1000, 1009]] });
  cluster.subscribe(framework, { takesRevocable: true });
  cluster.subscribe(other);
});

/** The agent's estimate, as the leader journals it. */
const says = (revocable: object, registration = 1): Effects =>
  cluster.enter({
    kind: 'agentOversubscribed',
    agentId,
    registration,
    revocable: { scalars: {}, ports: [], sets: {}, ...revocable },
  });

const offerLent = (revocable: object, resources: object = {}) =>
  cluster.offer(framework, resources, agentId, { revocable });

const aRevocable = (taskId: string, resources: object, more: Record<string, unknown> = {}) =>
  aCommandTask(taskId, { resources, revocable: true, ...more });

/** Running revocable tasks, each with its own amounts, launched one after another. */
function launchLent(tasks: Readonly<Record<string, object>>): void {
  for (const [taskId, resources] of Object.entries(tasks)) {
    cluster.pass(10);
    const offerId = offerLent(resources);
    const effects = cluster.operate(
      framework,
      [offerId],
      [launchOf(aRevocable(taskId, resources))],
    );
    for (const { order } of of(effects, 'order')) cluster.answerOrder(order.orderId);
    cluster.update(taskRef(framework, taskId), 'running');
  }
}

const freeFact = (effects: Effects) =>
  factsOf(effects).findLast(({ kind }) => kind === 'agentFree' || kind === 'agent');
const killsIn = (effects: Effects) =>
  of(effects, 'order').flatMap(({ order }) => (order.kind === 'kill' ? [order.body] : []));
const killedIn = (effects: Effects) => killsIn(effects).map(({ task }) => task.taskId);
const rescindsIn = (effects: Effects) =>
  of(effects, 'rescind').map(({ message: { offerIds, reason } }) => ({ offerIds, reason }));
const refusalsIn = (effects: Effects) =>
  eventsOf(effects).flatMap((event) => (event.type === 'proposalRefused' ? [event.why] : []));

describe('what an agent says may be lent', () => {
  test('is told to the allocator as free beside what is free, and counts in no total', () => {
    const effects = says(lent(2, 512));
    expect(freeFact(effects)).toMatchObject({
      revocable: lent(2, 512),
      free: { ports: [[1000, 1009]] },
    });
    expect(cluster.state.books.total.get('cpus')).toBe(8000);
    const offerId = offerLent(lent(1, 128));
    expect(factsOf(cluster.enter({ kind: 'tick' }))).toEqual([]);
    expect(freeFact(cluster.accept(framework, [offerId], []))).toMatchObject({
      revocable: lent(2, 512),
    });
  });

  test('is what is left of it once it is offered', () => {
    says(lent(2, 512));
    const effects = cluster.propose(framework, {}, agentId, { revocable: lent(1, 128) });
    expect(freeFact(effects)).toMatchObject({ revocable: lent(1, 384) });
    const [message] = of(effects, 'offers');
    expect(message?.message.offers).toMatchObject([{ revocable: lent(1, 128) }]);
    expect(factsOf(effects)).toContainEqual({ kind: 'usage', framework, role: 'r', scalars: {} });
  });

  test('is scalars only, and no more than the agent has', () => {
    says({ scalars: { cpus: 99_000, fpgas: 1000 }, ports: [[1000, 1001]] });
    expect(cluster.state.agents.get(agentId)?.revocable).toEqual({
      scalars: { cpus: 8000 },
      ports: [],
      sets: {},
    });
  });

  test('is not heard of a registration that is over', () => {
    cluster.register(agentId, { scalars: { cpus: 8000, mem: 8_000_000 } });
    expect(eventsOf(says(lent(2, 512), 1))).toEqual([]);
    expect(eventsOf(says(lent(2, 512), 2))).toMatchObject([{ type: 'agentOversubscribed' }]);
  });

  test('stays through a registration that does not say anything of it, and goes with one that does', () => {
    says(lent(2, 512));
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
  beforeEach(() => void says(lent(2, 512)));

  test('is made to nobody who has not subscribed for it', () => {
    const effects = cluster.propose(other, some(1), agentId, { revocable: lent(1, 128) });
    expect(refusalsIn(effects)).toEqual(['the framework takes nothing that is revocable']);
  });

  test('holds no more than is free of it', () => {
    offerLent(lent(1, 128));
    const tooMuch = { revocable: lent(1.5, 128) };
    const effects = cluster.propose(framework, {}, agentId, tooMuch);
    expect(refusalsIn(effects)).toEqual(['so much that is revocable is not free']);
    const ports = { revocable: { ports: [[1000, 1000]] as [number, number][] } };
    expect(refusalsIn(cluster.propose(framework, {}, agentId, ports))).toHaveLength(1);
  });

  test('tells the allocator who takes such offers', () => {
    const [fact] = factsOf(cluster.subscribe(framework, { takesRevocable: true }));
    expect(fact).toMatchObject({ kind: 'framework', framework, takesRevocable: true });
    expect(factsOf(cluster.subscribe(other))[0]).not.toHaveProperty('takesRevocable');
  });

  test('that is declined is refused for as long as was said, though there was nothing else in it', () => {
    const offerId = offerLent(lent(1, 128));
    expect(factsOf(cluster.accept(framework, [offerId], []))).toContainEqual(
      expect.objectContaining({
        kind: 'refused',
        revocable: { ...lent(1, 128), ports: [], sets: {} },
      }),
    );
  });
});

describe('a revocable task', () => {
  beforeEach(() => void says(lent(4, 1024)));
  const launched = (task: RawTask, revocable: object, resources: object = {}) => {
    const offerId = offerLent(revocable, resources);
    return cluster.operate(framework, [offerId], [launchOf(task)]);
  };
  const rejectionOf = (effects: Effects) => acceptResultOf(effects).rejected[0]?.failure;

  test('takes its scalars from what is lent, its ports from what is not, and counts as no use', () => {
    const task = aRevocable('t1', { ...lent(1, 128), ports: [[1000, 1000]] });
    const resources = { scalars: { cpus: 1000 }, ports: [[1000, 1001]] };
    const effects = launched(task, lent(2, 256), resources);
    expect(acceptResultOf(effects).launched).toEqual(['t1']);
    expect(cluster.state.tasks.get('alice/f1/t1')).toMatchObject({
      resources: { scalars: {}, ports: [[1000, 1000]] },
      revocable: lent(1, 128),
    });
    expect(factsOf(effects)).toContainEqual({ kind: 'usage', framework, role: 'r', scalars: {} });
    expect(factsOf(effects)).toContainEqual(
      expect.objectContaining({
        kind: 'refused',
        resources: { scalars: { cpus: 1000 }, ports: [[1001, 1001]], sets: {} },
        revocable: { ...lent(1, 128), ports: [], sets: {} },
      }),
    );
    expect(cluster.state.books.allocated.toScalars()).toEqual({});
    expect(of(effects, 'order')[0]?.order).toMatchObject({
      kind: 'run',
      body: { description: { revocable: true } },
    });
  });

  test('says nothing of how far its framework has come to its share', () => {
    const effects = launched(aRevocable('t1', lent(1, 128)), lent(1, 128));
    expect(eventsOf(effects).map(({ type }) => type)).not.toContain('frameworkRampedUp');
  });

  test('uses nothing of the ordinary part of an offer, and an ordinary task nothing of the lent one', () => {
    const ordinary = { scalars: { cpus: 2000, mem: 256_000 } };
    const mixed = launched(aRevocable('t1', lent(2, 128)), lent(1, 128), ordinary);
    expect(rejectionOf(mixed)).toEqual({
      code: 'insufficientResources',
      message: 'resources: more than what is left of the revocable part of the offers',
    });
    const greedy = launched(
      aCommandTask('t2', { resources: lent(3, 128) }),
      lent(4, 512),
      ordinary,
    );
    expect(rejectionOf(greedy)?.code).toBe('insufficientResources');
    expect(writtenOf(greedy)).toMatchObject([{ state: 'error', reason: 'insufficientResources' }]);
  });

  test('and the next one share what is left of the offer', () => {
    const tasks = [aRevocable('t1', lent(1, 128)), aRevocable('t2', lent(1, 128))];
    const offerId = offerLent(lent(1.5, 512));
    const effects = cluster.operate(framework, [offerId], [launchOf(...tasks)]);
    expect(acceptResultOf(effects)).toMatchObject({
      launched: ['t1'],
      rejected: [{ taskId: 't2', failure: { code: 'insufficientResources' } }],
    });
  });

  test.each([
    ['with a reservation', { reservationId: 'x' }, 'reservationId:'],
    ['with a volume', { volumes: [{ volumeId: 'v', path: 'data' }] }, 'volumes:'],
    ['without amounts', { resources: { ports: [[1000, 1000]] } }, 'resources:'],
    ['of a custom executor', { executor: anExecutor(), command: undefined }, 'revocable:'],
  ])('%s is an error that names the field', (_, more, field) => {
    const effects = launched(aRevocable('t1', lent(1, 128), more), lent(1, 128));
    const message: unknown = expect.stringMatching(new RegExp(`^${field}`));
    expect(rejectionOf(effects)).toEqual({ code: 'invalidTask', message });
    expect(writtenOf(effects)).toMatchObject([{ state: 'error', reason: 'invalidTask' }]);
  });

  test('is in a group only with others of its kind', () => {
    const launchGroup = (...tasks: RawTask[]) => {
      const offerId = offerLent(lent(2, 256), { scalars: { cpus: 1000, mem: 128_000 } });
      return cluster.operate(framework, [offerId], [groupOf(aDefaultExecutor(), ...tasks)]);
    };
    const mixed = launchGroup(
      aRevocable('t1', lent(1, 64)),
      aCommandTask('t2', { resources: lent(1, 64) }),
    );
    expect(rejectionOf(mixed)?.message).toContain('revocable: all tasks of a group are, or none');
    expect(cluster.state.executors.size).toBe(0);
    const pure = launchGroup(aRevocable('t3', lent(1, 64)), aRevocable('t4', lent(1, 64)));
    expect(acceptResultOf(pure).launched).toEqual(['t3', 't4']);
  });

  test('gives back what it was lent when it ends', () => {
    launchLent({ t1: lent(3, 128) });
    expect(
      refusalsIn(cluster.propose(framework, {}, agentId, { revocable: lent(2, 1) })),
    ).toHaveLength(1);
    const effects = cluster.update(taskRef(framework, 't1'), 'finished');
    expect(freeFact(effects)).toMatchObject({ revocable: lent(4, 1024) });
    expect(cluster.state.ended.get('alice/f1/t1')).toMatchObject({ revocable: lent(3, 128) });
  });
});

describe('when an agent needs back what it has lent', () => {
  beforeEach(() => void says(lent(4, 1024)));

  test('nothing happens while what is offered and used still fits', () => {
    launchLent({ t1: lent(1, 128) });
    offerLent(lent(1, 128));
    const effects = says(lent(2, 256));
    expect([rescindsIn(effects), killsIn(effects)]).toEqual([[], []]);
  });

  test('offers go first, the newest before the others and no more than needed, and no task', () => {
    launchLent({ t1: lent(1, 128) });
    const ordinary = cluster.offer(other, some(1));
    const [first, second] = [offerLent(lent(1, 128)), offerLent(lent(1, 128))];
    const effects = says(lent(2, 1024));
    expect(rescindsIn(effects)).toEqual([{ offerIds: [second], reason: 'revocableTakenBack' }]);
    expect(killsIn(effects)).toEqual([]);
    expect([...cluster.state.offers.keys()]).toEqual([ordinary, first]);
  });

  test('the youngest task is killed at once, and is told why', () => {
    launchLent({ t1: lent(1, 128), t2: lent(1, 128), t3: lent(1, 128) });
    const offerId = offerLent(lent(1, 128));
    const effects = says(lent(2, 512));
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
    launchLent({ t1: lent(3, 100), t2: { scalars: { mem: 500_000 } } });
    expect(killedIn(says(lent(1, 1024)))).toEqual(['t1']);
  });

  test('a task is spared after all where a later one gives back enough', () => {
    launchLent({ t1: lent(3, 100), t2: lent(0.5, 100) });
    expect(killedIn(says(lent(0.5, 1024)))).toEqual(['t1']);
  });

  test('an offer that holds nothing of what is short is left alone, though it stays short for a while', () => {
    launchLent({ t1: lent(3, 100) });
    offerLent({ scalars: { mem: 100_000 } });
    const effects = says(lent(1, 1024));
    expect([rescindsIn(effects), killedIn(effects)]).toEqual([[], ['t1']]);
  });

  test('what is on its way back counts: nobody is killed twice, or in its place', () => {
    launchLent({ t1: lent(1, 128), t2: lent(1, 128), t3: lent(1, 128) });
    expect(killedIn(says(lent(2, 512)))).toEqual(['t3']);
    expect(killedIn(says(lent(2, 500)))).toEqual([]);
    expect(killedIn(says(lent(1, 500)))).toEqual(['t2']);
    const effects = cluster.propose(framework, {}, agentId, { revocable: lent(0.1, 1) });
    expect(refusalsIn(effects)).toHaveLength(1);
  });

  test('a task that its framework kills with a long grace has no longer than others', () => {
    launchLent({ t1: lent(2, 128), t2: lent(2, 128) });
    const taskId = taskRef(framework, 't1').taskId;
    const graceMs = 3_600_000;
    cluster.frameworkCall(framework, { verb: 'killTask', body: { taskId, graceMs } });
    expect(killsIn(says(lent(2, 512)))).toMatchObject([
      { task: { taskId: 't1' }, reason: 'framework', graceMs: 1000 },
    ]);
  });

  test('ordinary tasks are never touched', () => {
    cluster.launch(framework, 'mine', some(2));
    launchLent({ t1: lent(1, 128) });
    expect(killedIn(says({}))).toEqual(['t1']);
  });

  test('so it is when it comes back after a while and has none any more', () => {
    launchLent({ t1: lent(1, 128) });
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
    const offerId = offerLent(lent(1, 128));
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
    says(lent(0.1, 0));
    expect(isWorth(lent(0.1, 0))).toBe(false);
    expect(isWorth(lent(0, 0))).toBe(true);
  });

  test('when it changes by a twentieth of what the agent has', () => {
    says(lent(4, 1000));
    expect(isWorth(lent(4.399, 1399))).toBe(false);
    expect(isWorth(lent(4.4, 1000))).toBe(true);
    expect(isWorth(lent(3.6, 1000))).toBe(true);
    expect(isWorth(lent(4, 600))).toBe(true);
  });

  test('at once when it runs short of what is held', () => {
    says(lent(4, 1000));
    launchLent({ t1: lent(4, 100) });
    expect(isWorth(lent(3.999, 1000))).toBe(true);
    expect(isWorth(lent(4, 999))).toBe(false);
  });
});
