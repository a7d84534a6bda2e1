// Owns how the agents of the cluster look to one client that is asked about, for one need: what is left of each for it,
// and why it is not given that. The answer is the allocator's own (portions.ts, whole-rest.ts), asked without deciding
// anything. What is made of it is in need-explanation.ts.
import type { FreeReservation } from '@parley/protocol/allocation';
import type { RoleName } from '@parley/protocol/ids';
import { NO_RESOURCES, type Resources } from '@parley/protocol/resources';
import { add, contains, sum } from '@parley/resources/resources';
import type { Agent } from './agent-pool.ts';
import type { Vector } from './cluster-totals.ts';
import type { StatedNeed } from './frameworks.ts';
import { isOfScalars, usableReservations } from './free.ts';
import type { Knowledge } from './knowledge.ts';
import type { AgainstPart, LookedAt } from './need-explanation.ts';
import type { Obstacle } from './obstacle.ts';
import { Portions } from './portions.ts';
import { type Lack, type Room, roomOf } from './room.ts';
import type { Client } from './share-tree.ts';
import { WholeRest } from './whole-rest.ts';

const nobodyElse = (): boolean => false;

export class AgentObstacles {
  readonly #known: Knowledge;
  readonly #client: Client;
  /** Absent where no demand is stated. */
  readonly #need: StatedNeed | undefined;
  readonly #room: Room | undefined;
  /** That the need is for, where it is for scalars only. */
  readonly #amounts: Vector | undefined;
  /** Of agents of which nothing is reserved for it or refused by it: by how many tasks fit, or by what is left. */
  readonly #alike = new Map<number | string, AgainstPart | undefined>();

  constructor(known: Knowledge, client: Client, need: StatedNeed | undefined) {
    this.#known = known;
    this.#client = client;
    this.#need = need;
    this.#room = roomOf(client, known);
    if (need !== undefined && isOfScalars(need.resources)) {
      this.#amounts = known.totals.vectorOf(need.resources.scalars);
    }
  }

  /** Every agent that may be offered. */
  *all(): Generator<LookedAt, void, void> {
    const { pool, kept, leftUnused } = this.#known;
    const client = this.#client;
    for (const agent of pool.all()) {
      const usable = usableReservations(agent.left, client.role);
      const ordinary = withReservations(agent.left.unreserved, usable);
      yield {
        agent,
        total: agent.kind.total,
        isKept: kept.staysKeptFrom(agent.agentId, client),
        standsBack: leftUnused.standsBack(agent, client.framework.key),
        ordinary: { left: ordinary, against: () => this.#against(agent, usable) },
        revocable: {
          left: client.framework.takesRevocable ? agent.left.revocable : NO_RESOURCES,
          against: () => this.#againstBorrowing(agent, usable),
        },
      };
    }
  }

  #against(agent: Agent, usable: readonly FreeReservation[]): AgainstPart | undefined {
    const key = usable.length === 0 ? this.#keyOf(agent) : undefined;
    if (key === undefined) return this.#lookAt(agent, usable);
    if (this.#alike.has(key)) return this.#alike.get(key);
    const against = this.#lookAt(agent, usable);
    this.#alike.set(key, against);
    return against;
  }

  /** The same for agents that are alike to it; undefined where that is not told so easily. */
  #keyOf(agent: Agent): number | string | undefined {
    if (this.#known.filters.hasAny(this.#client, agent)) return undefined;
    const { left } = agent;
    if (this.#need === undefined) {
      return left.revocable === NO_RESOURCES ? left.amounts.join() : undefined;
    }
    return this.#amounts && Math.min(this.#need.open, timesCovered(left.amounts, this.#amounts));
  }

  #lookAt(agent: Agent, usable: readonly FreeReservation[]): AgainstPart | undefined {
    const client = this.#client;
    const need = this.#need;
    const reservations = this.#room?.admitted(usable) ?? usable;
    const obstacle =
      need === undefined
        ? new WholeRest(this.#known, { agent, client, room: this.#room, reservations }).obstacle()
        : this.#portions(agent, reservations).obstacleTo(need);
    const lack =
      obstacle?.kind === 'tooLittle' ? this.#lackFor(agent, usable, reservations) : undefined;
    return this.#inWords(agent, lack === undefined ? obstacle : { kind: 'noRoom', lack });
  }

  #againstBorrowing(agent: Agent, usable: readonly FreeReservation[]): AgainstPart | undefined {
    // Without a demand all that is free is one offer.
    if (this.#need === undefined) return this.#against(agent, usable);
    return this.#inWords(agent, this.#portions(agent, []).borrowingObstacleTo(this.#need));
  }

  #portions(agent: Agent, reservations: readonly FreeReservation[]): Portions {
    return new Portions(this.#known, {
      agent,
      client: this.#client,
      room: this.#room,
      reservations,
      surplus: NO_RESOURCES,
      isGranted: false,
      isOut: nobodyElse,
    });
  }

  /** Why there is no room for a reservation without which there is too little; undefined where there would be with all. */
  #lackFor(
    agent: Agent,
    usable: readonly FreeReservation[],
    admitted: readonly FreeReservation[],
  ): Lack | undefined {
    if (admitted.length === usable.length) return undefined;
    const all = withReservations(agent.left.unreserved, usable);
    if (this.#need !== undefined && !contains(all, this.#need.resources)) return undefined;
    const kept = usable.find((one) => !admitted.includes(one));
    return kept && this.#room?.lackFor([], [...admitted, kept]);
  }

  #inWords(agent: Agent, obstacle: Obstacle | undefined): AgainstPart | undefined {
    if (obstacle === undefined || obstacle.kind === 'tooLittle' || obstacle.kind === 'offerCap') {
      return obstacle;
    }
    if (obstacle.kind === 'noRoom') return this.#noRoom(obstacle.lack);
    const { resources, revocable } = obstacle;
    const untilMs = this.#known.filters.refusedUntilMs(this.#client, agent, resources, revocable);
    return { kind: 'refused', untilMs: untilMs ?? 0 };
  }

  #noRoom({ number, room, needed, limited }: Lack): AgainstPart {
    const { totals } = this.#known;
    const missing = { resource: totals.nameOf(number), best: Math.max(0, room), needed };
    if (limited === undefined) return { kind: 'headroom', ...missing };
    const { branch } = limited;
    // Of a branch that is no leaf the name is that of a role.
    const of =
      branch === undefined
        ? { framework: this.#client.framework.ref }
        : { role: branch.role as RoleName };
    return { kind: 'limit', of, ...missing };
  }
}

const withReservations = (
  unreserved: Resources,
  reservations: readonly FreeReservation[],
): Resources =>
  reservations.length === 0
    ? unreserved
    : add(unreserved, sum(reservations.map(({ resources }) => resources)));

/** How often the amounts are there, of any that are not 0. */
function timesCovered(whole: Vector, amounts: Vector): number {
  let times = Number.POSITIVE_INFINITY;
  for (let number = 0; number < amounts.length; number += 1) {
    const amount = amounts[number] ?? 0;
    if (amount > 0) times = Math.min(times, Math.floor((whole[number] ?? 0) / amount));
  }
  return times;
}
