// Owns how many there are of what in a cluster, for measurements: by state, and amounts by resource. It looks at every
// task and agent: not to be asked for often.
import { MILLI } from '@parley/protocol/resources';
import type { ClusterState } from './cluster-state.ts';
import { ScalarSums } from './scalar-sums.ts';

type Counts = ReadonlyMap<string, number>;

export type ClusterCensus = {
  readonly tasks: Counts;
  readonly agents: Counts;
  readonly frameworks: Counts;
  readonly outstandingOffers: number;
  /** By resource, in its unit (cpus, MiB ...): of registered agents. */
  readonly capacity: Counts;
  readonly allocated: Counts;
  readonly offered: Counts;
};

export function takeCensus(state: ClusterState): ClusterCensus {
  const offered = new ScalarSums();
  for (const { resources } of state.offers.rows()) offered.add(resources.scalars);
  return {
    tasks: countStates(state.tasks.rows()),
    agents: countStates(state.agents.rows()),
    frameworks: countStates(state.frameworks.rows()),
    outstandingOffers: state.offers.size,
    capacity: unitsOf(state.books.total),
    allocated: unitsOf(state.books.allocated),
    offered: unitsOf(offered),
  };
}

function countStates(rows: Iterable<{ readonly state: string }>): Counts {
  const counts = new Map<string, number>();
  for (const { state } of rows) counts.set(state, (counts.get(state) ?? 0) + 1);
  return counts;
}

const unitsOf = (sums: ScalarSums): Counts =>
  new Map(Object.entries(sums.toScalars()).map(([name, amount]) => [name, amount / MILLI]));
