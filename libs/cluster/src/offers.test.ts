// Tests offers: made of proposals that fit, accepted with launches, declined, and the facts that follow.
import { OfferId } from '@parley/protocol/ids';
import { normalise } from '@parley/resources/resources';
import { beforeEach, describe, expect, test } from 'vitest';
import {
  aCluster,
  aFramework,
  anAgentId,
  answerOf,
  aTask,
  eventsOf,
  factOf,
  factsOf,
  of,
  type ScriptedCluster,
  some,
  updatesOf,
} from './scripted-cluster.ts';

const agentId = anAgentId();
const framework = aFramework();
let cluster: ScriptedCluster;

beforeEach(() => {
  cluster = aCluster(some(4));
});

const free = () => cluster.state.books.agents.get(agentId);

describe('a proposal', () => {
  test('that fits becomes a numbered offer whose id contains the term', () => {
    const effects = cluster.propose(framework, some(3));
    expect(of(effects, 'offers')).toMatchObject([
      { framework, message: { number: 1, offers: [{ agentId, resources: normalise(some(3)) }] } },
    ]);
    expect(of(effects, 'offers')[0]?.message.offers[0]?.offerId).toMatch(/^o1-\d+$/);
    expect(factsOf(effects)).toEqual([
      { kind: 'usage', framework, role: 'r', scalars: { cpus: 3000, mem: 3000 } },
      {
        kind: 'outstanding',
        framework,
        offers: 1,
        scalars: { cpus: 3000, mem: 3000 },
      },
      {
        kind: 'agentFree',
        agentId,
        free: normalise(some(1)),
        reservations: [],
        offered: normalise(some(3)).scalars,
      },
      { kind: 'decided', proposalNumber: 1 },
    ]);
  });

  test.each([
    ['asks for more than is free', () => cluster.propose(framework, some(5))],
    [
      'is for an agent that is not there',
      () => cluster.propose(framework, some(1), anAgentId('x')),
    ],
    ['is for a framework that is not there', () => cluster.propose(aFramework('x'), some(1))],
    ['names another role', () => cluster.propose(framework, some(1), agentId, { role: 'other' })],
    ['holds nothing', () => cluster.propose(framework, {})],
  ])('that %s is refused, and the facts correct the allocator', (_why, propose) => {
    const effects = propose();
    expect(eventsOf(effects)).toMatchObject([{ type: 'proposalRefused' }]);
    expect(of(effects, 'offers')).toEqual([]);
    expect(factsOf(effects)).toContainEqual({ kind: 'decided', proposalNumber: 1 });
    expect(factsOf(effects).length).toBeGreaterThan(1);
  });

  test('is not decided twice, and one of an earlier allocator is ignored', () => {
    const proposal = { number: 1, framework, role: 'r', agentId, resources: some(1) };
    const input = { kind: 'proposals' as const, epoch: cluster.epoch, proposals: [proposal] };
    expect(of(cluster.enter(input), 'offers')).toHaveLength(1);
    expect(of(cluster.enter(input), 'offers')).toHaveLength(0);
    const earlier = { ...input, epoch: { bucketCreatedMs: 0, revision: 9 } };
    expect(cluster.enter(earlier)).toEqual([]);
    const later = { ...input, epoch: { bucketCreatedMs: 1, revision: 2 } };
    expect(of(cluster.enter(later), 'offers')).toHaveLength(1);
  });

  test('and its like of one input are announced in one message, unless it would be too large', () => {
    const attributes = Object.fromEntries(
      Array.from({ length: 50 }, (_, index) => [`name${index}`, 'x'.repeat(1000)]),
    );
    for (const id of ['b1', 'b2', 'b3']) {
      cluster.call(
        { kind: 'agent', agentId: anAgentId(id) },
        { verb: 'register', body: { hostname: id, total: some(4), attributes, tasks: [] } },
      );
    }
    const proposals = ['b1', 'b2', 'b3', 'a1'].map((id, index) => {
      const resources = some(1);
      return { number: index + 1, framework, role: 'r', agentId: anAgentId(id), resources };
    });
    const effects = cluster.enter({ kind: 'proposals', epoch: cluster.epoch, proposals });
    const messages = of(effects, 'offers').map(({ message }) => message);
    expect(messages.map(({ offers }) => offers.length)).toEqual([1, 1, 2]);
    expect(messages.map(({ number }) => number)).toEqual([1, 2, 3]);
  });
});

