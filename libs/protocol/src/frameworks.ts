// Owns the calls of a framework about itself: subscribe, heartbeat, roles, demand, resync, teardown, and what the leader
// tells it that must not get lost.
import * as z from 'zod';
import { Constraints } from './constraints.ts';
import { RequestId } from './envelope.ts';
import { Epoch } from './epoch.ts';
import { AgentId, ExecutorId, RoleName, TaskId, WindowId } from './ids.ts';
import { Offer } from './offers.ts';
import { Resources } from './resources.ts';
import { RevocableUse, RevocationReason } from './revocations.ts';

/** `count` tasks of this shape, to be launched on agents that meet the constraints. */
export const Need = z.object({
  /** One of the framework's roles; by default its first. */
  role: RoleName.optional(),
  count: z.int().min(0).max(1_000_000),
  resources: Resources,
  constraints: Constraints.default([]),
  /** Only of a framework that takes revocable resources. Scalars are meant; ports and sets are ordinary ones. */
  revocable: RevocableUse.optional(),
});
export type Need = z.infer<typeof Need>;

/**
 * What the framework could launch beside what it has launched already. A framework that states its demand is offered
 * just that, at once, and nothing when the demand is empty. The leader lowers a count for each task launched.
 */
export const Demand = z.array(Need).max(64);
export type Demand = z.infer<typeof Demand>;
export type DemandInput = z.input<typeof Demand>;

const Roles = z
  .array(RoleName)
  .min(1)
  .max(64)
  .refine((roles) => new Set(roles).size === roles.length, 'names a role twice');
/** In a report, of each kind. */
export const MAX_REPORTED_CALLS = 1024;
const DAY_MS = 24 * 3600 * 1000;
const FrameworkName = z.string().min(1).max(255);
const FailoverTimeoutMs = z
  .int()
  .min(0)
  .max(365 * DAY_MS);
const OfferTimeoutMs = z.int().min(100).max(DAY_MS);

