// Owns the agents as the allocator knows them: their totals, what is left of each after proposals that are not
// decided, reserved or not, which ones are open (have anything left that could be offered) and which of these await
// their turn. Whether what is left is enough for somebody is decided in agent-division.ts.
import type { Fact, FreeReservation } from '@parley/protocol/allocation';
import type { ConstrainedAgent } from '@parley/protocol/constraints';
import type { AgentId, FrameworkKey } from '@parley/protocol/ids';
import { NO_RESOURCES, type Resources } from '@parley/protocol/resources';
import { assert } from '@parley/protocol/unreachable';
import {
  contains,
  equals,
  isEmpty,
  normalise,
  sum,
  trySubtract,
} from '@parley/resources/resources';
import type { ClusterTotals } from './cluster-totals.ts';
import type { PendingProposal, PendingProposals } from './pending-proposals.ts';

/** Frameworks remembered per agent for having let an offer expire; beyond it the first gives way. */
const MAX_LATE = 64;

type AgentFact = Extract<Fact, { kind: 'agent' }>;

type Free = { readonly unreserved: Resources; readonly reservations: readonly FreeReservation[] };
const NO_RESERVATIONS: readonly FreeReservation[] = [];
const NOTHING: Free = { unreserved: NO_RESOURCES, reservations: NO_RESERVATIONS };

type KnownAgent = ConstrainedAgent & { readonly agentId: AgentId };
type Agent = KnownAgent & {
  readonly total: Resources;
  free: Free;
  /** Free and not proposed to anybody. */
  left: Free;
  /** Let an offer of it expire: others come first in the next decision. */
  readonly late: Set<FrameworkKey>;
};

