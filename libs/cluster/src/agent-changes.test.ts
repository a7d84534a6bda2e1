// Tests what operators change about agents, and what the frameworks on them are told, until they acknowledge it.
import { beforeEach, describe, expect, test } from 'vitest';
import { whyNotOffered } from './offered-agents.ts';
import {
  aCluster,
  aFramework,
  anAgentId,
  answerOf,
  eventsOf,
  factsOf,
  of,
  type ScriptedCluster,
  some,
} from './scripted-cluster.ts';
import {
  aCommandTask,
  anExecutor,
  executorExits,
  launchAnswered,
  launchOf,
  launchRaw,
  operatorCalls,
  raw,
  registers,
  taskRef,
  toldOf,
  writtenOf,
} from './scripted-tasks.ts';

const agentId = anAgentId();
const framework = aFramework();
let cluster: ScriptedCluster;

beforeEach(() => {
  cluster = aCluster(some(20));
});

const change = (to: 'deactivate' | 'drain' | 'reactivate' | 'gone', id = agentId) =>
  operatorCalls(cluster, { verb: 'operatorAgent', body: { agentId: id, change: to } });
const acknowledge = (upTo: number) =>
  cluster.frameworkCall(framework, { verb: 'acknowledgeEvents', body: { upTo } });

describe('an agent that is deactivated', () => {
  test('is offered no more, its offers are rescinded, its tasks go on', () => {
    launchAnswered(cluster, framework, launchOf(aCommandTask('t1')));
    const offerId = cluster.offer(framework, some(2));
    const effects = change('deactivate');
    expect(of(effects, 'rescind')).toMatchObject([
      { message: { offerIds: [offerId], reason: 'agentDeactivated' } },
    ]);
    expect(factsOf(effects)).toContainEqual({ kind: 'agentAway', agentId });
    expect(eventsOf(cluster.propose(framework, some(1)))).toMatchObject([
      { type: 'proposalRefused' },
    ]);
    expect(cluster.taskState('t1')).toBe('staging');
  });

  test('stays so when it registers again, until it is reactivated', () => {
    change('deactivate');
    const effects = registers(cluster, agentId, {});
    expect(factsOf(effects)).toContainEqual({ kind: 'agentAway', agentId });
    expect(factsOf(change('reactivate'))).toMatchObject([{ kind: 'agent', agentId }]);
    cluster.offer(framework, some(1));
  });

  test('twice is not told twice', () => {
    change('deactivate');
    expect(eventsOf(change('deactivate'))).toEqual([]);
  });
});

describe('an agent that is drained', () => {
  const drain = (reason?: string) =>
    operatorCalls(cluster, {
      verb: 'operatorAgent',
      body: { agentId, change: 'drain', ...(reason !== undefined && { reason }) },
    });
  const away = () => {
    const agent = cluster.state.agents.get(agentId);
    return agent && whyNotOffered(agent);
  };

  test('is offered no more, its offers are rescinded, its tasks go on', () => {
    launchAnswered(cluster, framework, launchOf(aCommandTask('t1')));
    const offerId = cluster.offer(framework, some(2));
    const effects = drain('the disk is failing');
    expect(of(effects, 'rescind')).toMatchObject([
      { message: { offerIds: [offerId], reason: 'agentDraining' } },
    ]);
    expect(factsOf(effects)).toContainEqual({ kind: 'agentAway', agentId });
    expect(eventsOf(effects)).toContainEqual({
      type: 'agentDraining',
      agentId,
      reason: 'the disk is failing',
    });
    expect(eventsOf(cluster.propose(framework, some(1)))).toMatchObject([
      { type: 'proposalRefused', why: 'the agent is draining' },
    ]);
    expect(cluster.taskState('t1')).toBe('staging');
  });

  test('stays so, with its reason, when it registers again and under a new leader', () => {
    drain('the disk is failing');
    const effects = registers(cluster, agentId, {});
    cluster.startTerm();
    expect(factsOf(effects)).toContainEqual({ kind: 'agentAway', agentId });
    expect(cluster.state.agents.get(agentId)?.draining).toEqual({ reason: 'the disk is failing' });
  });

  test('is draining to whoever asks, deactivated or not, and reactivated from both at once', () => {
    change('deactivate');
    expect(away()).toBe('deactivated');
    drain();
    expect(away()).toBe('draining');
    expect(factsOf(change('reactivate'))).toMatchObject([{ kind: 'agent', agentId }]);
    expect(away()).toBeUndefined();
    cluster.offer(framework, some(1));
  });

  test('twice is not told twice, but for another reason', () => {
    drain('the disk is failing');
    expect(eventsOf(drain('the disk is failing'))).toEqual([]);
    expect(eventsOf(drain('a new kernel'))).toHaveLength(1);
    expect(cluster.state.agents.get(agentId)?.draining).toEqual({ reason: 'a new kernel' });
  });
});

