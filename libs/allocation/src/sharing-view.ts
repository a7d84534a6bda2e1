// Owns what the facts say about who holds, wants and is entitled to what, as far as taking back looks at it: all clients
// at once, from time to time. Offers are decided from knowledge.ts, which is kept for every single decision.
// A fair share is what weights give down the tree of roles, among those that hold or want something; the frameworks of
// a role that has roles below it are together one more child of it (Mesos docs, "Roles").
import type { Fact, FreeReservation, OpenNeed } from '@parley/protocol/allocation';
import { unmetConstraint } from '@parley/protocol/constraints';
import {
  type AgentId,
  type FrameworkRef,
  frameworkKey,
  type RoleName,
  roleAbove,
  taskKey,
} from '@parley/protocol/ids';
import type { Resources } from '@parley/protocol/resources';
import type { Sharer } from '@parley/protocol/revocations';
import { DEFAULT_MIN_ALLOCATABLE, DEFAULT_WEIGHT, type Quantities } from '@parley/protocol/sharing';
import { add, contains, normalise } from '@parley/resources/resources';
import { shareByWeight } from '@parley/resources/share-by-weight';
import { FairTree } from './fair-tree.ts';
import { amountIn, minus, plus } from './quantities.ts';
import type { RoleBound } from './role-bounds.ts';
import type { UnmetNeed } from './spare-room.ts';
import { type ComingBack, type SharingClient, sharerKey } from './victims.ts';

type FactOf<Kind extends Fact['kind']> = Extract<Fact, { kind: Kind }>;
type Shares = Pick<FactOf<'frameworkShare'>, 'weight' | 'guarantee' | 'limit'>;

/** A framework that states no demand wants whatever is an offer, as often as it may have it. */
const NO_COUNT = 1_000_000;
const DEFAULT_SHARES: Shares = { weight: DEFAULT_WEIGHT, guarantee: {}, limit: {} };

