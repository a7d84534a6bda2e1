// Owns the proposals that the master has not decided yet: their resources are not proposed again until it has,
// or until so much time has passed that the proposal or the answer must have been lost.
import type { Proposal } from '@parley/protocol/allocation';
import type { Agent } from './agent-pool.ts';
import type { Vector } from './cluster-totals.ts';
import type { Client } from './share-tree.ts';

export const PROPOSAL_TIMEOUT_MS = 2000;

export type PendingProposal = {
  readonly proposal: Proposal;
  readonly client: Client;
  readonly agent: Agent;
  /** Its scalars as counted in the shares. */
  readonly amounts: Vector;
  readonly sentMs: number;
};

export class PendingProposals {
  /** In order of their numbers, which is that of their times. */
  readonly #byNumber = new Map<number, PendingProposal>();

  get size(): number {
    return this.#byNumber.size;
  }

  get nextTimeoutMs(): number | undefined {
    for (const { sentMs } of this.#byNumber.values()) return sentMs + PROPOSAL_TIMEOUT_MS;
    return undefined;
  }

  add(pending: PendingProposal): void {
    const { proposal, agent, client } = pending;
    this.#byNumber.set(proposal.number, pending);
    agent.undecided = agent.undecided.length === 0 ? [pending] : [...agent.undecided, pending];
    client.undecided += 1;
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

  takeOfAgent(agent: Agent): readonly PendingProposal[] {
    const taken = agent.undecided;
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

  #remove(pending: PendingProposal): void {
    const { proposal, agent, client } = pending;
    this.#byNumber.delete(proposal.number);
    agent.undecided = agent.undecided.filter((one) => one !== pending);
    client.undecided -= 1;
  }
}
