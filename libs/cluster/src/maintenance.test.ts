// Tests of maintenance windows: who is told what and when, what is offered meanwhile, and what an operator may ask.
import type { AgentId } from '@parley/protocol/ids';
import type { MaintenanceWindow } from '@parley/protocol/maintenance';
import { beforeEach, describe, expect, test } from 'vitest';
import type * as z from 'zod';
import { clusterCore } from './cluster-core.ts';
import { emptying } from './emptying-invariants.ts';
import { whyNotOffered } from './offered-agents.ts';
import {
  aCluster,
  aFramework,
  anAgentId,
  answerOf,
  type Effects,
  eventsOf,
  factsOf,
  of,
  type ScriptedCluster,
  some,
} from './scripted-cluster.ts';
import {
  aCommandTask,
  launchAnswered,
  launchOf,
  operatorCalls,
  registers,
  taskRef,
  toldOf,
} from './scripted-tasks.ts';
import { restoreState, snapshotState } from './snapshot.ts';

const agentId = anAgentId();
const framework = aFramework();
const t1 = taskRef(framework, 't1');
/** The wall clock of a scripted cluster whose core time is 0. */
const BEGIN_MS = 1_700_000_000_000;
const MINUTE_MS = 60_000;
let cluster: ScriptedCluster;

beforeEach(() => {
  cluster = aCluster(some(20));
  launchAnswered(cluster, framework, launchOf(aCommandTask('t1')));
  cluster.update(t1, 'running');
});

type WindowInput = z.input<typeof MaintenanceWindow>;
/** In an hour, for ten minutes, five minutes ahead. */
const aWindow = (changes: Record<string, unknown> = {}) =>
  ({
    windowId: 'w1',
    agents: [agentId],
    startWallTimeMs: BEGIN_MS + 60 * MINUTE_MS,
    durationMs: 10 * MINUTE_MS,
    noticeMs: 5 * MINUTE_MS,
    reason: 'a new kernel',
    ...changes,
  }) as WindowInput;
const schedule = (changes: Record<string, unknown> = {}) =>
  operatorCalls(cluster, {
    verb: 'operatorMaintenance',
    body: { change: 'schedule', window: aWindow(changes) },
  });
const change = (to: 'cancel' | 'start' | 'stop', windowId = 'w1') =>
  operatorCalls(cluster, {
    verb: 'operatorMaintenance',
    body: { change: to, windowId: windowId as never },
  });
const answer = (said: 'accept' | 'decline', reason?: string) =>
  cluster.frameworkCall(framework, {
    verb: 'answerInverseOffer',
    body: { windowId: 'w1' as never, answer: said, ...(reason !== undefined && { reason }) },
  });
const away = (id: AgentId = agentId) => {
  const agent = cluster.state.agents.get(id);
  return agent && whyNotOffered(agent);
};
const changesIn = (effects: Effects) =>
  eventsOf(effects).flatMap((event) => (event.type === 'maintenanceChanged' ? [event.to] : []));
const killsIn = (effects: Effects) =>
  of(effects, 'order').flatMap(({ order }) => (order.kind === 'kill' ? [order.body] : []));
const stateOf = () => cluster.state.maintenance.get('w1')?.state;