export class SharingView {
  readonly #exclude: ReadonlySet<string>;
  readonly #agents = new Map<AgentId, FactOf<'agent'>>();
  readonly #frameworks = new Map<string, FactOf<'framework'>>();
  readonly #usages = new Map<string, FactOf<'usage'>>();
  readonly #offered = new Map<string, Quantities>();
  readonly #roles = new Map<RoleName, FactOf<'role'>>();
  readonly #shares = new Map<string, Shares>();
  readonly #comingBack = new Map<string, FactOf<'revoking'>>();
  /** Until when a framework refuses what it is offered. */
  readonly #refusing = new Map<string, number>();
  #settings: Pick<FactOf<'settings'>, 'reclaims' | 'starvationMs' | 'minAllocatable'> = {
    reclaims: false,
    starvationMs: 0,
    minAllocatable: DEFAULT_MIN_ALLOCATABLE,
  };
  #total: Quantities = {};

  /** `exclude`: names of scalars that do not count towards fairness. */
  constructor(exclude: readonly string[]) {
    this.#exclude = new Set(exclude);
  }

  get settings() {
    return this.#settings;
  }

  get total(): Quantities {
    return this.#total;
  }

  get comingBack(): readonly ComingBack[] {
    return [...this.#comingBack.values()];
  }

  hear(fact: Fact, nowMs: number): void {
    switch (fact.kind) {
      case 'agent':
        this.#agentAway(fact.agentId);
        this.#agents.set(fact.agentId, fact);
        this.#total = plus(this.#total, fact.total.scalars);
        break;
      case 'agentAway':
        this.#agentAway(fact.agentId);
        break;
      case 'agentFree': {
        const agent = this.#agents.get(fact.agentId);
        if (agent !== undefined) {
          const { free, reservations } = fact;
          this.#agents.set(fact.agentId, { ...agent, free, reservations });
        }
        break;
      }
      case 'settings':
        this.#settings = fact;
        break;
      default:
        this.#hearOfSharers(fact, nowMs);
    }
  }

  #hearOfSharers(fact: Fact, nowMs: number): void {
    switch (fact.kind) {
      case 'role':
        this.#roles.set(fact.role, fact);
        break;
      case 'frameworkShare':
        this.#shares.set(frameworkKey(fact.framework), fact);
        break;
      case 'framework':
        this.#frameworks.set(frameworkKey(fact.framework), fact);
        break;
      case 'frameworkAway':
        this.#frameworks.delete(frameworkKey(fact.framework));
        this.#refusing.delete(frameworkKey(fact.framework));
        break;
      case 'filtersCleared':
        this.#refusing.delete(frameworkKey(fact.framework));
        break;
      case 'refused':
        this.#refused(fact, nowMs);
        break;
      case 'usage':
        this.#use(fact);
        break;
      case 'outstanding':
        this.#offered.set(frameworkKey(fact.framework), fact.scalars);
        break;
      case 'revoking':
        this.#comingBack.set(taskKey(fact.task), fact);
        break;
      case 'revoked':
        this.#comingBack.delete(taskKey(fact.task));
        break;
      default:
      // Nothing of it matters here.
    }
  }

  /** Everybody that holds or wants something. `starvedForMs` is not known here. */
  clients(nowMs: number): SharingClient[] {
    const sharers = this.#sharers();
    const tree = new FairTree((role) => this.#roles.get(role)?.weight ?? DEFAULT_WEIGHT);
    const wants = sharers.map((sharer) => this.#wanted(sharer, nowMs));
    for (const [index, sharer] of sharers.entries()) {
      const isActive = (wants[index]?.length ?? 0) > 0 || this.#usages.has(sharerKey(sharer));
      if (isActive) tree.add(sharer.role, this.#weightOf(sharer.framework));
    }
    const weights = this.#weightsByRole(sharers);
    return sharers.map((sharer, index) =>
      this.#client(sharer, { tree, weights, wanted: wants[index] ?? [] }),
    );
  }

  /** Those for which a guarantee or a limit is set. */
  roles(): Map<RoleName, RoleBound> {
    const bounds = new Map<RoleName, RoleBound>();
    for (const [role, { guarantee, limit }] of this.#roles) {
      const isBound = Object.keys(guarantee).length + Object.keys(limit).length > 0;
      if (isBound) bounds.set(role, { guarantee, limit, idle: {} });
    }
    if (bounds.size === 0) return bounds;
    for (const { reservations } of this.#agents.values()) {
      for (const reservation of reservations) addIdle(bounds, reservation);
    }
    return bounds;
  }

  /** With what is free of reservations that the role may use. */
  free(role: RoleName): Map<AgentId, Resources> {
    const free = new Map<AgentId, Resources>();
    for (const [agentId, agent] of this.#agents) {
      const usable = agent.reservations
        .filter((part) => part.role === role || role.startsWith(`${part.role}/`))
        .map(({ resources }) => resources);
      free.set(agentId, [agent.free, ...usable].reduce(add));
    }
    return free;
  }

  /** The need with the agents that its constraints allow. */
  unmet({ resources, count, constraints }: OpenNeed): UnmetNeed {
    if (constraints.length === 0) return { resources, count };
    const allowed = [...this.#agents.values()].filter(
      (agent) => unmetConstraint(agent, constraints) === undefined,
    );
    return { resources, count, agents: new Set(allowed.map(({ agentId }) => agentId)) };
  }

  #agentAway(agentId: AgentId): void {
    const agent = this.#agents.get(agentId);
    if (agent === undefined) return;
    this.#agents.delete(agentId);
    this.#total = minus(this.#total, agent.total.scalars);
  }

  /** What an accept leaves over is refused, too, and says nothing where it would be no offer. */
  #refused({ framework, role, resources, refuseMs }: FactOf<'refused'>, nowMs: number): void {
    if (!contains(resources, this.#least(role))) return;
    const key = frameworkKey(framework);
    this.#refusing.set(key, Math.max(this.#refusing.get(key) ?? 0, nowMs + refuseMs));
  }

  #use(fact: FactOf<'usage'>): void {
    const key = sharerKey(fact);
    const isNothing = Object.values(fact.scalars).every((amount) => amount === 0);
    if (isNothing) this.#usages.delete(key);
    else this.#usages.set(key, fact);
  }

  #sharers(): Sharer[] {
    const sharers = new Map<string, Sharer>();
    for (const { framework, roles } of this.#frameworks.values()) {
      for (const { role } of roles)
        sharers.set(sharerKey({ framework, role }), { framework, role });
    }
    for (const [key, { framework, role }] of this.#usages) sharers.set(key, { framework, role });
    return [...sharers.values()];
  }

  /** Nothing in a role that is suppressed; nothing of who states no demand and refuses what it is offered. */
  #wanted({ framework, role }: Sharer, nowMs: number): readonly OpenNeed[] {
    const key = frameworkKey(framework);
    const own = this.#frameworks.get(key)?.roles.find((one) => one.role === role);
    if (own === undefined || own.isSuppressed) return [];
    // What runs on nothing but revocable resources is nobody's to give back.
    if (own.needs !== undefined) return own.needs.filter((need) => need.revocable !== 'only');
    if ((this.#refusing.get(key) ?? 0) > nowMs) return [];
    return [{ shape: '', count: NO_COUNT, resources: this.#least(role), constraints: [] }];
  }

  /** That is an offer. */
  #least(role: RoleName): Resources {
    const scalars = this.#roles.get(role)?.minAllocatable ?? this.#settings.minAllocatable;
    return normalise({ scalars });
  }

  #client(
    sharer: Sharer,
    about: {
      readonly tree: FairTree;
      readonly weights: ReadonlyMap<RoleName, number>;
      readonly wanted: readonly OpenNeed[];
    },
  ): SharingClient {
    const { tree, weights, wanted } = about;
    const usage = this.#usages.get(sharerKey(sharer))?.scalars ?? {};
    const elsewhere = this.#usedElsewhere(sharer);
    const offered = this.#offeredIn(sharer, usage, elsewhere);
    const [weight, whole] = tree.fractionOf(sharer.role, this.#weightOf(sharer.framework));
    const own = this.#shares.get(frameworkKey(sharer.framework)) ?? DEFAULT_SHARES;
    return {
      ...sharer,
      guarantee: this.#guaranteeOf(sharer, { own: own.guarantee, elsewhere, weights }),
      held: minus(usage, offered),
      offered,
      fairShare: shareByWeight(this.#counted(), weight, whole),
      limit: minusFrom(own.limit, elsewhere),
      needs: wanted.map((need) => this.unmet(need)),
      starvedForMs: 0,
    };
  }

  /** The framework's own, less what it has in other roles; else its part of the role's. As in the master. */
  #guaranteeOf(
    { framework, role }: Sharer,
    about: {
      readonly own: Quantities;
      readonly elsewhere: Quantities;
      readonly weights: ReadonlyMap<RoleName, number>;
    },
  ): Quantities {
    if (Object.keys(about.own).length > 0) return minusFrom(about.own, about.elsewhere);
    const whole = this.#roles.get(role)?.guarantee ?? {};
    return shareByWeight(whole, this.#weightOf(framework), about.weights.get(role) ?? 0);
  }

  #usedElsewhere({ framework, role }: Sharer): Quantities {
    const roles = this.#frameworks.get(frameworkKey(framework))?.roles ?? [];
    return roles
      .filter((other) => other.role !== role)
      .map((other) => this.#usages.get(sharerKey({ framework, role: other.role }))?.scalars ?? {})
      .reduce(plus, {});
  }

  /** What is outstanding is told over all roles: more of it than is used elsewhere must be in this one. */
  #offeredIn({ framework }: Sharer, usage: Quantities, elsewhere: Quantities): Quantities {
    const all = this.#offered.get(frameworkKey(framework)) ?? {};
    const here = minus(all, elsewhere);
    return Object.fromEntries(
      Object.keys(here).map((name) => [
        name,
        Math.min(amountIn(here, name), amountIn(usage, name)),
      ]),
    );
  }

  #weightsByRole(sharers: readonly Sharer[]): Map<RoleName, number> {
    const weights = new Map<RoleName, number>();
    for (const { framework, role } of sharers) {
      weights.set(role, (weights.get(role) ?? 0) + this.#weightOf(framework));
    }
    return weights;
  }

  #weightOf(framework: FrameworkRef): number {
    return this.#shares.get(frameworkKey(framework))?.weight ?? DEFAULT_WEIGHT;
  }

  #counted(): Quantities {
    const names = Object.entries(this.#total).filter(([name]) => !this.#exclude.has(name));
    return Object.fromEntries(names);
  }
}

/** There and above. */
function addIdle(
  bounds: Map<RoleName, RoleBound>,
  { role, resources, volumesDisk: disk = 0 }: FreeReservation,
): void {
  const amounts = disk > 0 ? plus(resources.scalars, { disk }) : resources.scalars;
  for (let one: RoleName | undefined = role; one !== undefined; one = roleAbove(one)) {
    const bound = bounds.get(one);
    if (bound !== undefined) bounds.set(one, { ...bound, idle: plus(bound.idle, amounts) });
  }
}

/** Of the names of the first. */
function minusFrom(amounts: Quantities, others: Quantities): Quantities {
  return Object.fromEntries(
    Object.keys(amounts).map((name) => [
      name,
      Math.max(0, amountIn(amounts, name) - amountIn(others, name)),
    ]),
  );
}
