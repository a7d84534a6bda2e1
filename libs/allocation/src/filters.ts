// Owns refusals: which framework, in which role, does not want what of which agent, until when. A refusal
// blocks an offer only if the refused set contains it, so that an agent that has more is offered again.
// Volumes are not counted: an offer of nothing but volumes is blocked by every refusal, that of nothing included.
// Mesos docs, "Scheduler HTTP API", Filters. Filters live only here; losing them costs extra offers.
import type { AgentId, FrameworkKey, RoleName } from '@parley/protocol/ids';
import type { Resources } from '@parley/protocol/resources';
import { assert } from '@parley/protocol/unreachable';
import { contains } from '@parley/resources/resources';
import { ExpiryHeap } from './expiry-heap.ts';

export type Refusal = {
  readonly framework: FrameworkKey;
  readonly role: RoleName;
  readonly agentId: AgentId;
  readonly resources: Resources;
  readonly expiresMs: number;
};

type Filter = Refusal & { isCancelled: boolean };

export type FilterLimits = {
  /** Refusals of one framework on one agent; the one that ends first gives way. */
  readonly perFrameworkAndAgent: number;
  readonly total: number;
};
const DEFAULT_LIMITS: FilterLimits = { perFrameworkAndAgent: 8, total: 1_000_000 };

export class Filters {
  readonly #limits: FilterLimits;
  readonly #byAgent = new Map<AgentId, Map<FrameworkKey, Filter[]>>();
  readonly #agentsOf = new Map<FrameworkKey, Set<AgentId>>();
  readonly #expiries = new ExpiryHeap<Filter>();