describe('an agent that an operator declares gone', () => {
  test('takes its offers, executors and totals with it, and its tasks once that is read back', () => {
    const task = raw('t1', { executor: anExecutor({ resources: some(1) }) });
    launchAnswered(cluster, framework, launchOf(task, aCommandTask('t2')));
    const offerId = cluster.offer(framework, some(2));
    const effects = change('gone');
    expect(of(effects, 'rescind')).toMatchObject([
      { message: { offerIds: [offerId], reason: 'agentGone' } },
    ]);
    expect(toldOf(effects)).toMatchObject([{ kind: 'agentGone', agentId }]);
    expect(writtenOf(effects)).toMatchObject([
      { taskId: 't1', state: 'gone', reason: 'agentGoneByOperator' },
      { taskId: 't2', state: 'gone', reason: 'agentGoneByOperator' },
    ]);
    expect(cluster.state.executors.size).toBe(0);
    expect(cluster.state.books.total.toScalars()).toEqual({});
    expect(cluster.taskState('t2')).toBe('staging');
    cluster.readBack(effects);
    expect([cluster.taskState('t1'), cluster.taskState('t2')]).toEqual(['gone', 'gone']);
  });

  test('is refused when it registers, and when it tells of an executor', () => {
    change('gone');
    expect(answerOf(registers(cluster, agentId, {}))).toMatchObject({
      failure: { code: 'agentGone' },
    });
    expect(answerOf(executorExits(cluster, framework))).toMatchObject({
      failure: { code: 'agentGone' },
    });
    expect(cluster.state.agents.get(agentId)?.state).toBe('gone');
  });

  test('is ordered nothing any more', () => {
    launchRaw(cluster, framework, launchOf(aCommandTask('t1')));
    change('gone');
    expect(cluster.state.orders.size).toBe(0);
    const { taskId } = taskRef(framework, 't1');
    const effects = cluster.frameworkCall(framework, { verb: 'killTask', body: { taskId } });
    expect(of(effects, 'order')).toEqual([]);
  });

  test('is forgotten like a tombstone, but not before its last task is read as gone', () => {
    cluster.startTerm({ tombstonesMs: 1000 });
    launchAnswered(cluster, framework, launchOf(aCommandTask('t1')));
    const effects = change('gone');
    cluster.pass(1000);
    expect(cluster.state.agents.has(agentId)).toBe(true);
    cluster.readBack(effects);
    expect(cluster.state.agents.has(agentId)).toBe(false);
    expect(answerOf(registers(cluster, agentId, {}))).toMatchObject({ ok: true });
  });

  test('makes room for a newer one when there are too many: the first declared is forgotten', () => {
    cluster.startTerm({ maxTombstones: 1 });
    cluster.register(anAgentId('a2'), some(1));
    change('gone');
    cluster.pass(1);
    change('gone', anAgentId('a2'));
    expect([...cluster.state.agents.keys()]).toEqual(['a2']);
  });

  test('is an error when nobody knows it; twice it is not', () => {
    expect(answerOf(change('gone', anAgentId('a9')))).toMatchObject({
      failure: { code: 'unknownAgent' },
    });
    change('gone');
    expect(answerOf(change('gone'))).toMatchObject({ ok: true });
    expect(answerOf(change('reactivate'))).toMatchObject({ failure: { code: 'agentGone' } });
  });
});

