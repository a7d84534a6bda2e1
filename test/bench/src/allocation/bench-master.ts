// Owns the master's side of the allocator's benchmarks: books that say what is free and who holds what, and the facts
// that a master tells of every change. The clock is the benchmark's own; what is measured is the allocator's part alone,
// deciding (its ticks) apart from hearing (its facts).
import { Allocator, COALESCE_MS, FULL_RUN_INTERVAL_MS } from '@parley/allocation/allocator';
import type { Fact, Proposal } from '@parley/protocol/allocation';
import {
  AgentId,
  FrameworkId,
  type FrameworkKey,
  type FrameworkRef,
  frameworkKey,
  PrincipalName,
  RoleName,
} from '@parley/protocol/ids';
import { NO_RESOURCES, type Resources } from '@parley/protocol/resources';
import {
  DEFAULT_MIN_ALLOCATABLE,
  DEFAULT_STARVATION_MS,
  DEFAULT_WEIGHT,
  type Quantities,
} from '@parley/protocol/sharing';
import { add, equals, normalise, subtract } from '@parley/resources/resources';

/** As in Mesos's own benchmarks: 24 CPUs, 4 GiB of memory and of disk. */
export const AGENT_TOTAL: Resources = normalise({
  scalars: { cpus: 24_000, mem: 4_096_000, disk: 4_096_000 },
});
const PORT_FRAGMENTS = 16;
const PORTS_A_FRAGMENT = 61;
/** Beside it the ports from 31,000 to 32,000 in fragments that do not touch. */
export const AGENT_TOTAL_WITH_PORTS: Resources = normalise({
  ...AGENT_TOTAL,
  ports: Array.from({ length: PORT_FRAGMENTS }, (_, number): [number, number] => {
    const begin = 31_000 + number * (PORTS_A_FRAGMENT + 1);
    return [begin, begin + PORTS_A_FRAGMENT - 1];
  }),
});
/** One framework may hold everything: a round gives every agent away. */
export const SETTINGS: Fact = {
  kind: 'settings',
  outstandingCapPermille: 1000,
  reclaims: true,
  starvationMs: DEFAULT_STARVATION_MS,
  minAllocatable: DEFAULT_MIN_ALLOCATABLE,
  placement: 'random',
};
/** As the real master cuts its snapshots. */
export const FACTS_A_PART = 1000;

export type BenchFramework = {
  readonly ref: FrameworkRef;
  readonly role: RoleName;
  /** Offered plus allocated, scalars only. */
  used: Resources;
  /** Not answered. */
  offers: number;
  offered: Resources;
};
export type BenchPlan = {
  readonly agents: number;
  /** What each agent has. */
  readonly total: Resources;
  /** One a framework, by its role. */
  readonly roles: readonly string[];
  /** Of a role: guarantee and limit at the same time. */
  readonly quotas?: ReadonlyMap<string, Quantities>;
  readonly intervalMs?: number;
};
/** Milliseconds. */
export type Round = { readonly proposals: Proposal[]; readonly decidingMs: number };

export const oneRoleEach = (frameworks: number): string[] =>
  Array.from({ length: frameworks }, (_, number) => `role-${number}`);

/** One a role, which hold nothing. */
export function benchFrameworks(roles: readonly string[]): BenchFramework[] {
  const principal = PrincipalName.parse('bench');
  return roles.map((role, number) => ({
    ref: { principal, frameworkId: FrameworkId.parse(`framework-${number}`) },
    role: RoleName.parse(role),
    used: NO_RESOURCES,
    offers: 0,
    offered: NO_RESOURCES,
  }));
}

export class BenchMaster {
  readonly allocator: Allocator;
  readonly frameworks: readonly BenchFramework[];
  readonly agents: readonly AgentId[];
  readonly #plan: BenchPlan;
  readonly #byKey = new Map<FrameworkKey, BenchFramework>();
  readonly #free = new Map<AgentId, Resources>();
  /** In offers that are not answered. */
  readonly #offered = new Map<AgentId, Resources>();
  #sequence = 1;
  nowMs = 0;

