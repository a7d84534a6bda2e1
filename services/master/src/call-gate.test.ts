// Tests of what is asked of a call before it goes to the journal.
import { type Call, Caller } from '@parley/cluster/inputs';
import { AgentId, FrameworkRef, frameworkKey, RoleName } from '@parley/protocol/ids';
import { describe, expect, it } from 'vitest';
import { AuthorizationRules } from './authorization.ts';
import { CallGate } from './call-gate.ts';
import type { IncomingCall } from './calls.ts';
import type { ClusterView } from './cluster-view.ts';

const alice = FrameworkRef.parse({ principal: 'alice', frameworkId: 'f1' });
const eng = RoleName.parse('eng');
const ops = RoleName.parse('ops');
const place = (role: RoleName, agent: string) => ({ role, agentId: AgentId.parse(agent) });

/** Alice's framework is in `eng` and `ops`; offers and tasks by id. */
const books = {
  frameworkRoles: (framework: FrameworkRef) =>
    frameworkKey(framework) === frameworkKey(alice) ? [eng, ops] : undefined,
  offerPlace: (_: FrameworkRef, offerId: string) =>
    ({ 'o-a1': place(eng, 'a1'), 'o-gpu': place(eng, 'gpu-1') })[offerId],
  taskPlace: ({ taskId }: { taskId: string }) =>
    taskId === 't-gpu' ? place(ops, 'gpu-1') : undefined,
  oldestEvent: (framework: FrameworkRef) =>
    frameworkKey(framework) === frameworkKey(alice) ? 4 : undefined,
} as Pick<
  ClusterView,
  'frameworkRoles' | 'offerPlace' | 'taskPlace' | 'oldestEvent'
> as ClusterView;

function aGate(rules: object[] | undefined, rateLimits?: CallGateLimits) {
  const parsed = rules?.map((rule, index) => ({
    name: `rule-${index + 1}`,
    principals: ['*'],
    actions: ['*'],
    allow: false,
    ...rule,
  }));
  const inForce = parsed && AuthorizationRules.parse({ rules: parsed, otherwise: 'allow' });
  const gate = new CallGate({ view: books, rules: () => inForce, rateLimits });
  gate.principalsRead(new Map([['alice', { roles: ['eng', 'ops'] }]]), 0);
  return gate;
}
type CallGateLimits = { callsPerSecond: number; outstandingCalls: number };

function aCall(
  verb: Call['verb'],
  body: unknown,
  caller: object = { kind: 'framework', ...alice },
) {
  return {
    kind: 'call',
    caller: Caller.parse(caller),
    request: { session: 's', counter: 1, lowest: 1 },
    call: { verb, body } as Call,
  } satisfies IncomingCall;
}
const byOlga = { kind: 'operator', operator: 'olga' };
const launch = (agentId?: string) => ({ kind: 'launch', tasks: [], ...(agentId && { agentId }) });
const reserve = { kind: 'reserve', reservationId: 'r1', resources: {}, labels: {} };
const accept = (offerIds: string[], ...operations: object[]) =>
  aCall('accept', { offerIds, operations });
const share = (...changes: object[]) => aCall('operatorSharing', { changes, force: false }, byOlga);

