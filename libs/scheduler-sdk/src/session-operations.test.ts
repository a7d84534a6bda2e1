// Owns what a session promises about accepts with operations, declines with reasons and calls that are too many.
import { AgentId, ExecutorId, ReservationId, TaskId } from '@parley/protocol/ids';
import { describe, expect, it } from 'vitest';
import { FakeLeader } from './fake-leader.ts';
import {
  aSession,
  aTask,
  eventsOf,
  framework,
  offered,
  requestsOf,
  settle,
  subscribed,
} from './session-driving.ts';

const reservation = ReservationId.parse('r1');
const shutdown = { agentId: AgentId.parse('agent-1'), executorId: ExecutorId.parse('e1') };

describe('accept with operations', () => {
  it('carries them in order, after the tasks of the plain form', () => {
    const { session, offers } = offered(1);
    const resources = { scalars: { disk: 1000 } };
    const { effects } = session.accept(
      {
        offers,
        launches: [aTask('t1')],
        operations: [
          { kind: 'reserve', reservationId: reservation, resources },
          { kind: 'launch', tasks: [aTask('t2')] },
        ],
        atomic: true,
      },
      1,
    );
    const [request] = requestsOf(effects);
    expect(request?.call.body).toMatchObject({
      operations: [{ kind: 'launch' }, { kind: 'reserve' }, { kind: 'launch' }],
      atomic: true,
    });
  });

  it('takes offers of several agents, and drops each task on its own agent when it fails as a whole', () => {
    const { session, leader } = subscribed();
    leader.offer(1);
    leader.agentId = AgentId.parse('agent-2');
    leader.offer(1);
    const offers = settle(session, leader, []).flatMap((effect) =>
      effect.kind === 'deliver' && effect.event.kind === 'offers' ? effect.event.offers : [],
    );
    const [one, two] = offers;
    if (one === undefined || two === undefined) throw new Error('no offers');
    const operations = [one, two].map(({ agentId }) => ({
      kind: 'launch' as const,
      agentId,
      tasks: [aTask(`on-${agentId}`)],
    }));
    const sent = session.accept({ offers, operations, atomic: true }, 1);
    const [request] = requestsOf(sent.effects);
    const failure = { code: 'insufficientResources', message: 'no' } as const;
    const effects = session.answered(request?.counter ?? 0, { answer: { ok: false, failure } }, 2);
    expect(eventsOf(effects)).toMatchObject([
      { kind: 'accepted', acceptId: sent.acceptId, outcome: { ok: false } },
      { kind: 'update', update: { state: 'dropped', agentId: 'agent-1' } },
      { kind: 'update', update: { state: 'dropped', agentId: 'agent-2' } },
    ]);
  });

  it('is refused at once when what it asks for is not valid, with a message that names the field', () => {
    const { session, offers } = offered(1);
    const operations = [
      { kind: 'createVolume', reservationId: '', volumeId: 'v', mib: 1 },
    ] as const;
    const { effects } = session.accept({ offers, operations }, 1);
    expect(requestsOf(effects)).toEqual([]);
    expect(eventsOf(effects)).toMatchObject([
      { kind: 'accepted', outcome: { failure: { code: 'malformed' } } },
    ]);
    expect(JSON.stringify(eventsOf(effects))).toContain('reservationId');
    expect(session.figures.outstanding).toBe(1);
  });

  it('tells of offers that were stale and of operations that were refused', () => {
    const { session, leader, offers } = offered(1);
    leader.outstanding.clear();
    const effects = settle(session, leader, session.accept({ offers, launches: [] }, 1).effects);
    expect(eventsOf(effects)).toMatchObject([
      { outcome: { ok: true, value: { staleOffers: ['o1'], refusedOperations: [] } } },
    ]);
  });
});