  /** `subscribes`: whether the frameworks are there from the beginning. */
  constructor(plan: BenchPlan, { subscribes = true }: { readonly subscribes?: boolean } = {}) {
    this.#plan = plan;
    // What is measured is deciding, not waiting for the master, which would go on with it in parts.
    const maxUndecided = Number.POSITIVE_INFINITY;
    this.allocator = new Allocator({ seed: 1, intervalMs: plan.intervalMs ?? 0, maxUndecided });
    this.agents = Array.from({ length: plan.agents }, (_, number) =>
      AgentId.parse(`agent-${number}`),
    );
    this.frameworks = benchFrameworks(plan.roles);
    for (const framework of this.frameworks) {
      this.#byKey.set(frameworkKey(framework.ref), framework);
    }
    for (const agentId of this.agents) this.#free.set(agentId, plan.total);
    this.allocator.started({ bucketCreatedMs: 1, revision: 1 }, 0);
    this.#tellSnapshot(subscribes ? this.frameworks.map(subscription) : []);
  }

  /** Everything that is due within the delay of a run, each tick at its time. */
  round(): Round {
    const proposals: Proposal[] = [];
    const endMs = this.nowMs + COALESCE_MS;
    const beganMs = performance.now();
    for (;;) {
      const wakeMs = this.allocator.nextWakeMs() ?? Number.POSITIVE_INFINITY;
      if (wakeMs > endMs) break;
      this.nowMs = Math.max(this.nowMs, wakeMs);
      for (const effect of this.allocator.tick(this.nowMs)) {
        if (effect.kind === 'propose') proposals.push(...effect.proposals);
      }
    }
    return { proposals, decidingMs: performance.now() - beganMs };
  }

  /** Likewise after so much time that the allocator looks over everything that is open again. */
  fullRound(): Round {
    this.nowMs += FULL_RUN_INTERVAL_MS;
    return this.round();
  }