describe('the authorisation of calls', () => {
  it('without rules is given to every call', () => {
    const gate = aGate(undefined);
    for (const call of [
      aCall('subscribe', { roles: [eng] }),
      accept(['o-a1'], launch(), reserve),
      aCall('operatorAgent', { agentId: 'a1', change: 'gone' }, byOlga),
    ]) {
      expect(gate.admit(call, 0)).toEqual({ pass: true });
    }
  });

  it.each<[string, object, IncomingCall]>([
    [
      'a role is denied although only one of several is meant',
      { objects: { roles: ['ops'] } },
      aCall('subscribe', { roles: [eng, ops] }),
    ],
    [
      'an update to a role',
      { objects: { roles: ['ops'] } },
      aCall('updateFramework', { roles: [ops] }),
    ],
    [
      'the roles of a call that names none are those in the books',
      { objects: { roles: ['ops'] } },
      aCall('suppress', { roles: [] }),
    ],
    [
      'a demand is for the first role where it names none',
      { actions: ['demand'], objects: { roles: ['eng'] } },
      aCall('demand', { demand: [{ count: 1 }] }),
    ],
    [
      'a launch on an agent that the call does not name',
      { objects: { agents: ['gpu-*'] } },
      accept(['o-a1', 'o-gpu'], launch()),
    ],
    [
      'a decline of an offer',
      { actions: ['decline'], objects: { agents: ['gpu-*'] } },
      aCall('decline', { offerIds: ['o-gpu'] }),
    ],
    ['an accept without operations is a decline', { actions: ['decline'] }, accept(['o-a1'])],
    ['one operation of several', { actions: ['reserve'] }, accept(['o-a1'], launch(), reserve)],
    [
      'a kill, where the task runs',
      { actions: ['kill'], objects: { agents: ['gpu-1'], roles: ['ops'] } },
      aCall('killTask', { taskId: 't-gpu' }),
    ],
    [
      'a kill of an unknown task, by the roles of its framework',
      { actions: ['kill'], objects: { roles: ['ops'] } },
      aCall('killTask', { taskId: 't-9' }),
    ],
    [
      'the shutdown of an executor',
      { actions: ['shutdownExecutor'], objects: { agents: ['a1'] } },
      aCall('shutdownExecutor', { agentId: 'a1', executorId: 'e1' }),
    ],
    [
      'a teardown',
      { actions: ['teardown'], objects: { frameworks: ['alice/f*'] } },
      aCall('teardown', {}),
    ],
    [
      'an operator’s kill',
      { principals: ['olga'], actions: ['operatorKill'], objects: { agents: ['gpu-*'] } },
      aCall('operatorKill', { task: { ...alice, taskId: 't-gpu' } }, byOlga),
    ],
    [
      'an operator’s teardown, by the framework’s role',
      { actions: ['operatorTeardown'], objects: { roles: ['ops'] } },
      aCall('operatorTeardown', { framework: alice }, byOlga),
    ],
    [
      'an operator’s change of an agent',
      { objects: { agents: ['a1'] } },
      aCall('operatorAgent', { agentId: 'a1', change: 'gone' }, byOlga),
    ],
    [
      'an operator’s reservation',
      { objects: { roles: ['eng'], agents: ['a1'] } },
      aCall('operatorOperate', { agentId: 'a1', role: eng, operation: reserve }, byOlga),
    ],
    [
      'a weight among other changes of a call',
      { actions: ['operatorWeight'], objects: { roles: ['eng'] } },
      share(
        { kind: 'role', role: ops, weight: 2000 },
        { kind: 'role', role: eng, limit: {}, weight: null },
      ),
    ],
    [
      'a quota that is cleared',
      { actions: ['operatorQuota'], objects: { roles: ['eng'] } },
      share({ kind: 'role', role: eng, guarantee: null }),
    ],
    [
      'a quota of a framework, by one of its roles',
      { actions: ['operatorQuota'], objects: { roles: ['ops'] } },
      share({ kind: 'framework', framework: alice, limit: {} }),
    ],
  ])('is refused by the rule that denies it: %s', (_, rule, call) => {
    const gate = aGate([rule]);
    const answer = gate.admit(call, 0);
    expect(answer).toMatchObject({ pass: false, failure: { code: 'notPermitted' } });
    expect(answer.pass ? '' : answer.failure.message).toContain('rule "rule-1" denies it');
    expect(gate.denied).toEqual(new Map([['rule-1', 1]]));
  });

  it.each<[string, object, IncomingCall]>([
    [
      'an operation that names the other agent',
      { objects: { agents: ['gpu-*'] } },
      accept(['o-a1', 'o-gpu'], launch('a1')),
    ],
    ['another framework', { objects: { frameworks: ['alice/f2'] } }, aCall('teardown', {})],
    ['another role', { objects: { roles: ['ops'] } }, accept(['o-a1'], launch())],
    [
      'a principal of the operator’s name',
      { principals: ['olga'], actions: ['operatorKill'] },
      aCall('killTask', { taskId: 't-gpu' }),
    ],
    [
      'a weight, by one about quotas',
      { actions: ['operatorQuota'] },
      share({ kind: 'role', role: eng, weight: 2000 }),
    ],
    [
      'a quota, by one about weights',
      { actions: ['operatorWeight'] },
      share({ kind: 'role', role: eng, limit: {} }),
    ],
    ['an agent’s call', {}, aCall('executorExited', {}, { kind: 'agent', agentId: 'a1' })],
  ])('is not refused by a rule about something else: %s', (_, rule, call) => {
    expect(aGate([rule]).admit(call, 0)).toEqual({ pass: true });
  });

  it('names the operation of an accept that was denied', () => {
    const answer = aGate([{ actions: ['reserve'] }]).admit(accept(['o-a1'], launch(), reserve), 0);
    expect(answer.pass ? '' : answer.failure.message).toBe(
      'alice may not do this: operation 2 (reserve) of the accept (framework alice/f1, role eng, agent a1): ' +
        'rule "rule-1" denies it. An operator can change the master\'s authorization file and send the master SIGHUP',
    );
  });

  it('leaves a framework that is not in the books to the books, unless it subscribes', () => {
    const gate = aGate([{}]);
    const stranger = { kind: 'framework', principal: 'alice', frameworkId: 'f9' };
    expect(gate.admit(aCall('teardown', {}, stranger), 0)).toEqual({ pass: true });
    expect(gate.admit(aCall('subscribe', { roles: [eng] }, stranger), 0)).toMatchObject({
      failure: { code: 'notPermitted' },
    });
  });

  it('is asked about roles that a framework names before its subscription stands in the books', () => {
    const gate = aGate([{ objects: { roles: ['ops'] } }]);
    const early = { kind: 'framework', principal: 'alice', frameworkId: 'f-early' };
    const needs = { demand: [{ role: ops, count: 1, resources: {} }] };
    expect(gate.admit(aCall('subscribe', { roles: [eng] }, early), 0)).toEqual({ pass: true });
    for (const call of [
      aCall('updateFramework', { roles: [ops] }, early),
      aCall('revive', { roles: [ops] }, early),
      aCall('demand', needs, early),
    ]) {
      expect(gate.admit(call, 0)).toMatchObject({ failure: { code: 'notPermitted' } });
    }
  });

  it('goes by the rules that are in force when the call comes', () => {
    let rules: AuthorizationRules | undefined;
    const gate = new CallGate({ view: books, rules: () => rules });
    expect(gate.admit(aCall('teardown', {}), 0)).toEqual({ pass: true });
    rules = AuthorizationRules.parse({ rules: [], otherwise: 'deny' });
    expect(gate.admit(aCall('teardown', {}), 0)).toMatchObject({ pass: false });
  });
});

