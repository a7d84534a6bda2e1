// Owns the description of an executor, as a framework gives it. What an executor and its agent say to each other
// is in executors.ts.
import * as z from 'zod';
import { Command } from './command.ts';
import { ExecutorId } from './ids.ts';
import { NO_RESOURCES, Resources } from './resources.ts';
import { TaskImage } from './task-image.ts';
import { TaskLimits } from './task-limits.ts';
import { Uris } from './uris.ts';
import { UserName } from './user-name.ts';

const DEFAULT_SHUTDOWN_GRACE_MS = 5000;

/**
 * `custom`: the framework's own program, started once an agent and framework, for any number of tasks; a later task
 * that names it must describe it identically. `default`: the agent itself runs the tasks of a group.
 */
export const ExecutorDescription = z.object({
  executorId: ExecutorId,
  kind: z.enum(['custom', 'default']).default('custom'),
  /** Of a custom one. */
  command: Command.optional(),
  /** Of a custom one: fetched into its sandbox before it is started. */
  uris: Uris.optional(),
  /** Of a custom one: its root filesystem, and that of its tasks, instead of its agent's. */
  image: TaskImage.optional(),
  /** Held from its first task until it has exited, beside those of its tasks. */
  resources: Resources.default(NO_RESOURCES),
  /** Of a custom one: its part of the limits of the scope that it shares with its tasks. */
  limits: TaskLimits.optional(),
  /** Of a custom one: whom it and its tasks run as, where its agent lets them be this user of its host. */
  user: UserName.optional(),
  /**
   * Of a custom one that was written for Mesos: it is told so in its environment, and speaks Mesos's HTTP API with a
   * gateway on its agent's host instead of the agent's socket. `checkpoint`: it goes on while that is away.
   */
  mesos: z.object({ checkpoint: z.boolean().default(false) }).optional(),
  /** From the request to shut down to the kill of its whole scope. */
  shutdownGraceMs: z
    .int()
    .min(0)
    .max(24 * 3600 * 1000)
    .default(DEFAULT_SHUTDOWN_GRACE_MS),
  data: z
    .instanceof(Uint8Array)
    .refine((data) => data.length <= 32 * 1024, { message: 'must be at most 32 KiB' })
    .optional(),
});
export type ExecutorDescription = z.infer<typeof ExecutorDescription>;
export type ExecutorDescriptionInput = z.input<typeof ExecutorDescription>;
