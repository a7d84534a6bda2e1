// Tests of how an agent is emptied: what its tasks and executors are told, when it counts as drained, and what survives
// a new term of a leader or a new registration.
import type { Emptying } from '@parley/protocol/operators';
import { beforeEach, describe, expect, test } from 'vitest';
import type * as z from 'zod';
import { takeoverEffects } from './cluster-core.ts';
import {
  aCluster,
  aFramework,
  anAgentId,
  type Effects,
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
  operatorCalls,
  raw,
  registers,
  taskRef,
  toldOf,
} from './scripted-tasks.ts';

const agentId = anAgentId();
const framework = aFramework();
const t1 = taskRef(framework, 't1');
const t2 = taskRef(framework, 't2');
let cluster: ScriptedCluster;

beforeEach(() => {
  cluster = aCluster(some(20));
  launchAnswered(cluster, framework, launchOf(aCommandTask('t1'), aCommandTask('t2')));
  cluster.update(t1, 'running');
  cluster.update(t2, 'running');
});

type EmptyingInput = z.input<typeof Emptying>;
const drain = (emptying: EmptyingInput = {}, reason = 'a new disk') =>
  operatorCalls(cluster, {
    verb: 'operatorAgent',
    body: { agentId, change: 'drain', reason, emptying },
  });
const change = (to: 'reactivate' | 'gone') =>
  operatorCalls(cluster, { verb: 'operatorAgent', body: { agentId, change: to } });
const killsIn = (effects: Effects) =>
  of(effects, 'order').flatMap(({ order }) => (order.kind === 'kill' ? [order.body] : []));
const agent = () => cluster.state.agents.get(agentId);
const killed = (task: typeof t1) => cluster.update(task, 'killed', { reason: 'agentDraining' });
const drainedIn = (effects: Effects) =>
  eventsOf(effects).filter(({ type }) => type === 'agentDrained' || type === 'agentGone');

describe('an agent that is drained to be emptied', () => {
  test('asks each of its tasks to stop, with the grace of the drain and for that reason', () => {
    const effects = drain({ graceMs: 7000 });
    const about = { reason: 'agentDraining', graceMs: 7000 };
    expect(killsIn(effects)).toMatchObject([
      { task: t1, ...about, message: 'agent a1 is drained: a new disk' },
      { task: t2, ...about },
    ]);
    expect(factsOf(effects)).toContainEqual({ kind: 'agentAway', agentId });
  });

  test('leaves each task its own grace where the drain names none', () => {
    for (const body of killsIn(drain())) expect(body).not.toHaveProperty('graceMs');
  });

  test('is drained when the last of its tasks has ended, and not before', () => {
    drain();
    expect(drainedIn(killed(t1))).toEqual([]);
    expect(agent()?.isEmptied).toBeUndefined();
    expect(drainedIn(killed(t2))).toEqual([{ type: 'agentDrained', agentId }]);
    expect(agent()?.isEmptied).toBe(true);
  });

  test('is drained at once where nothing runs on it', () => {
    cluster.update(t1, 'finished');
    cluster.update(t2, 'finished');
    expect(drainedIn(drain())).toEqual([{ type: 'agentDrained', agentId }]);
  });

  test('is given up for good once it is empty where that was asked for', () => {
    drain({ marksGone: true });
    killed(t1);
    expect(agent()?.state).toBe('registered');
    expect(drainedIn(killed(t2))).toEqual([
      { type: 'agentDrained', agentId },
      { type: 'agentGone', agentId },
    ]);
    expect(agent()?.state).toBe('gone');
  });

  test('goes on under a new leader: the kills go out again, and it is drained in the new term', () => {
    drain();
    cluster.startTerm();
    const again = takeoverEffects(cluster.state);
    expect(killsIn(again).map(({ task }) => task)).toEqual([t1, t2]);
    killed(t1);
    cluster.startTerm();
    expect(drainedIn(killed(t2))).toEqual([{ type: 'agentDrained', agentId }]);
  });

  test('asks again for the tasks with which it comes back', () => {
    cluster.agentSilent();
    const effects = drain();
    for (const { order } of of(effects, 'order')) expect(order.kind).toBe('kill');
    const back = registers(cluster, agentId, { tasks: [t1, t2] });
    expect(killsIn(back).map(({ task }) => task)).toEqual([t1, t2]);
    expect(agent()?.draining?.emptying).toEqual({ marksGone: false });
  });

  test('is not drained while it is away and its tasks have not ended', () => {
    cluster.agentSilent();
    expect(drainedIn(drain())).toEqual([]);
    expect(agent()?.isEmptied).toBeUndefined();
  });

  test('shortens the time of its tasks when it is drained again with a shorter grace, and does not lengthen it', () => {
    drain({ graceMs: 60_000 });
    expect(killsIn(drain({ graceMs: 5000 })).map(({ graceMs }) => graceMs)).toEqual([5000, 5000]);
    expect(killsIn(drain({ graceMs: 90_000 }))).toEqual([]);
  });

  test('is offered again when it is reactivated; its tasks stop nevertheless', () => {
    drain();
    expect(factsOf(change('reactivate'))).toMatchObject([{ kind: 'agent', agentId }]);
    expect(agent()).not.toHaveProperty('draining');
    killed(t1);
    expect(drainedIn(killed(t2))).toEqual([]);
  });

  test('does not count as drained any more when it is reactivated', () => {
    drain();
    killed(t1);
    killed(t2);
    change('reactivate');
    expect(agent()).not.toHaveProperty('isEmptied');
    cluster.offer(framework, some(2));
  });

  test('twice in the same words changes nothing', () => {
    drain();
    expect(eventsOf(drain())).toEqual([]);
  });
});

test('an agent that is drained without being emptied lets its tasks go on', () => {
  const body = { agentId, change: 'drain', reason: '' } as const;
  const effects = operatorCalls(cluster, { verb: 'operatorAgent', body });
  expect(killsIn(effects)).toEqual([]);
  cluster.update(t1, 'finished');
  expect(drainedIn(cluster.update(t2, 'finished'))).toEqual([]);
});

describe('a custom executor on an agent that is drained', () => {
  beforeEach(() => {
    cluster = aCluster(some(20));
    const executor = anExecutor({ resources: some(1) });
    launchAnswered(cluster, framework, launchOf(raw('t1', { executor })));
    cluster.update(t1, 'running');
  });

  test('is shut down when its last task has ended, and the agent is drained when it is no more', () => {
    expect(of(drain({ graceMs: 2000 }), 'order').map(({ order }) => order.kind)).toEqual(['kill']);
    const ended = killed(t1);
    expect(drainedIn(ended)).toEqual([]);
    expect(of(ended, 'order')).toMatchObject([
      { order: { kind: 'shutdownExecutor', body: { graceMs: 2000 } } },
    ]);
    const gone = executorExits(cluster, framework);
    expect(drainedIn(gone)).toEqual([{ type: 'agentDrained', agentId }]);
    expect(toldOf(gone)).toMatchObject([{ kind: 'executorExited' }]);
  });
});
