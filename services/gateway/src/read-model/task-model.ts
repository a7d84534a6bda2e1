// Owns how a task and an executor read for Mesos's tools, in the v1 interface and on the pages.
import type { ClusterState } from '@parley/cluster/cluster-state';
import type { EndedTaskRecord, ExecutorRecord, TaskRecord } from '@parley/cluster/records';
import { nanosecondsOf } from '../mesos/mesos-values.ts';
import {
  containerOfTask,
  executorIdOfTask,
  mesosExecutorId,
  mesosFrameworkId,
  mesosTaskId,
} from './mesos-ids.ts';
import { mesosResources, sumsOf } from './mesos-resources.ts';
import { mesosReason, mesosTaskState } from './mesos-words.ts';
import { type Part, partsOfExecutor, partsOfHolder } from './parts.ts';

export type AnyTask = TaskRecord | EndedTaskRecord;

/** Where the last change came from is in its reason: Mesos's own words for that are not told. */
export function taskStatus(state: ClusterState, task: AnyTask) {
  const reason = mesosReason(task.reason);
  return {
    task_id: { value: mesosTaskId(task) },
    state: mesosTaskState(task.state, task.reason),
    ...(task.message !== undefined && { message: task.message }),
    ...(reason !== undefined && { reason }),
    agent_id: { value: task.agentId },
    ...executorOf(state, task, (value) => ({ value })),
    timestamp: task.changedWallTimeMs / 1000,
    ...('healthy' in task && task.healthy !== undefined && { healthy: task.healthy }),
    ...containerOf(state, task),
    ...('unreachableSinceMs' in task &&
      task.unreachableSinceMs !== undefined && {
        unreachable_time: { nanoseconds: nanosecondsOf(task.unreachableSinceMs) },
      }),
  };
}

function executorOf<Shown>(state: ClusterState, task: AnyTask, show: (id: string) => Shown) {
  const executorId = 'executorId' in task ? executorIdOfTask(state, task) : undefined;
  return executorId === undefined ? {} : { executor_id: show(executorId) };
}

/** By it clients of Mesos name the task to its agent. Of one that runs, or ran until its agent was lost from sight. */
const containerOf = (state: ClusterState, task: AnyTask) =>
  'reserved' in task ? { container_status: { container_id: containerOfTask(state, task) } } : {};

function partsOfTask(state: ClusterState, task: AnyTask): Part[] {
  if ('reserved' in task) return partsOfHolder(state, task);
  const { resources, revocable } = task;
  const taken =
    revocable === undefined ? [] : [{ resources: revocable, isRevocable: true } as const];
  return [{ resources }, ...taken];
}

/** Mesos's Task. */
export function taskAnswer(state: ClusterState, task: AnyTask) {
  const shown = mesosTaskState(task.state, task.reason);
  return {
    name: task.name,
    task_id: { value: mesosTaskId(task) },
    framework_id: { value: mesosFrameworkId(task.task) },
    ...executorOf(state, task, (value) => ({ value })),
    agent_id: { value: task.agentId },
    state: shown,
    resources: mesosResources(partsOfTask(state, task)),
    statuses: [taskStatus(state, task)],
    status_update_state: shown,
  };
}

/** A task on a page. */
export function taskPage(state: ClusterState, task: AnyTask) {
  const reason = mesosReason(task.reason);
  const shown = mesosTaskState(task.state, task.reason);
  return {
    id: mesosTaskId(task),
    name: task.name,
    framework_id: mesosFrameworkId(task.task),
    executor_id: '',
    ...executorOf(state, task, (id) => id),
    slave_id: task.agentId,
    state: shown,
    resources: sumsOf(partsOfTask(state, task)),
    ...('role' in task && { role: task.role }),
    statuses: [
      {
        state: shown,
        timestamp: task.changedWallTimeMs / 1000,
        ...(reason !== undefined && { reason }),
        ...(task.message !== undefined && { message: task.message }),
        ...('healthy' in task && task.healthy !== undefined && { healthy: task.healthy }),
        ...containerOf(state, task),
      },
    ],
  };
}

/** Mesos's ExecutorInfo. What it was started with is not told: environments hold secrets. */
export function executorInfo(executor: ExecutorRecord) {
  return {
    type: executor.description.kind === 'default' ? 'DEFAULT' : 'CUSTOM',
    executor_id: { value: mesosExecutorId(executor) },
    framework_id: { value: mesosFrameworkId(executor.executor) },
    resources: mesosResources(partsOfExecutor(executor)),
    shutdown_grace_period: { nanoseconds: executor.description.shutdownGraceMs * 1_000_000 },
  };
}

export function executorPage(executor: ExecutorRecord) {
  return {
    executor_id: mesosExecutorId(executor),
    framework_id: mesosFrameworkId(executor.executor),
    name: '',
    slave_id: executor.agentId,
    type: executor.description.kind === 'default' ? 'DEFAULT' : 'CUSTOM',
    resources: sumsOf(partsOfExecutor(executor)),
    role: executor.role,
  };
}