describe('the frameworks with something on an agent', () => {
  test('are told once each that it is unreachable and that it is back, the others are not', () => {
    cluster.subscribe(aFramework('f2'));
    launchAnswered(cluster, framework, launchOf(aCommandTask('t1'), aCommandTask('t2')));
    const messages = (effects: Parameters<typeof of>[0]) =>
      of(effects, 'events').map(({ framework: to, message }) => [to.frameworkId, message.events]);
    expect(messages(cluster.agentSilent())).toEqual([
      ['f1', [{ kind: 'agentUnreachable', eventId: 1, agentId }]],
    ]);
    const back = registers(cluster, agentId, { tasks: [taskRef(framework, 't1')] });
    expect(messages(back)).toEqual([['f1', [{ kind: 'agentReturned', eventId: 2, agentId }]]]);
  });

  test('are told where only an executor of theirs lives', () => {
    launchAnswered(cluster, framework, launchOf(raw('t1', { executor: anExecutor() })));
    cluster.update(taskRef(framework, 't1'), 'finished');
    expect(toldOf(cluster.agentSilent())).toMatchObject([{ kind: 'agentUnreachable' }]);
  });
});

describe('an event', () => {
  beforeEach(() => {
    launchAnswered(cluster, framework, launchOf(aCommandTask('t1')));
  });

  test('is told again at a subscription, a resync and a new term, until it is acknowledged', () => {
    cluster.agentSilent();
    expect(toldOf(cluster.subscribe(framework))).toMatchObject([{ eventId: 1 }]);
    expect(toldOf(cluster.startTerm())).toMatchObject([{ eventId: 1 }]);
    const resync = () => cluster.frameworkCall(framework, { verb: 'resync', body: {} });
    expect(answerOf(resync())).toMatchObject({ value: { events: [{ eventId: 1 }] } });
    expect(answerOf(acknowledge(1))).toEqual({ ok: true, value: {} });
    expect(toldOf(cluster.subscribe(framework))).toEqual([]);
    expect(answerOf(resync())).toMatchObject({ value: { events: [] } });
  });

  test('waits while its framework is away', () => {
    cluster.frameworkSilent(framework);
    expect(toldOf(cluster.agentSilent())).toEqual([]);
    expect(toldOf(cluster.subscribe(framework))).toMatchObject([{ kind: 'agentUnreachable' }]);
  });

  test('beyond the kept ones pushes out the oldest, and it is told how many', () => {
    cluster.startTerm({ eventsPerFramework: 2 });
    for (let registration = 1; registration < 4; registration += 1) {
      cluster.agentSilent(registration);
      registers(cluster, agentId, { tasks: [taskRef(framework, 't1')] });
    }
    const [last] = of(cluster.subscribe(framework), 'events');
    expect(last?.message).toMatchObject({ dropped: 4, events: [{ eventId: 5 }, { eventId: 6 }] });
  });

  test('that was never told cannot be acknowledged', () => {
    expect(answerOf(acknowledge(1))).toMatchObject({ failure: { code: 'malformed' } });
  });

  test('with many long ones goes out in messages of a bounded size', () => {
    const names = Array.from({ length: 60 }, (_, index) => `e${index}`);
    for (const executorId of names) {
      const task = raw(`x${executorId}`, {
        executor: anExecutor({ executorId }),
        resources: some(0.1),
      });
      launchAnswered(cluster, framework, launchOf(task), { resources: some(0.1) });
      executorExits(cluster, framework, { executorId, message: '\u4e00'.repeat(4096) });
    }
    const messages = of(cluster.subscribe(framework), 'events').map(({ message }) => message);
    expect(messages.length).toBeGreaterThan(2);
    expect(messages.flatMap(({ events }) => events)).toHaveLength(60);
    for (const { events } of messages) expect(events.length).toBeLessThanOrEqual(21);
  });
});
