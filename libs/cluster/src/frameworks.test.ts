// Tests frameworks: sessions, silence, failover, removal, requests that are repeated, the ramp-up metric.
import { TaskDescription } from '@parley/protocol/tasks';
import { beforeEach, describe, expect, test } from 'vitest';
import { clusterCore, factsSnapshot, nextDeadlineMs } from './cluster-core.ts';
import {
  aCluster,
  aFramework,
  aLaunch,
  anAgentId,
  answerOf,
  aTask,
  eventsOf,
  factsOf,
  of,
  type ScriptedCluster,
  some,
} from './scripted-cluster.ts';

const agentId = anAgentId();
const framework = aFramework();
const caller = { kind: 'framework' as const, ...framework };
let cluster: ScriptedCluster;

beforeEach(() => {
  cluster = aCluster(some(10));
});

const silent = (session: number) => cluster.frameworkSilent(framework, session);

describe('a session', () => {
  test('that is newer replaces the older one, whose offers are freed and whose calls are refused', () => {
    cluster.offer(framework, some(2));
    const effects = cluster.subscribe(framework);
    expect(answerOf(effects)).toMatchObject({ ok: true, value: { session: 2, lastNumber: 1 } });
    expect(eventsOf(effects)).toContainEqual(
      expect.objectContaining({ type: 'offerRescinded', reason: 'sessionReplaced' }),
    );
    expect(factsOf(effects)).toContainEqual({
      kind: 'framework',
      framework,
      roles: [{ role: 'r', isSuppressed: false }],
    });
    expect(factsOf(effects)).toContainEqual({ kind: 'filtersCleared', framework });
    expect(cluster.state.offers.size).toBe(0);
    expect(answerOf(cluster.call(caller, { verb: 'resync', body: {} }, 1))).toMatchObject({
      failure: { code: 'sessionReplaced' },
    });
  });

  test('that was never opened may make no calls', () => {
    expect(answerOf(cluster.call(caller, { verb: 'resync', body: {} }, 9))).toMatchObject({
      failure: { code: 'notSubscribed' },
    });
    const stranger = { kind: 'framework' as const, ...aFramework('x') };
    expect(answerOf(cluster.call(stranger, { verb: 'resync', body: {} }, 1))).toMatchObject({
      failure: { code: 'notSubscribed' },
    });
  });

  test('gets all outstanding offers from a resync', () => {
    const ids = [cluster.offer(framework, some(2)), cluster.offer(framework, some(1))];
    const answer = answerOf(cluster.frameworkCall(framework, { verb: 'resync', body: {} }));
    expect(answer).toMatchObject({
      ok: true,
      value: { lastNumber: 2, offers: ids.map((offerId) => ({ offerId })) },
    });
  });
});

describe('a framework found silent', () => {
  test('loses its offers, not its tasks, and may come back before its failover timeout', () => {
    const task = cluster.launch(framework, 't1');
    cluster.offer(framework, some(2));
    const effects = silent(1);
    expect(eventsOf(effects)).toContainEqual({ type: 'frameworkDisconnected', framework });
    expect(factsOf(effects)).toContainEqual({ kind: 'frameworkAway', framework });
    expect(cluster.state.offers.size).toBe(0);
    expect(answerOf(cluster.frameworkCall(framework, { verb: 'resync', body: {} }))).toMatchObject({
      failure: { code: 'notSubscribed' },
    });
    cluster.pass(3_599_999);
    expect(answerOf(cluster.subscribe(framework))).toMatchObject({ ok: true });
    cluster.pass(10_000_000);
    expect(cluster.framework(framework)?.state).toBe('subscribed');
    expect(cluster.state.tasks.has(`alice/f1/${task.taskId}`)).toBe(true);
  });

  test('in a session that was replaced meanwhile is not disconnected', () => {
    cluster.subscribe(framework);
    expect(silent(1)).toEqual([]);
    expect(cluster.framework(framework)?.state).toBe('subscribed');
  });

  test('is removed when its failover timeout passes: tasks killed, the id refused for good', () => {
    cluster.launch(framework, 't1');
    silent(1);
    expect(nextDeadlineMs(cluster.state)).toBe(3_600_000);
    const effects = cluster.pass(3_600_000);
    expect(eventsOf(effects)).toContainEqual({
      type: 'frameworkRemoved',
      framework,
      reason: 'failoverTimeout',
    });
    expect(of(effects, 'order').map(({ order }) => order)).toMatchObject([
      { kind: 'kill', body: { task: { taskId: 't1' }, reason: 'frameworkRemoved' } },
    ]);
    expect(answerOf(cluster.subscribe(framework))).toMatchObject({
      failure: { code: 'frameworkRemoved' },
    });
  });
});

