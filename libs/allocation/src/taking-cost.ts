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

/** No dearer task first, then the least that is taken, then the fewest tasks. */
export function cheapestOf(takings: readonly Taking[], total: Quantities): Taking | undefined {
  let cheapest: { readonly taking: Taking; readonly cost: Cost } | undefined;
  for (const taking of takings) {
    const cost = costOf(taking.victims, total);
    if (cheapest === undefined || compareCosts(cost, cheapest.cost) < 0) {
      cheapest = { taking, cost };
    }
  }
  return cheapest?.taking;
}

type Cost = {
  /** Of those that are not revocable; undefined where all are. */
  readonly priority: number | undefined;
  readonly taken: Fraction;
  readonly count: number;
};

function costOf(victims: readonly RevocableTask[], total: Quantities): Cost {
  const kept = victims.filter(({ isRevocable }) => !isRevocable);
  const taken = victims.reduce<Quantities>(
    (sum, { resources }) => plus(sum, resources.scalars),
    {},
  );
  return {
    priority: kept.length === 0 ? undefined : Math.max(...kept.map(({ priority }) => priority)),
    taken: largestFraction(taken, total),
    count: victims.length,
  };
}

function compareCosts(a: Cost, b: Cost): number {
  const [left, right] = [
    a.priority ?? Number.NEGATIVE_INFINITY,
    b.priority ?? Number.NEGATIVE_INFINITY,
  ];
  if (left !== right) return left < right ? -1 : 1;
  return compareFractions(a.taken, b.taken) || a.count - b.count;
}
