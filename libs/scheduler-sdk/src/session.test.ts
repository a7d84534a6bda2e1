// Owns what a session promises about subscribing, offers, accepts and updates, rule by rule.
import { fail } from '@parley/protocol/errors';
import { AgentId, TaskId } from '@parley/protocol/ids';
import { describe, expect, it } from 'vitest';
import { FakeLeader } from './fake-leader.ts';
import {
  aSession,
  aTask,
  eventsOf,
  framework,
  offered,
  offersOf,
  requestsOf,
  settle,
  subscribed,
} from './session-driving.ts';

describe('subscribing', () => {
  it('opens the consumer of the session that the leader gave and sends a heartbeat', () => {
    const session = aSession();
    const leader = new FakeLeader(framework);
    const effects = settle(session, leader, session.start(0));
    expect(effects).toContainEqual({ kind: 'openConsumer', session: 1 });
    expect(effects.some((effect) => effect.kind === 'publish')).toBe(true);
    expect(session.phase).toBe('subscribed');
  });

  it('repeats the call with the same id until it is answered', () => {
    const session = aSession();
    const [first] = requestsOf(session.start(0));
    const [again] = requestsOf(session.tick(session.nextWakeMs() ?? 0));
    expect(again).toEqual(first);
  });

  it('stops when the leader refuses, and says why', () => {
    const session = aSession();
    const [request] = requestsOf(session.start(0));
    const failure = { code: 'notPermitted', message: 'not your role' } as const;
    const effects = session.answered(request?.counter ?? 0, { answer: { ok: false, failure } }, 1);
    expect(eventsOf(effects)).toEqual([{ kind: 'stopped', reason: { kind: 'refused', failure } }]);
    expect(session.nextWakeMs()).toBeUndefined();
  });

  it('keeps a call open when the answer is that the leader is overloaded', () => {
    const session = aSession();
    const [request] = requestsOf(session.start(0));
    const failure = { code: 'overloaded', message: 'later' } as const;
    session.answered(request?.counter ?? 0, { answer: { ok: false, failure } }, 1);
    expect(session.phase).toBe('subscribing');
    expect(requestsOf(session.tick(60_000))).toHaveLength(1);
  });
});

describe('offers', () => {
  it('declines what the handler neither used nor declined', () => {
    const { session, leader, offers } = offered(3);
    const [used] = offers;
    if (used === undefined) throw new Error('no offer');
    settle(session, leader, session.accept({ offers: [used], launches: [] }, 1).effects);
    settle(session, leader, session.offersHandled(offers, 2));
    expect(leader.outstanding.size).toBe(0);
    expect(session.figures).toMatchObject({ outstanding: 0, answering: 0, openCalls: 0 });
  });

  it('asks for a resync when a number is missing, and delivers each offer once', () => {
    const { session, leader } = subscribed();
    leader.offer(1);
    leader.outbox.length = 0;
    leader.offer(1);
    const effects = settle(session, leader, []);
    expect(requestsOf(effects).map(({ call }) => call.name)).toEqual(['resync']);
    expect(offersOf(effects).map(({ offerId }) => offerId)).toEqual(['o1', 'o2']);
  });

  it('asks for a resync when the heartbeat of the leader shows a later number', () => {
    const { session, leader } = subscribed();
    leader.offer(2);
    leader.outbox.length = 0;
    leader.heartbeat();
    expect(offersOf(settle(session, leader, []))).toHaveLength(2);
  });

  it('ignores a message that comes twice', () => {
    const { session, leader } = subscribed();
    leader.offer(1);
    const [message] = leader.outbox;
    settle(session, leader, []);
    if (message === undefined) throw new Error('no message');
    expect(session.message(message, 1)).toEqual([]);
  });

  it('tells the user of rescinded offers, and nothing of those that were used', () => {
    const { session, leader, offers } = offered(2);
    const [used, kept] = offers;
    if (used === undefined || kept === undefined) throw new Error('no offers');
    session.accept({ offers: [used], launches: [] }, 1);
    leader.rescind([used.offerId, kept.offerId]);
    const events = eventsOf(settle(session, leader, [], 2));
    expect(events).toEqual([{ kind: 'rescinded', offerIds: [kept.offerId] }]);
  });

  it('does not offer again what a new leader publishes again', () => {
    const { session, leader, offers } = offered(2);
    const [used] = offers;
    if (used === undefined) throw new Error('no offer');
    session.accept({ offers: [used], launches: [aTask('t1')] }, 1);
    leader.takeOver();
    expect(offersOf(settle(session, leader, [], 2))).toEqual([]);
  });

  it('that a refused accept took are not offered again by a resync that was answered before', () => {
    const { session, leader, offers } = offered(1);
    const [accept] = requestsOf(session.accept({ offers, launches: [aTask('t1')] }, 1).effects);
    const resync = requestsOf(session.reconnected(2)).find(({ call }) => call.name === 'resync');
    if (accept === undefined || resync === undefined) throw new Error('nothing sent');
    const before = leader.request(resync.call, resync.header);
    session.answered(accept.counter, { answer: fail('invalidOperation', 'too much') }, 3);
    expect(offersOf(session.answered(resync.counter, before, 4))).toEqual([]);
    expect(session.figures.outstanding).toBe(0);
  });

  it('that a refused accept left as they were are offered again', () => {
    const { session, leader, offers } = offered(1);
    const [accept] = requestsOf(session.accept({ offers, launches: [aTask('t1')] }, 1).effects);
    if (accept === undefined) throw new Error('nothing sent');
    const refused = { answer: fail('internalError', 'it was left out') };
    const effects = settle(session, leader, session.answered(accept.counter, refused, 2), 2);
    expect(offersOf(effects)).toEqual(offers);
  });
});

