// Owns what it costs to take tasks back on one agent, as far as it is known without their holders: what helps a need at
// all, which of those gathered are spared after all, and which of two agents is the cheaper. See victims.ts.
import type { AgentId } from '@parley/protocol/ids';
import type { Resources } from '@parley/protocol/resources';
import type { RevocableTask } from '@parley/protocol/revocations';
import type { Quantities } from '@parley/protocol/sharing';
import { add, contains, intersect } from '@parley/resources/resources';
import { compareFractions, type Fraction, largestFraction, plus } from './quantities.ts';

/** What goes on one agent for one task of a need. */
export type Taking = { readonly agentId: AgentId; readonly victims: readonly RevocableTask[] };

/** With these resources less is missing than before. */
export function narrows(room: Resources, more: Resources, need: Resources): boolean {
  const [before, after] = [intersect(room, need), intersect(add(room, more), need)];
  return !contains(before, after);
}

/** Without those that are not needed after all: the dearest are spared first. */
export function withoutSpare(
  victims: readonly RevocableTask[],
  room: Resources,
  need: Resources,
): RevocableTask[] {
  let kept = [...victims];
  for (const victim of [...victims].reverse()) {
    const others = kept.filter((other) => other !== victim);
    const enough = others.reduce((sum, { resources }) => add(sum, resources), room);
    if (contains(enough, need)) kept = others;
  }
  return kept;
}

type Priced = Taking & { readonly cost: Cost; readonly round: number };

/**
 * Agents, the one first where it costs least: no dearer task first, then the least that is taken, then the fewest tasks.
 * What has been taken makes what is left no cheaper anywhere: so one is priced anew only when it is first.
 */
export class CheapestFirst {
  readonly #total: Quantities;
  readonly #priced: Priced[];
  #round = 0;

  /** `victimsOn`: undefined where nothing that may be taken is enough. */
  constructor(
    agents: Iterable<AgentId>,
    total: Quantities,
    victimsOn: (agentId: AgentId) => readonly RevocableTask[] | undefined,
  ) {
    this.#total = total;
    this.#priced = [];
    for (const agentId of agents) {
      const priced = this.#price(agentId, victimsOn(agentId));
      if (priced !== undefined) this.#priced.push(priced);
    }
    this.#priced.sort((a, b) => compareCosts(a.cost, b.cost));
  }

  /** To be taken, before it is called again. */
  next(victimsOn: (agentId: AgentId) => readonly RevocableTask[] | undefined): Taking | undefined {
    for (;;) {
      const first = this.#priced[0];
      if (first === undefined) return undefined;
      if (first.round === this.#round) {
        this.#round += 1;
        return first;
      }
      this.#priced.shift();
      const again = this.#price(first.agentId, victimsOn(first.agentId));
      if (again !== undefined) this.#insert(again);
    }
  }

  #price(agentId: AgentId, victims: readonly RevocableTask[] | undefined): Priced | undefined {
    if (victims === undefined) return undefined;
    return { agentId, victims, cost: costOf(victims, this.#total), round: this.#round };
  }

  /** Before those that cost the same: they have to be priced anew. */
  #insert(priced: Priced): void {
    let place = 0;
    for (const { cost } of this.#priced) {
      if (compareCosts(priced.cost, cost) <= 0) break;
      place += 1;
    }
    this.#priced.splice(place, 0, priced);
  }
}

type Cost = {
  readonly priority: number;
  readonly taken: Fraction;
  readonly count: number;
};

function costOf(victims: readonly RevocableTask[], total: Quantities): Cost {
  const taken = victims.reduce<Quantities>(
    (sum, { resources }) => plus(sum, resources.scalars),
    {},
  );
  return {
    priority: Math.max(...victims.map(({ priority }) => priority)),
    taken: largestFraction(taken, total),
    count: victims.length,
  };
}

function compareCosts(a: Cost, b: Cost): number {
  if (a.priority !== b.priority) return a.priority < b.priority ? -1 : 1;
  return compareFractions(a.taken, b.taken) || a.count - b.count;
}
