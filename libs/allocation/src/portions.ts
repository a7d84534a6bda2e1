// Owns how a client that states its demand takes its next few tasks of an agent: of the first need that fits, as many as
// come to it before another client is next, as its limits allow, and no more than it takes to meet a guarantee first.
// Of what is revocable, which makes no share and no use of limits, whoever is next takes all that it needs.
import type { FreeReservation, OpenNeed } from '@parley/protocol/allocation';
import { unmetConstraint } from '@parley/protocol/constraints';
import { NO_RESOURCES, type Resources } from '@parley/protocol/resources';
import { add, isEmpty } from '@parley/resources/resources';
import type { DivisionSurroundings, Obstacles, Step } from './agent-division.ts';
import type { Agent } from './agent-pool.ts';
import { accumulate, type Vector } from './cluster-totals.ts';
import type { StatedNeed } from './frameworks.ts';
import { repeated, sumOf, type Taking, takeFor, timesContained } from './need-fit.ts';
import type { Obstacle } from './obstacle.ts';
import type { Quota } from './quota.ts';
import { amountsOf, type Room } from './room.ts';
import type { Client } from './share-tree.ts';

/**
 * Where very many of a need fit on the agent they are granted in portions, so that a decision stays short: shares
 * are fair to within one task of the need, or this part of the agent where tasks are smaller than that.
 */
const PORTIONS_OF_AN_AGENT = 64;

export type Portioning = {
  readonly agent: Agent;
  readonly client: Client;
  readonly room: Room | undefined;
  /** Those that it may use, in the order in which they are taken. */
  readonly reservations: readonly FreeReservation[];
  /** Of reservations that were granted already. */
  readonly surplus: Resources;
  /** Something of the agent is granted to it already. */
  readonly isGranted: boolean;
  readonly isOut: (client: Client) => boolean;
};

type Counts = {
  readonly taking: (count: number) => Taking;
  readonly most: number;
  readonly held: number;
  readonly least: number;
};

export class Portions {
  readonly #around: DivisionSurroundings;
  readonly #its: Portioning;

  constructor(around: DivisionSurroundings, portioning: Portioning) {
    this.#around = around;
    this.#its = portioning;
  }