  constructor(limits: FilterLimits = DEFAULT_LIMITS) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#expiries.size;
  }

  /** When the next filter ends. */
  get nextExpiryMs(): number | undefined {
    return this.#expiries.peek()?.expiresMs;
  }

  refuse(refusal: Refusal): void {
    const filter: Filter = { ...refusal, isCancelled: false };
    const filters = this.#filtersOf(filter.agentId, filter.framework);
    for (const old of [...filters]) if (covers(filter, old)) this.#drop(old);
    this.#dropFirstToEnd(filter);
    // Dropping may have taken the emptied list out of the maps.
    this.#filtersOf(filter.agentId, filter.framework).push(filter);
    this.#expiries.push(filter);
  }

  hasAny(framework: FrameworkKey, agentId: AgentId): boolean {
    return this.#byAgent.get(agentId)?.has(framework) === true;
  }

  /** Whether this framework has refused these resources of the agent, or more, in this role. */
  blocks(offer: Omit<Refusal, 'expiresMs'>): boolean {
    const filters = this.#byAgent.get(offer.agentId)?.get(offer.framework);
    if (filters === undefined) return false;
    return filters.some(
      ({ role, resources }) => role === offer.role && contains(resources, offer.resources),
    );
  }

  /** Until when these resources are refused as `blocks` says; undefined when they are not. */
  refusedUntilMs(offer: Omit<Refusal, 'expiresMs'>): number | undefined {
    let untilMs: number | undefined;
    for (const filter of this.#byAgent.get(offer.agentId)?.get(offer.framework) ?? []) {
      if (filter.role !== offer.role || !contains(filter.resources, offer.resources)) continue;
      untilMs = Math.max(filter.expiresMs, untilMs ?? 0);
    }
    return untilMs;
  }

  /** How many agents the framework refuses anything of in this role, and when the first refusal ends. */
  refusalsOf({ framework, role }: Pick<Refusal, 'framework' | 'role'>): {
    readonly agents: number;
    readonly nextEndsMs: number | undefined;
  } {
    let agents = 0;
    let nextEndsMs: number | undefined;
    for (const agentId of this.#agentsOf.get(framework) ?? []) {
      const filters = this.#byAgent.get(agentId)?.get(framework) ?? [];
      const ofRole = filters.filter((filter) => filter.role === role);
      if (ofRole.length > 0) agents += 1;
      for (const { expiresMs } of ofRole) nextEndsMs = Math.min(expiresMs, nextEndsMs ?? expiresMs);
    }
    return { agents, nextEndsMs };
  }

  /** Ends what is due; returns the agents that it was about. */
  expire(nowMs: number): Set<AgentId> {
    const agents = new Set<AgentId>();
    for (;;) {
      const filter = this.#expiries.popExpired(nowMs);
      if (filter === undefined) return agents;
      this.#unlink(filter);
      agents.add(filter.agentId);
    }
  }

  /** Those of the framework, in this role or in all. */
  clearFramework(framework: FrameworkKey, role?: RoleName): void {
    for (const agentId of [...(this.#agentsOf.get(framework) ?? [])]) {
      for (const filter of [...this.#filtersOf(agentId, framework)]) {
        if (role === undefined || filter.role === role) this.#drop(filter);
      }
    }
  }

  clearAgent(agentId: AgentId): void {
    for (const filters of [...(this.#byAgent.get(agentId)?.values() ?? [])]) {
      for (const filter of [...filters]) this.#drop(filter);
    }
  }

  clear(): void {
    this.#byAgent.clear();
    this.#agentsOf.clear();
    this.#expiries.clear();
  }

  /** For tests and the simulator: throws when the indexes disagree. */
  checkInvariants(): void {
    let count = 0;
    for (const [agentId, frameworks] of this.#byAgent) {
      for (const [framework, filters] of frameworks) {
        count += filters.length;
        assert(filters.length > 0, 'no empty list of filters is kept');
        assert(filters.length <= this.#limits.perFrameworkAndAgent, 'filters are bounded');
        assert(this.#agentsOf.get(framework)?.has(agentId) === true, 'both indexes know a filter');
      }
    }
    for (const [framework, agents] of this.#agentsOf) {
      for (const agentId of agents) {
        assert(this.#byAgent.get(agentId)?.has(framework) === true, 'both indexes know a filter');
      }
    }
    assert(count === this.size, 'every filter has an end');
    assert(count <= this.#limits.total, 'filters are bounded');
  }

  #filtersOf(agentId: AgentId, framework: FrameworkKey): Filter[] {
    const frameworks = this.#byAgent.get(agentId) ?? new Map<FrameworkKey, Filter[]>();
    this.#byAgent.set(agentId, frameworks);
    const agents = this.#agentsOf.get(framework) ?? new Set();
    this.#agentsOf.set(framework, agents.add(agentId));
    const filters = frameworks.get(framework) ?? [];
    frameworks.set(framework, filters);
    return filters;
  }

  /** Makes room for one more. */
  #dropFirstToEnd({ agentId, framework }: Filter): void {
    const filters = this.#byAgent.get(agentId)?.get(framework) ?? [];
    if (filters.length >= this.#limits.perFrameworkAndAgent) {
      const first = filters.reduce((a, b) => (b.expiresMs < a.expiresMs ? b : a));
      this.#drop(first);
    }
    const first = this.size >= this.#limits.total ? this.#expiries.peek() : undefined;
    if (first !== undefined) this.#drop(first);
  }

  #drop(filter: Filter): void {
    this.#expiries.cancel(filter);
    this.#unlink(filter);
  }

  #unlink(filter: Filter): void {
    const { agentId, framework } = filter;
    const frameworks = this.#byAgent.get(agentId);
    const filters = frameworks?.get(framework);
    assert(frameworks !== undefined && filters !== undefined, 'a filter is in its list');
    filters.splice(filters.indexOf(filter), 1);
    if (filters.length > 0) return;
    frameworks.delete(framework);
    if (frameworks.size === 0) this.#byAgent.delete(agentId);
    const agents = this.#agentsOf.get(framework);
    agents?.delete(agentId);
    if (agents?.size === 0) this.#agentsOf.delete(framework);
  }
}

/** Whatever `old` still blocks, `next` blocks too. */
function covers(next: Refusal, old: Refusal): boolean {
  return (
    next.role === old.role &&
    next.expiresMs >= old.expiresMs &&
    contains(next.resources, old.resources)
  );
}