  /** One journal entry. The value: the milliseconds that hearing it took. */
  hear(facts: readonly Fact[]): number {
    const previous = this.#sequence;
    this.#sequence += 1;
    const message = { sequence: this.#sequence, previous, facts: [...facts] };
    const beganMs = performance.now();
    this.allocator.facts(message, this.nowMs);
    return performance.now() - beganMs;
  }

  /** Each proposal becomes an offer. */
  offer(proposals: readonly Proposal[]): Fact[] {
    const changed = new Set<BenchFramework>();
    for (const { framework: ref, agentId, resources } of proposals) {
      const framework = this.frameworkOf(ref);
      framework.used = add(framework.used, scalarsOf(resources));
      framework.offers += 1;
      framework.offered = add(framework.offered, scalarsOf(resources));
      this.#free.set(agentId, without(this.freeOf(agentId), resources));
      this.#offered.set(agentId, add(this.#offeredOf(agentId), resources));
      changed.add(framework);
    }
    const proposalNumber = proposals.at(-1)?.number ?? 0;
    return [
      ...this.#standing(changed),
      ...this.freeFacts(proposals.map(({ agentId }) => agentId)),
      { kind: 'decided', proposalNumber },
    ];
  }

  /** The offers are accepted; `rest` of each is given back at once. */
  accept(
    offers: readonly Proposal[],
    rest: (offer: Proposal) => Resources = () => NO_RESOURCES,
  ): Fact[] {
    const changed = new Set<BenchFramework>();
    const left: Fact[] = [];
    for (const offer of offers) {
      changed.add(this.#answered(offer));
      const back = rest(offer);
      if (back === NO_RESOURCES) continue;
      this.#giveBack(offer, back);
      left.push(leftUnused(offer));
    }
    const free = this.freeFacts(offers.map(({ agentId }) => agentId));
    return [...left, ...this.#standing(changed), ...free];
  }

  /** The offers are declined; `refuseMs` 0: without a filter. */
  decline(offers: readonly Proposal[], refuseMs: number): Fact[] {
    const changed = new Set<BenchFramework>();
    for (const offer of offers) {
      changed.add(this.#answered(offer));
      this.#giveBack(offer, offer.resources);
    }
    const refused = offers.map(
      ({ framework, role, agentId, resources }): Fact => ({
        kind: 'refused',
        framework,
        role,
        agentId,
        resources,
        refuseMs,
      }),
    );
    return [
      ...offers.map(leftUnused),
      ...(refuseMs > 0 ? refused : []),
      ...this.#standing(changed),
      ...this.freeFacts(offers.map(({ agentId }) => agentId)),
    ];
  }

  /** Tasks on all of these, accepted before, end. */
  release(offers: readonly Proposal[]): Fact[] {
    for (const offer of offers) this.#giveBack(offer, offer.resources);
    const changed = new Set(offers.map(({ framework }) => this.frameworkOf(framework)));
    return [...this.#standing(changed), ...this.freeFacts(offers.map(({ agentId }) => agentId))];
  }

  freeFacts(agents: readonly AgentId[]): Fact[] {
    return agents.map((agentId) => {
      const { scalars: offered } = this.#offeredOf(agentId);
      return {
        kind: 'agentFree',
        agentId,
        free: this.freeOf(agentId),
        reservations: [],
        ...(Object.keys(offered).length > 0 && { offered }),
      };
    });
  }

  freeOf(agentId: AgentId): Resources {
    return this.#free.get(agentId) ?? NO_RESOURCES;
  }

  frameworkOf(ref: FrameworkRef): BenchFramework {
    const framework = this.#byKey.get(frameworkKey(ref));
    if (framework === undefined) throw new Error('a proposal is for a framework that there is');
    return framework;
  }

  #offeredOf(agentId: AgentId): Resources {
    return this.#offered.get(agentId) ?? NO_RESOURCES;
  }

  #answered({ framework: ref, agentId, resources }: Proposal): BenchFramework {
    const framework = this.frameworkOf(ref);
    this.#offered.set(agentId, without(this.#offeredOf(agentId), resources));
    framework.offers -= 1;
    framework.offered = without(framework.offered, scalarsOf(resources));
    return framework;
  }

  #giveBack({ framework: ref, agentId }: Proposal, resources: Resources): void {
    const framework = this.frameworkOf(ref);
    framework.used = without(framework.used, scalarsOf(resources));
    this.#free.set(agentId, add(this.freeOf(agentId), resources));
  }

  #standing(frameworks: Iterable<BenchFramework>): Fact[] {
    return [...frameworks].flatMap(({ ref: framework, role, used, offers, offered }): Fact[] => [
      { kind: 'usage', framework, role, scalars: used.scalars },
      { kind: 'outstanding', framework, offers, scalars: offered.scalars },
    ]);
  }

  #tellSnapshot(subscriptions: readonly Fact[]): void {
    const facts = [...this.#settings(), ...this.#agentFacts(), ...subscriptions];
    const parts = Math.ceil(facts.length / FACTS_A_PART);
    for (let part = 1; part <= parts; part += 1) {
      const ofPart = facts.slice((part - 1) * FACTS_A_PART, part * FACTS_A_PART);
      const snapshot = { part, parts };
      this.allocator.facts({ sequence: 1, previous: 1, facts: ofPart, snapshot }, 0);
    }
  }

  #settings(): Fact[] {
    const roles = [...(this.#plan.quotas ?? [])].map(
      ([role, quota]): Fact => ({
        kind: 'role',
        role: RoleName.parse(role),
        weight: DEFAULT_WEIGHT,
        guarantee: quota,
        limit: quota,
      }),
    );
    return [SETTINGS, ...roles];
  }

  #agentFacts(): Fact[] {
    const { total } = this.#plan;
    return this.agents.map((agentId) => ({
      kind: 'agent',
      agentId,
      hostname: agentId,
      total,
      free: total,
      reservations: [],
      attributes: {},
    }));
  }
}

export const subscription = ({ ref: framework, role }: BenchFramework): Fact => ({
  kind: 'framework',
  framework,
  roles: [{ role, isSuppressed: false }],
});

const leftUnused = ({ framework, agentId }: Pick<Proposal, 'framework' | 'agentId'>): Fact => ({
  kind: 'leftUnused',
  framework,
  agentId,
});

/** The same ports are there on every agent: over agents only scalars add up. */
function scalarsOf(resources: Resources): Resources {
  return resources.ports.length === 0 ? resources : { ...NO_RESOURCES, scalars: resources.scalars };
}

/** Most often the part is the whole: then there is nothing to reckon, and nothing is the one constant. */
function without(whole: Resources, part: Resources): Resources {
  return whole === part || equals(whole, part) ? NO_RESOURCES : subtract(whole, part);
}
