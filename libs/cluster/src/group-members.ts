// Owns what ends together with a task, and what is free then: of a group that its agent runs, all of it.
import { taskKey } from '@parley/protocol/ids';
import type { Resources } from '@parley/protocol/resources';
import { sum } from '@parley/resources/resources';
import type { ClusterState } from './cluster-state.ts';
import { executorOfTask, tasksOfExecutor } from './executor-book.ts';
import type { ExecutorRecord, TaskRecord } from './records.ts';
import { ScalarSums } from './scalar-sums.ts';
import { heldBy } from './task-book.ts';

/** Live ones, the task itself first. */
export function membersOf(state: ClusterState, task: TaskRecord): TaskRecord[] {
  const others = (task.group ?? [])
    .filter((taskId) => taskId !== task.task.taskId)
    .map((taskId) => state.tasks.get(taskKey({ ...task.task, taskId })));
  return [task, ...others.filter((other) => other !== undefined)];
}

/** What comes back to the agent when the task ends. Reserved ones included; the disk of volumes stays in them. */
export function comesBackWith(state: ClusterState, task: TaskRecord): Resources {
  const members = membersOf(state, task);
  const executor = executorEndingWith(state, task, members.length);
  return sum([...members.map(heldBy), ...(executor === undefined ? [] : [executor.resources])]);
}

/** By how much its framework's usage falls, the disk of volumes included. */
export function fallsWith(state: ClusterState, task: TaskRecord): Resources['scalars'] {
  const members = membersOf(state, task);
  const sums = new ScalarSums();
  for (const member of members) sums.add(state.books.scalarsOf(member));
  const executor = executorEndingWith(state, task, members.length);
  if (executor !== undefined) sums.add(executor.resources.scalars);
  return sums.toScalars();
}

/** A default executor is there as long as tasks of its groups are. */
function executorEndingWith(
  state: ClusterState,
  task: TaskRecord,
  members: number,
): ExecutorRecord | undefined {
  const executor = executorOfTask(state, task);
  if (executor?.description.kind !== 'default') return undefined;
  return tasksOfExecutor(state, executor).length === members ? executor : undefined;
}
