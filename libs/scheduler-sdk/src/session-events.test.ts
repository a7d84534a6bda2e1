// Owns what a session promises about events of the leader and messages of executors.
import { AgentId, ExecutorId } from '@parley/protocol/ids';
import { describe, expect, it } from 'vitest';
import { aSession, eventsOf, requestsOf, settle, subscribed } from './session-driving.ts';
import type { SessionEffect } from './session-vocabulary.ts';

const idsOf = (effects: readonly SessionEffect[]): number[] =>
  eventsOf(effects).flatMap((event) => (event.kind === 'event' ? [event.event.eventId] : []));

describe('events', () => {
  it('are delivered in order and acknowledged only when the handler is through', () => {
    const { session, leader } = subscribed();
    leader.event();
    leader.event();
    expect(idsOf(settle(session, leader, []))).toEqual([1, 2]);
    expect(leader.events).toHaveLength(2);
    settle(session, leader, session.eventHandled(1, 1), 1);
    expect(leader.calls.at(-1)).toEqual({ name: 'acknowledgeEvents', body: { upTo: 1 } });
    expect(leader.events.map(({ eventId }) => eventId)).toEqual([2]);
  });

  it('that are told again are not delivered again', () => {
    const { session, leader } = subscribed();
    leader.event();
    leader.tellAgain();
    expect(idsOf(settle(session, leader, []))).toEqual([1]);
  });

  it('that are told again after they were handled are acknowledged again', () => {
    const { session, leader } = subscribed();
    leader.event();
    const told = [...leader.events];
    settle(session, leader, []);
    settle(session, leader, session.eventHandled(1, 1), 1);
    leader.events = told;
    leader.tellAgain();
    settle(session, leader, [], 2);
    expect(leader.events).toEqual([]);
  });

  it('are acknowledged with one call at a time, the last of them when it is through', () => {
    const { session, leader } = subscribed();
    for (let event = 0; event < 3; event += 1) leader.event();
    settle(session, leader, []);
    const first = session.eventHandled(1, 1);
    expect(requestsOf(session.eventHandled(2, 1))).toEqual([]);
    expect(requestsOf(session.eventHandled(3, 1))).toEqual([]);
    settle(session, leader, first, 1);
    const bodies = leader.calls.flatMap(({ name, body }) =>
      name === 'acknowledgeEvents' ? [body] : [],
    );
    expect(bodies).toEqual([{ upTo: 1 }, { upTo: 3 }]);
  });

  it('of which a message was lost come with the resync that the gap leads to', () => {
    const { session, leader } = subscribed();
    leader.event();
    leader.outbox.length = 0;
    leader.event();
    const effects = settle(session, leader, []);
    expect(requestsOf(effects).map(({ call }) => call.name)).toEqual(['resync']);
    expect(idsOf(effects)).toEqual([1, 2]);
  });

  it('that seem to be missing between others are asked for before any later one is delivered', () => {
    const { session, leader } = subscribed();
    leader.event();
    leader.event();
    const [first, second] = leader.events;
    if (first === undefined || second === undefined) throw new Error('no events');
    leader.outbox.length = 0;
    leader.lastNumber -= 1;
    leader.outbox.push({
      kind: 'events',
      epoch: leader.epoch,
      body: { number: leader.lastNumber, events: [second], dropped: 0 },
    });
    const effects = settle(session, leader, []);
    expect(requestsOf(effects).map(({ call }) => call.name)).toEqual(['resync']);
    expect(idsOf(effects)).toEqual([1, 2]);
  });

  it('not acknowledged by an earlier scheduler are delivered to the next one', () => {
    const { session, leader } = subscribed();
    for (let event = 0; event < 3; event += 1) leader.event();
    settle(session, leader, []);
    settle(session, leader, session.eventHandled(2, 1), 1);
    const next = aSession({ callerSession: 'next' });
    expect(idsOf(settle(next, leader, next.start(2), 2))).toEqual([3]);
  });

  it('are reported as lost, once, when the leader kept no more of them', () => {
    const { session, leader } = subscribed();
    const tell = (number: number): SessionEffect[] => {
      const body = { number, events: [], dropped: 4 };
      return session.message({ kind: 'events', epoch: leader.epoch, body }, 1);
    };
    expect(eventsOf(tell(1))).toEqual([{ kind: 'eventsDropped', count: 4 }]);
    expect(eventsOf(tell(2))).toEqual([]);
  });
});

describe('messages of executors', () => {
  it('are delivered whatever the session is', () => {
    const session = aSession();
    session.start(0);
    const message = {
      kind: 'executorMessage',
      agentId: AgentId.parse('a'),
      executorId: ExecutorId.parse('offers'),
      data: new Uint8Array([1]),
    } as const;
    expect(eventsOf(session.message(message, 1))).toEqual([message]);
  });
});