describe('the register of principals', () => {
  it('is asked about every role that is named, also without rules', () => {
    const gate = aGate(undefined);
    const other = RoleName.parse('sales');
    for (const call of [
      aCall('subscribe', { roles: [eng, other] }),
      aCall('updateFramework', { roles: [other] }),
    ]) {
      const answer = gate.admit(call, 0);
      expect(answer).toMatchObject({
        pass: false,
        refresh: false,
        failure: { code: 'notPermitted' },
      });
      expect(answer.pass ? '' : answer.failure.message).toContain('role sales');
    }
    expect(gate.admit(aCall('updateFramework', { name: 'x' }), 0)).toEqual({ pass: true });
    expect(gate.denied).toEqual(new Map([['register of principals', 2]]));
  });
});

describe('the rate limit', () => {
  const limits = { callsPerSecond: 1, outstandingCalls: 1 };

  it('answers what is too much with the time to wait', () => {
    const gate = aGate(undefined, limits);
    expect(gate.admit(aCall('resync', {}), 0)).toEqual({ pass: true });
    expect(gate.admit(aCall('resync', {}), 0)).toMatchObject({
      pass: false,
      failure: { code: 'rateLimited', retryAfterMs: 1000 },
    });
    expect(gate.denied).toEqual(new Map([['rate limit', 1]]));
  });

  it('lets acknowledgements of events that are there and a teardown pass always', () => {
    const gate = aGate(undefined, limits);
    const call = aCall('resync', {});
    gate.admit(call, 0);
    gate.opened(call);
    for (const verb of ['acknowledgeEvents', 'teardown'] as const) {
      expect(gate.admit(aCall(verb, { upTo: 4 }), 0)).toEqual({ pass: true });
    }
    // What was acknowledged before, and what is no framework, is nothing that the leader caused.
    expect(gate.admit(aCall('acknowledgeEvents', { upTo: 3 }), 0)).toMatchObject({ pass: false });
    const stranger = { kind: 'framework', principal: 'alice', frameworkId: 'nobody' };
    expect(gate.admit(aCall('teardown', {}, stranger), 0)).toMatchObject({ pass: false });
    expect(gate.admit(call, 5000)).toMatchObject({ failure: { code: 'rateLimited' } });
    gate.answered(call);
    expect(gate.admit(call, 5000)).toEqual({ pass: true });
  });

  it('is for principals: agents and operators are not limited', () => {
    const gate = aGate(undefined, limits);
    for (let call = 0; call < 100; call += 1) {
      expect(gate.admit(aCall('register', {}, { kind: 'agent', agentId: 'a1' }), 0)).toEqual({
        pass: true,
      });
      expect(gate.admit(aCall('operatorKill', {}, byOlga), 0)).toEqual({ pass: true });
    }
  });
});

describe('the log of refused calls', () => {
  it('has a line for each rule, principal and action at first, then one a minute that counts', () => {
    const gate = aGate([{ actions: ['teardown', 'resync'] }]);
    for (let call = 0; call < 50; call += 1) {
      gate.admit(aCall('teardown', {}), 0);
      gate.admit(aCall('resync', {}), 0);
    }
    expect(gate.takeLines(0).map(({ message, fields }) => [message, fields['action']])).toEqual([
      ['call refused', 'teardown'],
      ['call refused', 'resync'],
    ]);
    expect(gate.takeLines(1000)).toEqual([]);
    expect(gate.takeLines(60_000)).toEqual([
      { message: 'calls refused', fields: { by: 'rule-1', lately: 100, sinceTermBegan: 100 } },
    ]);
    expect(gate.takeLines(120_000)).toEqual([]);
  });
});
