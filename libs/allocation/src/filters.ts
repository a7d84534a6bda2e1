// Owns refusals: which framework, in which role, does not want what of which agent, until when. A refusal
// blocks an offer only if the refused set contains it, so that an agent that has more is offered again; what is revocable
// is compared by itself. Volumes are not counted: an offer of nothing else is blocked by every refusal, that of nothing
// included. Mesos docs, "Scheduler HTTP API", Filters. Filters live only here; losing them costs extra offers.
import { NO_RESOURCES, type Resources } from '@parley/protocol/resources';
import { assert } from '@parley/protocol/unreachable';
import { contains, equals } from '@parley/resources/resources';
import type { Agent } from './agent-pool.ts';
import { ExpiryHeap } from './expiry-heap.ts';
import type { Client } from './share-tree.ts';

export type Refusal = {
  readonly client: Client;
  readonly agent: Agent;
  readonly resources: Resources;
  /** Absent: none was refused. */
  readonly revocable?: Resources | undefined;
  readonly expiresMs: number;
};

type Filter = Refusal & {
  isCancelled: boolean;
  /** Of the same client and agent. */
  next: Filter | undefined;
};

export type FilterLimits = {
  /** Refusals of one client on one agent; the one that ends first gives way. */
  readonly perClientAndAgent: number;
  readonly total: number;
};
const DEFAULT_LIMITS: FilterLimits = { perClientAndAgent: 8, total: 1_000_000 };

export class Filters {
  readonly #limits: FilterLimits;
  /** The first of each agent. */
  readonly #byClient = new Map<Client, Map<Agent, Filter>>();
  readonly #expiries = new ExpiryHeap<Filter>();
  /** Equal ones that follow each other are kept once. */
  #lastRefused: Resources | undefined;

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