  /** Undefined when it takes nothing, or nothing that serves the guarantee `unmet`. */
  next(unmet: Quota | undefined, obstacles: Obstacles): Step | undefined {
    const { client, agent } = this.#its;
    const reach = this.#reach();
    const needs = [...(client.needs?.values() ?? [])].filter(({ open }) => open > 0);
    for (const need of needs) {
      if (need.revocable === 'only') continue;
      const fitting = Math.min(need.open, timesContained(reach, need.resources));
      if (fitting === 0 || unmetConstraint(agent, need.constraints) !== undefined) continue;
      const step = this.#stepFor(need, fitting, { unmet, obstacles });
      if (step !== undefined && unmet?.isServedBy(step.unreserved) !== false) return step;
    }
    obstacles.isStuck = needs.length > 0 && needs.every((need) => this.#isTooMuch(need));
    if (unmet !== undefined) return undefined;
    return this.#revocable(needs.filter(({ revocable }) => revocable !== undefined));
  }

  /** Why nothing ordinary is taken for the need, whose constraints the agent meets; undefined when something is. */
  obstacleTo(need: OpenNeed & Pick<StatedNeed, 'open'>): Obstacle | undefined {
    const fitting = Math.min(need.open, timesContained(this.#reach(), need.resources));
    if (fitting === 0) return { kind: 'tooLittle' };
    const { taking, most, held, least } = this.#countsOf(need, fitting);
    if (least <= held) return undefined;
    if (this.#leastPassing(most, taking) <= most) return { kind: 'offerCap' };
    const passing = this.#leastPassing(fitting, taking);
    const { unreserved, reservations } = taking(Math.min(passing, fitting));
    const lack = this.#its.room?.lackFor(this.#vectorOf(unreserved), reservations);
    if (passing <= fitting && lack !== undefined) return { kind: 'noRoom', lack };
    return { kind: 'refused', resources: sumOf(taking(fitting)), revocable: NO_RESOURCES };
  }

  /** Likewise of what is revocable, for a need that may be met by that. */
  borrowingObstacleTo(need: OpenNeed & Pick<StatedNeed, 'open'>): Obstacle | undefined {
    const { client, agent } = this.#its;
    const { revocable, unreserved: ordinary } = agent.left;
    const reach = { ...ordinary, scalars: revocable.scalars };
    const count = Math.min(need.open, timesContained(reach, need.resources));
    if (!client.framework.takesRevocable || isEmpty(revocable) || count === 0) {
      return { kind: 'tooLittle' };
    }
    if (!this.#mayHold([])) return { kind: 'offerCap' };
    const { items, taken } = borrowed(need.resources, count);
    if (!this.#isRefused(items, taken)) return undefined;
    return { kind: 'refused', resources: items, revocable: taken };
  }

  #reach(): Resources {
    const { reservations, surplus, agent } = this.#its;
    const { unreserved } = agent.left;
    return reservations.length === 0 && isEmpty(surplus)
      ? unreserved
      : sumOf({ unreserved: add(unreserved, surplus), reservations });
  }

  #stepFor(
    need: StatedNeed,
    fitting: number,
    { unmet, obstacles }: { readonly unmet: Quota | undefined; readonly obstacles: Obstacles },
  ): Step | undefined {
    const { client } = this.#its;
    const { taking, most, held, least } = this.#countsOf(need, fitting);
    obstacles.isCut ||= most < fitting;
    if (least > held) {
      // As many as there is room for beside what it holds are refused, or none; more might do.
      obstacles.isCapped ||= this.#leastPassing(most, taking) <= most;
      return undefined;
    }
    const wished = Math.max(least, this.#portionSize(need, unmet));
    const count = withSurplus(Math.min(held, wished), { need, most: held, taking });
    const taken = taking(count);
    return {
      client,
      taking: taken,
      revocable: NO_RESOURCES,
      amounts: this.#amountsOf(taken),
      unreserved: this.#vectorOf(taken.unreserved),
      promise: { shape: need.shape, count },
    };
  }

  /** Of `fitting` tasks: `most` there is room for, `held` it may have unanswered, at least `least` it has not refused. */
  #countsOf({ resources }: OpenNeed, fitting: number): Counts {
    const { room } = this.#its;
    const taking = (count: number): Taking => takeFor(repeated(resources, count), this.#its);
    const most = lastTrue(fitting, (count) => {
      const { unreserved, reservations } = taking(count);
      return room?.fits(this.#vectorOf(unreserved), reservations) !== false;
    });
    const held = lastTrue(most, (count) => this.#mayHold(this.#amountsOf(taking(count))));
    return { taking, most, held, least: this.#leastPassing(held, taking) };
  }

  /** Those that may run on what can be taken back do so where nothing else is left for them, each task as a whole. */
  #revocable(needs: readonly StatedNeed[]): Step | undefined {
    const { client, agent, surplus } = this.#its;
    const { revocable, unreserved: ordinary } = agent.left;
    if (!client.framework.takesRevocable || isEmpty(revocable)) return undefined;
    if (!this.#mayHold([])) return undefined;
    // Only scalars are revocable: ports and items of sets are ordinary ones.
    const reach = { ...ordinary, scalars: revocable.scalars };
    for (const { open, resources, constraints, shape } of needs) {
      const count = Math.min(open, timesContained(reach, resources));
      if (count === 0 || unmetConstraint(agent, constraints) !== undefined) continue;
      const { items: unreserved, taken } = borrowed(resources, count);
      if (this.#isRefused(unreserved, taken)) continue;
      const taking: Taking = { unreserved, reservations: [], surplus };
      const promise = { shape, count };
      return { client, taking, revocable: taken, amounts: [], unreserved: [], promise };
    }
    return undefined;
  }

  /** So many of the need can be granted at once without being unfair, whatever fits. */
  #portionSize(need: OpenNeed, unmet: Quota | undefined): number {
    const { client, surplus, agent, isOut } = this.#its;
    const covered = timesContained(surplus, need.resources);
    if (covered > 0) return covered;
    const whole = sumOf(agent.asked);
    const portion = Math.ceil(timesContained(whole, need.resources) / PORTIONS_OF_AN_AGENT);
    const amounts = this.#vectorOf(need.resources);
    const inARow = this.#around.order.allocationsInARow(client, amounts, isOut);
    return Math.min(Math.max(portion, inARow), unmet?.timesToMeet(amounts) ?? inARow + portion);
  }

  /** What a framework has refused comes again when it has grown: so many must be offered together. */
  #leastPassing(most: number, taking: (count: number) => Taking): number {
    const { client, agent, isGranted } = this.#its;
    const { filters } = this.#around;
    if (isGranted || !filters.hasAny(client, agent)) return 1;
    return 1 + lastTrue(most, (count) => filters.blocks(client, agent, sumOf(taking(count))));
  }

  #isRefused(unreserved: Resources, revocable: Resources): boolean {
    const { client, agent, isGranted } = this.#its;
    return !isGranted && this.#around.filters.blocks(client, agent, unreserved, revocable);
  }

  #mayHold(amounts: Vector): boolean {
    const { client, isGranted } = this.#its;
    return this.#around.caps.mayHold(client.framework, amounts, isGranted ? 0 : 1);
  }

  /** What limits leave, which do not concern what is revocable. */
  #isTooMuch({ resources, revocable }: OpenNeed): boolean {
    if (revocable !== undefined) return false;
    return this.#its.room?.isTooSmallFor(this.#vectorOf(resources)) === true;
  }

  #amountsOf({ unreserved, reservations }: Taking): Vector {
    const amounts = [...this.#vectorOf(unreserved)];
    for (const one of reservations) accumulate(amounts, amountsOf(one, this.#around.totals), 1);
    return amounts;
  }

  #vectorOf({ scalars }: Resources): Vector {
    return this.#around.totals.vectorOf(scalars);
  }
}

type Borrowed = { readonly items: Resources; readonly taken: Resources };

/** Of so many tasks on revocable resources: the items, which are ordinary ones, and what is revocable. */
function borrowed(resources: Resources, count: number): Borrowed {
  const taken = repeated({ ...NO_RESOURCES, scalars: resources.scalars }, count);
  return { items: itemsOf(resources), taken };
}

/** All but the scalars. */
function itemsOf({ ports, sets }: Resources): Resources {
  const items = { ...NO_RESOURCES, ports, sets };
  return isEmpty(items) ? NO_RESOURCES : items;
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
