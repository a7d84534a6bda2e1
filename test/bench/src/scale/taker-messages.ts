// Owns what passes between the scale benchmark and the process of the frameworks that take every offer.
import * as z from 'zod';

/** The process's one argument, as JSON. */
export const TakersPlan = z.object({
  /** Files of principals' credentials; the frameworks are dealt out to them. */
  credentials: z.array(z.string()).min(1),
  frameworks: z.int().min(1),
  /** Lengths of tasks are normally distributed. */
  meanSeconds: z.number().positive(),
  deviationSeconds: z.number().min(0),
});
export type TakersPlan = z.infer<typeof TakersPlan>;

/**
 * Answered with `figures`, which are counted anew from then on. `mark`: agents offered and the first accept as well. `drain`: no
 * offer is taken any more.
 */
export const ToTakers = z.object({ kind: z.enum(['tell', 'mark', 'drain']) });
export type ToTakers = z.infer<typeof ToTakers>;

/** Milliseconds. */
const Times = z.object({ count: z.int(), p50: z.number(), p99: z.number(), max: z.number() });
export type Times = z.infer<typeof Times>;

export const Figures = z.object({
  kind: z.literal('figures'),
  /** At the moment: launched, and not told to have ended. */
  open: z.int(),
  /** Agents that were offered at least once, or began a task, since the process began or the last mark. */
  offeredAgents: z.int(),
  /** Of the first accept that began after the last mark and that the leader answered with yes; milliseconds since 1970. */
  firstAcceptMs: z.number().nullable(),
  /** Since the last figures. */
  launched: z.int(),
  finished: z.int(),
  /** Accepts that were refused, and tasks that ended otherwise than well. */
  failed: z.int(),
  /** Of those the refused accepts: their tasks were never launched. */
  refused: z.int(),
  /** From the accept until the task runs. */
  start: Times,
  /** From the end of a task until the next task on its agent was accepted. */
  reuse: Times,
  /** Tasks of the framework that has fewest, of the one in the middle, of the one that has most. */
  tasks: z.tuple([z.int(), z.int(), z.int()]),
});
export type Figures = z.infer<typeof Figures>;

export const FromTakers = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('ready') }),
  Figures,
]);
export type FromTakers = z.infer<typeof FromTakers>;
