// Tests full, idle and declined rounds over the sizes of clusters by the numbers of frameworks, at a hundredth of the
// size that the benchmark measures: how many offers there are. After Mesos, hierarchical_allocator_tests.cpp, the
// parameters of HierarchicalAllocator_BENCHMARK_Test (S21), and DeclineOffers.
import { describe, expect, test } from 'vitest';
import { FULL_RUN_INTERVAL_MS } from './allocator.ts';
import { countsOf, ScriptedCluster } from './scripted-cluster.ts';
import { resourcesOf } from './scripted-master.ts';

const AGENTS = [10, 50, 100, 500];
const FRAMEWORKS = [1, 5, 20, 60];
const DAY_MS = 86_400_000;

const SIZES = AGENTS.flatMap((agents) => FRAMEWORKS.map((frameworks) => ({ agents, frameworks })));

function clusterOf({ agents, frameworks }: (typeof SIZES)[number]): ScriptedCluster {
  const cluster = new ScriptedCluster();
  for (let number = 0; number < frameworks; number += 1) {
    cluster.master.subscribe(`f${number}`, `role-${number}`);
  }
  for (let number = 0; number < agents; number += 1) {
    cluster.master.addAgent(`a${number}`, resourcesOf(24, 4096));
  }
  return cluster;
}

describe.each(SIZES)('$agents agents and $frameworks frameworks', (size) => {
  test('a full round offers every agent once, to each framework as many but for one', () => {
    const counts = Object.values(countsOf(clusterOf(size).settle()));
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(size.agents);
    const fewest = size.frameworks > size.agents ? 1 : Math.floor(size.agents / size.frameworks);
    expect(Math.min(...counts)).toBe(fewest);
    expect(Math.max(...counts) - fewest).toBeLessThanOrEqual(1);
  });

  test('a round with nothing to offer offers nothing', () => {
    const cluster = clusterOf(size);
    cluster.settle();
    expect(cluster.settleWithin(2 * FULL_RUN_INTERVAL_MS)).toEqual([]);
  });

  test('what is declined for long is offered to each of the others, once, and then to nobody', () => {
    const cluster = clusterOf(size);
    const rounds = Math.min(size.frameworks, 3);
    let proposals = cluster.settle();
    for (let round = 1; round <= rounds; round += 1) {
      expect(proposals).toHaveLength(size.agents);
      for (const number of [...cluster.master.offers.keys()])
        cluster.master.decline(number, DAY_MS);
      proposals = cluster.settle();
    }
    expect(proposals).toHaveLength(size.frameworks > rounds ? size.agents : 0);
    expect(cluster.settleWithin(2 * FULL_RUN_INTERVAL_MS)).toEqual([]);
  });
});
