// Owns the epoch: the number of a leader's term, compared by every receiver.
import * as z from 'zod';

/**
 * Pair of the lease bucket's creation time (milliseconds since 1970, by the server) and the
 * revision of the write that won the lease. Compared in that order, so that a recreated
 * bucket does not repeat an epoch.
 */
export const Epoch = z.object({ bucketCreatedMs: z.int().min(0), revision: z.int().min(0) });
export type Epoch = z.infer<typeof Epoch>;

export const NO_EPOCH: Epoch = Object.freeze({ bucketCreatedMs: 0, revision: 0 });

/** Negative when `a` is the earlier term, 0 when equal, positive when later. */
export function compareEpochs(a: Epoch, b: Epoch): number {
  return a.bucketCreatedMs - b.bucketCreatedMs || a.revision - b.revision;
}
