// Owns the messages between the leading master and the leading allocator: facts and proposals.
// Facts are absolute (what is free, who holds what), so that one that is applied twice does no harm; how long a refusal
// lasts counts from when it is heard.
import * as z from 'zod';
import { Constraints, Domain } from './constraints.ts';
import { AgentId, FrameworkRef, ReservationId, RoleName, TaskRef } from './ids.ts';
import { Attributes } from './offers.ts';
import { Resources } from './resources.ts';
import { RevocableUse, RevocationReason, Sharer } from './revocations.ts';
import { Placement, Quantities, Uncounted, Weight } from './sharing.ts';

/** May be taken back at any time: what tasks have been given and do not use. Counts in no share and no quota; absent: none. */
const Revocable = Resources.optional();

const Scalars = z.record(z.string(), z.int().min(0));
/** In unanswered offers, and not reserved: unused like what is free. Absent: nothing. */
const Offered = Scalars.optional();

/**
 * What is free of a reservation: in no task, volume or offer. Where the resources are empty, volumes of it are to be
 * had that nobody holds: they come with every offer of the reservation, and are not listed here.
 */
export const FreeReservation = z.object({
  reservationId: ReservationId,
  role: RoleName,
  resources: Resources,
  /** Thousandths of a MiB that such volumes take of it: in every offer of it, and in use by its role. Absent: none. */
  volumesDisk: z.int().min(1).optional(),
});
export type FreeReservation = z.infer<typeof FreeReservation>;

/**
 * A need of which `count` tasks are neither launched nor covered by an outstanding offer. `shape` names it: equal
 * resources, constraints and use of what is revocable of one role have one shape.
 */
export const OpenNeed = z.object({
  shape: z.string().max(64),
  count: z.int().min(0),
  resources: Resources,
  constraints: Constraints,
  revocable: RevocableUse.optional(),
});
export type OpenNeed = z.infer<typeof OpenNeed>;

