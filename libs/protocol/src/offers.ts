// Owns the messages about offers: what a framework is offered and how it answers.
import * as z from 'zod';
import { Domain } from './constraints.ts';
import { Failure } from './errors.ts';
import { ExecutorDescription } from './executor-description.ts';
import { AgentId, ExecutorId, OfferId, ReservationId, RoleName, TaskId, VolumeId } from './ids.ts';
import { Resources } from './resources.ts';
import { Labels, UnparsedTask } from './tasks.ts';

/** Free-form facts about an agent, copied into its offers. Mesos docs, "Attributes and resources". */
export const Attributes = z.record(z.string().min(1).max(64), z.string().max(1024));
export type Attributes = z.infer<typeof Attributes>;

/** A persistent volume that a task may use: `mib` of its reservation's disk. */
export const OfferedVolume = z.object({ volumeId: VolumeId, mib: z.int().min(1) });
export type OfferedVolume = z.infer<typeof OfferedVolume>;

/** What an offer holds of one reservation of the offer's role, or of a role above it. */
export const OfferedReservation = z.object({
  reservationId: ReservationId,
  role: RoleName,
  labels: Labels.default({}),
  /** Free of it: neither in a task, nor in a volume, nor in another offer. */
  resources: Resources,
  volumes: z.array(OfferedVolume).default([]),
});
export type OfferedReservation = z.infer<typeof OfferedReservation>;

/** One agent x one role x one framework. */
export const Offer = z.object({
  offerId: OfferId,
  agentId: AgentId,
  hostname: z.string(),
  role: RoleName,
  /** Not reserved. */
  resources: Resources,
  /**
   * May be taken back at any time, at once: only for tasks that say that they are revocable. Scalars; absent: none, and
   * always where the framework does not take any.
   */
  revocable: Resources.optional(),
  reservations: z.array(OfferedReservation).default([]),
  /** What it fails together with; absent where the agent names none. */
  domain: Domain.optional(),
  attributes: Attributes,
  /** The framework's own executors that live on the agent. */
  executors: z.array(ExecutorId).default([]),
});
export type Offer = z.infer<typeof Offer>;

const MAX_REFUSE_MS = 365 * 24 * 3600 * 1000;
/** How long the refused resources are kept from this framework on that agent. 0: not at all. */
export const Filter = z.object({ refuseMs: z.int().min(0).max(MAX_REFUSE_MS).default(5000) });
export type Filter = z.infer<typeof Filter>;

/** Numbered per framework without gaps; a gap makes the scheduler ask for a resync. */
export const OffersMessage = z.object({ number: z.int().min(1), offers: z.array(Offer) });
export type OffersMessage = z.infer<typeof OffersMessage>;

export const RescindReason = z.enum([
  'offerTimeout',
  'agentUnreachable',
  'agentGone',
  'agentChanged',
  'agentDeactivated',
  'agentDraining',
  'agentMaintenance',
  'roleDropped',
  'takenByOperator',
  'volumeDestroyed',
  'quotaChanged',
  'revocableTakenBack',
]);
export type RescindReason = z.infer<typeof RescindReason>;
export const RescindMessage = z.object({
  number: z.int().min(1),
  offerIds: z.array(OfferId),
  reason: RescindReason,
});
export type RescindMessage = z.infer<typeof RescindMessage>;

const MAX_TASKS = 1024;
/** Which agent's offers the operation is about; may be left out where all are of one agent. */
const onAgent = { agentId: AgentId.optional() };

/**
 * Carried out in order on what is left of the offers: a later operation may use what an earlier one made.
 * Mesos docs, "Scheduler HTTP API", ACCEPT; "Reservation"; "Persistent volumes".
 */
export const Operation = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('launch'), ...onAgent, tasks: z.array(UnparsedTask).max(MAX_TASKS) }),
  /** All tasks or none, under one executor. */
  z.object({
    kind: z.literal('launchGroup'),
    ...onAgent,
    executor: ExecutorDescription,
    tasks: z.array(UnparsedTask).min(1).max(64),
  }),
  /** Sets unreserved resources aside for the offer's role; with an id that exists, adds to it. */
  z.object({
    kind: z.literal('reserve'),
    ...onAgent,
    reservationId: ReservationId,
    resources: Resources,
    labels: Labels.default({}),
  }),
  /** Gives these resources of a reservation back to everybody; without `resources` all that the offer holds of it. */
  z.object({
    kind: z.literal('unreserve'),
    ...onAgent,
    reservationId: ReservationId,
    resources: Resources.optional(),
  }),
  z.object({
    kind: z.literal('createVolume'),
    ...onAgent,
    reservationId: ReservationId,
    volumeId: VolumeId,
    mib: z
      .int()
      .min(1)
      .max(Number.MAX_SAFE_INTEGER / 1000),
  }),
  /** Deletes the data, for good; the disk is free in its reservation again. */
  z.object({ kind: z.literal('destroyVolume'), ...onAgent, volumeId: VolumeId }),
]);
export type Operation = z.infer<typeof Operation>;
export type OperationInput = z.input<typeof Operation>;

/**
 * The subject names the first offer, the payload all of them: of one role, of one agent or of several. What no
 * operation uses is declined with the filter.
 */
export const AcceptRequest = z.object({
  offerIds: z.array(OfferId).min(1).max(256),
  operations: z.array(Operation).max(256),
  filter: Filter.default({ refuseMs: 5000 }),
  /** All offers valid and all operations possible, or nothing happens. Otherwise what is still valid is used. */
  atomic: z.boolean().default(false),
});
export type AcceptRequest = z.infer<typeof AcceptRequest>;
export type AcceptRequestInput = z.input<typeof AcceptRequest>;

/** A rejected task also gets a status update (`error`, or `dropped` when offers were not valid any more). */
export const AcceptResult = z.object({
  launched: z.array(TaskId),
  rejected: z.array(z.object({ taskId: TaskId, failure: Failure })),
  /** Operations other than launches that could not be carried out, by their place in the request. */
  refusedOperations: z.array(z.object({ index: z.int().min(0), failure: Failure })).default([]),
  /** Offers that were named and not outstanding any more. */
  staleOffers: z.array(OfferId).default([]),
});
export type AcceptResult = z.infer<typeof AcceptResult>;

/** Why a framework does not want an offer: counted per framework, for people who ask why nothing runs. */
export const DeclineReason = z.enum([
  'noWork',
  'tooSmall',
  'constraints',
  'locality',
  'spreading',
  'notAllowed',
  'unused',
  'other',
]);
export type DeclineReason = z.infer<typeof DeclineReason>;

export const DeclineRequest = z.object({
  offerIds: z.array(OfferId).min(1).max(1024),
  filter: Filter.default({ refuseMs: 5000 }),
  reason: DeclineReason.optional(),
  /** For people. */
  text: z.string().max(1024).optional(),
});
export type DeclineRequest = z.infer<typeof DeclineRequest>;
/** Offers that were not outstanding any more are no error; they are counted here. */
export const DeclineResult = z.object({ declined: z.int(), unknown: z.int() });
export type DeclineResult = z.infer<typeof DeclineResult>;
