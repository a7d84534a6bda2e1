// Owns the proposals that the master has not decided yet: their resources are not proposed again until it has,
// or until so much time has passed that the proposal or the answer must have been lost.
import type { Proposal } from '@parley/protocol/allocation';
import type { AgentId } from '@parley/protocol/ids';
import type { Vector } from './cluster-totals.ts';
import type { Client } from './fair-order.ts';

export const PROPOSAL_TIMEOUT_MS = 2000;
const NONE: readonly PendingProposal[] = [];

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
  readonly #byAgent = new Map<AgentId, PendingProposal[]>();

  get size(): number {
    return this.#byNumber.size;
  }

  get nextTimeoutMs(): number | undefined {
    const oldest = this.#oldest();
    return oldest === undefined ? undefined : oldest.sentMs + PROPOSAL_TIMEOUT_MS;
  }

  add(pending: PendingProposal): void {
    const { number, agentId } = pending.proposal;
    this.#byNumber.set(number, pending);
    const ofAgent = this.#byAgent.get(agentId);
    if (ofAgent === undefined) this.#byAgent.set(agentId, [pending]);
    else ofAgent.push(pending);
  }

  /** In order of their numbers; to be read only, until the next change. */
  ofAgent(agentId: AgentId): readonly PendingProposal[] {
    return this.#byAgent.get(agentId) ?? NONE;
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
    for (const pending of this.#byNumber.values()) {
      if (!isTaken(pending)) break;
      this.#remove(pending);
      taken.push(pending);
    }
    return taken;
  }

  #oldest(): PendingProposal | undefined {
    for (const pending of this.#byNumber.values()) return pending;
    return undefined;
  }

  #remove(pending: PendingProposal): void {
    const { number, agentId } = pending.proposal;
    this.#byNumber.delete(number);
    const ofAgent = this.#byAgent.get(agentId);
    if (ofAgent === undefined) return;
    if (ofAgent.length === 1) this.#byAgent.delete(agentId);
    else ofAgent.splice(ofAgent.indexOf(pending), 1);
  }
}
