// Owns the agents as the allocator knows them: their totals, what is left of each after proposals that are not
// decided, which ones are open (have enough left to be offered) and which of these await their turn.
import type { Fact } from '@parley/protocol/allocation';
import type { AgentId } from '@parley/protocol/ids';
import { NO_RESOURCES, type Resources } from '@parley/protocol/resources';
import { assert } from '@parley/protocol/unreachable';
import {
  amountOf,
  contains,
  equals,
  normalise,
  sum,
  trySubtract,
} from '@parley/resources/resources';
import type { ClusterTotals } from './cluster-totals.ts';
import type { PendingProposals } from './pending-proposals.ts';

/**
 * Less is not worth an offer: 0.01 CPUs and 32 MiB. Mesos, --min_allocatable_resources, which by
 * default asks for one of the two only; slivers of one resource serve nobody.
 */
const MINIMUM: Resources = { scalars: { cpus: 10, mem: 32_000 }, ports: [], sets: {} };

type AgentFact = Extract<Fact, { kind: 'agent' }>;

type Agent = {
  readonly total: Resources;
  readonly attributes: AgentFact['attributes'];
  free: Resources;
  /** Free and not proposed to anybody. */
  left: Resources;
};

export class AgentPool {
  readonly #totals: ClusterTotals;
  readonly #pending: PendingProposals;
  readonly #agents = new Map<AgentId, Agent>();
  readonly #open = new Set<AgentId>();
  /** Part of the open ones. */
  readonly #touched = new Set<AgentId>();

  constructor(totals: ClusterTotals, pending: PendingProposals) {
    this.#totals = totals;
    this.#pending = pending;
  }

  /** How many await their turn. */
  get touchedCount(): number {
    return this.#touched.size;
  }

  has(agentId: AgentId): boolean {
    return this.#agents.has(agentId);
  }

  /** `changed`: its total or attributes are other ones than before, or it is new. */
  set({ agentId, total, free, attributes }: AgentFact): 'changed' | 'same' {
    const before = this.#agents.get(agentId);
    const hasSameTotal = before !== undefined && equals(before.total, total);
    if (!hasSameTotal) {
      if (before !== undefined) this.#totals.subtract(this.#totals.vectorOf(before.total.scalars));
      this.#totals.add(this.#totals.vectorOf(total.scalars));
    }
    this.#agents.set(agentId, { total, attributes, free: normalise(free), left: NO_RESOURCES });
    this.touch(agentId);
    return hasSameTotal && haveSameEntries(before.attributes, attributes) ? 'same' : 'changed';
  }

  /** About an agent that is not known it says nothing: its total is missing. */
  setFree(agentId: AgentId, free: Resources): void {
    const agent = this.#agents.get(agentId);
    if (agent === undefined) return;
    agent.free = normalise(free);
    this.touch(agentId);
  }

  remove(agentId: AgentId): void {
    const agent = this.#agents.get(agentId);
    if (agent === undefined) return;
    this.#totals.subtract(this.#totals.vectorOf(agent.total.scalars));
    this.#agents.delete(agentId);
    this.#open.delete(agentId);
    this.#touched.delete(agentId);
  }

  /** Something about it has changed: when it is open it gets its turn. */
  touch(agentId: AgentId): void {
    this.settle(agentId);
    if (this.#open.has(agentId)) this.#touched.add(agentId);
  }

  /** Every open agent gets its turn. */
  touchOpen(): void {
    for (const agentId of this.#open) this.#touched.add(agentId);
  }

  /** Those that await their turn; they do no more. */
  takeTouched(): AgentId[] {
    const touched = [...this.#touched];
    this.#touched.clear();
    return touched;
  }

  /** Measures what is left anew, without giving the agent a turn. */
  settle(agentId: AgentId): void {
    const agent = this.#agents.get(agentId);
    if (agent === undefined) return;
    agent.left = this.#leftOf(agentId, agent);
    if (isWorthOffering(agent.left)) {
      this.#open.add(agentId);
      return;
    }
    this.#open.delete(agentId);
    this.#touched.delete(agentId);
  }

  /** What may be offered of it now; undefined when it is not open. */
  openResources(agentId: AgentId): Resources | undefined {
    return this.#open.has(agentId) ? this.#agents.get(agentId)?.left : undefined;
  }

  /** For tests and the simulator: throws when more is proposed than is free, or an index is wrong. */
  checkInvariants(): void {
    const together: number[] = [];
    for (const [agentId, agent] of this.#agents) {
      for (const [number, amount] of this.#totals.vectorOf(agent.total.scalars).entries()) {
        together[number] = (together[number] ?? 0) + amount;
      }
      assert(contains(agent.free, agent.left), `no more is left of ${agentId} than is free`);
      assert(
        equals(agent.left, this.#leftOf(agentId, agent)),
        `what is left of ${agentId} is up to date`,
      );
      assert(
        this.#open.has(agentId) === isWorthOffering(agent.left),
        `${agentId} is open when enough is left`,
      );
    }
    for (const agentId of this.#touched) assert(this.#open.has(agentId), `${agentId} is open`);
    for (const [number, amount] of this.#totals.amounts.entries()) {
      assert(amount === 0 || amount === together[number], 'the totals are those of the agents');
    }
  }

  #leftOf(agentId: AgentId, { free }: Agent): Resources {
    const pending = this.#pending.ofAgent(agentId);
    if (pending.length === 0) return free;
    const proposed = sum(pending.map(({ proposal }) => proposal.resources));
    // The books have moved on: what is left shows when the proposals are decided.
    return trySubtract(free, proposed) ?? NO_RESOURCES;
  }
}

function isWorthOffering(resources: Resources): boolean {
  return Object.entries(MINIMUM.scalars).every(
    ([name, amount]) => amountOf(resources, name) >= amount,
  );
}

function haveSameEntries(a: Record<string, string>, b: Record<string, string>): boolean {
  const names = Object.keys(a);
  return (
    names.length === Object.keys(b).length &&
    names.every((name) => Object.hasOwn(b, name) && a[name] === b[name])
  );
}
