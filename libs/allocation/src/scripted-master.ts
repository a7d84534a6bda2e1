// Owns a master for the tests of the allocator: books that say what is free, and the decision about proposals. Every
// change is told (scripted-facts.ts). Simple on purpose; the real books are in @parley/cluster.
import type { Fact, FactsMessage, FreeReservation, Proposal } from '@parley/protocol/allocation';
import {
  AgentId,
  FrameworkId,
  type FrameworkRef,
  frameworkKey,
  PrincipalName,
  ReservationId,
  RoleName,
} from '@parley/protocol/ids';
import { NO_RESOURCES, type Resources } from '@parley/protocol/resources';
import { DEFAULT_MIN_ALLOCATABLE, type Placement, type Quantities } from '@parley/protocol/sharing';
import { assert } from '@parley/protocol/unreachable';
import { add, contains, equals, normalise, subtract, sum } from '@parley/resources/resources';
import { ScriptedFacts, shareFact, usageFact } from './scripted-facts.ts';
import {
  NOTHING_SET,
  type ScriptedAgent,
  type ScriptedFramework,
  type ScriptedNeed,
  type ScriptedOffer,
  type ScriptedRole,
  type ScriptedSettings,
  type ScriptedShares,
} from './scripted-records.ts';

export const anAgentId = (name: string): AgentId => AgentId.parse(name);

export const aFramework = (name: string): FrameworkRef => ({
  principal: PrincipalName.parse('tests'),
  frameworkId: FrameworkId.parse(name),
});

export const aReservation = (role: string, id: string, resources: Resources): FreeReservation => ({
  role: RoleName.parse(role),
  reservationId: ReservationId.parse(id),
  resources,
});

/** CPUs and MiB. */
export const resourcesOf = (cpus: number, mem: number): Resources =>
  normalise({ scalars: { cpus: cpus * 1000, mem: mem * 1000 } });

/** Reserved or not. */
export const allOf = ({
  resources,
  reservations,
}: Pick<Proposal, 'resources' | 'reservations'>): Resources =>
  sum([resources, ...reservations.map((one) => one.resources)]);

export class ScriptedMaster {
  readonly agents = new Map<AgentId, ScriptedAgent>();
  readonly frameworks = new Map<string, ScriptedFramework>();
  readonly offers = new Map<number, ScriptedOffer>();
  readonly roles = new Map<RoleName, ScriptedSettings>();
  readonly shares = new Map<string, ScriptedShares & { readonly ref: FrameworkRef }>();
  capPermille = 1000;
  reclaims = true;
  uncounted: readonly string[] | undefined;
  minAllocatable: Quantities = DEFAULT_MIN_ALLOCATABLE;
  placement: Placement = 'random';
  readonly #facts = new ScriptedFacts(this);

  addAgent(
    name: string,
    total: Resources,
    more: {
      attributes?: Record<string, string>;
      reservations?: FreeReservation[];
      revocable?: Resources;
    } = {},
  ): void {
    const agentId = anAgentId(name);
    const { attributes = {}, reservations = [], revocable = NO_RESOURCES } = more;
    const free = subtract(total, sum(reservations.map(({ resources }) => resources)));
    this.agents.set(agentId, { total, attributes, free, reservations, revocable });
    this.#facts.tell(this.#facts.agent(agentId));
  }

  removeAgent(name: string): void {
    const agentId = anAgentId(name);
    for (const offer of [...this.offers.values()]) {
      if (offer.agentId === agentId) this.rescind(offer.number);
    }
    this.agents.delete(agentId);
    this.#facts.tell({ kind: 'agentAway', agentId });
  }

  setCap(permille: number): void {
    this.capPermille = permille;
    this.#facts.tell(this.#facts.settings());
  }

  /** Of the cluster's settings, those that are named. */
  set(settings: {
    reclaims?: boolean;
    minAllocatable?: Quantities;
    placement?: Placement;
    uncounted?: readonly string[];
  }): void {
    Object.assign(this, settings);
    this.#facts.tell(this.#facts.settings());
  }

  /** What is not named is as where nothing is set. */
  setRole(role: string, settings: Partial<ScriptedSettings>): void {
    this.roles.set(RoleName.parse(role), { ...NOTHING_SET, ...settings });
    this.#facts.tell(this.#facts.role(RoleName.parse(role)));
  }

  setShares(name: string, shares: Partial<ScriptedShares>): void {
    const ref = aFramework(name);
    const fact = { ...NOTHING_SET, ...shares, ref };
    this.shares.set(frameworkKey(ref), fact);
    this.#facts.tell(shareFact(fact));
  }

  takeRevocable(name: string, takesRevocable = true): void {
    const framework = this.#known(aFramework(name));
    framework.takesRevocable = takesRevocable;
    this.#facts.tell(this.#facts.framework(framework));
  }

