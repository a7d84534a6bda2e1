// Tests accepts: offers that are stale, several agents, all or nothing, what is left, and reasons of declines.
import type { OfferId } from '@parley/protocol/ids';
import { normalise } from '@parley/resources/resources';
import { beforeEach, describe, expect, test } from 'vitest';
import {
  aCluster,
  aFramework,
  aLaunch,
  anAgentId,
  answerOf,
  aTask,
  type Effects,
  eventsOf,
  factsOf,
  of,
  type ScriptedCluster,
  some,
  updatesOf,
} from './scripted-cluster.ts';

const [a1, a2] = [anAgentId('a1'), anAgentId('a2')];
const framework = aFramework();
let cluster: ScriptedCluster;

beforeEach(() => {
  cluster = aCluster(some(4), { roles: ['r', 's'] });
  cluster.register(a2, some(4));
});

const refusalsOf = (effects: Effects) => factsOf(effects).filter((one) => one.kind === 'refused');

/** An offer that was outstanding and is not any more. */
function staleOffer(agentId = a1): OfferId {
  const id = cluster.offer(framework, some(1), agentId);
  const body = { offerIds: [id], filter: { refuseMs: 0 } };
  cluster.frameworkCall(framework, { verb: 'decline', body });
  return id;
}

describe('an accept', () => {
  test('goes through with the offers that are still valid, and lists the others', () => {
    const stale = staleOffer();
    const ids = [stale, cluster.offer(framework, some(2))];
    const effects = cluster.accept(framework, ids, [aTask('t1', some(2))]);
    expect(answerOf(effects)).toEqual({
      ok: true,
      value: { launched: ['t1'], rejected: [], refusedOperations: [], staleOffers: [stale] },
    });
  });

  test('drops the tasks that would have needed a stale offer, without calling them errors', () => {
    const ids = [staleOffer(), cluster.offer(framework, some(2))];
    const effects = cluster.accept(framework, ids, [aTask('big', some(3)), aTask('t1', some(2))]);
    expect(answerOf(effects)).toMatchObject({
      ok: true,
      value: { launched: ['t1'], rejected: [{ taskId: 'big' }] },
    });
    expect(updatesOf(effects)).toMatchObject([
      { task: { taskId: 'big' }, state: 'dropped', reason: 'invalidOffers', agentId: 'a1' },
    ]);
  });

  test('drops the tasks for an agent of which only stale offers were named', () => {
    const ids = [staleOffer(a2), cluster.offer(framework, some(2), a1)];
    const effects = cluster.operate(framework, ids, [
      { ...aLaunch(aTask('t2')), agentId: a2 },
      { ...aLaunch(aTask('t1')), agentId: a1 },
    ]);
    expect(answerOf(effects)).toMatchObject({ ok: true, value: { launched: ['t1'] } });
    expect(updatesOf(effects)).toMatchObject([
      { task: { taskId: 't2' }, agentId: 'a2', state: 'dropped', reason: 'invalidOffers' },
    ]);
  });

  test('calls a task that does not fit an error when no offer was stale', () => {
    const effects = cluster.accept(
      framework,
      [cluster.offer(framework, some(2))],
      [aTask('big', some(3))],
    );
    expect(updatesOf(effects)).toMatchObject([
      { task: { taskId: 'big' }, state: 'error', reason: 'insufficientResources' },
    ]);
  });

  test('of which all offers are stale fails as a whole, and every task is dropped', () => {
    const effects = cluster.accept(framework, [staleOffer()], [aTask('t1'), aTask('t2')]);
    expect(answerOf(effects)).toMatchObject({ ok: false, failure: { code: 'invalidOffers' } });
    expect(updatesOf(effects)).toMatchObject([
      { task: { taskId: 't1' }, state: 'dropped', reason: 'invalidOffers' },
      { task: { taskId: 't2' }, state: 'dropped', reason: 'invalidOffers' },
    ]);
  });

  test('of offers of several roles fails as a whole: they come back without a filter', () => {
    const ids = [
      cluster.offer(framework, some(1)),
      cluster.offer(framework, some(1), a1, { role: 's' }),
    ];
    const effects = cluster.accept(framework, ids, [aTask('t1')]);
    expect(answerOf(effects)).toMatchObject({
      failure: { code: 'invalidOffers', message: 'the offers are of several roles' },
    });
    expect(updatesOf(effects)).toMatchObject([{ state: 'dropped', reason: 'invalidOffers' }]);
    expect(cluster.state.offers.size).toBe(0);
    expect(refusalsOf(effects)).toEqual([]);
    expect(of(effects, 'rescind')).toEqual([]);
  });

  test('of offers of several agents launches where each operation says', () => {
    const ids = [cluster.offer(framework, some(3), a1), cluster.offer(framework, some(2), a2)];
    const effects = cluster.operate(framework, ids, [
      { ...aLaunch(aTask('t2', some(2))), agentId: a2 },
      { ...aLaunch(aTask('t1', some(2))), agentId: a1 },
    ]);
    expect(answerOf(effects)).toMatchObject({ ok: true, value: { launched: ['t2', 't1'] } });
    expect(of(effects, 'order').map(({ order }) => order.agentId)).toEqual([a2, a1]);
    expect(refusalsOf(effects)).toMatchObject([{ agentId: a1, resources: normalise(some(1)) }]);
    expect(eventsOf(effects).filter(({ type }) => type === 'offerAccepted')).toMatchObject([
      { agentId: a1, launched: 1 },
      { agentId: a2, launched: 1 },
    ]);
  });

  test('of offers of several agents refuses what does not say of which', () => {
    const ids = [cluster.offer(framework, some(3), a1), cluster.offer(framework, some(2), a2)];
    const effects = cluster.operate(framework, ids, [
      aLaunch(aTask('t1')),
      { kind: 'reserve', reservationId: 'x', resources: some(1) },
    ]);
    expect(answerOf(effects)).toMatchObject({
      ok: true,
      value: {
        launched: [],
        rejected: [{ taskId: 't1', failure: { code: 'invalidTask' } }],
        refusedOperations: [{ index: 1, failure: { code: 'invalidOperation' } }],
      },
    });
    expect(updatesOf(effects)).toMatchObject([{ state: 'error', reason: 'invalidTask' }]);
  });

  test('that loses the race against a rescind is answered, and each task gets an update', () => {
    const id = cluster.offer(framework, some(2));
    cluster.agentSilent();
    const lost = cluster.accept(framework, [id], [aTask('t1')]);
    expect(answerOf(lost)).toMatchObject({ failure: { code: 'invalidOffers' } });
    expect(updatesOf(lost)).toMatchObject([{ state: 'dropped', reason: 'invalidOffers' }]);
  });

  test('that wins the race against a rescind launches, and nothing is left to rescind', () => {
    const id = cluster.offer(framework, some(2));
    const session = cluster.framework(framework)?.session;
    const operations = [aLaunch(aTask('t1'))];
    const accept = { verb: 'accept' as const, body: { offerIds: [id], operations } };
    const effects = cluster.enter(
      cluster.callInput({ kind: 'framework', ...framework }, accept, session),
      { kind: 'agentSilent', agentId: a1, registration: 1 },
    );
    expect(answerOf(effects)).toMatchObject({ ok: true, value: { launched: ['t1'] } });
    expect(of(effects, 'rescind')).toEqual([]);
  });
});

