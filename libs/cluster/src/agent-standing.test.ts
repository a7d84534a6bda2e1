import { standingOf } from '@parley/protocol/agent-standing';
import { normalise, subtract } from '@parley/resources/resources';
import { expect, test } from 'vitest';
import { standingInBooks } from './agent-standing.ts';
import { aCluster, aFramework, anAgentId, aTask, some } from './scripted-cluster.ts';
import { aDefaultExecutor, groupOf, launchAnswered, taskRef } from './scripted-tasks.ts';

const framework = aFramework();
const total = normalise(some(4));

const multiply = (count: number) => normalise(count === 0 ? {} : some(count));

/** As an agent says it that runs these. */
const says = (...tasks: [taskId: string, lastSequence: number][]): string =>
  standingOf({
    ...{ total, executors: [], revocable: undefined },
    free: subtract(total, multiply(tasks.length)),
    tasks: tasks.map(([taskId, lastSequence]) => ({
      task: { ...framework, taskId: taskId as never },
      state: 'running',
      lastSequence,
    })),
  });

test('the books give an agent the standing that it has after the updates that they have read', () => {
  const cluster = aCluster(total);
  const inBooks = () => standingInBooks(cluster.state, anAgentId());
  expect(inBooks()).toBe(says());
  const first = cluster.launch(framework, 't1');
  // Accepted, and nothing said of it yet.
  expect(inBooks()).not.toBe(says());
  cluster.update(first, 'running');
  const second = cluster.launch(framework, 't2');
  cluster.update(second, 'starting');
  cluster.update(second, 'running');
  expect(inBooks()).toBe(says(['t1', 1], ['t2', 2]));
  expect(inBooks()).not.toBe(says(['t1', 1], ['t2', 1]));
  cluster.update(first, 'finished');
  expect(inBooks()).toBe(says(['t2', 2]));
});

test('an agent that is silent, gone or not there has no standing', () => {
  const cluster = aCluster(total);
  expect(standingInBooks(cluster.state, anAgentId('a2'))).toBeUndefined();
  cluster.agentSilent();
  expect(standingInBooks(cluster.state, anAgentId())).toBeUndefined();
});

test('what stands for a pod is no executor that the agent names: its tasks are what counts', () => {
  const cluster = aCluster(total);
  const group = groupOf(aDefaultExecutor(), aTask('t1'), aTask('t2'));
  launchAnswered(cluster, framework, group, { resources: some(4) });
  for (const taskId of ['t1', 't2']) cluster.update(taskRef(framework, taskId), 'running');
  expect(standingInBooks(cluster.state, anAgentId())).toBe(says(['t1', 1], ['t2', 1]));
});
