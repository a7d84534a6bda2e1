// Owns whose sandboxes on an agent have a limit, and how high it is. Measuring them is in disk-watch.ts, what follows when one
// holds more in disk-excess.ts.
import { executorKey, type TaskRef } from '@parley/protocol/ids';
import type { AgentTask } from './agent-task.ts';
import type { DiskExcess } from './disk-excess.ts';
import type { ExecutorPlace } from './executors/executor-messages.ts';
import type { LiveExecutor } from './executors/executor-shell.ts';
import { ExecutorTask } from './executors/executor-task.ts';
import type { SupervisorInput } from './supervisor-messages.ts';
import { diskLimitMibOf, type Limited } from './task-limits.ts';

export type DiskShare = {
  readonly limitMib: number;
  /** Whose sandbox it is. */
  readonly owner: TaskRef | ExecutorPlace;
};

/** Of what may be writing now. The tasks of a custom executor share its sandbox, and so its limit. */
export function* diskShares(
  tasks: Iterable<AgentTask>,
  executors: Iterable<LiveExecutor>,
): Generator<DiskShare> {
  const ofExecutors: ExecutorTask[] = [];
  for (const task of tasks) {
    if (task instanceof ExecutorTask) ofExecutors.push(task);
    else if (task.phase === 'running' && task.order !== undefined) {
      const limitMib = diskLimitMibOf([task.order.description]);
      if (limitMib !== undefined) yield { limitMib, owner: task.ref };
    }
  }
  const parts = partsByExecutor(ofExecutors);
  for (const { executor, incarnation, description } of executors) {
    const owner = { executor, incarnation };
    const limitMib = diskLimitMibOf([description, ...(parts.get(nameOf(owner)) ?? [])]);
    if (limitMib !== undefined) yield { limitMib, owner };
  }
}

function partsByExecutor(tasks: readonly ExecutorTask[]): ReadonlyMap<string, Limited[]> {
  const parts = new Map<string, Limited[]>();
  for (const { place, order, phase } of tasks) {
    if (place === undefined || phase === 'ended') continue;
    const name = nameOf(place);
    parts.set(name, [...(parts.get(name) ?? []), order.description]);
  }
  return parts;
}

const nameOf = ({ executor, incarnation }: ExecutorPlace): string =>
  `${executorKey(executor)} ${incarnation}`;

/** What the supervisor is told of a sandbox that holds more. */
export function exceeded({ owner }: DiskShare, excess: DiskExcess): SupervisorInput {
  return 'executor' in owner
    ? { kind: 'executor', input: { kind: 'overDisk', ...owner, ...excess } }
    : { kind: 'overDisk', ref: owner, ...excess };
}
