// Owns one decision: how what is left of one agent is divided among those who are to be offered to next. A client that
// states no demand takes all that it may have when its turn comes, as in Mesos; one that does takes just what it needs,
// a few tasks at a time, each time the client that is first by DRF of those that can take something.
// Who is next is in fair-order.ts; making proposals of what is granted is allocator.ts.
import type { FreeReservation, OpenNeed } from '@parley/protocol/allocation';
import { unmetConstraint } from '@parley/protocol/constraints';
import type { FrameworkKey } from '@parley/protocol/ids';
import { NO_RESOURCES, type Resources } from '@parley/protocol/resources';
import { add, amountOf, isEmpty, subtract, sum } from '@parley/resources/resources';
import type { Available } from './agent-pool.ts';
import { accumulate, type ClusterTotals, NO_AMOUNTS, type Vector } from './cluster-totals.ts';
import type { Client, FairOrder } from './fair-order.ts';
import type { Filters } from './filters.ts';
import { repeated, sumOf, type Taking, takeFor, timesContained } from './need-fit.ts';
import type { OfferCaps } from './offer-caps.ts';
import { PerClient } from './per-client.ts';
import type { StatedNeed, SubscribedFrameworks } from './subscribed-frameworks.ts';

/**
 * Less is not worth an offer where nobody said what is needed: 0.01 CPUs and 32 MiB. Mesos,
 * --min_allocatable_resources, which by default asks for one of the two only; slivers of one resource serve nobody.
 */
const MINIMUM_CPUS = 10;
const MINIMUM_MEM = 32_000;

/**
 * Where very many of a need fit on the agent they are granted in portions, so that a decision stays short: shares
 * are fair to within one task of the need, or this part of the agent where tasks are smaller than that.
 */
const PORTIONS_OF_AN_AGENT = 64;

const NOBODY: ReadonlySet<FrameworkKey> = new Set();
const NO_RESERVATIONS: readonly FreeReservation[] = [];

/** What one client is offered of the agent. */
export type Grant = {
  readonly client: Client;
  unreserved: Resources;
  reservations: readonly FreeReservation[];
  /** Count by shape; absent where no demand is stated. */
  promised: Map<string, number> | undefined;
  /** All of it, reserved or not. */
  amounts: Vector;
  /** Reserved, taken as a whole and not promised yet. */
  surplus: Resources;
};

type Step = {
  readonly client: Client;
  readonly taking: Taking;
  /** All that is taken. */
  readonly amounts: Vector;
  readonly promise?: { readonly shape: string; readonly count: number };
};

export type DivisionSurroundings = {
  readonly totals: ClusterTotals;
  readonly fairOrder: FairOrder;
  readonly frameworks: SubscribedFrameworks;
  readonly filters: Filters;
  readonly caps: OfferCaps;
};

export class AgentDivision {
  readonly #around: DivisionSurroundings;
  readonly #available: Available;
  #unreserved: Resources;
  #reservations: readonly FreeReservation[];
  readonly #grants = new PerClient<Grant>();
  /** Whoever can take nothing more: what is left only becomes less. */
  readonly #out = new PerClient<true>();
  /** Frameworks that are passed over for now, because they let an offer of this agent expire. */
  #late: ReadonlySet<FrameworkKey>;
  #passed: Set<FrameworkKey> | undefined;

  constructor(around: DivisionSurroundings, available: Available) {
    this.#around = around;
    this.#available = available;
    this.#unreserved = available.unreserved;
    this.#reservations = available.reservations;
    this.#late = available.late;
  }

  /** Frameworks that would have been offered something but for what they have unanswered; known at the end. */
  get passed(): ReadonlySet<FrameworkKey> {
    return this.#passed ?? NOBODY;
  }

  /** Counts what is granted in shares, promises and caps at once; it is up to the caller to propose it. */
  divide(): Grant[] {
    this.#serve();
    if (this.#late.size > 0) {
      this.#late = NOBODY;
      this.#serve();
    }
    return this.#grants.all();
  }

