// Owns the calls of a framework about itself: subscribe, heartbeat, resync, teardown.
import * as z from 'zod';
import { RoleName } from './ids.ts';
import { Offer } from './offers.ts';
import { Resources } from './resources.ts';

/** What the framework could use now, for the ramp-up metric; allocation does not read it. */
export const Demand = z.array(z.object({ count: z.int().min(0), resources: Resources })).max(64);
export type Demand = z.infer<typeof Demand>;

export const SubscribeRequest = z.object({
  name: z.string().min(1).max(255),
  role: RoleName,
  demand: Demand.default([]),
  /** How long its tasks go on without it after it was found silent; then it is removed. */
  failoverTimeoutMs: z
    .int()
    .min(0)
    .max(365 * 24 * 3600 * 1000)
    .default(3600_000),
});
export type SubscribeRequest = z.infer<typeof SubscribeRequest>;

export const SubscribeResult = z.object({
  /** Carried by every later call; a newer one makes this one `sessionReplaced`. */
  session: z.int().min(1),
  /** Number of the last message sent to this framework; the next one is higher by one. */
  lastNumber: z.int().min(0),
  heartbeatIntervalMs: z.int().min(1),
});
export type SubscribeResult = z.infer<typeof SubscribeResult>;

/** Framework to leader, unanswered. `confirmed`: the last message number seen without a gap. */
export const FrameworkHeartbeat = z.object({ session: z.int().min(1), confirmed: z.int().min(0) });
export type FrameworkHeartbeat = z.infer<typeof FrameworkHeartbeat>;

/** Leader to framework: what a scheduler must have seen by now. */
export const LeaderHeartbeat = z.object({ session: z.int().min(0), lastNumber: z.int().min(0) });
export type LeaderHeartbeat = z.infer<typeof LeaderHeartbeat>;

/** Everything outstanding, to replace what the scheduler believes. */
export const ResyncResult = z.object({ lastNumber: z.int().min(0), offers: z.array(Offer) });
export type ResyncResult = z.infer<typeof ResyncResult>;

/** States the demand anew (replaces the one of subscribe). */
export const DemandRequest = z.object({ demand: Demand });
export type DemandRequest = z.infer<typeof DemandRequest>;
