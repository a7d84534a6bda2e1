// Owns what a client that states no demand takes of an agent: all that its role may use of it, chopped to its limits, and
// all that is revocable, if its framework takes that; or why it takes nothing. Less than the least offer is nothing.
import type { FreeReservation } from '@parley/protocol/allocation';
import { NO_RESOURCES, type Resources } from '@parley/protocol/resources';
import type { DivisionSurroundings, Obstacles, Step } from './agent-division.ts';
import type { Agent } from './agent-pool.ts';
import { accumulate, covers, isZero, NO_AMOUNTS, type Vector } from './cluster-totals.ts';
import { sumOf, type Taking } from './need-fit.ts';
import type { Obstacle } from './obstacle.ts';
import { amountsOf, type Room } from './room.ts';
import type { Client } from './share-tree.ts';

export type Rest = {
  readonly agent: Agent;
  readonly client: Client;
  readonly room: Room | undefined;
  /** Those that it may use and that there is room for. */
  readonly reservations: readonly FreeReservation[];
};

export class WholeRest {
  readonly #around: DivisionSurroundings;
  readonly #its: Rest;

  constructor(around: DivisionSurroundings, rest: Rest) {
    this.#around = around;
    this.#its = rest;
  }

  next(obstacles: Obstacles): Step | undefined {
    const { agent, client, room } = this.#its;
    const chopped = this.#chopped();
    obstacles.isCut ||= chopped !== agent.left.amounts;
    const step = this.#stepOf(chopped);
    if (step === undefined) {
      const minimum = this.#around.policy.minimumOf(client);
      obstacles.isStuck = !client.framework.takesRevocable && room?.isTooSmallFor(minimum) === true;
      return undefined;
    }
    if (this.#isRefused(step)) return undefined;
    obstacles.isCapped = !this.#mayHold(step);
    return obstacles.isCapped ? undefined : step;
  }

  /** Why nothing is taken; undefined when something is. */
  obstacle(): Obstacle | undefined {
    const { agent, client, room, reservations } = this.#its;
    const step = this.#stepOf(this.#chopped());
    if (step === undefined) {
      const minimum = this.#around.policy.minimumOf(client);
      if (!reaches(agent.left.amounts, minimum)) return { kind: 'tooLittle' };
      const lack =
        room?.lackFor(minimum, reservations) ?? room?.lackFor(agent.left.amounts, reservations);
      return lack === undefined ? { kind: 'tooLittle' } : { kind: 'noRoom', lack };
    }
    if (this.#isRefused(step)) {
      return { kind: 'refused', resources: sumOf(step.taking), revocable: step.revocable };
    }
    return this.#mayHold(step) ? undefined : { kind: 'offerCap' };
  }

  #chopped(): Vector {
    const { agent, room, reservations } = this.#its;
    return room?.chop(agent.left.amounts, reservations) ?? agent.left.amounts;
  }

  /** Undefined where there is less than the least offer. */
  #stepOf(chopped: Vector): Step | undefined {
    const { agent, client, reservations } = this.#its;
    const { policy, totals } = this.#around;
    const revocable = client.framework.takesRevocable ? agent.left.revocable : NO_RESOURCES;
    const minimum = policy.minimumOf(client);
    const isWorthwhile = reservations.length > 0 || reaches(chopped, minimum);
    if (!isWorthwhile && !reaches(totals.vectorOf(revocable.scalars), minimum)) return undefined;
    const unreserved = isWorthwhile ? chopped : NO_AMOUNTS;
    const taking: Taking = {
      unreserved: this.#partOf(unreserved),
      reservations,
      surplus: NO_RESOURCES,
    };
    return { client, taking, revocable, amounts: this.#amountsOf(unreserved), unreserved };
  }

  /** Of what is not reserved, these scalars, and with them all that is no scalar. */
  #partOf(amounts: Vector): Resources {
    const { left } = this.#its.agent;
    if (amounts === left.amounts) return left.unreserved;
    if (amounts.length === 0) return NO_RESOURCES;
    return { ...left.unreserved, scalars: this.#around.totals.scalarsOf(amounts) };
  }

  #isRefused({ client, taking, revocable }: Step): boolean {
    const { filters } = this.#around;
    const { agent } = this.#its;
    if (!filters.hasAny(client, agent)) return false;
    return filters.blocks(client, agent, sumOf(taking), revocable);
  }

  #mayHold({ client, amounts }: Step): boolean {
    return this.#around.caps.mayHold(client.framework, amounts, 1);
  }

  #amountsOf(unreserved: Vector): Vector {
    const { reservations } = this.#its;
    if (reservations.length === 0) return unreserved;
    const amounts = [...unreserved];
    for (const one of reservations) accumulate(amounts, amountsOf(one, this.#around.totals), 1);
    return amounts;
  }
}

/** Whether it is worth an offer by itself: all of the minimum, and anything at all. */
export function reaches(amounts: Vector, minimum: Vector): boolean {
  return covers(amounts, minimum) && !isZero(amounts);
}
