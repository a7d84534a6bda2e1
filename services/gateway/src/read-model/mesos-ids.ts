// Owns how ids of the cluster read for Mesos's tools: a framework's id there is one text, of its principal and its id here;
// ids of tasks and executors read as they were chosen (mesos/foreign-id.ts).
import type { ClusterState } from '@parley/cluster/cluster-state';
import { executorOfTask, findExecutor } from '@parley/cluster/executor-book';
import type { ExecutorRecord, TaskRecord } from '@parley/cluster/records';
import { type ExecutorRef, FrameworkRef, TaskRef } from '@parley/protocol/ids';
import { foreignIdOf } from '../mesos/foreign-id.ts';
import { originalExecutorId } from '../mesos/original-ids.ts';

/** No principal and no id holds a dot. */
export const mesosFrameworkId = ({ principal, frameworkId }: FrameworkRef): string =>
  `${principal}.${frameworkId}`;

/** Undefined: no framework has that id. */
export function frameworkOfMesosId(text: string): FrameworkRef | undefined {
  const [principal, frameworkId, ...more] = text.split('.');
  const framework = FrameworkRef.safeParse({ principal, frameworkId });
  return framework.success && more.length === 0 ? framework.data : undefined;
}

export const mesosTaskId = ({
  task,
  name,
}: {
  readonly task: Pick<TaskRef, 'taskId'>;
  readonly name: string;
}): string => foreignIdOf(task.taskId, name);

export const mesosExecutorId = ({ description }: ExecutorRecord): string =>
  originalExecutorId(description);

/** Undefined: the agent runs the task itself. */
export function executorIdOfTask(
  state: ClusterState,
  { task, agentId, executorId }: Pick<TaskRecord, 'task' | 'agentId' | 'executorId'>,
): string | undefined {
  if (executorId === undefined) return undefined;
  const { principal, frameworkId } = task;
  const record = findExecutor(state, agentId, { principal, frameworkId, executorId });
  return record === undefined ? foreignIdOf(executorId) : mesosExecutorId(record);
}

/** Of a task that the agent runs itself, also of each task of a group. */
export const taskContainerId = (task: TaskRef): string =>
  `${mesosFrameworkId(task)}.${task.taskId}`;

/** Of an executor of the framework's own, with all of its tasks in it; of the default one, around those of its tasks. */
export const executorContainerId = (executor: ExecutorRef): string =>
  `${mesosFrameworkId(executor)}.${executor.executorId}`;

/** Mesos's ContainerID: a task of the default executor has its container in that one's, one of another executor has none. */
export function containerOfTask(
  state: ClusterState,
  task: Pick<TaskRecord, 'task' | 'agentId' | 'executorId'>,
): { readonly value: string; readonly parent?: { readonly value: string } } {
  const executor = executorOfTask(state, task);
  const own = { value: taskContainerId(task.task) };
  if (executor === undefined) return own;
  const around = { value: executorContainerId(executor.executor) };
  return executor.description.kind === 'default' ? { ...own, parent: around } : around;
}

/** Undefined: no task has a container of that id. */
export function taskOfContainerId(text: string): TaskRef | undefined {
  const [principal, frameworkId, taskId, ...more] = text.split('.');
  const task = TaskRef.safeParse({ principal, frameworkId, taskId });
  return task.success && more.length === 0 ? task.data : undefined;
}