describe('a maintenance window', () => {
  test('changes nothing while it is far', () => {
    expect(changesIn(schedule())).toEqual(['planned']);
    cluster.pass(55 * MINUTE_MS - 1);
    expect(away()).toBeUndefined();
    cluster.offer(framework, some(1));
  });

  test('leaves its agents out of offers from its notice on, and asks the frameworks that have something there', () => {
    schedule();
    const offerId = cluster.offer(framework, some(1), agentId);
    cluster.pass(1);
    const effects = cluster.pass(55 * MINUTE_MS);
    expect(changesIn(effects)).toEqual(['announced']);
    expect(away()).toBe('maintenance');
    expect(factsOf(effects)).toContainEqual({ kind: 'agentAway', agentId });
    expect(cluster.state.offers.get(offerId)).toBeUndefined();
    expect(toldOf(effects)).toMatchObject([
      {
        kind: 'agentInverseOffer',
        windowId: 'w1',
        agents: [agentId],
        startWallTimeMs: BEGIN_MS + 60 * MINUTE_MS,
        durationMs: 10 * MINUTE_MS,
        reason: 'a new kernel',
      },
    ]);
    expect(killsIn(effects)).toEqual([]);
    expect(cluster.taskState('t1')).toBe('running');
  });

  test('takes back what is offered when it comes near', () => {
    schedule({ startWallTimeMs: BEGIN_MS + 6 * MINUTE_MS });
    cluster.nowMs = MINUTE_MS - 10;
    const offerId = cluster.offer(framework, some(1), agentId);
    expect(of(cluster.pass(10), 'rescind')).toMatchObject([
      { message: { offerIds: [offerId], reason: 'agentMaintenance' } },
    ]);
  });

  test('empties its agents at the start with the grace of the window, and offers them again at the end', () => {
    schedule({ graceMs: 7000 });
    cluster.pass(55 * MINUTE_MS);
    const begun = cluster.pass(5 * MINUTE_MS);
    expect(changesIn(begun)).toEqual(['underWay']);
    expect(killsIn(begun)).toMatchObject([{ task: t1, reason: 'agentDraining', graceMs: 7000 }]);
    expect(eventsOf(cluster.update(t1, 'killed', { reason: 'agentDraining' }))).toContainEqual({
      type: 'agentDrained',
      agentId,
    });
    const over = cluster.pass(10 * MINUTE_MS);
    expect(changesIn(over)).toEqual(['ended']);
    expect(factsOf(over)).toMatchObject([{ kind: 'agent', agentId }]);
    expect(cluster.state.agents.get(agentId)).not.toHaveProperty('maintenance');
    expect(cluster.state.agents.get(agentId)).not.toHaveProperty('isEmptied');
    expect(cluster.state.maintenance.size + cluster.state.inverseOffers.size).toBe(0);
  });

  test('that is scheduled when it has begun begins at once', () => {
    const effects = schedule({ startWallTimeMs: BEGIN_MS - MINUTE_MS });
    expect(changesIn(effects)).toEqual(['planned', 'announced', 'underWay']);
    expect(killsIn(effects)).toHaveLength(1);
  });

  test('goes by the wall clock: time in which nobody led counts, though core time stood still', () => {
    schedule();
    expect(stateOf()).toBe('planned');
    const context = { ...contextOf(), wallTimeMs: BEGIN_MS + 56 * MINUTE_MS };
    enterAt(context);
    expect(stateOf()).toBe('announced');
  });

  test('whose whole time nobody led has not been: no task is asked to stop for it', () => {
    schedule();
    const context = { ...contextOf(), wallTimeMs: BEGIN_MS + 71 * MINUTE_MS };
    enterAt(context);
    expect(stateOf()).toBeUndefined();
    expect(away()).toBeUndefined();
    expect([...cluster.state.orders.keys()]).toEqual([]);
  });

  test('gives way to another one of its agent that is due, where the clock of an earlier leader brought it near', () => {
    schedule();
    schedule({ windowId: 'w2', startWallTimeMs: BEGIN_MS + 20 * MINUTE_MS });
    enterAt({ ...contextOf(), wallTimeMs: BEGIN_MS + 10 * MINUTE_MS });
    enterAt({ ...contextOf(), wallTimeMs: BEGIN_MS + 56 * MINUTE_MS });
    expect(stateOf()).toBe('announced');
    expect(cluster.state.maintenance.get('w2')).toBeUndefined();
    schedule({ windowId: 'w3', startWallTimeMs: BEGIN_MS + 20 * MINUTE_MS });
    enterAt({ ...contextOf(), wallTimeMs: BEGIN_MS + 16 * MINUTE_MS });
    expect(stateOf()).toBeUndefined();
    expect(cluster.state.agents.get(agentId)?.maintenance?.windowId).toBe('w3');
    expect(emptying(cluster.state)).toEqual([]);
  });

  test('does not begin before the wall clock says so, however fast core time ran', () => {
    schedule();
    cluster.nowMs = 70 * MINUTE_MS;
    clusterCore.begin(cluster.state, { ...contextOf(), wallTimeMs: BEGIN_MS });
    expect(stateOf()).toBe('planned');
    expect(away()).toBeUndefined();
  });

  test('goes on under a new leader where it was', () => {
    schedule();
    cluster.pass(55 * MINUTE_MS);
    cluster.startTerm();
    expect(away()).toBe('maintenance');
    expect(changesIn(cluster.pass(5 * MINUTE_MS))).toEqual(['underWay']);
    cluster.startTerm();
    expect(changesIn(cluster.pass(10 * MINUTE_MS))).toEqual(['ended']);
  });

  test('is in a snapshot, and goes on from there', () => {
    schedule();
    cluster.pass(55 * MINUTE_MS);
    const hash = clusterCore.hash(cluster.state);
    cluster.state = restoreState(snapshotState(cluster.state).next(1_000_000));
    expect(clusterCore.hash(cluster.state)).toBe(hash);
    expect(changesIn(cluster.pass(5 * MINUTE_MS))).toEqual(['underWay']);
  });

  test('holds for an agent that registers meanwhile', () => {
    schedule();
    cluster.pass(60 * MINUTE_MS);
    cluster.update(t1, 'killed');
    expect(factsOf(registers(cluster, agentId, {}))).toContainEqual({ kind: 'agentAway', agentId });
    expect(away()).toBe('maintenance');
  });

  test('leaves an agent that an operator drains as it is when the window is over', () => {
    schedule();
    cluster.pass(60 * MINUTE_MS);
    operatorCalls(cluster, {
      verb: 'operatorAgent',
      body: { agentId, change: 'drain', emptying: {} },
    });
    cluster.update(t1, 'killed');
    cluster.pass(10 * MINUTE_MS);
    expect(away()).toBe('draining');
    expect(cluster.state.agents.get(agentId)?.isEmptied).toBe(true);
  });
});

