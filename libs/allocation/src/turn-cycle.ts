// Owns whose turn it is among the agents, once it is known who gets one: first those that have changed themselves, then
// the others, on behalf of frameworks that take something which they did not take before and only as long as these do.
// Within each of the two the client that is next says by which end of the order it wants to begin:
//   random    in an order that the seed decides, as in Mesos
//   bestFit   the fullest agent first, so that whole agents stay free: the first one that fits is the best fit
//   spread    the emptiest agent first, so that tasks are far apart
// Fullness is what is used or offered of the scalar of which most is; equally full agents come in the random order. It is
// as of the beginning of the cycle. An agent has one turn a cycle, whoever asked for it: what the client that is next
// does not take of it is offered to others in the same turn.
import type { Placement } from '@parley/protocol/sharing';
import { amountOf } from '@parley/resources/resources';
import type { Agent } from './agent-pool.ts';
import type { Framework } from './frameworks.ts';

export class TurnCycle {
  readonly #touched: Deck;
  #others: Deck;
  readonly #fresh: Set<Framework>;

  /** Agents in their random order. */
  constructor({
    touched = [],
    others = [],
    fresh = new Set(),
  }: {
    readonly touched?: readonly Agent[];
    readonly others?: readonly Agent[];
    readonly fresh?: Set<Framework>;
  } = {}) {
    this.#touched = new Deck(touched);
    this.#others = new Deck(others);
    this.#fresh = fresh;
  }

  get isOver(): boolean {
    return this.#touched.isEmpty && this.#others.isEmpty;
  }

  /** `takesOffers`: whether a framework is still to be offered anything. */
  next(placement: Placement, takesOffers: (framework: Framework) => boolean): Agent | undefined {
    const touched = this.#touched.take(placement);
    if (touched !== undefined) return touched;
    for (const framework of this.#fresh) {
      if (takesOffers(framework)) return this.#others.take(placement);
      this.#fresh.delete(framework);
    }
    // Everybody else has had a turn at these since they last changed.
    this.#others = new Deck([]);
    return undefined;
  }
}

/** Agents of which each is taken once, from the end that is asked for. */
class Deck {
  readonly #agents: readonly Agent[];
  /** The fullest first; made when it is first asked for: until then it is known without it who was taken. */
  #byFullness: readonly Agent[] | undefined;
  #taken: Set<Agent> | undefined;
  #next = 0;
  #fullest = 0;
  #emptiest: number;

  constructor(agents: readonly Agent[]) {
    this.#agents = agents;
    this.#emptiest = agents.length - 1;
  }

  get isEmpty(): boolean {
    return this.#next >= this.#agents.length || this.#taken?.size === this.#agents.length;
  }

  take(placement: Placement): Agent | undefined {
    for (;;) {
      const agent = this.#step(placement);
      if (agent === undefined) return undefined;
      if (this.#taken?.has(agent)) continue;
      this.#taken?.add(agent);
      return agent;
    }
  }

  #step(placement: Placement): Agent | undefined {
    if (placement === 'random') {
      this.#next += 1;
      return this.#agents[this.#next - 1];
    }
    this.#taken ??= new Set(this.#agents.slice(0, this.#next));
    this.#byFullness ??= sortedByFullness(this.#agents);
    if (placement === 'bestFit') {
      this.#fullest += 1;
      return this.#byFullness[this.#fullest - 1];
    }
    this.#emptiest -= 1;
    return this.#byFullness[this.#emptiest + 1];
  }
}

/** Stable: equally full ones stay in their order. */
function sortedByFullness(agents: readonly Agent[]): Agent[] {
  const keyed = agents.map((agent) => ({ agent, fullness: fullnessOf(agent) }));
  return keyed.sort((a, b) => b.fullness - a.fullness).map(({ agent }) => agent);
}

/** Between 0 and 1: of the scalar of which least is left. What is reserved counts as used. */
function fullnessOf({ kind, left }: Agent): number {
  let fullness = 0;
  for (const [name, amount] of Object.entries(kind.total.scalars)) {
    if (amount > 0) fullness = Math.max(fullness, 1 - amountOf(left.unreserved, name) / amount);
  }
  return fullness;
}