  #serve(): void {
    while (!this.#isUsedUp()) {
      const step = this.#nextStep();
      if (step === undefined) return;
      this.#take(step);
    }
  }

  #nextStep(): Step | undefined {
    for (const client of this.#around.fairOrder.inOrder()) {
      if (this.#isOut(client)) continue;
      const step = this.#stepOf(client);
      if (step !== undefined) return step;
      this.#out.set(client, true);
    }
    return undefined;
  }

  #stepOf(client: Client): Step | undefined {
    const needs = this.#around.frameworks.needsOf(client);
    return needs === undefined ? this.#wholeRest(client) : this.#portion(client, needs);
  }

  /** All that is not reserved and all reservations that the role may use. */
  #wholeRest(client: Client): Step | undefined {
    if (this.#grants.get(client) !== undefined) return undefined;
    const reservations = this.#usableBy(client);
    if (reservations.length === 0 && !isWorthOffering(this.#unreserved)) return undefined;
    const taking = { unreserved: this.#unreserved, reservations, surplus: NO_RESOURCES };
    if (this.#isRefused(client, taking)) return undefined;
    const amounts = this.#amountsOf(taking);
    if (this.#mayHold(client, amounts)) return { client, taking, amounts };
    this.#pass(client);
    return undefined;
  }

  /** Of the first need that fits: as many as come to this client before another is next. */
  #portion(client: Client, needs: Iterable<StatedNeed>): Step | undefined {
    const surplus = this.#grants.get(client)?.surplus ?? NO_RESOURCES;
    const reservations = this.#usableBy(client);
    const reach =
      reservations.length === 0 && isEmpty(surplus)
        ? this.#unreserved
        : sumOf({ unreserved: add(this.#unreserved, surplus), reservations });
    let isCapped = false;
    for (const need of needs) {
      if (need.open <= 0) continue;
      const fitting = Math.min(need.open, timesContained(reach, need.resources));
      if (fitting === 0) continue;
      if (unmetConstraint(this.#available.agent, need.constraints) !== undefined) continue;
      const taking = (count: number): Taking =>
        takeFor(repeated(need.resources, count), { surplus, reservations });
      const most = lastTrue(fitting, (count) =>
        this.#mayHold(client, this.#amountsOf(taking(count))),
      );
      isCapped ||= most === 0;
      const least = this.#leastPassing(client, most, taking);
      if (least > most) continue;
      const wished = Math.max(least, this.#portionSize(client, need, surplus));
      const count = withSurplus(Math.min(most, wished), { need, most, taking });
      const taken = taking(count);
      const promise = { shape: need.shape, count };
      return { client, taking: taken, amounts: this.#amountsOf(taken), promise };
    }
    if (isCapped) this.#pass(client);
    return undefined;
  }

  /** So many of the need can be granted at once without being unfair, whatever fits. */
  #portionSize(client: Client, need: OpenNeed, surplus: Resources): number {
    const covered = timesContained(surplus, need.resources);
    if (covered > 0) return covered;
    const whole = sumOf(this.#available);
    const portion = Math.floor(timesContained(whole, need.resources) / PORTIONS_OF_AN_AGENT);
    if (this.#usableBy(client).length > 0) return portion;
    const { fairOrder, totals } = this.#around;
    const amounts = totals.vectorOf(need.resources.scalars);
    const inARow = fairOrder.allocationsInARow(client, amounts, (other) => this.#isOut(other));
    return Math.max(portion, inARow);
  }

  /** What a framework has refused comes again when it has grown: so many must be offered together. */
  #leastPassing(client: Client, most: number, taking: (count: number) => Taking): number {
    if (this.#grants.get(client) !== undefined) return 1;
    return 1 + lastTrue(most, (count) => this.#isRefused(client, taking(count)));
  }

  #isRefused(client: Client, taking: Taking): boolean {
    const { filters } = this.#around;
    const { agentId } = this.#available.agent;
    if (!filters.hasAny(client.framework, agentId)) return false;
    return filters.blocks({ ...client, agentId, resources: sumOf(taking) });
  }

  #mayHold(client: Client, amounts: Vector): boolean {
    const isNew = this.#grants.get(client) === undefined;
    return this.#around.caps.mayHold(client.framework, amounts, isNew ? 1 : 0);
  }

  #take({ client, taking, amounts, promise }: Step): void {
    const { fairOrder, caps, frameworks } = this.#around;
    const known = this.#grants.get(client);
    const grant = known ?? this.#newGrant(client);
    grant.unreserved = together(grant.unreserved, taking.unreserved);
    grant.surplus = taking.surplus;
    this.#unreserved =
      taking.unreserved === this.#unreserved
        ? NO_RESOURCES
        : subtract(this.#unreserved, taking.unreserved);
    if (taking.reservations.length > 0) {
      grant.reservations = [...grant.reservations, ...taking.reservations];
      this.#reservations = this.#reservations.filter((one) => !taking.reservations.includes(one));
    }
    grant.amounts = known === undefined ? amounts : summed(known.amounts, amounts);
    caps.hold(client.framework, amounts, known === undefined ? 1 : 0);
    fairOrder.allocate(client, amounts);
    if (promise === undefined) return;
    const { shape, count } = promise;
    grant.promised ??= new Map();
    grant.promised.set(shape, (grant.promised.get(shape) ?? 0) + count);
    frameworks.promise(client, shape, count);
  }

  #newGrant(client: Client): Grant {
    const grant: Grant = {
      client,
      unreserved: NO_RESOURCES,
      reservations: NO_RESERVATIONS,
      promised: undefined,
      amounts: NO_AMOUNTS,
      surplus: NO_RESOURCES,
    };
    this.#grants.set(client, grant);
    return grant;
  }

  /** Whether what is left is too little for everybody. */
  #isUsedUp(): boolean {
    if (this.#reservations.length > 0) return false;
    const { frameworks } = this.#around;
    if (frameworks.areUndemanding && isWorthOffering(this.#unreserved)) return false;
    if (frameworks.mayNeed(this.#unreserved)) return false;
    return this.#grants.every(({ surplus }) => surplus === NO_RESOURCES || isEmpty(surplus));
  }

  /** Of the role itself or of one above it; `*` is above nobody. Mesos docs, "Roles", hierarchical roles. */
  #usableBy({ role }: Client): readonly FreeReservation[] {
    if (this.#reservations.length === 0) return this.#reservations;
    return this.#reservations.filter((one) => one.role === role || role.startsWith(`${one.role}/`));
  }

  #amountsOf({ unreserved, reservations }: Taking): Vector {
    const { totals } = this.#around;
    if (reservations.length === 0) return totals.vectorOf(unreserved.scalars);
    const reserved = sum(reservations.map(({ resources }) => resources));
    return totals.vectorOf(add(unreserved, reserved).scalars);
  }

  #isOut(client: Client): boolean {
    return this.#late.has(client.framework) || this.#out.get(client) === true;
  }

  #pass({ framework }: Client): void {
    this.#passed ??= new Set();
    this.#passed.add(framework);
  }
}

function isWorthOffering(resources: Resources): boolean {
  return amountOf(resources, 'cpus') >= MINIMUM_CPUS && amountOf(resources, 'mem') >= MINIMUM_MEM;
}

/** The first that a client is granted stays the very value that is left of the agent: nothing is reckoned then. */
function together(before: Resources, more: Resources): Resources {
  return before === NO_RESOURCES ? more : add(before, more);
}

function summed(a: Vector, b: Vector): Vector {
  const result = [...a];
  accumulate(result, b, 1);
  return result;
}

/** Promises also what a reservation, which is only taken as a whole, holds beyond `count`: it costs nobody anything. */
function withSurplus(
  count: number,
  {
    need,
    most,
    taking,
  }: {
    readonly need: OpenNeed;
    readonly most: number;
    readonly taking: (count: number) => Taking;
  },
): number {
  if (count === most) return count;
  const beyond = timesContained(taking(count).surplus, need.resources);
  return Math.min(most, count + beyond);
}

/** The largest count up to `most` for which it holds, where it holds for every smaller one; 0 when for none. */
function lastTrue(most: number, holds: (count: number) => boolean): number {
  if (most === 0 || holds(most)) return most;
  let [yes, no] = [0, most];
  while (no - yes > 1) {
    const middle = Math.floor((yes + no) / 2);
    if (holds(middle)) yes = middle;
    else no = middle;
  }
  return yes;
}