describe('an operator', () => {
  test('begins a window before its time, and ends it before its time', () => {
    schedule();
    expect(changesIn(change('start'))).toEqual(['underWay']);
    expect(away()).toBe('maintenance');
    expect(changesIn(change('stop'))).toEqual(['ended']);
    expect(away()).toBeUndefined();
  });

  test('ends a window that was begun early after its whole duration', () => {
    schedule();
    change('start');
    expect(changesIn(cluster.pass(10 * MINUTE_MS - 1))).toEqual([]);
    expect(changesIn(cluster.pass(1))).toEqual(['ended']);
  });

  test('cancels a window that has not begun; frameworks that were asked are told', () => {
    schedule();
    cluster.pass(55 * MINUTE_MS);
    const effects = change('cancel');
    expect(changesIn(effects)).toEqual(['cancelled']);
    expect(toldOf(effects)).toMatchObject([{ kind: 'agentInverseOfferWithdrawn', windowId: 'w1' }]);
    expect(away()).toBeUndefined();
    expect(killsIn(cluster.pass(60 * MINUTE_MS))).toEqual([]);
  });

  test('may ask for the same window twice, and for another one of that name not at all', () => {
    schedule();
    expect(changesIn(schedule())).toEqual([]);
    expect(answerOf(schedule())).toMatchObject({ ok: true });
    expect(answerOf(schedule({ durationMs: 1000 }))).toMatchObject({
      ok: false,
      failure: { code: 'malformed', message: expect.stringContaining('already') },
    });
  });

  const noon = BEGIN_MS + 60 * MINUTE_MS;
  test.each<[string, Record<string, unknown>, string, string]>([
    ['of an agent that nobody knows', { agents: ['a9'] }, 'unknownAgent', 'no agent a9'],
    ['that is over', { startWallTimeMs: BEGIN_MS - 20 * MINUTE_MS }, 'malformed', 'was over at'],
    [
      'of an agent that is in another at that time',
      { windowId: 'w2', startWallTimeMs: noon + 14 * MINUTE_MS },
      'malformed',
      'agent a1 is in window w1',
    ],
  ])('is refused a window %s', (_, window, code, message) => {
    schedule();
    cluster.nowMs = 10;
    expect(answerOf(schedule({ windowId: 'w2', ...window }))).toMatchObject({
      ok: false,
      failure: { code, message: expect.stringContaining(message) },
    });
  });

  test('may not begin one for an agent that is in another, wherever the clock stood when that came near', () => {
    schedule();
    schedule({ windowId: 'w2', startWallTimeMs: BEGIN_MS + 120 * MINUTE_MS });
    enterAt({ ...contextOf(), wallTimeMs: BEGIN_MS + 56 * MINUTE_MS });
    expect(answerOf(change('start', 'w2'))).toMatchObject({
      failure: { message: `agent ${agentId} is in window w1: cancel it first` },
    });
  });

  test('may put an agent into windows that follow each other', () => {
    schedule();
    const next = { windowId: 'w2', startWallTimeMs: noon + 15 * MINUTE_MS };
    expect(answerOf(schedule(next))).toMatchObject({ ok: true });
  });

  test.each([
    ['cancel', 'has begun: stop it'],
    ['stop', 'has not begun: cancel it'],
  ] as const)('is told what to ask instead of %s', (to, message) => {
    schedule();
    if (to === 'cancel') change('start');
    expect(answerOf(change(to))).toMatchObject({
      ok: false,
      failure: { message: expect.stringContaining(message) },
    });
    expect(answerOf(change(to, 'w9'))).toMatchObject({ ok: false });
  });
});

describe('a framework that was asked about a window', () => {
  test('may accept or decline; the last answer counts, and its tasks go on until the start', () => {
    schedule();
    cluster.pass(55 * MINUTE_MS);
    answer('accept');
    const effects = answer('decline', 'in the middle of a sort');
    expect([...cluster.state.inverseOffers.rows()]).toEqual([
      {
        windowId: 'w1',
        framework,
        agents: 1,
        answer: 'decline',
        reason: 'in the middle of a sort',
      },
    ]);
    expect(eventsOf(effects)).toMatchObject([{ type: 'inverseOfferAnswered', answer: 'decline' }]);
    expect(cluster.taskState('t1')).toBe('running');
  });

  test('is refused an answer when it was not asked', () => {
    schedule();
    expect(answerOf(answer('accept'))).toMatchObject({
      ok: false,
      failure: { code: 'invalidOffers' },
    });
  });
});

const contextOf = () => ({
  sequence: cluster.sequence + 1,
  epoch: cluster.epoch,
  rulesVersion: clusterCore.rulesVersion,
  coreTimeMs: cluster.nowMs,
  wallTimeMs: BEGIN_MS + cluster.nowMs,
});

/** A new term at that moment, and what is due then. */
function enterAt(context: ReturnType<typeof contextOf>): void {
  const { state } = cluster;
  const { settings } = state.record;
  const epoch = { bucketCreatedMs: 1, revision: 2 };
  clusterCore.begin(state, context);
  clusterCore.step(state, context, {
    kind: 'termStarted',
    epoch,
    masterId: 'master-2' as never,
    settings,
  });
  clusterCore.finish(state, context);
  clusterCore.begin(state, context);
}
