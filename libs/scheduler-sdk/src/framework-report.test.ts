// Tests what a framework tells each leader of itself, and that it names its roles again when it is asked to.
import type { FrameworkReport } from '@parley/protocol/frameworks';
import { RoleName } from '@parley/protocol/ids';
import { describe, expect, it } from 'vitest';
import type { FakeLeader } from './fake-leader.ts';
import type { SchedulerSession } from './session.ts';
import { aTask, offered, requestsOf, settle, subscribed } from './session-driving.ts';
import type { SessionEffect } from './session-vocabulary.ts';

const [batch, web] = ['batch', 'web'].map((role) => RoleName.parse(role)) as [RoleName, RoleName];

function reportsIn(effects: readonly SessionEffect[]): (FrameworkReport | undefined)[] {
  return effects.flatMap((effect) =>
    effect.kind === 'publish' && effect.call.name === 'frameworkHeartbeat'
      ? [effect.call.body.report]
      : [],
  );
}

/** What it says to a leader that it hears for the first time. */
const toldAnew = (session: SchedulerSession, leader: FakeLeader, nowMs: number) => {
  leader.takeOver();
  const { epoch } = leader;
  const presence = { kind: 'presence', epoch, body: { masterId: 'm' } } as const;
  const effects = session.message(presence as Parameters<typeof session.message>[0], nowMs);
  return { effects, report: reportsIn(effects).at(-1) };
};

const asksForRoles = (leader: FakeLeader, session = leader.session) => {
  const body = { session, lastNumber: 0, wantsRoles: true } as const;
  leader.outbox.push({ kind: 'leaderHeartbeat', epoch: leader.epoch, body });
};

describe('what a framework reports of itself', () => {
  it('names its roles, what is answered and what is not, to a new leader at once', () => {
    const { session, leader, offers } = offered(1, { roles: [batch, web], suppressed: [web] });
    settle(
      session,
      leader,
      session.decline(
        offers.map(({ offerId }) => offerId),
        1,
      ),
      1,
    );
    const open = requestsOf(session.kill(aTask('t1').taskId, 1)).map(({ counter }) => counter);
    const { effects, report } = toldAnew(session, leader, 2);
    expect(report).toEqual({
      epoch: leader.epoch,
      callerSession: 'caller',
      lastCall: open[0],
      subscribedBy: 1,
      roles: [
        { role: batch, isSuppressed: false },
        { role: web, isSuppressed: true },
      ],
      openCalls: open,
      acknowledgedCalls: [1, 2],
    });
    // What is open is asked again, of the new leader.
    expect(requestsOf(effects).map(({ counter }) => counter)).toEqual(open);
  });

  it('holds no refused call and no question for done', () => {
    const { session, leader } = subscribed();
    settle(
      session,
      leader,
      session.message(
        { kind: 'leaderHeartbeat', epoch: leader.epoch, body: { session: 1, lastNumber: 9 } },
        1,
      ),
      1,
    );
    expect(leader.calls.map(({ name }) => name)).toEqual(['subscribe', 'resync']);
    const [kill] = requestsOf(session.kill(aTask('t1').taskId, 1));
    const failure = { code: 'notPermitted', message: 'no' } as const;
    session.answered(
      kill?.counter ?? 0,
      { epoch: leader.epoch, answer: { ok: false, failure } },
      1,
    );
    expect(toldAnew(session, leader, 2).report).toMatchObject({
      acknowledgedCalls: [1],
      openCalls: [],
    });
  });

  it('says nothing of its roles while a call about them is not answered', () => {
    const { session, leader } = subscribed({ roles: [batch, web] });
    const unanswered = session.want([web], 1);
    expect(requestsOf(unanswered)).toHaveLength(1);
    expect(toldAnew(session, leader, 2).report?.roles).toBeUndefined();
    settle(session, leader, unanswered, 3);
    expect(reportsIn(session.tick(60_000)).at(-1)?.roles).toEqual([
      { role: batch, isSuppressed: true },
      { role: web, isSuppressed: false },
    ]);
  });

  it('counts a role that was given up and comes back as one that takes offers', () => {
    const { session, leader } = subscribed({ roles: [batch, web] });
    settle(
      session,
      leader,
      session.call({ name: 'suppress', body: { roles: [web] } }, 1).effects,
      1,
    );
    for (const roles of [[batch], [batch, web]]) {
      settle(
        session,
        leader,
        session.call({ name: 'updateFramework', body: { roles } }, 1).effects,
        1,
      );
    }
    // It wants no offers there still, and says so anew.
    expect(leader.calls.at(-1)).toEqual({ name: 'suppress', body: { roles: [web] } });
  });
});

describe('a framework that is asked for its roles', () => {
  it('names them again, and in which of them it takes offers, by calls of its own', () => {
    const { session, leader } = subscribed({ roles: [batch, web], suppressed: [web] });
    asksForRoles(leader);
    settle(session, leader, [], 1);
    expect(leader.calls.slice(1)).toEqual([
      { name: 'updateFramework', body: { roles: [batch, web] } },
      { name: 'suppress', body: { roles: [web] } },
      { name: 'revive', body: { roles: [batch] } },
    ]);
  });

  it('reports none of them until it has named all, also where a revive has to wait', () => {
    const { session, leader } = subscribed({ roles: [batch, web], suppressed: [web] });
    settle(session, leader, session.setInterest('revive', [batch], 1), 1);
    asksForRoles(leader);
    settle(session, leader, [], 2);
    const revives = () => leader.calls.filter(({ name }) => name === 'revive').length;
    expect(revives()).toBe(1);
    // A new leader wants to hear from it at once; the second revive is not due.
    expect(toldAnew(session, leader, 3).report).toMatchObject({ epoch: leader.epoch });
    expect(toldAnew(session, leader, 4).report?.roles).toBeUndefined();
    settle(session, leader, session.tick(9000), 9000);
    expect(revives()).toBe(2);
    expect(toldAnew(session, leader, 9001).report?.roles).toEqual([
      { role: batch, isSuppressed: false },
      { role: web, isSuppressed: true },
    ]);
  });

  it('leaves it where a call about them is under way, or another session is meant', () => {
    const { session, leader } = subscribed({ roles: [batch, web] });
    asksForRoles(leader, 7);
    settle(session, leader, [], 1);
    const roles = [web];
    const { effects } = session.call({ name: 'updateFramework', body: { roles } }, 1);
    asksForRoles(leader);
    for (const message of leader.outbox.splice(0)) session.message(message, 1);
    settle(session, leader, effects, 1);
    const named = leader.calls.filter(({ name }) => name === 'updateFramework');
    expect(named).toEqual([{ name: 'updateFramework', body: { roles } }]);
  });
});