describe('an atomic accept', () => {
  const atomic = { atomic: true };

  test('launches over several agents when all is well', () => {
    const ids = [cluster.offer(framework, some(2), a1), cluster.offer(framework, some(2), a2)];
    const operations = [
      { ...aLaunch(aTask('t1', some(2))), agentId: a1 },
      { ...aLaunch(aTask('t2', some(2))), agentId: a2 },
    ];
    const effects = cluster.operate(framework, ids, operations, atomic);
    expect(answerOf(effects)).toMatchObject({ ok: true, value: { launched: ['t1', 't2'] } });
  });

  test('with one stale offer does nothing: every task is dropped, the other offers come back without a filter', () => {
    const stale = staleOffer();
    const ids = [cluster.offer(framework, some(2), a2), stale];
    const effects = cluster.operate(framework, ids, [aLaunch(aTask('t1'))], atomic);
    expect(answerOf(effects)).toMatchObject({
      ok: false,
      failure: { code: 'invalidOffers', message: expect.stringContaining(stale) },
    });
    expect(updatesOf(effects)).toMatchObject([{ state: 'dropped', reason: 'invalidOffers' }]);
    expect(cluster.state.offers.size + cluster.state.tasks.size).toBe(0);
    expect(refusalsOf(effects)).toEqual([]);
  });

  test('with one task that does not fit does nothing: that one is an error, the others are dropped', () => {
    const ids = [cluster.offer(framework, some(2), a1), cluster.offer(framework, some(2), a2)];
    const operations = [
      { ...aLaunch(aTask('t1', some(2))), agentId: a1 },
      { ...aLaunch(aTask('big', some(3))), agentId: a2 },
    ];
    const effects = cluster.operate(framework, ids, operations, atomic);
    expect(answerOf(effects)).toMatchObject({
      ok: false,
      failure: { code: 'invalidOperation', message: expect.stringContaining('task big') },
    });
    expect(updatesOf(effects)).toMatchObject([
      { task: { taskId: 't1' }, state: 'dropped', reason: 'invalidOffers' },
      { task: { taskId: 'big' }, state: 'error', reason: 'insufficientResources' },
    ]);
    expect(of(effects, 'order')).toEqual([]);
    expect(cluster.state.offers.size + cluster.state.tasks.size).toBe(0);
  });

  test('with one operation that cannot be done does nothing and names it', () => {
    const id = cluster.offer(framework, some(2));
    const operations = [
      { kind: 'reserve' as const, reservationId: 'x', resources: some(1) },
      aLaunch(aTask('t1')),
      { kind: 'destroyVolume' as const, volumeId: 'nowhere' },
    ];
    const effects = cluster.operate(framework, [id], operations, atomic);
    expect(answerOf(effects)).toMatchObject({
      ok: false,
      failure: { code: 'invalidOperation', message: expect.stringContaining('operations.2') },
    });
    expect(updatesOf(effects)).toMatchObject([{ state: 'dropped', reason: 'invalidOffers' }]);
    expect(cluster.state.reservations.size + cluster.state.tasks.size).toBe(0);
    expect(refusalsOf(effects)).toEqual([]);
  });
});

describe('a decline', () => {
  test('may say why: the reason is counted and told', () => {
    const decline = (reason?: 'noWork') => {
      const offerIds = [cluster.offer(framework, some(1))];
      const body = { offerIds, ...(reason && { reason, text: 'all done' }) };
      return cluster.frameworkCall(framework, { verb: 'decline', body });
    };
    expect(eventsOf(decline('noWork'))).toContainEqual(
      expect.objectContaining({ type: 'offerDeclined', reason: 'noWork', text: 'all done' }),
    );
    decline('noWork');
    decline();
    expect(cluster.state.cards.get('alice/f1')).toMatchObject({
      offered: 3,
      declined: 3,
      declineReasons: { noWork: 2 },
    });
  });

  test('with no filter frees the offer and refuses nothing', () => {
    const body = { offerIds: [cluster.offer(framework, some(1))], filter: { refuseMs: 0 } };
    const effects = cluster.frameworkCall(framework, { verb: 'decline', body });
    expect(answerOf(effects)).toMatchObject({ ok: true, value: { declined: 1 } });
    expect(refusalsOf(effects)).toEqual([]);
  });
});
