// Owns the proposals that the master has not decided yet: their resources are not proposed again until it has,
// or until so much time has passed that the proposal or the answer must have been lost.
import type { Proposal } from '@parley/protocol/allocation';
import type { Agent } from './agent-pool.ts';
import type { Vector } from './cluster-totals.ts';
import type { Client } from './share-tree.ts';

export const PROPOSAL_TIMEOUT_MS = 2000;
/**
 * A master that has more to do than it can do decides late. What is proposed anew meanwhile comes on top of that and is
 * refused, so that it would never catch up: each time the wait doubles, up to this, until it decides in time again.
 */
const LONGEST_PROPOSAL_TIMEOUT_MS = 32_000;
const NONE: readonly PendingProposal[] = [];

export type PendingProposal = {
  readonly proposal: Proposal;
  readonly client: Client;
  readonly agent: Agent;
  /** Its scalars as counted in the shares. */
  readonly amounts: Vector;
  readonly sentMs: number;
  /** Taken out before its turn. */
  isGone: boolean;
};

export class PendingProposals {
  /** In order of their numbers, which is that of their times. */
  #queue: PendingProposal[] = [];
  /** So many at its beginning were taken out. */
  #taken = 0;
  #size = 0;
  #timeoutMs = PROPOSAL_TIMEOUT_MS;

  get size(): number {
    return this.#size;
  }

  get nextTimeoutMs(): number | undefined {
    const first = this.#first();
    return first === undefined ? undefined : first.sentMs + this.#timeoutMs;
  }

  add(pending: PendingProposal): void {
    const { agent, client } = pending;
    this.#queue.push(pending);
    agent.undecided = agent.undecided.length === 0 ? [pending] : [...agent.undecided, pending];
    client.undecided += 1;
    this.#size += 1;
  }

  all(): PendingProposal[] {
    return this.#queue.slice(this.#taken).filter(({ isGone }) => !isGone);
  }

  /** Takes out those up to this number. */
  takeDecided(number: number, nowMs: number): PendingProposal[] {
    const taken = this.#takeWhile(({ proposal }) => proposal.number <= number);
    const last = taken.at(-1);
    if (last !== undefined && nowMs - last.sentMs < PROPOSAL_TIMEOUT_MS) {
      this.#timeoutMs = PROPOSAL_TIMEOUT_MS;
    }
    return taken;
  }

  takeOverdue(nowMs: number): PendingProposal[] {
    const taken = this.#takeWhile(({ sentMs }) => sentMs + this.#timeoutMs <= nowMs);
    if (taken.length > 0) {
      this.#timeoutMs = Math.min(this.#timeoutMs * 2, LONGEST_PROPOSAL_TIMEOUT_MS);
    }
    return taken;
  }

  takeAll(): PendingProposal[] {
    return this.#takeWhile(() => true);
  }

  takeOfAgent(agent: Agent): readonly PendingProposal[] {
    const taken = agent.undecided;
    for (const pending of taken) {
      pending.isGone = true;
      pending.client.undecided -= 1;
      this.#size -= 1;
    }
    agent.undecided = NONE;
    return taken;
  }

  #takeWhile(isTaken: (pending: PendingProposal) => boolean): PendingProposal[] {
    const taken: PendingProposal[] = [];
    for (let one = this.#first(); one && isTaken(one); one = this.#first()) {
      taken.push(this.#takeFirst(one));
    }
    return taken;
  }

  #first(): PendingProposal | undefined {
    while (this.#queue[this.#taken]?.isGone) this.#taken += 1;
    if (this.#taken >= this.#queue.length) {
      this.#queue = [];
      this.#taken = 0;
    }
    return this.#queue[this.#taken];
  }

  #takeFirst(pending: PendingProposal): PendingProposal {
    const { agent, client } = pending;
    this.#taken += 1;
    // What was taken out is let go, now and then.
    if (this.#taken > 1000 && this.#taken * 2 > this.#queue.length) {
      this.#queue = this.#queue.slice(this.#taken);
      this.#taken = 0;
    }
    agent.undecided =
      agent.undecided.length === 1 ? NONE : agent.undecided.filter((one) => one !== pending);
    client.undecided -= 1;
    this.#size -= 1;
    return pending;
  }
}
