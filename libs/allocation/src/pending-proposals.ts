// Owns the proposals that the master has not decided yet: their resources are not proposed again until it has,
// or until so much time has passed that the proposal or the answer must have been lost.
import type { Proposal } from '@parley/protocol/allocation';
import { type AgentId, frameworkKey } from '@parley/protocol/ids';
import type { Vector } from './cluster-totals.ts';
import type { Client } from './fair-order.ts';

export const PROPOSAL_TIMEOUT_MS = 2000;

export type PendingProposal = {
  readonly proposal: Proposal;
  readonly client: Client;
  /** Its scalars as counted in the shares. */
  readonly amounts: Vector;
  readonly sentMs: number;
};

export class PendingProposals {
  /** In order of their numbers, which is that of their times. */
  readonly #byNumber = new Map<number, PendingProposal>();
  readonly #byAgent = new Map<AgentId, Set<PendingProposal>>();

  get size(): number {
    return this.#byNumber.size;
  }

  get nextTimeoutMs(): number | undefined {
    const oldest = this.#oldest();
    return oldest === undefined ? undefined : oldest.sentMs + PROPOSAL_TIMEOUT_MS;
  }

  add(proposal: Proposal, amounts: Vector, nowMs: number): PendingProposal {
    const client = { framework: frameworkKey(proposal.framework), role: proposal.role };
    const pending = { proposal, client, amounts, sentMs: nowMs };
    this.#byNumber.set(proposal.number, pending);
    const ofAgent = this.#byAgent.get(proposal.agentId) ?? new Set();
    this.#byAgent.set(proposal.agentId, ofAgent.add(pending));
    return pending;
  }

  ofAgent(agentId: AgentId): readonly PendingProposal[] {
    return [...(this.#byAgent.get(agentId) ?? [])];
  }

  all(): Iterable<PendingProposal> {
    return this.#byNumber.values();
  }

  /** Takes out those up to this number. */
  takeDecided(number: number): PendingProposal[] {
    return this.#takeWhile(({ proposal }) => proposal.number <= number);
  }

  takeOverdue(nowMs: number): PendingProposal[] {
    return this.#takeWhile(({ sentMs }) => sentMs + PROPOSAL_TIMEOUT_MS <= nowMs);
  }

  takeOfAgent(agentId: AgentId): PendingProposal[] {
    const taken = [...this.ofAgent(agentId)];
    for (const pending of taken) this.#remove(pending);
    return taken;
  }

  #takeWhile(isTaken: (pending: PendingProposal) => boolean): PendingProposal[] {
    const taken: PendingProposal[] = [];
    for (;;) {
      const oldest = this.#oldest();
      if (oldest === undefined || !isTaken(oldest)) return taken;
      this.#remove(oldest);
      taken.push(oldest);
    }
  }

  #oldest(): PendingProposal | undefined {
    for (const pending of this.#byNumber.values()) return pending;
    return undefined;
  }

  #remove(pending: PendingProposal): void {
    const { number, agentId } = pending.proposal;
    this.#byNumber.delete(number);
    const ofAgent = this.#byAgent.get(agentId);
    ofAgent?.delete(pending);
    if (ofAgent?.size === 0) this.#byAgent.delete(agentId);
  }
}
