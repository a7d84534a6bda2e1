// Owns what an agent keeps on its disk about one task: enough to go on after the agent's process died, and every
// status update that the leader has not journalled yet. Writing it is in checkpoint-store.ts.
import { KillReason, RunOrder } from '@parley/protocol/agents';
import { CheckResult } from '@parley/protocol/checks';
import { ExecutorId, RoleName, TaskId, TaskRef } from '@parley/protocol/ids';
import { KnownCause } from '@parley/protocol/task-causes';
import { StatusUpdate, TaskDescription, TaskState } from '@parley/protocol/tasks';
import * as z from 'zod';

export const TASK_RECORD_VERSION = 2;

/** Why a task is told to stop: by an order, or by a rule of its own description or of its group. */
export const StopReason = z.enum([
  ...KillReason.options,
  'maxCompletionTime',
  'unhealthy',
  'diskLimit',
]);
export type StopReason = z.infer<typeof StopReason>;

/** The group that a task belongs to: the executor that it names, and the ids of all its tasks. */
export const GroupPlace = z.object({ executorId: ExecutorId, taskIds: z.array(TaskId) });
export type GroupPlace = z.infer<typeof GroupPlace>;

/** What checks have found so far: nothing of it is reported twice, and no failure in a row is forgotten. */
export const CheckMemory = z.object({
  healthy: z.boolean().optional(),
  failures: z.int().min(0),
  result: CheckResult.optional(),
});
export type CheckMemory = z.infer<typeof CheckMemory>;

const FirstTaskRecord = z.object({
  version: z.literal(1),
  task: TaskRef,
  /** Missing when the kill order came before the run order: then the task never starts. */
  description: TaskDescription.optional(),
  kill: z
    .object({
      reason: StopReason,
      graceMs: z.int().min(0),
      message: z.string().optional(),
      cause: KnownCause.optional(),
    })
    .optional(),
  /** State of the last update made; `staging` before the first. */
  state: TaskState,
  lastSequence: z.int().min(0),
  /** Updates that no watermark has covered, in order. */
  updates: z.array(StatusUpdate),
});

export const TaskRecord = FirstTaskRecord.extend({
  version: z.literal(TASK_RECORD_VERSION),
  /** Whose volumes the task's volumes are; missing in records that the first version wrote, which knew none. */
  role: RoleName.optional(),
  volumeSizes: RunOrder.shape.volumeSizes,
  group: GroupPlace.optional(),
  /** Wall clock at `running`, since monotonic time does not outlive a process. Milliseconds since 1970. */
  runningSinceMs: z.int().optional(),
  checks: CheckMemory.optional(),
  /** Of a task of a custom executor: the last of that one's updates that is in this record. */
  executorSequence: z.int().min(0).optional(),
});
export type TaskRecord = z.infer<typeof TaskRecord>;

/** A record of this version or of the one before. */
export const ReadableTaskRecord = z
  .discriminatedUnion('version', [FirstTaskRecord, TaskRecord])
  .transform((record): TaskRecord => ({ ...record, version: TASK_RECORD_VERSION }));

/** What a task was ordered to be. */
export type TaskOrder = {
  readonly role?: RoleName | undefined;
  /** Of its volumes. */
  readonly volumeSizes?: RunOrder['volumeSizes'];
  readonly description: TaskDescription;
  readonly group?: GroupPlace | undefined;
};

/** Of one of the tasks of an order. */
export function taskOrder(
  { role, volumeSizes }: Pick<RunOrder, 'role' | 'volumeSizes'>,
  description: TaskDescription,
  group?: GroupPlace,
): TaskOrder {
  const own = new Set(description.volumes.map(({ volumeId }) => volumeId));
  const sizes = volumeSizes?.filter(({ volumeId }) => own.has(volumeId));
  return {
    role,
    ...(sizes !== undefined && sizes.length > 0 && { volumeSizes: sizes }),
    description,
    ...(group !== undefined && { group }),
  };
}

/** As it stands in the record; undefined where no order to run came. */
export function recordedOrder(record: TaskRecord): TaskOrder | undefined {
  const { role, volumeSizes, description, group } = record;
  return description && { role, volumeSizes, description, group };
}

/** Orders tasks as they began to run; those that have not come last. */
export function byBegin(
  { record: one }: { readonly record: TaskRecord },
  { record: other }: { readonly record: TaskRecord },
): number {
  const [first, second] = [one.runningSinceMs, other.runningSinceMs];
  if (first === second) return 0;
  return (first ?? Number.POSITIVE_INFINITY) - (second ?? Number.POSITIVE_INFINITY);
}
