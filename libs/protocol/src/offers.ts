// Owns the messages about offers: what a framework is offered and how it answers.
import * as z from 'zod';
import { Failure } from './errors.ts';
import { AgentId, OfferId, RoleName, TaskId } from './ids.ts';
import { Resources } from './resources.ts';
import { TaskDescription } from './tasks.ts';

/** Free-form facts about an agent, copied into its offers. Mesos docs, "Attributes and resources". */
export const Attributes = z.record(z.string().min(1).max(64), z.string().max(1024));
export type Attributes = z.infer<typeof Attributes>;

/** One agent x one role x one framework. */
export const Offer = z.object({
  offerId: OfferId,
  agentId: AgentId,
  hostname: z.string(),
  role: RoleName,
  resources: Resources,
  attributes: Attributes,
});
export type Offer = z.infer<typeof Offer>;

const MAX_REFUSE_MS = 365 * 24 * 3600 * 1000;
/** How long the refused resources are kept from this framework on that agent. 0: not at all. */
export const Filter = z.object({ refuseMs: z.int().min(0).max(MAX_REFUSE_MS).default(5000) });
export type Filter = z.infer<typeof Filter>;

/** Numbered per framework without gaps; a gap makes the scheduler ask for a resync. */
export const OffersMessage = z.object({ number: z.int().min(1), offers: z.array(Offer) });
export type OffersMessage = z.infer<typeof OffersMessage>;

export const RescindReason = z.enum(['agentUnreachable', 'agentRemoved', 'agentChanged']);
export type RescindReason = z.infer<typeof RescindReason>;
export const RescindMessage = z.object({
  number: z.int().min(1),
  offerIds: z.array(OfferId),
  reason: RescindReason,
});
export type RescindMessage = z.infer<typeof RescindMessage>;

/** The subject names the first offer, the payload all of them; all of one agent and role. */
export const AcceptRequest = z.object({
  offerIds: z.array(OfferId).min(1).max(256),
  launches: z.array(TaskDescription).max(1024),
  filter: Filter.default({ refuseMs: 5000 }),
});
export type AcceptRequest = z.infer<typeof AcceptRequest>;

/** A rejected task also gets a status update (`error`, or `dropped` when the offers are not valid). */
export const AcceptResult = z.object({
  launched: z.array(TaskId),
  rejected: z.array(z.object({ taskId: TaskId, failure: Failure })),
});
export type AcceptResult = z.infer<typeof AcceptResult>;

export const DeclineRequest = z.object({
  offerIds: z.array(OfferId).min(1).max(1024),
  filter: Filter.default({ refuseMs: 5000 }),
});
export type DeclineRequest = z.infer<typeof DeclineRequest>;
/** Offers that were not outstanding any more are no error; they are counted here. */
export const DeclineResult = z.object({ declined: z.int(), unknown: z.int() });
export type DeclineResult = z.infer<typeof DeclineResult>;