  /** What tasks on the agent leave unused is another amount now. */
  setRevocable(name: string, revocable: Resources): void {
    const agent = this.agents.get(anAgentId(name));
    assert(agent !== undefined, 'the agent is known');
    agent.revocable = revocable;
    this.#facts.tellFree(anAgentId(name));
  }

  /** In these roles from now on, with no demand stated and none suppressed; its filters end. */
  subscribe(name: string, ...roles: string[]): void {
    const framework = this.#ensure(name);
    framework.isActive = true;
    const role = { isSuppressed: false, needs: undefined };
    framework.roles = new Map(roles.map((one) => [RoleName.parse(one), role]));
    this.#facts.tell(this.#facts.framework(framework));
    this.#facts.tell({ kind: 'filtersCleared', framework: framework.ref });
  }

  /** States what it needs in the role; undefined: nothing is stated any more. */
  need(name: string, role: string, needs: readonly ScriptedNeed[] | undefined): void {
    this.#changeRole(name, role, { needs });
  }

  suppress(name: string, role: string): void {
    this.#changeRole(name, role, { isSuppressed: true });
  }

  revive(name: string, role: string): void {
    this.#changeRole(name, role, { isSuppressed: false });
    const framework = aFramework(name);
    this.#facts.tell({ kind: 'filtersCleared', framework, role: RoleName.parse(role) });
  }

  /** At a time, for one that let offers expire. */
  limitOffers(name: string, maxOffers: number | undefined): void {
    const framework = this.#known(aFramework(name));
    framework.maxOffers = maxOffers;
    this.#facts.tell(this.#facts.framework(framework));
  }

  disconnect(name: string): void {
    const framework = this.frameworks.get(frameworkKey(aFramework(name)));
    if (framework === undefined) return;
    framework.isActive = false;
    this.#facts.tell({ kind: 'frameworkAway', framework: framework.ref });
  }

  /** Makes an offer of the proposal, if it still fits the books: the value. */
  decide(proposal: Proposal): boolean {
    const { number, agentId } = proposal;
    const framework = this.frameworks.get(frameworkKey(proposal.framework));
    const agent = this.agents.get(agentId);
    const isFitting = framework?.isActive === true && agent !== undefined && fits(agent, proposal);
    if (isFitting) {
      const offer = { ...proposal, framework };
      this.offers.set(number, offer);
      this.#move(offer, 'take');
      this.#answered(framework);
    } else if (agent !== undefined) this.#facts.tellFree(agentId);
    this.#facts.tell({ kind: 'decided', proposalNumber: number });
    return isFitting;
  }

  /** The framework accepts: as many tasks as are promised, with all that is offered. */
  launch(number: number): void {
    const offer = this.#takeOffer(number);
    const role = offer.framework.roles.get(offer.role);
    if (role?.needs !== undefined) {
      const promised = new Map(offer.promised.map(({ shape, count }) => [shape, count]));
      const needs = role.needs.map((need) => ({
        ...need,
        count: Math.max(0, need.count - (promised.get(need.shape) ?? 0)),
      }));
      offer.framework.roles.set(offer.role, { ...role, needs });
    }
    this.#answered(offer.framework);
    this.#facts.tellFree(offer.agentId);
  }