/** What may be offered of an agent now. */
export type Available = Free & {
  readonly agent: KnownAgent;
  readonly late: ReadonlySet<FrameworkKey>;
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

  get size(): number {
    return this.#agents.size;
  }

  /** How many have anything left. */
  get openCount(): number {
    return this.#open.size;
  }

  /** What there is of each, and what is left of it. */
  all(): Iterable<KnownAgent & { readonly total: Resources; readonly left: Free }> {
    return this.#agents.values();
  }

  has(agentId: AgentId): boolean {
    return this.#agents.has(agentId);
  }

  /** `changed`: its total or attributes are other ones than before, or it is new. */
  set({ agentId, hostname, total, attributes, ...fact }: AgentFact): 'changed' | 'same' {
    const before = this.#agents.get(agentId);
    const hasSameTotal = before !== undefined && equals(before.total, total);
    if (!hasSameTotal) {
      if (before !== undefined) this.#totals.subtract(this.#totals.vectorOf(before.total.scalars));
      this.#totals.add(this.#totals.vectorOf(total.scalars));
    }
    const late = before?.late ?? new Set();
    const free = normaliseFree(fact.free, fact.reservations);
    const agent = { agentId, hostname, attributes, total, free, left: NOTHING, late };
    this.#agents.set(agentId, agent);
    this.touch(agentId);
    return hasSameTotal && haveSameEntries(before.attributes, attributes) ? 'same' : 'changed';
  }

  /** About an agent that is not known it says nothing: its total is missing. */
  setFree(agentId: AgentId, free: Resources, reservations: readonly FreeReservation[]): void {
    const agent = this.#agents.get(agentId);
    if (agent === undefined) return;
    agent.free = normaliseFree(free, reservations);
    this.touch(agentId);
  }

  /** In the next decision about the agent others come before this one. */
  noteExpired(agentId: AgentId, framework: FrameworkKey): void {
    const late = this.#agents.get(agentId)?.late;
    if (late === undefined) return;
    const [first] = late;
    if (late.size >= MAX_LATE && first !== undefined) late.delete(first);
    late.add(framework);
  }

  /** A decision about it was made: whoever was late has stood back once. */
  forgiveLate(agentId: AgentId): void {
    this.#agents.get(agentId)?.late.clear();
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
    if (this.settle(agentId)) this.#touched.add(agentId);
  }

  /** Every open agent gets its turn. */
  touchOpen(): void {
    for (const agentId of this.#open) this.#touched.add(agentId);
  }

  /** All that have anything left, but for these. */
  openExcept(known: ReadonlySet<AgentId>): AgentId[] {
    return [...this.#open].filter((agentId) => !known.has(agentId));
  }

  /** Those that await their turn; they do no more. */
  takeTouched(): AgentId[] {
    const touched = [...this.#touched];
    this.#touched.clear();
    return touched;
  }

  /** Measures what is left anew, without giving the agent a turn. The value: whether it is open. */
  settle(agentId: AgentId): boolean {
    const agent = this.#agents.get(agentId);
    if (agent === undefined) return false;
    agent.left = this.#leftOf(agentId, agent);
    if (isAnythingLeft(agent.left)) {
      this.#open.add(agentId);
      return true;
    }
    this.#open.delete(agentId);
    this.#touched.delete(agentId);
    return false;
  }

  /** What may be offered of it now; undefined when it is not open. */
  available(agentId: AgentId): Available | undefined {
    const agent = this.#agents.get(agentId);
    if (agent === undefined || !isAnythingLeft(agent.left)) return undefined;
    const { left, late } = agent;
    return { unreserved: left.unreserved, reservations: left.reservations, agent, late };
  }

  /** For tests and the simulator: throws when more is proposed than is free, or an index is wrong. */
  checkInvariants(): void {
    const together: number[] = [];
    for (const [agentId, agent] of this.#agents) {
      for (const [number, amount] of this.#totals.vectorOf(agent.total.scalars).entries()) {
        together[number] = (together[number] ?? 0) + amount;
      }
      this.#checkLeft(agentId, agent);
    }
    for (const agentId of this.#touched) assert(this.#open.has(agentId), `${agentId} is open`);
    for (const [number, amount] of this.#totals.amounts.entries()) {
      assert(amount === 0 || amount === together[number], 'the totals are those of the agents');
    }
  }

  #checkLeft(agentId: AgentId, agent: Agent): void {
    const { free, left } = agent;
    assert(
      contains(free.unreserved, left.unreserved),
      `no more is left of ${agentId} than is free`,
    );
    for (const reservation of left.reservations) {
      const whole = free.reservations.find((one) => isSame(one, reservation));
      assert(
        whole !== undefined && contains(whole.resources, reservation.resources),
        `no more is left of a reservation on ${agentId} than is free`,
      );
    }
    const expected = this.#leftOf(agentId, agent);
    assert(
      equals(left.unreserved, expected.unreserved) &&
        left.reservations.length === expected.reservations.length &&
        left.reservations.every((one, place) => {
          const other = expected.reservations[place];
          return other !== undefined && equals(one.resources, other.resources);
        }),
      `what is left of ${agentId} is up to date`,
    );
    assert(
      this.#open.has(agentId) === isAnythingLeft(left),
      `${agentId} is open when anything is left`,
    );
  }

  /** Where the books have moved on below what is proposed, what is left shows when the proposals are decided. */
  #leftOf(agentId: AgentId, { free }: Agent): Free {
    const pending = this.#pending.ofAgent(agentId);
    if (pending.length === 0) return free;
    const unreserved = without(
      free.unreserved,
      pending.map(({ proposal }) => proposal.resources),
    );
    if (free.reservations.length > 0) {
      return { unreserved, reservations: reservationsWithout(free.reservations, pending) };
    }
    return unreserved === NO_RESOURCES ? NOTHING : { unreserved, reservations: NO_RESERVATIONS };
  }
}

/** Nothing when the parts are more than the whole. Most often one proposal holds all of it: nothing to reckon then. */
function without(whole: Resources, [first, ...others]: readonly Resources[]): Resources {
  if (first === undefined) return whole;
  if (first === whole && others.length === 0) return NO_RESOURCES;
  return trySubtract(whole, others.length === 0 ? first : sum([first, ...others])) ?? NO_RESOURCES;
}

function reservationsWithout(
  reservations: readonly FreeReservation[],
  pending: readonly PendingProposal[],
): FreeReservation[] {
  return reservations.flatMap((reservation) => {
    const taken = pending
      .flatMap(({ proposal }) => proposal.reservations)
      .filter((one) => isSame(one, reservation))
      .map(({ resources }) => resources);
    if (taken.length === 0) return [reservation];
    // Its volumes went with what is proposed of it.
    const rest = trySubtract(reservation.resources, sum(taken)) ?? NO_RESOURCES;
    return isEmpty(rest) ? [] : [{ ...reservation, resources: rest }];
  });
}

/** Reservations are told apart by their ids within an agent and role. */
function isSame(a: FreeReservation, b: FreeReservation): boolean {
  return a.reservationId === b.reservationId && a.role === b.role;
}

function normaliseFree(unreserved: Resources, reservations: readonly FreeReservation[]): Free {
  if (reservations.length === 0) {
    return { unreserved: normalise(unreserved), reservations: NO_RESERVATIONS };
  }
  return {
    unreserved: normalise(unreserved),
    reservations: reservations.map((one) => ({ ...one, resources: normalise(one.resources) })),
  };
}

/** Ports or items of sets alone serve nobody, unless they are reserved; an empty reservation has volumes. */
function isAnythingLeft({ unreserved, reservations }: Free): boolean {
  if (reservations.length > 0) return true;
  for (const _ in unreserved.scalars) return true;
  return false;
}

function haveSameEntries(a: Record<string, string>, b: Record<string, string>): boolean {
  const names = Object.keys(a);
  return (
    names.length === Object.keys(b).length &&
    names.every((name) => Object.hasOwn(b, name) && a[name] === b[name])
  );
}
