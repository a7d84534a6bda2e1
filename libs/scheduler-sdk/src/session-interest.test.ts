// Owns what a session promises about the roles in which offers are wanted, and about demand.
import { RoleName, TaskId } from '@parley/protocol/ids';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OfferInterest } from './offer-interest.ts';
import { aTask, offered, requestsOf, settle, subscribed } from './session-driving.ts';

const batch = RoleName.parse('batch');
const web = RoleName.parse('web');
const roles = [batch, web];
const named = (calls: readonly { name: string }[], name: string) =>
  calls.filter((call) => call.name === name);

type Change = {
  readonly afterMs: number;
  readonly interest: 'suppress' | 'revive' | 'exactly';
};

/** When the leader is called to revive, of all that the user does. */
function revivesOf(changes: readonly Change[]): number[] {
  const interest = new OfferInterest(roles, []);
  const revivesMs: number[] = [];
  let nowMs = 0;
  for (const change of changes) {
    nowMs += change.afterMs;
    if (change.interest === 'exactly') interest.want([web]);
    else interest[change.interest]([]);
    const call = interest.takeDue(nowMs);
    if (call?.name === 'revive') revivesMs.push(nowMs);
    if (call) interest.callEnded(call, 'done');
  }
  return revivesMs;
}

describe('interest in offers', () => {
  it('is told once when it ends and once when it comes back', () => {
    const { session, leader } = subscribed({ roles });
    for (let again = 0; again < 3; again += 1) {
      settle(session, leader, session.want([], 1), 1);
    }
    for (let again = 0; again < 3; again += 1) {
      settle(session, leader, session.want('all', 2), 2);
    }
    expect(leader.calls.slice(1)).toEqual([
      { name: 'suppress', body: { roles } },
      { name: 'revive', body: { roles } },
    ]);
  });

  it('is told role by role', () => {
    const { session, leader } = subscribed({ roles });
    settle(session, leader, session.want([web], 1), 1);
    expect(leader.calls.at(-1)).toEqual({ name: 'suppress', body: { roles: [batch] } });
  });

  it('revives a role that is not suppressed, to end its filters', () => {
    const { session, leader } = subscribed();
    settle(session, leader, session.setInterest('revive', [], 1), 1);
    expect(leader.calls.at(-1)).toEqual({ name: 'revive', body: { roles: [batch] } });
  });

  it('makes one revive of many in the same second', () => {
    const { session, leader } = subscribed();
    for (let nowMs = 1; nowMs < 900; nowMs += 1) {
      settle(session, leader, session.setInterest('revive', [], nowMs), nowMs);
    }
    expect(named(leader.calls, 'revive')).toHaveLength(1);
    expect(session.nextWakeMs()).toBeLessThanOrEqual(1001);
    settle(session, leader, session.tick(1001), 1001);
    expect(named(leader.calls, 'revive')).toHaveLength(2);
  });

  it('never makes a storm of revives, whatever is asked for', () => {
    const change = fc.record({
      afterMs: fc.integer({ min: 0, max: 3000 }),
      interest: fc.constantFrom<Change['interest']>('suppress', 'revive', 'exactly'),
    });
    fc.assert(
      fc.property(fc.array(change, { maxLength: 200 }), (changes) => {
        const revivesMs = revivesOf(changes);
        for (const [index, atMs] of revivesMs.entries()) {
          expect((revivesMs[index + 1] ?? atMs + 1000) - atMs).toBeGreaterThanOrEqual(1000);
          expect((revivesMs[index + 4] ?? atMs + 10_000) - atMs).toBeGreaterThanOrEqual(10_000);
        }
      }),
    );
  });

  it('that is gone is stated by the next subscription, without a call of its own', () => {
    const { session, leader } = subscribed({ roles });
    settle(session, leader, session.setInterest('suppress', [batch], 1), 1);
    leader.disconnect();
    settle(session, leader, session.kill(TaskId.parse('t1'), 2), 2);
    const subscriptions = named(leader.calls, 'subscribe');
    expect(subscriptions).toMatchObject([
      { body: { suppressed: [] } },
      { body: { suppressed: [batch] } },
    ]);
    expect(named(leader.calls, 'suppress')).toHaveLength(1);
  });

  it('in all roles holds for a role that the framework takes on later', () => {
    const { session, leader } = subscribed();
    const call = { name: 'updateFramework', body: { roles } } as const;
    settle(session, leader, session.call(call, 1).effects, 1);
    settle(session, leader, session.want('all', 2), 2);
    expect(leader.calls.map(({ name }) => name)).toEqual(['subscribe', 'updateFramework']);
  });

  it('that was refused is not told again and again', () => {
    const { session } = subscribed();
    const [request] = requestsOf(session.setInterest('suppress', [], 1));
    const failure = { code: 'notPermitted', message: 'no' } as const;
    const effects = session.answered(request?.counter ?? 0, { answer: { ok: false, failure } }, 2);
    expect(requestsOf([...effects, ...session.tick(3)])).toEqual([]);
  });
});

describe('demand', () => {
  const resources = { scalars: { cpus: 100 }, ports: [], sets: {} };
  const demand = (count: number) => [{ count, resources, constraints: [] }];

  it('is not stated unless the user states one', () => {
    const { leader } = subscribed();
    expect(leader.calls[0]?.body).not.toHaveProperty('demand');
  });

  it('that the leader knows is not stated again', () => {
    const { session, leader } = subscribed({ demand: demand(3) });
    settle(session, leader, session.setDemand(demand(3), 1), 1);
    expect(named(leader.calls, 'demand')).toEqual([]);
  });

  it('is stated again when launches have lowered it since', () => {
    const { session, leader, offers } = offered(1, { demand: demand(3) });
    settle(session, leader, session.accept({ offers, launches: [aTask('t1')] }, 1).effects, 1);
    settle(session, leader, session.setDemand(demand(3), 2), 2);
    expect(named(leader.calls, 'demand')).toHaveLength(1);
    settle(session, leader, session.setDemand(demand(3), 3), 3);
    expect(named(leader.calls, 'demand')).toHaveLength(1);
  });

  it('waits for the accepts that were made before it', () => {
    const { session, leader, offers } = offered(1);
    const sent = session.accept({ offers, launches: [aTask('t1')] }, 1).effects;
    expect(requestsOf(session.setDemand(demand(2), 2))).toEqual([]);
    settle(session, leader, sent, 3);
    expect(leader.calls.slice(1).map(({ name }) => name)).toEqual(['accept', 'demand']);
  });

  it('can be taken back, so that whatever is free is offered', () => {
    const { session, leader } = subscribed({ demand: demand(3) });
    settle(session, leader, session.setDemand(undefined, 1), 1);
    expect(leader.calls.at(-1)).toEqual({ name: 'demand', body: {} });
  });
});