describe('an accept', () => {
  test('launches tasks in order, sends run orders and declines the rest with the filter', () => {
    const offerId = cluster.offer(framework, some(4));
    const effects = cluster.accept(framework, [offerId], [aTask('t1'), aTask('t2', some(2))]);
    expect(answerOf(effects)).toEqual({
      ok: true,
      value: { launched: ['t1', 't2'], rejected: [], refusedOperations: [], staleOffers: [] },
    });
    expect(of(effects, 'order').map(({ order }) => order)).toMatchObject([
      { kind: 'run', agentId, body: { framework, description: { taskId: 't1' } } },
      { kind: 'run', agentId, body: { framework, description: { taskId: 't2' } } },
    ]);
    expect(factOf(effects, 'refused')).toMatchObject({
      resources: normalise(some(1)),
      refuseMs: 5000,
    });
    expect(factOf(effects, 'usage')).toMatchObject({ scalars: { cpus: 3000, mem: 3000 } });
    expect(factOf(effects, 'agentFree')).toMatchObject({ free: normalise(some(1)) });
    expect(cluster.state.offers.size).toBe(0);
    expect(free()?.allocated).toEqual(normalise(some(3)));
  });

  test('sets no filter when nothing is left or the framework wants none', () => {
    const whole = cluster.accept(
      framework,
      [cluster.offer(framework, some(2))],
      [aTask('t1', some(2))],
    );
    expect(factOf(whole, 'refused')).toBeUndefined();
    const part = cluster.accept(framework, [cluster.offer(framework, some(2))], [aTask('t2')], 0);
    expect(factOf(part, 'refused')).toBeUndefined();
  });

  test('that leaves something over is told as having left it unused, with a filter or without', () => {
    const whole = cluster.accept(
      framework,
      [cluster.offer(framework, some(2))],
      [aTask('t1', some(2))],
    );
    expect(factOf(whole, 'leftUnused')).toBeUndefined();
    const offers = [cluster.offer(framework, some(1)), cluster.offer(framework, some(1))];
    const part = cluster.accept(framework, offers, [aTask('t2')], 0);
    expect(factOf(part, 'leftUnused')).toEqual({ kind: 'leftUnused', framework, agentId });
    const rest = cluster.accept(framework, [cluster.offer(framework, some(1))], [], 5000);
    expect(factOf(rest, 'leftUnused')).toEqual({ kind: 'leftUnused', framework, agentId });
  });

  test('combines offers of one agent', () => {
    const offers = [cluster.offer(framework, some(2)), cluster.offer(framework, some(2))];
    const effects = cluster.accept(framework, offers, [aTask('t1', some(3))]);
    expect(answerOf(effects)).toMatchObject({ ok: true, value: { launched: ['t1'] } });
  });

  test('rejects a task that asks for too much, with an error update, and launches the others', () => {
    const effects = cluster.accept(
      framework,
      [cluster.offer(framework, some(2))],
      [aTask('big', some(3)), aTask('small', some(2)), aTask('none', {})],
    );
    expect(answerOf(effects)).toMatchObject({
      ok: true,
      value: {
        launched: ['small'],
        rejected: [
          { taskId: 'big', failure: { code: 'insufficientResources' } },
          { taskId: 'none', failure: { code: 'invalidTask' } },
        ],
      },
    });
    expect(updatesOf(effects)).toMatchObject([
      { task: { taskId: 'big' }, state: 'error', reason: 'insufficientResources', sequence: 1 },
      { task: { taskId: 'none' }, state: 'error', reason: 'invalidTask' },
    ]);
  });

  test('of a task id that is live rejects it without an update that would end the live one', () => {
    cluster.launch(framework, 't1');
    const effects = cluster.accept(
      framework,
      [cluster.offer(framework, some(2))],
      [aTask('t1'), aTask('t2'), aTask('t2')],
    );
    expect(answerOf(effects)).toMatchObject({
      value: { launched: ['t2'], rejected: [{ taskId: 't1' }, { taskId: 't2' }] },
    });
    expect(updatesOf(effects)).toEqual([]);
  });

  test('of an id named twice fails as a whole: offers freed without a filter, every task dropped', () => {
    const id = cluster.offer(framework, some(2));
    const effects = cluster.accept(framework, [id, id], [aTask('t1')]);
    expect(answerOf(effects)).toMatchObject({ ok: false, failure: { code: 'invalidOffers' } });
    expect(updatesOf(effects)).toMatchObject([
      { task: { taskId: 't1' }, state: 'dropped', reason: 'invalidOffers' },
    ]);
    expect(factOf(effects, 'refused')).toBeUndefined();
    expect(factOf(effects, 'leftUnused')).toEqual({ kind: 'leftUnused', framework, agentId });
    expect(factOf(effects, 'agentFree')).toMatchObject({ free: normalise(some(4)) });
    expect(of(effects, 'order')).toEqual([]);
    expect(of(effects, 'rescind')).toEqual([]);
  });

  test("of another framework's offer fails and leaves that offer alone", () => {
    const other = aFramework('f2');
    cluster.subscribe(other);
    const id = cluster.offer(other, some(1));
    expect(answerOf(cluster.accept(framework, [id], [aTask('t1')]))).toMatchObject({
      failure: { code: 'invalidOffers' },
    });
    expect(cluster.state.offers.has(id)).toBe(true);
  });
});

describe('a decline', () => {
  test('frees the offers with the filter and counts those that are gone', () => {
    const id = cluster.offer(framework, some(2));
    const offerIds = [id, OfferId.parse('o9-9')];
    const body = { offerIds, filter: { refuseMs: 7000 } };
    const effects = cluster.frameworkCall(framework, { verb: 'decline', body });
    expect(answerOf(effects)).toEqual({ ok: true, value: { declined: 1, unknown: 1 } });
    expect(factOf(effects, 'refused')).toMatchObject({ refuseMs: 7000 });
    expect(factOf(effects, 'usage')).toMatchObject({ scalars: {} });
  });

  test('is told as leaving the agent unused, without a filter, too', () => {
    const offerIds = [cluster.offer(framework, some(2))];
    const body = { offerIds, filter: { refuseMs: 0 } };
    const effects = cluster.frameworkCall(framework, { verb: 'decline', body });
    expect(factOf(effects, 'leftUnused')).toEqual({ kind: 'leftUnused', framework, agentId });
    expect(factOf(effects, 'refused')).toBeUndefined();
  });
});

describe('a new leader', () => {
  test('tells outstanding offers again under new numbers, and they can still be accepted', () => {
    const id = cluster.offer(framework, some(2));
    const effects = cluster.startTerm();
    expect(of(effects, 'offers')).toMatchObject([
      { message: { number: 2, offers: [{ offerId: id }] } },
    ]);
    expect(answerOf(cluster.accept(framework, [id], [aTask('t1')]))).toMatchObject({ ok: true });
  });
});
