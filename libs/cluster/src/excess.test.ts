// Tests of an agent that comes back with less, or with other attributes or another zone: it is taken as it is.
import type { TaskRef } from '@parley/protocol/ids';
import type { ResourcesInput } from '@parley/protocol/resources';
import { beforeEach, expect, test } from 'vitest';
import {
  aCluster,
  aFramework,
  anAgentId,
  answerOf,
  type Effects,
  factsOf,
  of,
  type ScriptedCluster,
  some,
} from './scripted-cluster.ts';
import { aCommandTask, launchAnswered, launchOf, taskRef } from './scripted-tasks.ts';

const agentId = anAgentId();
const framework = aFramework();
const tasks = ['t1', 't2', 't3', 't4'].map((id) => taskRef(framework, id));
let cluster: ScriptedCluster;

/** Four tasks of one each: the third of a higher priority, the fourth younger than the rest. */
beforeEach(() => {
  cluster = aCluster(some(20));
  const first = ['t1', 't2'].map((id) => aCommandTask(id));
  launchAnswered(cluster, framework, launchOf(...first, aCommandTask('t3', { priority: 5 })));
  cluster.nowMs += 1000;
  launchAnswered(cluster, framework, launchOf(aCommandTask('t4')));
});

function comesBack(total: ResourcesInput, more: Record<string, unknown> = {}): Effects {
  const named = tasks.map((task) => ({ task, state: 'running' as const, lastSequence: 1 }));
  const body = { hostname: 'h', total, attributes: {}, tasks: named, ...more };
  return cluster.call({ kind: 'agent', agentId }, { verb: 'register', body });
}

const stopped = (effects: Effects): TaskRef['taskId'][] =>
  of(effects, 'order').flatMap(({ order }) =>
    order.kind === 'kill' && order.body.reason === 'agentDraining' ? [order.body.task.taskId] : [],
  );

test('an agent that comes back with less is registered, and only the tasks that no longer fit are asked to stop', () => {
  const effects = comesBack(some(3));
  expect(answerOf(effects)).toMatchObject({ ok: true });
  expect(stopped(effects)).toEqual(['t4']);
  expect(cluster.state.agents.get(agentId)).toMatchObject({ total: { scalars: { cpus: 3000 } } });
});

test('those of the lowest priority go first, then the youngest', () => {
  expect(stopped(comesBack(some(1)))).toEqual(['t4', 't1', 't2']);
});

test('it is offered again as soon as what is left fits', () => {
  comesBack(some(3));
  expect(factsOf(cluster.update(tasks[3] as TaskRef, 'killed'))).toContainEqual(
    expect.objectContaining({ kind: 'agentFree', agentId, free: expect.anything() }),
  );
  expect(cluster.state.agents.get(agentId)?.isOvercommitted).toBe(false);
});

test('one that comes back again while they stop asks nobody else', () => {
  comesBack(some(3));
  expect(stopped(comesBack(some(3)))).toEqual(['t4']);
});

test('one that comes back with more or other attributes, or in another zone, keeps all its tasks', () => {
  const moved = { attributes: { rack: 'r2' }, domain: { region: 'eu', zone: 'eu-2' } };
  const effects = comesBack(some(30), moved);
  expect(stopped(effects)).toEqual([]);
  expect(factsOf(effects)).toContainEqual(
    expect.objectContaining({ kind: 'agent', agentId, attributes: { rack: 'r2' } }),
  );
  expect(cluster.state.agents.get(agentId)?.domain).toEqual({ region: 'eu', zone: 'eu-2' });
});

test('under the rules before, nothing is stopped, and nothing offered until it fits', () => {
  cluster = aCluster(some(20));
  cluster.rulesVersion = 4;
  cluster.state.change({ rulesVersion: 4 });
  launchAnswered(cluster, framework, launchOf(...tasks.map(({ taskId }) => aCommandTask(taskId))));
  expect(stopped(comesBack(some(2)))).toEqual([]);
  expect(cluster.state.agents.get(agentId)?.isOvercommitted).toBe(true);
});
