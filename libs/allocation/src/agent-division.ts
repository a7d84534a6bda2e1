// Owns one decision: how what is left of one agent is divided among those who are to be offered to next.
//   Who:  first whoever, by what it takes, serves a guarantee that is not met; then everybody; each time the first by
//         weighted DRF (fair-order.ts) that takes anything. Whoever has left the agent unused stands back (left-unused.ts).
//   What: the own role's reservations, then those of the roles above it, then what is not reserved. A client that states
//         no demand takes all of it, as in Mesos, chopped to its limits; one that does takes just what it needs, a few
//         tasks at a time. Revocable resources come beside it, to frameworks that take them.
// How demand is cut is in portions.ts, the rest in whole-rest.ts; making proposals of what is granted is allocator.ts.
import type { FreeReservation } from '@parley/protocol/allocation';
import { NO_RESOURCES, type Resources } from '@parley/protocol/resources';
import { add, isEmpty, subtract } from '@parley/resources/resources';
import type { Agent } from './agent-pool.ts';
import type { AskedInVain } from './asked-in-vain.ts';
import { NO_AMOUNTS, summed, type Vector } from './cluster-totals.ts';
import type { Filters } from './filters.ts';
import type { Framework, Frameworks } from './frameworks.ts';
import {
  type Free,
  isAnythingLeft,
  NO_RESERVATIONS,
  NOTHING,
  orNothing,
  usableReservations,
} from './free.ts';
import type { KeptAgents } from './kept-agents.ts';
import type { LeftUnused } from './left-unused.ts';
import type { Taking } from './need-fit.ts';
import type { OfferCaps } from './offer-caps.ts';
import type { OfferPolicy } from './offer-policy.ts';
import { Portions } from './portions.ts';
import type { Asking } from './question-round.ts';
import type { Quota } from './quota.ts';
import { type RoomSurroundings, roomOf } from './room.ts';
import type { Client } from './share-tree.ts';
import { reaches, WholeRest } from './whole-rest.ts';

/** So many are put into their order one by one rather than found among all. */
const FEW = 16;

/** What one client is offered of the agent. */
export type Grant = {
  readonly client: Client;
  unreserved: Resources;
  reservations: readonly FreeReservation[];
  revocable: Resources;
  /** Count by shape; absent where no demand is stated. */
  promised: Map<string, number> | undefined;
  /** All of it but the revocable, reserved or not. */
  amounts: Vector;
  /** Reserved, taken as a whole and not promised yet. */
  surplus: Resources;
};

export type Step = {
  readonly client: Client;
  readonly taking: Taking;
  readonly revocable: Resources;
  /** All that is taken but the revocable. */
  readonly amounts: Vector;
  /** That of it which is not reserved. */
  readonly unreserved: Vector;
  readonly promise?: { readonly shape: string; readonly count: number };
};

/** Why a client takes nothing, or less than there is: what has to change before it is asked again. */
export type Obstacles = {
  /** Too much for it beside the offers that it has not answered. */
  isCapped: boolean;
  /** A limit or what is held back left less than there was. */
  isCut: boolean;
  /** A limit leaves too little for it, whatever the agent. */
  isStuck: boolean;
};

export type DivisionSurroundings = RoomSurroundings & {
  readonly frameworks: Frameworks;
  readonly filters: Filters;
  readonly caps: OfferCaps;
  readonly policy: OfferPolicy;
  readonly vain: AskedInVain;
  readonly kept: KeptAgents;
  readonly leftUnused: LeftUnused;
  /** What is left of the agent from now on. */
  readonly reduce: (agent: Agent, left: Free) => void;
};

