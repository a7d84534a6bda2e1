// Owns what the leader tells everybody.
import * as z from 'zod';
import { ActorId, PrincipalName } from './ids.ts';

/**
 * Sent when a term begins and every few seconds: the epoch itself stands in the envelope. `reportWithinMs`: who hears of
 * the term tells what it has at a random moment within that, so that the answers of a large cluster do not come at once.
 */
export const LeaderPresence = z.object({
  masterId: ActorId,
  reportWithinMs: z.int().min(0).max(60_000).optional(),
  /** A registered agent may tell its standing by a heartbeat; without this it registers anew with each leader. */
  takesStandings: z.literal(true).optional(),
});
export type LeaderPresence = z.infer<typeof LeaderPresence>;

/** In one message; as many of the newest a leader remembers. */
export const MAX_DAMAGED_UPDATES = 64;

/**
 * For every principal's update stream: updates up to this stream sequence are journalled, so agents may
 * forget theirs. `createdMs` tells a recreated stream apart. `damaged`: sequences of updates that could not be read: their
 * agents write them again.
 */
export const Watermarks = z.object({
  streams: z.array(
    z.object({
      principal: PrincipalName,
      createdMs: z.int().min(0),
      sequence: z.int().min(0),
      damaged: z.array(z.int()).max(MAX_DAMAGED_UPDATES).optional(),
    }),
  ),
});
export type Watermarks = z.infer<typeof Watermarks>;
