// Owns what the leading allocator says of why somebody is not offered what it wants, to operators that ask. How it comes
// to that is in @parley/allocation.
import * as z from 'zod';
import { Constraint, Constraints } from './constraints.ts';
import { AgentId, FrameworkRef, RoleName } from './ids.ts';
import { Resources } from './resources.ts';
import { RevocableUse } from './revocations.ts';
import { Weight } from './sharing.ts';

export const ExplainRequest = z.discriminatedUnion('of', [
  z.object({ of: z.literal('framework'), framework: FrameworkRef }),
  /** A role: its standing, and that of the frameworks in it and in all roles below it. */
  z.object({ of: z.literal('role'), role: RoleName }),
]);
export type ExplainRequest = z.infer<typeof ExplainRequest>;

const Amount = z.int().min(0);

/** For whom a quota is set. */
const QuotaHolder = z.union([z.object({ role: RoleName }), z.object({ framework: FrameworkRef })]);

/**
 * Why agents are not offered for a need: the first that holds of an agent, in this order. `constraint`: it does not meet
 * that one. `tooSmall`: even when empty it has less of the scalar; `best` is the most that one of these has. `lacks`:
 * less is free, likewise. `ports`: the ports or items of sets that are named are not free. `nothingFree`: nothing is,
 * where nothing in particular is asked for. `kept`: tasks there are being taken back, and what is free is kept for those
 * for whom. `refused`: the framework has declined it, the first of them until `endsInMs` from now. `limit`: a quota of
 * the role, one above it or the framework leaves only `best`. `headroom`: all but `best` is held back for guarantees of
 * others that are not met. `offerCap`: it is too much beside what the framework has in unanswered offers. `standsBack`:
 * it left the agent unused, so it comes after all others there, until more than half of that is in use or nobody else
 * takes anything. Where tasks may run on revocable resources, too, it is that of the two of which less is missing;
 * `isRevocable`: less that is revocable.
 */
export const AgentReason = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('constraint'), count: z.int().min(1), constraint: Constraint }),
  z.object({
    kind: z.enum(['tooSmall', 'lacks']),
    count: z.int().min(1),
    resource: z.string(),
    best: Amount,
    needed: Amount,
    isRevocable: z.literal(true).optional(),
  }),
  z.object({
    kind: z.enum(['ports', 'nothingFree', 'kept', 'offerCap', 'standsBack']),
    count: z.int().min(1),
  }),
  z.object({ kind: z.literal('refused'), count: z.int().min(1), endsInMs: Amount }),
  z.object({
    kind: z.literal('limit'),
    count: z.int().min(1),
    of: QuotaHolder,
    resource: z.string(),
    best: Amount,
    needed: Amount,
  }),
  z.object({
    kind: z.literal('headroom'),
    count: z.int().min(1),
    resource: z.string(),
    best: Amount,
    needed: Amount,
  }),
]);
export type AgentReason = z.infer<typeof AgentReason>;

/** The agent to which the least is missing: what it lacks, and how much of it is there. */
export const NearestMiss = z.object({
  agentId: AgentId,
  hostname: z.string(),
  resource: z.string(),
  has: Amount,
  needed: Amount,
  isRevocable: z.literal(true).optional(),
});
export type NearestMiss = z.infer<typeof NearestMiss>;

/**
 * Every agent is in one of the reasons, of which very many are cut to the most frequent, or is suitable. Agents that may
 * not be offered are not looked at.
 */
export const ExplainedNeed = z.object({
  /** What one task needs; the least that is worth an offer where no demand is stated. */
  resources: Resources,
  constraints: Constraints,
  /** Absent: on ordinary resources. */
  revocable: RevocableUse.optional(),
  /** Not launched and not in an offer; absent where no demand is stated. */
  open: z.int().optional(),
  agents: z.int().min(0),
  /** It would be offered these now, if nobody came before it. */
  suitable: z.int().min(0),
  reasons: z.array(AgentReason),
  nearest: NearestMiss.optional(),
});
export type ExplainedNeed = z.infer<typeof ExplainedNeed>;

/** What is set for a role or a framework about one scalar, and how much it consumes of it. */
export const QuotaStanding = z.object({
  of: QuotaHolder,
  resource: z.string(),
  consumed: Amount,
  guarantee: Amount.optional(),
  limit: Amount.optional(),
});
export type QuotaStanding = z.infer<typeof QuotaStanding>;

/** The largest part of any one resource that it uses; the cluster's total of it is `total`. */
export const ShareStanding = z.object({
  used: Amount,
  total: Amount,
  resource: z.string().optional(),
  weight: Weight,
  /** Of those that take offers, the first is offered next; absent where it takes none. */
  place: z.int().min(1).optional(),
  /** How many take offers. */
  of: z.int().min(0),
});
export type ShareStanding = z.infer<typeof ShareStanding>;

/**
 * `waits`: it is offered what suits it when it is its turn. The others but the first three: no agent suits it, and some
 * would but for this. `offerCap`: what it has in unanswered offers is as much as it may have. `quotaLimit`: a limit that is
 * set for it, its role or one above leaves too little. `headroom`: what is free is held back for guarantees of others.
 */
export const ClientState = z.enum([
  'waits',
  'needsNothing',
  'suppressed',
  'notSubscribed',
  'offerCap',
  'quotaLimit',
  'headroom',
]);
export type ClientState = z.infer<typeof ClientState>;

/** A framework in one role. */
export const ExplainedClient = z.object({
  framework: FrameworkRef,
  role: RoleName,
  state: ClientState,
  share: ShareStanding,
  offers: z.object({
    outstanding: z.int().min(0),
    /** Proposed to the master, which has not decided. */
    proposed: z.int().min(0),
    /** At a time; absent: as many as there are. */
    most: z.int().min(1).optional(),
  }),
  /** Agents that it has declined, and when the first of the refusals ends, from now; absent where they are very many. */
  refusals: z.object({ agents: z.int().min(0), nextEndsInMs: Amount.optional() }),
  quotas: z.array(QuotaStanding),
  /** Its first needs; `needsLeftOut` more are not looked at. */
  needs: z.array(ExplainedNeed),
  needsLeftOut: z.int().min(0),
});
export type ExplainedClient = z.infer<typeof ExplainedClient>;

export const Explanation = z.object({
  /** That may be offered. */
  agents: z.int().min(0),
  /** Of which anything is left. */
  openAgents: z.int().min(0),
  role: z
    .object({ role: RoleName, share: ShareStanding, quotas: z.array(QuotaStanding) })
    .optional(),
  /** Of a role those that take offers first, the next one first. */
  clients: z.array(ExplainedClient),
  clientsLeftOut: z.int().min(0),
  /** From now, without further news; absent when only news bring a decision. */
  nextRunInMs: Amount.optional(),
});
export type Explanation = z.infer<typeof Explanation>;
