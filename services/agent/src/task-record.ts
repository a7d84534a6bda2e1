// Owns what an agent keeps on its disk about one task: enough to go on after the agent's process died, and every
// status update that the leader has not journalled yet. Writing it is in checkpoint-store.ts.
import { KillReason } from '@parley/protocol/agents';
import { TaskRef } from '@parley/protocol/ids';
import { StatusUpdate, TaskDescription, TaskState } from '@parley/protocol/tasks';
import * as z from 'zod';

export const TASK_RECORD_VERSION = 1;

export const TaskRecord = z.object({
  version: z.literal(TASK_RECORD_VERSION),
  task: TaskRef,
  /** Missing when the kill order came before the run order: then the task never starts. */
  description: TaskDescription.optional(),
  kill: z.object({ reason: KillReason, graceMs: z.int().min(0) }).optional(),
  /** State of the last update made; `staging` before the first. */
  state: TaskState,
  lastSequence: z.int().min(0),
  /** Updates that no watermark has covered, in order. */
  updates: z.array(StatusUpdate),
});
export type TaskRecord = z.infer<typeof TaskRecord>;