describe('accept', () => {
  it('has one outcome, also when the answer comes twice', () => {
    const { session, leader, offers } = offered(1);
    const { effects, acceptId } = session.accept({ offers, launches: [aTask('t1')] }, 1);
    const [request] = requestsOf(effects);
    if (request === undefined) throw new Error('nothing sent');
    const answer = leader.request(request.call, request.header);
    const events = [1, 2].flatMap((nowMs) =>
      eventsOf(session.answered(request.counter, answer, nowMs)),
    );
    expect(events).toMatchObject([{ kind: 'accepted', acceptId, outcome: { ok: true } }]);
    expect(leader.launches.get('t1')).toBe(1);
  });

  it('drops its tasks at once when the offer was used already', () => {
    const { session, offers } = offered(1);
    session.accept({ offers, launches: [aTask('t1')] }, 1);
    const events = eventsOf(session.accept({ offers, launches: [aTask('t2')] }, 2).effects);
    expect(events).toMatchObject([
      { kind: 'accepted', outcome: { ok: false, failure: { code: 'invalidOffers' } } },
      { kind: 'update', update: { state: 'dropped', task: { taskId: 't2' } } },
    ]);
  });

  it('that fails does not drop a task that was heard of: its answer was lost, and the leader knows nothing of it any more', () => {
    const { session, leader, offers } = offered(1);
    const launches = [aTask('t1'), aTask('t2')];
    const [sent] = requestsOf(session.accept({ offers, launches }, 1).effects);
    const task = { ...framework, taskId: TaskId.parse('t1') };
    const agentId = offers[0]?.agentId ?? AgentId.parse('agent-1');
    const heard = { task, agentId, source: 'agent', sequence: 1, state: 'running' } as const;
    session.updateRead(1, { ...heard, wallTimeMs: 0 }, 2);
    const failed = { answer: fail('invalidOffers', 'the books are new'), epoch: leader.epoch };
    const events = eventsOf(session.answered(sent?.counter ?? 0, failed, 3));
    expect(events).toMatchObject([
      { kind: 'accepted', outcome: { ok: false } },
      { kind: 'update', update: { state: 'dropped', task: { taskId: 't2' } } },
    ]);
  });

  it('is sent again to a new leader', () => {
    const { session, leader, offers } = offered(1);
    const [sent] = requestsOf(session.accept({ offers, launches: [aTask('t1')] }, 1).effects);
    leader.takeOver();
    const [presence] = leader.outbox;
    if (presence === undefined) throw new Error('no presence');
    expect(requestsOf(session.message(presence, 2))).toEqual([sent]);
  });
});

describe('a new leader', () => {
  it('is told at once that the framework is there, or within the time that it gives all of them', () => {
    for (const reportWithinMs of [0, 2000]) {
      const { session, leader } = offered(1);
      session.tick(10);
      leader.takeOver();
      const [presence] = leader.outbox;
      if (presence?.kind !== 'presence') throw new Error('no presence');
      const body = { ...presence.body, reportWithinMs };
      const effects = session.message({ ...presence, body }, 20);
      for (let nowMs = 20; nowMs <= 20 + reportWithinMs; nowMs += 20) {
        effects.push(...session.tick(nowMs));
      }
      expect(effects.filter(({ kind }) => kind === 'publish')).toHaveLength(1);
    }
  });
});