export const SubscribeRequest = z.object({
  name: FrameworkName,
  /** The groups that it shares in; each offer is for one of them. */
  roles: Roles,
  /** Roles in which it takes no offers until it revives them. */
  suppressed: z.array(RoleName).max(64).default([]),
  /** Absent: it states none, and gets whole agents' remainders until it declines or suppresses (as in Mesos). */
  demand: Demand.optional(),
  /** How long its tasks go on without it after it was found silent; then it is removed. */
  failoverTimeoutMs: FailoverTimeoutMs.default(3600_000),
  /** Shorter or longer than the cluster's: an offer that is not answered by then is rescinded. */
  offerTimeoutMs: OfferTimeoutMs.optional(),
  /** It may be offered what can be taken back at any time, too. Absent: no. */
  takesRevocable: z.boolean().optional(),
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

/** Changes what is given and leaves the rest. Offers of roles that are dropped are rescinded. */
export const UpdateFrameworkRequest = z.object({
  name: FrameworkName.optional(),
  roles: Roles.optional(),
  failoverTimeoutMs: FailoverTimeoutMs.optional(),
  offerTimeoutMs: OfferTimeoutMs.optional(),
});
export type UpdateFrameworkRequest = z.infer<typeof UpdateFrameworkRequest>;

/** For `suppress` and `revive`; none named means all. A role that is not the framework's fails the whole call. */
export const RolesRequest = z.object({ roles: z.array(RoleName).max(64).default([]) });
export type RolesRequest = z.infer<typeof RolesRequest>;

/** Counters of requests, the latest ones where there are more. */
const Counters = z.array(z.int().min(1)).max(MAX_REPORTED_CALLS);

/** What a framework believes to stand in the books. The leader compares: after a takeover they are another one's. */
export const FrameworkReport = z.object({
  /** Of the latest leader that it has heard: to an earlier one it says nothing. */
  epoch: Epoch,
  /** As in the ids of its requests. */
  callerSession: RequestId.shape.session,
  /** The last counter that it has given. */
  lastCall: z.int().min(1),
  /** Of the call that opened its session. */
  subscribedBy: z.int().min(1),
  /** As it named them in its last acknowledged calls; absent while one that changes them is not answered or not due. */
  roles: z
    .array(z.object({ role: RoleName, isSuppressed: z.boolean() }))
    .max(64)
    .optional(),
  /** Not answered: they are repeated until they are. */
  openCalls: Counters,
  /** Answered with success, and no mere question: each is in the books, or was acknowledged and is lost. */
  acknowledgedCalls: Counters,
});
export type FrameworkReport = z.infer<typeof FrameworkReport>;

/** Framework to leader, unanswered. `confirmed`: the last message number seen without a gap. */
export const FrameworkHeartbeat = z.object({
  session: z.int().min(1),
  confirmed: z.int().min(0),
  /** Absent: nothing is compared. */
  report: FrameworkReport.optional(),
});
export type FrameworkHeartbeat = z.infer<typeof FrameworkHeartbeat>;

/** Leader to framework: what a scheduler must have seen by now. */
export const LeaderHeartbeat = z.object({
  session: z.int().min(0),
  lastNumber: z.int().min(0),
  /** The books say otherwise of its roles than its report: it is to name them again, by calls of its own. */
  wantsRoles: z.literal(true).optional(),
});
export type LeaderHeartbeat = z.infer<typeof LeaderHeartbeat>;

/** Why an executor is no more. */
export const ExecutorEnd = z.enum([
  'exited',
  'signaled',
  'memoryLimit',
  'shutDown',
  'notRegistered',
  'notReturned',
  'launchFailed',
  'unknown',
]);
export type ExecutorEnd = z.infer<typeof ExecutorEnd>;

/** What must reach a framework: kept and told again until acknowledged. `eventId` counts up by one a framework. */
const eventId = { eventId: z.int().min(1) };
export const FrameworkEvent = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('executorExited'),
    ...eventId,
    agentId: AgentId,
    executorId: ExecutorId,
    end: ExecutorEnd,
    exitCode: z.int().optional(),
    signal: z.string().max(32).optional(),
    message: z.string().max(4096).optional(),
  }),
  /** About agents on which the framework has tasks or executors. */
  z.object({ kind: z.literal('agentUnreachable'), ...eventId, agentId: AgentId }),
  z.object({ kind: z.literal('agentReturned'), ...eventId, agentId: AgentId }),
  z.object({ kind: z.literal('agentGone'), ...eventId, agentId: AgentId }),
  /**
   * The cluster asks for the task's resources back. The framework may end the task by itself, or do nothing: `graceMs`
   * after `wallTimeMs` (the leader's wall clock, milliseconds since 1970) it is killed, later where its executor asks
   * for time. The other tasks of a group end with it. Mesos docs, "Maintenance Primitives", inverse offers.
   */
  z.object({
    kind: z.literal('inverseOffer'),
    ...eventId,
    taskId: TaskId,
    agentId: AgentId,
    resources: Resources,
    reason: RevocationReason,
    graceMs: z.int().min(0),
    wallTimeMs: z.int(),
  }),
  /** It may keep them after all: nobody needs them any more. A task that is stopping already stops. */
  z.object({
    kind: z.literal('inverseOfferWithdrawn'),
    ...eventId,
    taskId: TaskId,
    agentId: AgentId,
  }),
  /**
   * Agents on which the framework has tasks are to be taken out of service: from `startWallTimeMs` on its tasks there are
   * asked to stop, for `durationMs` nothing of them is offered. It may end them before, or answer that it will not. Of a
   * window with many agents there are several. Mesos docs, "Maintenance Primitives".
   */
  z.object({
    kind: z.literal('agentInverseOffer'),
    ...eventId,
    windowId: WindowId,
    agents: z.array(AgentId).min(1),
    startWallTimeMs: z.int(),
    durationMs: z.int().min(0),
    /** Absent: each task's own. */
    graceMs: z.int().min(0).optional(),
    reason: z.string(),
    wallTimeMs: z.int(),
  }),
  /** They stay in service. */
  z.object({ kind: z.literal('agentInverseOfferWithdrawn'), ...eventId, windowId: WindowId }),
]);
export type FrameworkEvent = z.infer<typeof FrameworkEvent>;

/** Numbered like offers. `dropped`: so many older ones were never acknowledged and are not kept any more. */
export const EventsMessage = z.object({
  number: z.int().min(1),
  events: z.array(FrameworkEvent),
  dropped: z.int().min(0).default(0),
});
export type EventsMessage = z.infer<typeof EventsMessage>;

export const AcknowledgeEventsRequest = z.object({ upTo: z.int().min(1) });
export type AcknowledgeEventsRequest = z.infer<typeof AcknowledgeEventsRequest>;

/** Everything outstanding, to replace what the scheduler believes. */
export const ResyncResult = z.object({
  lastNumber: z.int().min(0),
  offers: z.array(Offer),
  /** Not acknowledged. */
  events: z.array(FrameworkEvent).default([]),
});
export type ResyncResult = z.infer<typeof ResyncResult>;

/** States the demand anew; without one the framework states none any more. */
export const DemandRequest = z.object({ demand: Demand.optional() });
export type DemandRequest = z.infer<typeof DemandRequest>;

export const ShutdownExecutorRequest = z.object({
  agentId: AgentId,
  executorId: ExecutorId,
  graceMs: z.int().min(0).max(DAY_MS).optional(),
});
export type ShutdownExecutorRequest = z.infer<typeof ShutdownExecutorRequest>;

/** Between a framework's scheduler and one of its executors, opaque, at most once. */
export const ExecutorMessage = z.object({
  data: z.instanceof(Uint8Array).refine((data) => data.length <= 256 * 1024, {
    message: 'must be at most 256 KiB',
  }),
});
export type ExecutorMessage = z.infer<typeof ExecutorMessage>;