export const Fact = z.discriminatedUnion('kind', [
  /**
   * An agent that may be offered, or its new figures. `free`: not reserved, neither offered nor allocated; `revocable`
   * is beside it and in no total.
   */
  z.object({
    kind: z.literal('agent'),
    agentId: AgentId,
    hostname: z.string(),
    domain: Domain.optional(),
    total: Resources,
    free: Resources,
    revocable: Revocable,
    reservations: z.array(FreeReservation),
    offered: Offered,
    attributes: Attributes,
  }),
  /** Removed, unreachable, deactivated, draining: forget it, its filters too; its total no longer counts. */
  z.object({ kind: z.literal('agentAway'), agentId: AgentId }),
  z.object({
    kind: z.literal('agentFree'),
    agentId: AgentId,
    free: Resources,
    revocable: Revocable,
    reservations: z.array(FreeReservation),
    offered: Offered,
  }),
  /** What an operator has set for a role; one of which nothing is set any more comes with the defaults. */
  z.object({
    kind: z.literal('role'),
    role: RoleName,
    weight: Weight,
    guarantee: Quantities,
    limit: Quantities,
    /** Less than this, of any of them, is not worth an offer; absent: the cluster's. */
    minAllocatable: Quantities.optional(),
    /** Absent: the cluster's. */
    placement: Placement.optional(),
  }),
  /** Likewise for a framework, subscribed or not, over all its roles. */
  z.object({
    kind: z.literal('frameworkShare'),
    framework: FrameworkRef,
    weight: Weight,
    guarantee: Quantities,
    limit: Quantities,
  }),
  /**
   * A subscribed framework, as it is now: the roles in which it shares; those that take offers are not suppressed.
   * `needs`: it states its demand and is to be offered just that. `maxOffers`: it let offers expire and gets fewer
   * at a time. `takesRevocable`: it may be offered what can be taken back at any time, too. Filters stay.
   */
  z.object({
    kind: z.literal('framework'),
    framework: FrameworkRef,
    roles: z.array(
      z.object({
        role: RoleName,
        isSuppressed: z.boolean(),
        needs: z.array(OpenNeed).optional(),
      }),
    ),
    maxOffers: z.int().min(1).optional(),
    takesRevocable: z.boolean().optional(),
  }),
  /** It subscribed anew or revived: its filters end, in this role or in all. */
  z.object({
    kind: z.literal('filtersCleared'),
    framework: FrameworkRef,
    role: RoleName.optional(),
  }),
  /** Disconnected or removed: no offers; its usage counts until it is zero. Clears its filters. */
  z.object({ kind: z.literal('frameworkAway'), framework: FrameworkRef }),
  /**
   * Offered plus allocated of one framework in one role, over all agents: scalars only, reserved ones included,
   * revocable ones not.
   */
  z.object({
    kind: z.literal('usage'),
    framework: FrameworkRef,
    role: RoleName,
    scalars: Scalars,
  }),
  /** Outstanding offers of one framework, over all roles: how many, and what is in them. */
  z.object({
    kind: z.literal('outstanding'),
    framework: FrameworkRef,
    offers: z.int().min(0),
    scalars: Scalars,
  }),
  /**
   * The framework refused these resources of this agent (reserved ones included) for so long. Empty where it refused
   * volumes, or revocable resources, and nothing else.
   */
  z.object({
    kind: z.literal('refused'),
    framework: FrameworkRef,
    role: RoleName,
    agentId: AgentId,
    resources: Resources,
    revocable: Revocable,
    refuseMs: z.int().min(1),
  }),
  /**
   * The framework left something of an offer of this agent unused: it declined it, let it expire, or accepted less. Others
   * who want it come first. Told beside what the agent has free then.
   */
  z.object({ kind: z.literal('leftUnused'), framework: FrameworkRef, agentId: AgentId }),
  z.object({
    kind: z.literal('settings'),
    /** Of the cluster's total, in thousandths: what one framework's unanswered offers may hold together. */
    outstandingCapPermille: z.int().min(1).max(1000),
    /** Whether guarantees are met by taking back; where not, what they still lack is held back. */
    reclaims: z.boolean(),
    /** Below its fair share for longer than this, a client counts as starved and others are asked to give back. */
    starvationMs: z.int().min(0),
    minAllocatable: Quantities,
    placement: Placement,
    /** Absent: the default ones. */
    uncounted: Uncounted.optional(),
  }),
  /** A revocation that the master carries out: what is coming back, and for whom. */
  z.object({
    kind: z.literal('revoking'),
    task: TaskRef,
    role: RoleName,
    agentId: AgentId,
    resources: Resources,
    beneficiary: Sharer,
    reason: RevocationReason,
  }),
  /** Its task has ended, or it was called off. */
  z.object({ kind: z.literal('revoked'), task: TaskRef }),
  /** Proposals up to this number, of this allocator's term, have been decided. */
  z.object({ kind: z.literal('decided'), proposalNumber: z.int().min(0) }),
]);
export type Fact = z.infer<typeof Fact>;

/**
 * `sequence` is the journal sequence of the entry that made these facts; `previous` that of the facts
 * message before it: a gap makes the allocator ask for a snapshot. A snapshot comes as `parts`
 * messages of one sequence, `part` from 1; the first one replaces everything the allocator knows.
 */
export const FactsMessage = z.object({
  sequence: z.int().min(0),
  previous: z.int().min(0),
  facts: z.array(Fact),
  snapshot: z.object({ part: z.int().min(1), parts: z.int().min(1) }).optional(),
});
export type FactsMessage = z.infer<typeof FactsMessage>;

export const Proposal = z.object({
  /** Counts up within the allocator's term, from 1. */
  number: z.int().min(1),
  framework: FrameworkRef,
  role: RoleName,
  agentId: AgentId,
  /** Not reserved. */
  resources: Resources,
  /** Reservations of the role or one above it, each with all that is free of it; with empty resources for its volumes. */
  reservations: z.array(FreeReservation).default([]),
  revocable: Revocable,
  /** Which needs of the framework the resources are for, by shape; none where it states no demand. */
  promised: z.array(z.object({ shape: z.string().max(64), count: z.int().min(1) })).default([]),
});
export type Proposal = z.infer<typeof Proposal>;

export const ProposalsMessage = z.object({ proposals: z.array(Proposal).min(1) });
export type ProposalsMessage = z.infer<typeof ProposalsMessage>;
