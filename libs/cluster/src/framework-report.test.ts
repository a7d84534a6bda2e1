// Tests what the leader finds in a framework's report of itself, on real books: every difference, and none where its
// report is only older than the books, or the books were lost and say so.
import type { FrameworkReport } from '@parley/protocol/frameworks';
import { beforeEach, describe, expect, test } from 'vitest';
import { compareReport } from './framework-report.ts';
import { REQUEST_SESSION_IDLE_MS } from './limits.ts';
import {
  aCluster,
  aFramework,
  anAgentId,
  aRole,
  ScriptedCluster,
  some,
} from './scripted-cluster.ts';

const framework = aFramework();
const NONE = { rolesDiffer: false, lostCalls: [], openCalls: 0, answeredCalls: 0 };

let cluster: ScriptedCluster;
/** Calls 1 to 3 of it: it has subscribed, has refused offers in one of its roles, and has asked for its offers. */
beforeEach(() => {
  cluster = aCluster(some(4), { roles: ['r', 's'] });
  cluster.frameworkCall(framework, { verb: 'suppress', body: { roles: [aRole('s')] } });
  cluster.frameworkCall(framework, { verb: 'resync', body: {} });
});

const report = (more: Partial<FrameworkReport> = {}): FrameworkReport => ({
  epoch: cluster.epoch,
  callerSession: 's',
  lastCall: 3,
  subscribedBy: 1,
  roles: [
    { role: aRole('r'), isSuppressed: false },
    { role: aRole('s'), isSuppressed: true },
  ],
  openCalls: [],
  acknowledgedCalls: [1, 2],
  ...more,
});
const compared = (more: Partial<FrameworkReport> = {}, session = 1, of = framework) =>
  compareReport(cluster.state, { framework: of, session, report: report(more) });

describe('what a framework reports of itself', () => {
  test('is no difference where it is as the books say, under every later leader', () => {
    expect(compared()).toEqual(NONE);
    cluster.startTerm();
    expect(compared()).toEqual(NONE);
  });

  test('differs where its roles are others, or others of them take offers', () => {
    const r = { role: aRole('r'), isSuppressed: false };
    const s = { role: aRole('s'), isSuppressed: true };
    for (const roles of [
      [r],
      [s, r],
      [r, { ...s, isSuppressed: false }],
      [r, s, { ...r, role: aRole('t') }],
    ]) {
      expect(compared({ roles }), JSON.stringify(roles)).toEqual({ ...NONE, rolesDiffer: true });
    }
  });

  test('says nothing of roles while a call about them is under way, nor of those of a session that is over', () => {
    const { roles: _, ...without } = report();
    const reported = { framework, session: 1, report: without };
    expect(compareReport(cluster.state, reported)).toEqual(NONE);
    cluster.subscribe(framework, { roles: ['t'] });
    expect(compared({ lastCall: 4 })).toEqual(NONE);
  });

  test('names calls as done that the books do not have: those are lost', () => {
    const lost = { acknowledgedCalls: [1, 2, 4, 6], lastCall: 6 };
    expect(compared(lost)).toEqual({ ...NONE, lostCalls: [4, 6] });
  });

  test('loses no call whose answer was dropped because the framework needed it no more', () => {
    const [session] = cluster.state.requests.sessionsOf(`framework:alice/f1`);
    const known = session && cluster.state.sessions.get(session);
    if (session === undefined || known === undefined) throw new Error('its requests are known');
    cluster.enter({
      kind: 'call',
      caller: { kind: 'framework', ...framework },
      request: { session: 's', counter: 9, lowest: 9 },
      call: { verb: 'suppress', body: { roles: [] } },
      frameworkSession: 1,
    });
    const roles = ['r', 's'].map((role) => ({ role: aRole(role), isSuppressed: true }));
    expect(compared({ roles, acknowledgedCalls: [1, 2, 8, 9], lastCall: 9 })).toEqual(NONE);
  });

  test('counts open calls, and those of them that were answered', () => {
    const open = { openCalls: [2, 4, 5], acknowledgedCalls: [1], lastCall: 5 };
    expect(compared(open)).toEqual({ ...NONE, openCalls: 3, answeredCalls: 1 });
  });

  test('is passed over where it is older than the books: a late copy of an earlier one', () => {
    const before = report({ lastCall: 2 });
    cluster.frameworkCall(framework, { verb: 'updateFramework', body: { roles: [aRole('t')] } });
    const reported = { framework, session: 1, report: before };
    expect(compareReport(cluster.state, reported)).toBeUndefined();
  });

  test('loses nothing where its requests were forgotten since it was quiet for long', () => {
    cluster.pass(REQUEST_SESSION_IDLE_MS + 1);
    expect(cluster.state.requests.sessionsOf('framework:alice/f1')).toEqual([]);
    expect(compared()).toEqual(NONE);
  });

  test('loses its calls with its subscription, where the books know none of that session', () => {
    expect(compared({ callerSession: 'other', acknowledgedCalls: [1, 2] }, 2)).toMatchObject({
      lostCalls: [1, 2],
    });
    const stranger = aFramework('f9');
    expect(compared({ acknowledgedCalls: [1] }, 1, stranger)).toMatchObject({ lostCalls: [1] });
  });

  test('is nothing to compare of one that was removed', () => {
    cluster.frameworkCall(framework, { verb: 'teardown', body: {} });
    expect(compared({ lastCall: 99 })).toBeUndefined();
  });
});

test('in books that were made anew, calls from before count as lost no more: that was told', () => {
  const before = 1_000;
  const anew = new ScriptedCluster();
  anew.revision = 1;
  anew.enter({
    kind: 'termStarted',
    epoch: anew.epoch,
    masterId: 'master-1',
    settings: {},
    rebuilding: { kind: 'recreated', message: 'gone' },
  });
  anew.register(anAgentId(), some(4));
  const asks = (more: Partial<FrameworkReport>, session: number) =>
    compareReport(anew.state, { framework, session, report: report(more) });
  expect(asks({}, before)).toMatchObject({ lostCalls: [] });
  anew.subscribe(framework, { roles: ['r', 's'] });
  const session = anew.framework(framework)?.session ?? 0;
  const since = { subscribedBy: 5, lastCall: 7, acknowledgedCalls: [1, 4, 6] };
  expect(asks(since, session)).toMatchObject({ lostCalls: [6] });
});
