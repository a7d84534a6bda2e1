// Owns what an agent keeps on its disk about one custom executor: enough to wait for it after a restart of the agent,
// and to tell the leader how it ended. Which of its updates were taken is kept with its tasks (task-record.ts), so
// that an update and the mark that it was taken are written at once. Writing it is in executor-store.ts.
import { ExecutorDescription } from '@parley/protocol/executor-description';
import { ExecutorEnd } from '@parley/protocol/frameworks';
import { ExecutorRef, TaskId } from '@parley/protocol/ids';
import * as z from 'zod';

export const EXECUTOR_RECORD_VERSION = 1;

/** How it ended, as the leader is told. */
export const ExecutorExit = z.object({
  end: ExecutorEnd,
  exitCode: z.int().optional(),
  signal: z.string().optional(),
  message: z.string().optional(),
  /** Those that it had been given and whose ends the leader has not journalled: their launches are answered by this. */
  tasks: z.array(TaskId).default([]),
});
export type ExecutorExit = z.infer<typeof ExecutorExit>;

export const ExecutorRecord = z.object({
  version: z.literal(EXECUTOR_RECORD_VERSION),
  executor: ExecutorRef,
  description: ExecutorDescription,
  /** Wall clock of its making: tells it from those that had its id before. */
  incarnation: z.int().min(0),
  /** It has subscribed at least once. */
  hasRegistered: z.boolean(),
  /** It was told to shut down, or is to be destroyed, and why. */
  ending: ExecutorEnd.optional(),
  exit: ExecutorExit.optional(),
});
export type ExecutorRecord = z.infer<typeof ExecutorRecord>;