describe('a failover timeout', () => {
  test('goes on under a new leader', () => {
    silent(1);
    cluster.pass(1_000_000);
    cluster.startTerm();
    expect(eventsOf(cluster.pass(2_599_999))).toEqual([]);
    expect(eventsOf(cluster.pass(1))).toContainEqual({
      type: 'frameworkRemoved',
      framework,
      reason: 'failoverTimeout',
    });
  });
});

describe('a teardown', () => {
  test('shuts executors down, and their resources are free only when they have exited', () => {
    const executor = { executorId: 'e1', command: { argv: ['run'] }, resources: some(2) };
    const task = TaskDescription.parse({ taskId: 't1', resources: some(1), executor });
    const id = cluster.offer(framework, some(3));
    const [run] = of(cluster.accept(framework, [id], [task]), 'order');
    cluster.answerOrder(run?.order.orderId ?? '');
    const effects = cluster.frameworkCall(framework, { verb: 'teardown', body: {} });
    expect(of(effects, 'order').map(({ order }) => order.kind)).toEqual([
      'kill',
      'shutdownExecutor',
    ]);
    cluster.update({ ...framework, taskId: task.taskId }, 'killed');
    expect(cluster.state.books.agents.get(agentId)?.allocated.scalars).toMatchObject({
      cpus: 2000,
    });
    expect(cluster.framework(framework)?.state).toBe('removed');
    const body = { executor: { ...framework, executorId: 'e1' }, end: 'exited' as const };
    cluster.call({ kind: 'agent', agentId }, { verb: 'executorExited', body });
    expect(cluster.state.books.agents.get(agentId)?.allocated.scalars).toEqual({});
    expect(cluster.framework(framework)).toBeUndefined();
  });

  test('keeps the resources of tasks until they have really ended, then forgets the framework', () => {
    const task = cluster.launch(framework, 't1', some(3));
    const effects = cluster.frameworkCall(framework, { verb: 'teardown', body: {} });
    expect(answerOf(effects)).toEqual({ ok: true, value: {} });
    expect(cluster.state.books.agents.get(agentId)?.allocated.scalars).toMatchObject({
      cpus: 3000,
    });
    expect(cluster.framework(framework)?.state).toBe('removed');
    const ended = cluster.update(task, 'killed');
    expect(factsOf(ended)).toContainEqual({ kind: 'usage', framework, role: 'r', scalars: {} });
    expect(cluster.framework(framework)).toBeUndefined();
    expect(factsSnapshot(cluster.state).map(({ kind }) => kind)).toEqual(['settings', 'agent']);
  });

  test('is answered again as it was when its request is repeated', () => {
    const input = cluster.callInput(caller, { verb: 'teardown', body: {} }, 1);
    expect(answerOf(cluster.enter(input))).toEqual({ ok: true, value: {} });
    expect(answerOf(cluster.enter(input))).toEqual({ ok: true, value: {} });
  });

  test('leaves a tombstone that is bounded in number and in time', () => {
    cluster.startTerm({ maxTombstones: 1, tombstonesMs: 1000 });
    cluster.subscribe(aFramework('f2'));
    cluster.frameworkCall(framework, { verb: 'teardown', body: {} });
    cluster.frameworkCall(aFramework('f2'), { verb: 'teardown', body: {} });
    expect([...cluster.state.tombstones.keys()]).toEqual(['alice/f2']);
    cluster.pass(1000);
    expect(cluster.state.tombstones.size).toBe(0);
  });
});

