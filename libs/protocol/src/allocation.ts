// Owns the messages between the leading master and the leading allocator: facts and proposals.
// Facts are absolute (what is free, who holds what), so that one that is applied twice does no harm.
import * as z from 'zod';
import { AgentId, FrameworkRef, RoleName } from './ids.ts';
import { Attributes } from './offers.ts';
import { Resources } from './resources.ts';

export const Fact = z.discriminatedUnion('kind', [
  /** An agent that may be offered, or its new figures. `free`: neither offered nor allocated. */
  z.object({
    kind: z.literal('agent'),
    agentId: AgentId,
    total: Resources,
    free: Resources,
    attributes: Attributes,
  }),
  /** Removed, unreachable: forget it, its filters too; its total no longer counts. */
  z.object({ kind: z.literal('agentAway'), agentId: AgentId }),
  z.object({ kind: z.literal('agentFree'), agentId: AgentId, free: Resources }),
  /** A subscribed framework that takes offers. Clears its filters. */
  z.object({ kind: z.literal('framework'), framework: FrameworkRef, role: RoleName }),
  /** Disconnected or removed: no offers; its usage counts until it is zero. Clears its filters. */
  z.object({ kind: z.literal('frameworkAway'), framework: FrameworkRef }),
  /** Offered plus allocated of one framework, over all agents: scalars only. */
  z.object({
    kind: z.literal('usage'),
    framework: FrameworkRef,
    role: RoleName,
    scalars: z.record(z.string(), z.int().min(0)),
  }),
  /** The framework refused these resources of this agent for so long. */
  z.object({
    kind: z.literal('refused'),
    framework: FrameworkRef,
    role: RoleName,
    agentId: AgentId,
    resources: Resources,
    refuseMs: z.int().min(1),
  }),
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
  resources: Resources,
});
export type Proposal = z.infer<typeof Proposal>;
export const ProposalsMessage = z.object({ proposals: z.array(Proposal).min(1) });
export type ProposalsMessage = z.infer<typeof ProposalsMessage>;
