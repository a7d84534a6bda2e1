// Owns what passes between the benchmark and the process of its frameworks.
import * as z from 'zod';

/** The process's one argument, as JSON. */
export const FrameworksPlan = z.object({
  /** Files of principals' credentials; the frameworks are dealt out to them. */
  credentials: z.array(z.string()).min(1),
  frameworks: z.int().min(1),
  /** Tasks of all frameworks together at a time. */
  tasks: z.int().min(1),
  taskSeconds: z.number().min(0),
  /** By so many a second the number of tasks grows, until as many run as are to. */
  launchRate: z.number().positive(),
});
export type FrameworksPlan = z.infer<typeof FrameworksPlan>;

export const ToFrameworks = z.discriminatedUnion('kind', [
  /** From now on tasks are so long, and so many at a time. */
  z.object({ kind: z.literal('load'), tasks: z.int().min(0), taskSeconds: z.number().min(0) }),
  /** Answered with `counts`; the longest pause is counted anew from here. */
  z.object({ kind: z.literal('count') }),
  /** Ends the process. */
  z.object({ kind: z.literal('end') }),
]);
export type ToFrameworks = z.infer<typeof ToFrameworks>;

export const Counts = z.object({
  kind: z.literal('counts'),
  /** Tasks in accepts that the leader answered with yes. */
  accepted: z.int(),
  /** Tasks that ended well. */
  finished: z.int(),
  /** Accepted, and ended otherwise than well. */
  failed: z.int(),
  /** Told of an end more than once. */
  endedAgain: z.int(),
  /** Accepted, and not told of an end yet. */
  open: z.int(),
  /** Accepts that were answered with no, for a reason that more trying does not mend. */
  refused: z.int(),
  /** Between two accepts that were answered, since the last count. */
  longestPauseMs: z.number(),
});
export type Counts = z.infer<typeof Counts>;

export const FromFrameworks = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('ready') }),
  /** An offer of a later term than any before was accepted, and the leader has said yes. Milliseconds since 1970. */
  z.object({ kind: z.literal('newTerm'), revision: z.int(), atMs: z.number() }),
  Counts,
]);
export type FromFrameworks = z.infer<typeof FromFrameworks>;