  /** The framework declines; 0: without a filter. */
  decline(number: number, refuseMs: number): void {
    const offer = this.rescind(number);
    const { framework, role, agentId } = offer;
    const resources = allOf(offer);
    this.#facts.tell({ kind: 'leftUnused', framework: framework.ref, agentId });
    if (refuseMs === 0) return;
    this.#facts.tell({
      kind: 'refused',
      framework: framework.ref,
      role,
      agentId,
      resources,
      refuseMs,
      ...(offer.revocable !== undefined && { revocable: offer.revocable }),
    });
  }

  /** The framework does not answer in time. */
  expire(number: number): void {
    const { framework, agentId } = this.rescind(number);
    this.#facts.tell({ kind: 'leftUnused', framework: framework.ref, agentId });
  }

  rescind(number: number): ScriptedOffer {
    const offer = this.#takeOffer(number);
    this.#move(offer, 'give');
    this.#answered(offer.framework);
    return offer;
  }

  /** What the master's books would not have said by themselves. */
  tell(fact: Fact): void {
    this.#facts.tell(fact);
  }

  /**
   * Gives unreserved resources back, of accepted offers too. With `refuseMs` it is what an accept left over, and refused
   * for so long if that is not 0.
   */
  giveBack(
    { framework: ref, agentId, role }: Pick<Proposal, 'framework' | 'agentId' | 'role'>,
    resources: Resources,
    refuseMs?: number,
  ): void {
    for (const offer of [...this.offers.values()]) {
      const isOf = frameworkKey(offer.framework.ref) === frameworkKey(ref);
      if (isOf && offer.agentId === agentId && offer.role === role) this.launch(offer.number);
    }
    const framework = this.#known(ref);
    this.#move(
      { framework, agentId, role, resources, reservations: [], revocable: undefined },
      'give',
    );
    if (refuseMs === undefined) return;
    this.#facts.tell({ kind: 'leftUnused', framework: ref, agentId });
    if (refuseMs === 0) return;
    this.#facts.tell({ kind: 'refused', framework: ref, role, agentId, resources, refuseMs });
  }

  /** Of a need that is neither launched nor in an unanswered offer. */
  openCount(framework: ScriptedFramework, role: RoleName, { shape, count }: ScriptedNeed): number {
    let open = count;
    for (const offer of this.offers.values()) {
      if (offer.framework !== framework || offer.role !== role) continue;
      for (const promise of offer.promised) if (promise.shape === shape) open -= promise.count;
    }
    return Math.max(0, open);
  }

  /** Not reserved. */
  offeredOn(agentId: AgentId): Resources {
    const offers = [...this.offers.values()].filter((one) => one.agentId === agentId);
    return sum(offers.map(({ resources }) => resources));
  }

  outstandingOf(framework: ScriptedFramework): { offers: number; scalars: Resources['scalars'] } {
    const offers = [...this.offers.values()].filter((one) => one.framework === framework);
    return { offers: offers.length, scalars: sum(offers.map(allOf)).scalars };
  }

  /** The facts since the last message, as one journal entry makes them. */
  message(): FactsMessage {
    return this.#facts.message();
  }

  /** Everything, cut into so many parts. */
  snapshot(parts = 1): FactsMessage[] {
    return this.#facts.snapshot(parts);
  }

  #ensure(name: string): ScriptedFramework {
    const ref = aFramework(name);
    const framework = this.frameworks.get(frameworkKey(ref)) ?? {
      ref,
      isActive: false,
      roles: new Map(),
      maxOffers: undefined,
      takesRevocable: false,
      used: new Map(),
    };
    this.frameworks.set(frameworkKey(ref), framework);
    return framework;
  }

  #known(ref: FrameworkRef): ScriptedFramework {
    const framework = this.frameworks.get(frameworkKey(ref));
    assert(framework !== undefined, 'the framework is known');
    return framework;
  }

  #changeRole(name: string, roleName: string, change: Partial<ScriptedRole>): void {
    const framework = this.#known(aFramework(name));
    const role = RoleName.parse(roleName);
    const before = framework.roles.get(role);
    assert(before !== undefined, 'the framework has the role');
    framework.roles.set(role, { ...before, ...change });
    if (framework.isActive) this.#facts.tell(this.#facts.framework(framework));
  }

  #takeOffer(number: number): ScriptedOffer {
    const offer = this.offers.get(number);
    assert(offer !== undefined, 'the offer is outstanding');
    this.offers.delete(number);
    return offer;
  }

  /** What is outstanding and what is open have changed. */
  #answered(framework: ScriptedFramework): void {
    this.#facts.tell(this.#facts.outstanding(framework));
    const statesDemand = [...framework.roles.values()].some(({ needs }) => needs !== undefined);
    if (framework.isActive && statesDemand) this.#facts.tell(this.#facts.framework(framework));
  }

  #move(
    what: Pick<
      ScriptedOffer,
      'framework' | 'agentId' | 'role' | 'resources' | 'reservations' | 'revocable'
    >,
    way: 'take' | 'give',
  ): void {
    const { framework, agentId, role } = what;
    const agent = this.agents.get(agentId);
    const isTaken = way === 'take';
    const used = framework.used.get(role) ?? NO_RESOURCES;
    framework.used.set(role, (isTaken ? add : subtract)(used, allOf(what)));
    this.#facts.tell(usageFact(framework, role));
    if (agent === undefined) return;
    agent.free = (isTaken ? subtract : add)(agent.free, what.resources);
    if (what.revocable) {
      agent.revocable = (isTaken ? subtract : add)(agent.revocable, what.revocable);
    }
    const others = agent.reservations.filter((one) => !what.reservations.some(isSame(one)));
    agent.reservations = isTaken ? others : [...agent.reservations, ...what.reservations];
    this.#facts.tellFree(agentId);
  }
}

/** A reservation is offered with all that is free of it. */
function fits(agent: ScriptedAgent, { resources, reservations, revocable }: Proposal): boolean {
  return (
    contains(agent.free, resources) &&
    contains(agent.revocable, revocable ?? NO_RESOURCES) &&
    reservations.every((one) =>
      agent.reservations.some(
        (other) => isSame(one)(other) && equals(one.resources, other.resources),
      ),
    )
  );
}

const isSame =
  (one: FreeReservation) =>
  (other: FreeReservation): boolean =>
    one.reservationId === other.reservationId && one.role === other.role;
