// Owns which live tasks were launched on which executor. Derived state: never hashed, built anew when a state is
// restored. It outlives the executor's record: tasks of one that has exited end by their agent's updates.
import { taskKey } from '@parley/protocol/ids';
import { executorRecordKey } from './books.ts';
import type { TaskRecord } from './records.ts';

const NONE: ReadonlySet<string> = new Set();

export class ExecutorTasks {
  readonly #tasks = new Map<string, Set<string>>();

  /** Keys of its tasks, in the order of their launch. `executor` is the key of its record. */
  of(executor: string): ReadonlySet<string> {
    return this.#tasks.get(executor) ?? NONE;
  }

  taskLaunched(task: TaskRecord): void {
    const executor = keyOf(task);
    if (executor === undefined) return;
    const tasks = this.#tasks.get(executor);
    if (tasks === undefined) this.#tasks.set(executor, new Set([taskKey(task.task)]));
    else tasks.add(taskKey(task.task));
  }

  taskEnded(task: TaskRecord): void {
    const executor = keyOf(task);
    const tasks = executor === undefined ? undefined : this.#tasks.get(executor);
    tasks?.delete(taskKey(task.task));
    if (executor !== undefined && tasks?.size === 0) this.#tasks.delete(executor);
  }

  entries(): IterableIterator<[string, ReadonlySet<string>]> {
    return this.#tasks.entries();
  }
}

function keyOf({ task, agentId, executorId }: TaskRecord): string | undefined {
  if (executorId === undefined) return undefined;
  const { principal, frameworkId } = task;
  return executorRecordKey(agentId, { principal, frameworkId, executorId });
}
