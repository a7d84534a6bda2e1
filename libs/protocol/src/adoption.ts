// Owns the messages by which an agent tells a leader that has lost its books what it runs: enough to hold the tasks in
// new books as the old ones did.
import * as z from 'zod';
import { AgentTask } from './agents.ts';
import { ExecutorDescription } from './executor-description.ts';
import {
  ExecutorId,
  ExecutorRef,
  ReservationId,
  RoleName,
  TaskId,
  TaskRef,
  VolumeId,
} from './ids.ts';
import { Resources } from './resources.ts';

/** A task that has not ended, as its agent keeps it. */
export const ToldTask = AgentTask.extend({
  name: z.string().max(255),
  /** For which it was launched; missing where an earlier release of the agent wrote the task down. */
  role: RoleName.optional(),
  resources: Resources,
  isRevocable: z.boolean().optional(),
  reservationId: ReservationId.optional(),
  volumes: z.array(VolumeId).max(64).default([]),
  executorId: ExecutorId.optional(),
  isInGroup: z.boolean().optional(),
  /** All tasks of its group, itself too, where the agent ends them together. */
  group: z.array(TaskId).optional(),
  priority: z.int().optional(),
});
export type ToldTask = z.infer<typeof ToldTask>;

/** A custom executor that lives, or whose end the leader has not confirmed. */
export const ToldExecutor = z.object({
  executor: ExecutorRef,
  role: RoleName.optional(),
  description: ExecutorDescription,
});
export type ToldExecutor = z.infer<typeof ToldExecutor>;

/**
 * One page of everything that the agent has, in answer to `wantsTasks`; repeated until answered. Until the last one is
 * answered the agent writes no status updates: what it said of a task stays true.
 */
export const TellTasksRequest = z.object({
  tasks: z.array(ToldTask).max(4096),
  executors: z.array(ToldExecutor).max(4096),
  isLast: z.boolean(),
});
export type TellTasksRequest = z.infer<typeof TellTasksRequest>;

/** What the leader does not take over: to be killed, and to be shut down. */
export const TellTasksResult = z.object({
  unknownTasks: z.array(TaskRef),
  unknownExecutors: z.array(ExecutorRef),
});
export type TellTasksResult = z.infer<typeof TellTasksResult>;
