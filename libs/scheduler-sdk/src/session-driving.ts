// Owns driving a session against a small leader without any network in between, for the tests of its rules.
import { FrameworkId, PrincipalName, RoleName } from '@parley/protocol/ids';
import type { Offer } from '@parley/protocol/offers';
import { TaskDescription } from '@parley/protocol/tasks';
import { FakeLeader } from './fake-leader.ts';
import { SchedulerSession, type SessionOptions } from './session.ts';
import type { SchedulerEvent, SessionEffect } from './session-vocabulary.ts';

export const framework = {
  principal: PrincipalName.parse('team'),
  frameworkId: FrameworkId.parse('fw'),
};

/** It asks for its tasks only when a test says so: `reconcile` is false otherwise. */
export const aSession = (options: Partial<SessionOptions> = {}): SchedulerSession =>
  new SchedulerSession({
    framework,
    name: 'test',
    roles: [RoleName.parse('batch')],
    failoverTimeoutMs: 1000,
    callerSession: 'caller',
    reconcile: false,
    ...options,
  });

export const aTask = (id: string): TaskDescription =>
  TaskDescription.parse({ taskId: id, resources: {}, command: { argv: ['true'] } });

export const eventsOf = (effects: readonly SessionEffect[]): SchedulerEvent[] =>
  effects.flatMap((effect) => (effect.kind === 'deliver' ? [effect.event] : []));
export const requestsOf = (effects: readonly SessionEffect[]) =>
  effects.flatMap((effect) => (effect.kind === 'request' ? [effect] : []));
export const offersOf = (effects: readonly SessionEffect[]): Offer[] =>
  eventsOf(effects).flatMap((event) => (event.kind === 'offers' ? event.offers : []));

/** Carries requests to the leader and its messages back, until nothing moves. */
export function settle(
  session: SchedulerSession,
  leader: FakeLeader,
  effects: readonly SessionEffect[],
  nowMs = 0,
): SessionEffect[] {
  const all: SessionEffect[] = [];
  let wave = [...effects];
  while (wave.length > 0 || leader.outbox.length > 0) {
    all.push(...wave);
    const next: SessionEffect[] = [];
    for (const effect of wave) {
      // The stream is read before the answer to a question is compared, as a real reader does.
      if (effect.kind !== 'catchUp') continue;
      const position = { streamCreatedMs: 1, sequence: effect.streamSequence };
      for (const [index, update] of leader.stream.entries())
        next.push(...session.updateRead(index + 1, update, nowMs));
      next.push(...session.caughtUp(position, nowMs));
    }
    for (const { counter, call, header } of requestsOf(wave)) {
      next.push(...session.answered(counter, leader.request(call, header), nowMs));
    }
    for (const message of leader.outbox.splice(0)) next.push(...session.message(message, nowMs));
    wave = next;
  }
  return all;
}

export function subscribed(options: Partial<SessionOptions> = {}): {
  session: SchedulerSession;
  leader: FakeLeader;
} {
  const session = aSession(options);
  const leader = new FakeLeader(framework);
  settle(session, leader, session.start(0));
  return { session, leader };
}

export function offered(count: number, options: Partial<SessionOptions> = {}) {
  const { session, leader } = subscribed(options);
  leader.offer(count);
  return { session, leader, offers: offersOf(settle(session, leader, [])) };
}
