// Owns what runs on one agent, as Mesos's agents see it: executors, each in a container. A task that our agent runs itself
// has an executor of its id there, as with Mesos's command executor; tasks of the default executor have containers within
// that one's.
import type { ClusterState } from '@parley/cluster/cluster-state';
import { executorOfTask, executorsOn, tasksOfExecutor } from '@parley/cluster/executor-book';
import type { AgentRecord, ExecutorRecord, TaskRecord } from '@parley/cluster/records';
import type { FrameworkRef } from '@parley/protocol/ids';
import { executorContainerId, mesosExecutorId, mesosTaskId, taskContainerId } from './mesos-ids.ts';
import { type Part, partsOfExecutor, partsOfHolder } from './parts.ts';

export type Work = {
  readonly framework: FrameworkRef;
  readonly executorId: string;
  /** For people: what the task is called. */
  readonly name: string;
  readonly containerId: string;
  /** What it holds, with its tasks. */
  readonly parts: readonly Part[];
  /** Undefined: the agent runs its one task itself. */
  readonly executor: ExecutorRecord | undefined;
  readonly tasks: readonly TaskRecord[];
};

/** In no order. */
export function workOn(state: ClusterState, { agentId }: Pick<AgentRecord, 'agentId'>): Work[] {
  const work = executorsOn(state, agentId).map((executor) => ofExecutor(state, executor));
  for (const key of state.books.agents.get(agentId)?.tasks ?? []) {
    const task = state.tasks.get(key);
    if (task === undefined || executorOfTask(state, task) !== undefined) continue;
    work.push(ofTask(state, task));
  }
  return work;
}

/** Of the default executor: tasks have containers of their own. */
export const isDefault = ({ executor }: Pick<Work, 'executor'>): boolean =>
  executor?.description.kind === 'default';

function ofExecutor(state: ClusterState, executor: ExecutorRecord): Work {
  const tasks = tasksOfExecutor(state, executor);
  return {
    framework: executor.executor,
    executorId: mesosExecutorId(executor),
    name: '',
    containerId: executorContainerId(executor.executor),
    parts: [...partsOfExecutor(executor), ...tasks.flatMap((task) => partsOfHolder(state, task))],
    executor,
    tasks,
  };
}

const ofTask = (state: ClusterState, task: TaskRecord): Work => ({
  framework: task.task,
  executorId: mesosTaskId(task),
  name: task.name,
  containerId: taskContainerId(task.task),
  parts: partsOfHolder(state, task),
  executor: undefined,
  tasks: [task],
});
