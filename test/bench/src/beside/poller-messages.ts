// Owns what passes between the benchmark and the process that polls gateways.
import * as z from 'zod';

/** The process's one argument, as JSON. */
export const PollerPlan = z.object({ urls: z.array(z.string()).min(1) });

export const ToPoller = z.object({ kind: z.literal('tell') });
export type ToPoller = z.infer<typeof ToPoller>;

const Answers = z.object({ count: z.int(), failed: z.int(), p50: z.number() });
export type Answers = z.infer<typeof Answers>;
/** Of everything since it began; milliseconds. */
export const FromPoller = z.object({ kind: z.literal('polled'), state: Answers, list: Answers });
export type FromPoller = z.infer<typeof FromPoller>;
