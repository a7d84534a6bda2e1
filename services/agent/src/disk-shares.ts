// Owns whose sandboxes and volumes on an agent have a limit, and how high it is. Measuring them is in disk-watch.ts, what follows when one
// holds more in disk-excess.ts.
import { executorKey, type RoleName, type TaskRef, type VolumeId } from '@parley/protocol/ids';
import type { AgentTask } from './agent-task.ts';
import type { DiskFinding } from './disk-excess.ts';
import type { ExecutorPlace } from './executors/executor-messages.ts';
import type { LiveExecutor } from './executors/executor-shell.ts';
import { ExecutorTask } from './executors/executor-task.ts';
import type { SupervisorInput } from './supervisor-messages.ts';
import { diskLimitMibOf, type Limited } from './task-limits.ts';

export type DiskShare = {
  readonly limitMib: number;
  /** Whose sandbox it is, or who may be writing to the volume; it ends where there is too much. */
  readonly owner: TaskRef | ExecutorPlace;
  /** Absent: it is a sandbox. */
  readonly volume?: { readonly role: RoleName; readonly volumeId: VolumeId };
};

/**
 * Of what may be writing now. Volumes come first: where a file has a name in a volume and one in a sandbox, it counts for
 * what is measured first.
 */
export function* diskShares(
  tasks: readonly AgentTask[],
  executors: Iterable<LiveExecutor>,
): Generator<DiskShare> {
  yield* volumeShares(tasks);
  yield* sandboxShares(tasks, executors);
}

/** A custom executor and its tasks are processes of one scope: nobody can tell which of them has filled a volume. */
function* volumeShares(tasks: readonly AgentTask[]): Generator<DiskShare> {
  for (const task of tasks) {
    const owner = writerOf(task);
    const { role, volumeSizes = [] } = task.order ?? {};
    if (owner === undefined || role === undefined) continue;
    for (const { volumeId, mib } of volumeSizes) {
      yield { limitMib: mib, owner, volume: { role, volumeId } };
    }
  }
}

/** Undefined: nobody writes for this task. */
function writerOf(task: AgentTask): DiskShare['owner'] | undefined {
  if (task instanceof ExecutorTask) return task.phase === 'ended' ? undefined : task.place;
  return task.phase === 'running' ? task.ref : undefined;
}

/** The tasks of a custom executor share its sandbox, and so its limit. */
function* sandboxShares(
  tasks: readonly AgentTask[],
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

/** What the supervisor is told of a sandbox or a volume that holds more. */
export function exceeded({ owner, volume }: DiskShare, finding: DiskFinding): SupervisorInput {
  const excess = { ...finding, ...(volume !== undefined && { volumeId: volume.volumeId }) };
  return 'executor' in owner
    ? { kind: 'executor', input: { kind: 'overDisk', ...owner, ...excess } }
    : { kind: 'overDisk', ref: owner, ...excess };
}
