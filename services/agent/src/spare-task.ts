// Owns which task an agent spares first when it has to take back what it has lent. When it has to is in qos-controller.ts.
import type { AgentTask } from './agent-task.ts';
import { ExecutorTask } from './executors/executor-task.ts';
import type { SupervisedTask } from './supervised-task.ts';

/**
 * A revocable one that has not been told to stop: of the lowest priority, of these the one that came last (infra/docs/decisions/revocation.md).
 * @param tasks in the order in which they came
 */
export function spareTask(tasks: Iterable<AgentTask>): SupervisedTask | undefined {
  let spare: SupervisedTask | undefined;
  for (const task of tasks) {
    // Only tasks that the agent runs itself can be revocable.
    if (task instanceof ExecutorTask || task.isStopping || task.phase === 'ended') continue;
    if (task.order?.description.revocable !== true) continue;
    if (spare === undefined || priorityOf(task) <= priorityOf(spare)) spare = task;
  }
  return spare;
}

const priorityOf = ({ order }: SupervisedTask): number => order?.description.priority ?? 0;
