// Owns the finer cause of a task's end, beside the reason: what limit it met, or why its command could not be started. When
// each is told, the agent decides; what each means for people is in @parley/lifecycle.
import * as z from 'zod';

/** Those that agents of this release tell. */
export const CAUSE_KINDS = [
  'memoryLimit',
  'hostMemory',
  'pidsLimit',
  'timeLimit',
  'diskFull',
  'diskLimit',
  'fetchFailed',
  'fetchTimeout',
  'signal',
  'commandNotFound',
  'commandNotPermitted',
  'userNotFound',
  'sandboxUnavailable',
  'notConfined',
  'memoryForStart',
  'hostRebooted',
] as const;
export type CauseKind = (typeof CAUSE_KINDS)[number];

/**
 * `kind` is open, unlike a reason: who does not know one has the reason and the message, and loses no update.
 * `limit` and the highest value that was seen, `peak`: MiB with `memoryLimit`, `hostMemory` and `diskLimit`, processes and
 * threads with `pidsLimit`, milliseconds with `timeLimit`.
 */
export const TaskCause = z.object({
  kind: z.string().regex(/^[a-z][A-Za-z]{0,63}$/),
  limit: z.int().min(0).optional(),
  peak: z.int().min(0).optional(),
});
export type TaskCause = z.infer<typeof TaskCause>;
/** As this release tells it. */
export const KnownCause = TaskCause.extend({ kind: z.enum(CAUSE_KINDS) });
export type KnownCause = z.infer<typeof KnownCause>;