export class AgentDivision implements Asking {
  readonly #around: DivisionSurroundings;
  readonly #agent: Agent;
  readonly #grants: Grant[] = [];
  /** Whoever can take nothing more, though it is not known in general: what is left only becomes less. */
  #out: Set<Client> | undefined;
  /** Whether those are passed over for now who have left the agent unused. */
  #passesOver: boolean;
  #step: Step | undefined;
  /** Numbers of those who were not asked about it in vain; undefined when they are more than a few. */
  readonly #few: readonly number[] | undefined;
  /** Frameworks that would have been offered something but for what they have unanswered. */
  readonly passed: Framework[] = [];
  /** Clients that have no room for anything. */
  readonly stuck: Client[] = [];
  /** Ended early: those who could take nothing before may do so now, and are to be asked again. */
  isCutShort = false;

  constructor(around: DivisionSurroundings, agent: Agent) {
    this.#around = around;
    this.#agent = agent;
    this.#passesOver = agent.leavers !== undefined;
    this.#few = around.vain.unasked(agent.number, FEW);
  }

  /** Counts what is granted in shares, promises and caps at once; it is up to the caller to propose it. */
  divide(): Grant[] {
    if (this.#few?.length === 0) return this.#grants;
    this.#serve();
    if (this.#around.kept.letGo(this.#agent.agentId)) this.#serve();
    if (!this.#passesOver || this.isCutShort) return this.#grants;
    this.#passesOver = false;
    if (this.#serve()) this.#around.leftUnused.forgetAgent(this.#agent);
    return this.#grants;
  }

  /** See fair-order.ts. */
  ask(client: Client, unmet: Quota | undefined): boolean {
    if (this.#isOut(client)) return false;
    const obstacles = { isCapped: false, isCut: false, isStuck: false };
    const step = this.#stepOf(client, unmet, obstacles);
    if (obstacles.isCut || obstacles.isStuck) this.#wait(client);
    this.#step = step;
    if (step !== undefined) return unmet?.isServedBy(step.unreserved) ?? true;
    if (unmet === undefined) this.#leaveOut(client, obstacles);
    return false;
  }

  /** The value: whether anybody takes. */
  #serve(): boolean {
    let isTaken = false;
    while (!this.isCutShort && !this.#isUsedUp()) {
      const takes =
        this.#few === undefined
          ? this.#around.order.askInOrder(this)
          : this.#around.order.askFew(this.#few, this);
      if (!takes || this.#step === undefined) break;
      const { client, taking } = this.#step;
      this.isCutShort = this.#around.headroom.mayFree(client, taking.reservations.length > 0);
      this.#take(this.#step);
      isTaken = true;
    }
    return isTaken;
  }

  #stepOf(client: Client, unmet: Quota | undefined, obstacles: Obstacles): Step | undefined {
    const room = roomOf(client, this.#around);
    const usable = usableReservations(this.#agent.left, client.role);
    const reservations = room?.admitted(usable) ?? usable;
    obstacles.isCut = reservations !== usable;
    const grant = this.#grantOf(client);
    if (client.needs === undefined) {
      if (grant !== undefined) return undefined;
      const rest = { agent: this.#agent, client, room, reservations };
      return new WholeRest(this.#around, rest).next(obstacles);
    }
    const portions = new Portions(this.#around, {
      agent: this.#agent,
      client,
      room,
      reservations,
      surplus: grant?.surplus ?? NO_RESOURCES,
      isGranted: grant !== undefined,
      isOut: (other) => this.#isOut(other),
    });
    return portions.next(unmet, obstacles);
  }

  #take({ client, taking, revocable, amounts, promise }: Step): void {
    const { order, caps, frameworks, reduce } = this.#around;
    const known = this.#grantOf(client);
    const grant = known ?? this.#newGrant(client);
    grant.unreserved = together(grant.unreserved, taking.unreserved);
    grant.revocable = together(grant.revocable, revocable);
    grant.surplus = taking.surplus;
    if (taking.reservations.length > 0) {
      grant.reservations = [...grant.reservations, ...taking.reservations];
    }
    grant.amounts = known === undefined ? amounts : summed(known.amounts, amounts);
    caps.hold(client.framework, amounts, known === undefined ? 1 : 0);
    order.allocate(client, amounts);
    reduce(this.#agent, this.#leftAfter(taking, revocable));
    if (promise === undefined) return;
    const { shape, count } = promise;
    grant.promised ??= new Map();
    grant.promised.set(shape, (grant.promised.get(shape) ?? 0) + count);
    frameworks.promise(client, shape, count);
  }

  #leftAfter({ unreserved, reservations }: Taking, revocable: Resources): Free {
    const { left } = this.#agent;
    const isAll = unreserved === left.unreserved && revocable === left.revocable;
    if (isAll && reservations.length === left.reservations.length) return NOTHING;
    const rest = without(left.unreserved, unreserved);
    const after: Free = {
      unreserved: rest,
      amounts: rest === NO_RESOURCES ? NO_AMOUNTS : this.#around.totals.vectorOf(rest.scalars),
      reservations:
        reservations.length === 0
          ? left.reservations
          : left.reservations.filter((one) => !reservations.includes(one)),
      revocable: without(left.revocable, revocable),
    };
    return isAnythingLeft(after) ? after : NOTHING;
  }

  #newGrant(client: Client): Grant {
    const grant: Grant = {
      client,
      unreserved: NO_RESOURCES,
      reservations: NO_RESERVATIONS,
      revocable: NO_RESOURCES,
      promised: undefined,
      amounts: NO_AMOUNTS,
      surplus: NO_RESOURCES,
    };
    this.#grants.push(grant);
    return grant;
  }

  #grantOf(client: Client): Grant | undefined {
    for (const grant of this.#grants) if (grant.client === client) return grant;
    return undefined;
  }

  /** Whether what is left is too little for everybody. */
  #isUsedUp(): boolean {
    const { left } = this.#agent;
    if (left === NOTHING) return this.#areSurplusesUsed();
    if (left.reservations.length > 0 || left.revocable !== NO_RESOURCES) return false;
    const { frameworks, policy } = this.#around;
    if (frameworks.areUndemanding && reaches(left.amounts, policy.least)) return false;
    if (frameworks.mayNeed(left.unreserved)) return false;
    return this.#areSurplusesUsed();
  }

  #areSurplusesUsed(): boolean {
    for (const { surplus } of this.#grants) {
      if (surplus !== NO_RESOURCES && !isEmpty(surplus)) return false;
    }
    return true;
  }

  #isOut(client: Client): boolean {
    return (
      this.#around.vain.has(this.#agent.number, client.number) ||
      this.#standsBack(client) ||
      this.#around.kept.isKeptFrom(this.#agent.agentId, client) ||
      this.#out?.has(client) === true
    );
  }

  #standsBack({ framework }: Client): boolean {
    const { leftUnused } = this.#around;
    return this.#passesOver && leftUnused.standsBack(this.#agent, framework.key);
  }

  #wait(client: Client): void {
    const { order, headroom } = this.#around;
    for (const { quota } of order.quotasOf(client)) if (quota.isLimited) quota.wait(client);
    if (headroom.isKept) headroom.wait(client);
  }

  #leaveOut(client: Client, { isCapped, isStuck }: Obstacles): void {
    this.#out ??= new Set();
    this.#out.add(client);
    if (isCapped && !this.passed.includes(client.framework)) this.passed.push(client.framework);
    else if (this.#grants.length === 0) this.#around.vain.note(this.#agent.number, client.number);
    if (isStuck && !client.mayBeReserved) this.stuck.push(client);
  }
}

/** The first that a client is granted stays the very value that is left of the agent: nothing is reckoned then. */
function together(before: Resources, more: Resources): Resources {
  if (before === NO_RESOURCES) return more;
  return more === NO_RESOURCES ? before : add(before, more);
}

function without(whole: Resources, part: Resources): Resources {
  if (part === NO_RESOURCES) return whole;
  return part === whole ? NO_RESOURCES : orNothing(subtract(whole, part));
}