describe('a repeated request', () => {
  test('gets the first answer again and changes nothing', () => {
    const body = { offerIds: [cluster.offer(framework)], operations: [aLaunch(aTask('t1'))] };
    const input = cluster.callInput(caller, { verb: 'accept', body }, 1);
    const first = cluster.enter(input);
    const hash = clusterCore.hash(cluster.state);
    const again = cluster.enter(input);
    expect(again).toEqual(of(first, 'answer'));
    expect(clusterCore.hash(cluster.state)).toBe(hash);
  });

  test('below the lowest unanswered counter is expired, and the answers below are dropped', () => {
    const call = { verb: 'demand' as const, body: { demand: [] } };
    const at = (counter: number, lowest: number) => ({
      kind: 'call' as const,
      caller,
      frameworkSession: 1,
      request: { session: 'other', counter, lowest },
      call,
    });
    cluster.enter(at(1, 1));
    cluster.enter(at(2, 1));
    cluster.enter(at(5, 3));
    expect(answerOf(cluster.enter(at(2, 1)))).toMatchObject({
      failure: { code: 'requestExpired' },
    });
    expect(answerOf(cluster.enter(at(4, 3)))).toMatchObject({ ok: true });
  });

  test('of more than the kept ones expires the oldest; idle request sessions are forgotten', () => {
    cluster.startTerm({ answersPerCaller: 2 });
    const call = { verb: 'demand' as const, body: { demand: [] } };
    const inputs = [1, 2, 3].map(() => cluster.callInput(caller, call, 1));
    for (const input of inputs) cluster.enter(input);
    expect(answerOf(cluster.enter(inputs[0] ?? { kind: 'tick' }))).toMatchObject({
      failure: { code: 'requestExpired' },
    });
    cluster.pass(3_600_000);
    expect(cluster.state.sessions.size + cluster.state.answers.size).toBe(0);
  });

  test('makes a caller with very many request sessions lose the least recent one', () => {
    const ask = (session: string) =>
      cluster.enter({
        kind: 'call',
        caller,
        frameworkSession: 1,
        request: { session, counter: 1, lowest: 1 },
        call: { verb: 'demand', body: { demand: [] } },
      });
    for (let number = 0; number < 70; number += 1) {
      cluster.nowMs += 1;
      ask(`s${number}`);
    }
    const sessions = [...cluster.state.sessions.rows()].filter((one) =>
      one.caller.startsWith('framework'),
    );
    expect(sessions).toHaveLength(64);
  });
});

describe('the ramp-up of a framework', () => {
  test('ends when it first holds its fair share to within one task', () => {
    cluster.subscribe(aFramework('f2'));
    cluster.nowMs = 1000;
    cluster.launch(framework, 't1', some(2));
    expect(cluster.framework(framework)?.rampUpMs).toBeUndefined();
    cluster.nowMs = 2000;
    const offerId = cluster.offer(framework, some(2));
    const effects = cluster.accept(framework, [offerId], [aTask('t2', some(2))]);
    expect(eventsOf(effects)).toContainEqual({
      type: 'frameworkRampedUp',
      framework,
      rampUpMs: 2000,
    });
    expect(cluster.framework(framework)?.rampUpMs).toBe(2000);
  });

  test('ends at its demand when that is the smaller one', () => {
    const demand = [{ count: 2, resources: some(1) }];
    cluster.frameworkCall(framework, { verb: 'demand', body: { demand } });
    const promised = [{ shape: cluster.shapeOf(some(1)), count: 1 }];
    cluster.launch(framework, 't1', some(1), agentId, { promised });
    expect(cluster.framework(framework)?.rampUpMs).toBeUndefined();
    cluster.launch(framework, 't2', some(1), agentId, { promised });
    expect(cluster.framework(framework)?.rampUpMs).toBe(0);
  });
});