describe('sessions', () => {
  it('subscribes again when the leader does not know it, and says that offers are void', () => {
    const { session, leader, offers } = offered(1);
    leader.disconnect();
    const effects = settle(session, leader, session.tick(60_000), 60_000);
    expect(eventsOf(effects)).toContainEqual({
      kind: 'rescinded',
      offerIds: offers.map(({ offerId }) => offerId),
    });
    expect(effects).toContainEqual({ kind: 'closeConsumer', remove: false });
    expect(effects).toContainEqual({ kind: 'openConsumer', session: 2 });
  });

  it('repeats a kill that was asked for under the lost session', () => {
    const { session, leader } = subscribed();
    leader.disconnect();
    const effects = settle(session, leader, session.kill(TaskId.parse('t1'), 1), 1);
    expect(requestsOf(effects).map(({ call }) => call.name)).toEqual([
      'killTask',
      'subscribe',
      'killTask',
    ]);
  });

  it('stops when a newer session of the framework exists', () => {
    const { session, leader } = subscribed();
    const other = aSession();
    const [request] = requestsOf(other.start(0));
    if (request === undefined) throw new Error('nothing sent');
    leader.request(request.call, { request: { ...request.header.request, session: 'other' } });
    const effects = settle(session, leader, session.kill(TaskId.parse('t1'), 1), 1);
    expect(eventsOf(effects)).toMatchObject([
      { kind: 'stopped', reason: { kind: 'refused', failure: { code: 'sessionReplaced' } } },
    ]);
    expect(effects).toContainEqual({ kind: 'closeConsumer', remove: false });
  });

  it('drops messages of an earlier term', () => {
    const { session, leader } = subscribed();
    leader.offer(1);
    const [late] = leader.outbox.splice(0);
    leader.takeOver();
    settle(session, leader, []);
    if (late === undefined) throw new Error('no message');
    expect(session.message(late, 1)).toEqual([]);
  });

  it('removes its consumer after a teardown', () => {
    const { session, leader } = subscribed();
    const effects = settle(session, leader, session.teardown(1), 1);
    expect(effects).toContainEqual({ kind: 'closeConsumer', remove: true });
    expect(session.phase).toBe('stopped');
  });

  it('states the last of several demands, one call at a time', () => {
    const { session, leader } = subscribed();
    const resources = { scalars: {}, ports: [], sets: {} };
    const demand = (count: number) => [{ count, resources, constraints: [] }];
    const first = session.setDemand(demand(1), 1);
    expect(requestsOf(session.setDemand(demand(2), 1))).toEqual([]);
    expect(requestsOf(session.setDemand(demand(3), 1))).toEqual([]);
    const bodies = requestsOf(settle(session, leader, first, 1)).map(({ call }) => call.body);
    expect(bodies).toEqual([{ demand: demand(1) }, { demand: demand(3) }]);
  });
});

describe('updates', () => {
  it('are acknowledged only after the handler, and delivered once', () => {
    const { session, leader } = subscribed();
    leader.update(TaskId.parse('t1'), 'agent', 1, 'running');
    const [update] = leader.stream;
    if (update === undefined) throw new Error('no update');
    expect(eventsOf(session.updateRead(1, update, 1))).toHaveLength(1);
    expect(session.updateRead(1, update, 2)).toEqual([]);
    expect(session.updateRead(2, update, 2)).toEqual([{ kind: 'acknowledge', streamSequence: 2 }]);
    expect(session.updateHandled(1, 3)).toEqual([{ kind: 'acknowledge', streamSequence: 1 }]);
    expect(session.updateRead(1, update, 4)).toEqual([{ kind: 'acknowledge', streamSequence: 1 }]);
  });

  it('after the first terminal one of a task are dropped', () => {
    const { session, leader } = subscribed();
    leader.update(TaskId.parse('t1'), 'master', 1, 'gone');
    leader.update(TaskId.parse('t1'), 'agent', 1, 'running');
    const events = leader.stream.map((update, index) =>
      eventsOf(session.updateRead(index + 1, update, 1)),
    );
    expect(events.map((each) => each.length)).toEqual([1, 0]);
  });

  it('of the leader that a task is back do not take back what its agent has told', () => {
    const { session, leader } = subscribed();
    const t1 = TaskId.parse('t1');
    leader.update(t1, 'agent', 1, 'starting');
    leader.update(t1, 'master', 1, 'unreachable');
    leader.update(t1, 'master', 2, 'starting');
    leader.update(t1, 'master', 3, 'unreachable');
    leader.update(t1, 'agent', 2, 'running');
    leader.update(t1, 'master', 4, 'running');
    leader.update(t1, 'master', 5, 'starting');
    const effects = leader.stream.map((update, index) => {
      const isBack = update.source === 'master' && update.state !== 'unreachable';
      const read = isBack ? ({ ...update, reason: 'agentReturned' } as const) : update;
      return session.updateRead(index + 1, read, 1);
    });
    expect(effects.map((each) => eventsOf(each).length)).toEqual([1, 1, 1, 1, 1, 1, 0]);
    expect(effects.at(-1)).toEqual([{ kind: 'acknowledge', streamSequence: 7 }]);
  });

  it('from an agent that the task was not launched on are left out and reported', () => {
    const { session, leader, offers } = offered(1);
    settle(session, leader, session.accept({ offers, launches: [aTask('t1')] }, 1).effects);
    const [update] = leader.stream;
    const [offer] = offers;
    if (update === undefined || offer === undefined) throw new Error('no update');
    const other = { ...update, agentId: AgentId.parse(`${offer.agentId}-2`) };
    expect(eventsOf(session.updateRead(1, other, 1))).toMatchObject([{ kind: 'foreignUpdate' }]);
    expect(eventsOf(session.updateRead(2, update, 1))).toMatchObject([{ kind: 'update' }]);
  });
});
