// Owns finding the id that a framework chose for what has a digest of it here: from what it launched through this gateway,
// else from the books, which hold it beside the digest (foreign-id.ts).
import type { ClusterState } from '@parley/cluster/cluster-state';
import type { ExecutorDescription } from '@parley/protocol/executor-description';
import { type ExecutorId, type FrameworkRef, type TaskId, taskKey } from '@parley/protocol/ids';
import { foreignIdOf, isDigest } from './foreign-id.ts';

/** Digests that are remembered; of older ones the books tell. */
const MAX_REMEMBERED = 100_000;

export class OriginalIds {
  readonly #framework: FrameworkRef;
  readonly #state: () => ClusterState;
  readonly #remembered = new Map<string, string>();

  constructor(framework: FrameworkRef, state: () => ClusterState) {
    this.#framework = framework;
    this.#state = state;
  }

  /** Before it is launched: the books are read a little later than they are written. */
  remember(id: string, original: string): void {
    if (!isDigest(id)) return;
    this.#remembered.set(id, original);
    for (const oldest of this.#remembered.keys()) {
      if (this.#remembered.size <= MAX_REMEMBERED) break;
      this.#remembered.delete(oldest);
    }
  }

  taskId(taskId: TaskId): string {
    if (!isDigest(taskId)) return foreignIdOf(taskId);
    const { tasks, ended } = this.#state();
    const key = taskKey({ ...this.#framework, taskId });
    const kept = (tasks.get(key) ?? ended.get(key))?.name;
    return foreignIdOf(taskId, this.#remembered.get(taskId), kept);
  }

  executorId(executorId: ExecutorId): string {
    if (!isDigest(executorId)) return foreignIdOf(executorId);
    const { principal, frameworkId } = this.#framework;
    for (const { executor, description } of this.#state().executors.rows()) {
      if (executor.executorId !== executorId) continue;
      if (executor.principal !== principal || executor.frameworkId !== frameworkId) continue;
      return originalExecutorId(description);
    }
    return foreignIdOf(executorId, this.#remembered.get(executorId));
  }
}

/** The id that Mesos has for an executor, from its description alone. */
export function originalExecutorId({ executorId, command, data }: ExecutorDescription): string {
  const told = command?.environment['MESOS_EXECUTOR_ID'];
  const kept = data === undefined ? undefined : new TextDecoder().decode(data);
  return foreignIdOf(executorId, told, kept);
}