  /** The value: one of another that it took the place of, because there were too many. */
  refuse(refusal: Refusal): Pick<Refusal, 'client' | 'agent'> | undefined {
    const { client, agent, revocable, expiresMs } = refusal;
    for (const old of this.#of(client, agent)) if (covers(refusal, old)) this.#drop(old);
    this.#dropFirstToEnd(this.#of(client, agent));
    const first = this.size >= this.#limits.total ? this.#expiries.peek() : undefined;
    if (first !== undefined) this.#drop(first);
    const resources = this.#shared(refusal.resources);
    const next = this.#byClient.get(client)?.get(agent);
    const filter = { client, agent, resources, revocable, expiresMs, isCancelled: false, next };
    const agents = this.#byClient.get(client) ?? new Map<Agent, Filter>();
    this.#byClient.set(client, agents.set(agent, filter));
    this.#expiries.push(filter);
    return first;
  }

  /** Whether it has refused these resources of the agent, or more. */
  blocks(
    client: Client,
    agent: Agent,
    resources: Resources,
    revocable: Resources = NO_RESOURCES,
  ): boolean {
    const first = this.#byClient.get(client)?.get(agent);
    for (let filter = first; filter; filter = filter.next) {
      if (contains(filter.resources, resources) && isWithin(filter, revocable)) return true;
    }
    return false;
  }

  /** Until when these resources are refused as `blocks` says; undefined when they are not. */
  refusedUntilMs(
    client: Client,
    agent: Agent,
    resources: Resources,
    revocable: Resources = NO_RESOURCES,
  ): number | undefined {
    let untilMs: number | undefined;
    for (const filter of this.#of(client, agent)) {
      if (!contains(filter.resources, resources) || !isWithin(filter, revocable)) continue;
      untilMs = Math.max(filter.expiresMs, untilMs ?? 0);
    }
    return untilMs;
  }

  /**
   * How many agents the client refuses anything of, and when the first refusal ends; the latter is not looked for where
   * there are more agents than `most`.
   */
  refusalsOf(
    client: Client,
    most = Number.POSITIVE_INFINITY,
  ): { readonly agents: number; readonly nextEndsMs: number | undefined } {
    const agents = this.#byClient.get(client);
    let nextEndsMs: number | undefined;
    if (agents !== undefined && agents.size > most) return { agents: agents.size, nextEndsMs };
    for (const agent of agents?.keys() ?? []) {
      for (const { expiresMs } of this.#of(client, agent)) {
        nextEndsMs = Math.min(expiresMs, nextEndsMs ?? expiresMs);
      }
    }
    return { agents: agents?.size ?? 0, nextEndsMs };
  }

  /** On how many agents it refuses anything. */
  refusalsIn(client: Client): number {
    return this.#byClient.get(client)?.size ?? 0;
  }

  /** Those of which it refuses anything. */
  agentsOf(client: Client): Iterable<Agent> {
    return this.#byClient.get(client)?.keys() ?? [];
  }

  hasAny(client: Client, agent: Agent): boolean {
    return this.#byClient.get(client)?.has(agent) === true;
  }

  /** Ends what is due; returns whom and what it was about. */
  expire(nowMs: number): Pick<Refusal, 'client' | 'agent'>[] {
    const ended: Filter[] = [];
    for (;;) {
      const filter = this.#expiries.popExpired(nowMs);
      if (filter === undefined) return ended;
      this.#unlink(filter);
      ended.push(filter);
    }
  }

  clearClient(client: Client): void {
    for (const first of this.#byClient.get(client)?.values() ?? []) {
      for (let filter: Filter | undefined = first; filter; filter = filter.next) {
        this.#expiries.cancel(filter);
      }
    }
    this.#byClient.delete(client);
  }

  clearAgent(agent: Agent): void {
    for (const client of [...this.#byClient.keys()]) {
      for (const filter of this.#of(client, agent)) this.#drop(filter);
    }
  }

  /** For tests and the simulator: throws when something is lost or beyond its bounds. */
  checkInvariants(): void {
    let count = 0;
    for (const [client, agents] of this.#byClient) {
      assert(agents.size > 0, 'nobody without filters is kept');
      for (const agent of agents.keys()) {
        const filters = this.#of(client, agent);
        count += filters.length;
        assert(filters.length <= this.#limits.perClientAndAgent, 'filters are bounded');
      }
    }
    assert(count === this.size, 'every filter has an end');
    assert(count <= this.#limits.total, 'filters are bounded');
  }

  #of(client: Client, agent: Agent): Filter[] {
    const filters: Filter[] = [];
    const first = this.#byClient.get(client)?.get(agent);
    for (let filter = first; filter; filter = filter.next) filters.push(filter);
    return filters;
  }

  #dropFirstToEnd(filters: readonly Filter[]): void {
    if (filters.length < this.#limits.perClientAndAgent) return;
    this.#drop(filters.reduce((a, b) => (b.expiresMs < a.expiresMs ? b : a)));
  }

  #drop(filter: Filter): void {
    this.#expiries.cancel(filter);
    this.#unlink(filter);
  }

  #unlink(filter: Filter): void {
    const { client, agent } = filter;
    const agents = this.#byClient.get(client);
    const first = agents?.get(agent);
    assert(agents !== undefined && first !== undefined, 'a filter is in its list');
    if (first === filter) {
      if (filter.next !== undefined) agents.set(agent, filter.next);
      else agents.delete(agent);
      if (agents.size === 0) this.#byClient.delete(client);
      return;
    }
    let before = first;
    while (before.next !== filter) {
      assert(before.next !== undefined, 'a filter is in its list');
      before = before.next;
    }
    before.next = filter.next;
  }

  #shared(resources: Resources): Resources {
    const last = this.#lastRefused;
    if (last !== undefined && equals(last, resources)) return last;
    this.#lastRefused = resources;
    return resources;
  }
}

/** Whatever `old` still blocks, `next` blocks too. */
function covers(next: Refusal, old: Refusal): boolean {
  return (
    next.expiresMs >= old.expiresMs &&
    contains(next.resources, old.resources) &&
    isWithin(next, old.revocable ?? NO_RESOURCES)
  );
}

/** Most often nothing is revocable: nothing to compare then. */
const isWithin = (refusal: Pick<Refusal, 'revocable'>, revocable: Resources): boolean =>
  revocable === NO_RESOURCES || contains(refusal.revocable ?? NO_RESOURCES, revocable);