describe('decline', () => {
  it('says that an offer was left unused by the handler', () => {
    const { session, leader, offers } = offered(1);
    settle(session, leader, session.offersHandled(offers, 1));
    expect(leader.calls.at(-1)).toMatchObject({ name: 'decline', body: { reason: 'unused' } });
  });

  it('carries reason and text', () => {
    const { session, leader, offers } = offered(1);
    const how = { reason: 'tooSmall', text: 'wants 2 GiB', filter: { refuseMs: 1 } } as const;
    const ids = offers.map(({ offerId }) => offerId);
    settle(session, leader, session.decline(ids, 1, how));
    expect(leader.calls.at(-1)?.body).toEqual({ offerIds: ids, ...how });
  });
});

describe('calls', () => {
  it('that are too many are sent again with the same id, not before the leader allows', () => {
    const { session, leader } = subscribed();
    leader.rateLimited = 1;
    const body = { taskId: TaskId.parse('t1') };
    const sent = session.call({ name: 'killTask', body }, 1000);
    const [first] = requestsOf(sent.effects);
    expect(eventsOf(settle(session, leader, sent.effects, 1000))).toEqual([]);
    expect(requestsOf(session.reconnected(5000)).map(({ call }) => call.name)).toEqual(['resync']);
    expect(requestsOf(session.tick(7999)).filter(({ call }) => call.name === 'killTask')).toEqual(
      [],
    );
    const again = requestsOf(session.tick(8000)).filter(({ call }) => call.name === 'killTask');
    expect(again).toEqual([first]);
    const [answered] = eventsOf(settle(session, leader, again, 8000));
    expect(answered).toMatchObject({
      kind: 'answered',
      callId: sent.callId,
      outcome: { ok: true },
    });
  });

  it('are answered once each, also when the session is over before', () => {
    const { session, leader } = subscribed();
    leader.disconnect();
    const sent = session.call({ name: 'shutdownExecutor', body: shutdown }, 1);
    const events = eventsOf(settle(session, leader, sent.effects, 1));
    expect(events.filter(({ kind }) => kind === 'answered')).toMatchObject([
      { callId: sent.callId, outcome: { ok: true } },
    ]);
  });

  it('are failed when the session stops', () => {
    const { session } = subscribed();
    const sent = session.call({ name: 'shutdownExecutor', body: shutdown }, 1);
    const failure = { code: 'frameworkRemoved', message: 'gone' } as const;
    const [request] = requestsOf(session.call({ name: 'updateFramework', body: {} }, 1).effects);
    const effects = session.answered(request?.counter ?? 0, { answer: { ok: false, failure } }, 2);
    expect(eventsOf(effects)).toContainEqual({
      kind: 'answered',
      callId: sent.callId,
      outcome: { ok: false, failure },
    });
  });

  it('about the framework itself are remembered for the next subscription', () => {
    const { session, leader } = subscribed();
    const call = { name: 'updateFramework', body: { name: 'new', offerTimeoutMs: 500 } } as const;
    settle(session, leader, session.call(call, 1).effects, 1);
    leader.disconnect();
    settle(session, leader, session.kill(TaskId.parse('t1'), 2), 2);
    const subscribing = leader.calls.filter(({ name }) => name === 'subscribe').at(-1);
    expect(subscribing?.body).toMatchObject({ name: 'new', offerTimeoutMs: 500, roles: ['batch'] });
    expect(subscribing?.body).not.toHaveProperty('demand');
  });

  it('that it takes what is revocable is said with each subscription, also after it changed its name', () => {
    const session = aSession({ takesRevocable: true });
    const leader = new FakeLeader(framework);
    settle(session, leader, session.start(0));
    const call = { name: 'updateFramework', body: { name: 'new' } } as const;
    settle(session, leader, session.call(call, 1).effects, 1);
    leader.disconnect();
    settle(session, leader, session.kill(TaskId.parse('t1'), 2), 2);
    const subscribing = leader.calls.filter(({ name }) => name === 'subscribe');
    expect(subscribing.map(({ body }) => body)).toMatchObject([
      { name: 'test', takesRevocable: true },
      { name: 'new', takesRevocable: true },
    ]);
  });
});
