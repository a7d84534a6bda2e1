// Owns the grid of cluster sizes: from 1,000 to 50,000 agents and from 1 to 6,000 frameworks, a full, an idle and a
// declined round each. It is bounded in time: where rounds are slow there are fewer of them.
// Mesos, hierarchical_allocator_tests.cpp, the parameters of HierarchicalAllocator_BENCHMARK_Test.
import type { Benchmark, Result } from '../measurement.ts';
import { BenchMaster, type BenchPlan } from './bench-master.ts';
import { LONG_MS } from './filtered-cases.ts';
import { expectCount, fullRounds, idleRounds, planOf } from './round-cases.ts';
import { beside } from './targets.ts';

const AGENTS = [1000, 5000, 10_000, 50_000];
const FRAMEWORKS = [1, 50, 200, 1000, 6000];
const ROUNDS = 5;
/** For the full rounds of one cell, the others take about as long. */
const BUDGET_MS = 5000;
/** Declined rounds pile up filters: as many of these as there are agents, each time. */
const DECLINED_ROUNDS = 5;
const LEAST_DECLINED_ROUNDS = 3;

export const allocationGridBenchmark: Benchmark = {
  name: 'allocation-grid',
  summary: 'rounds of the allocator, 1k to 50k agents by 1 to 6,000 frameworks',
  run: async (say, only) =>
    AGENTS.flatMap((agents) =>
      FRAMEWORKS.flatMap((frameworks) => {
        const what = `${agents} agents, ${frameworks} frameworks`;
        if (!what.includes(only)) return [];
        say(what);
        return measureCell(planOf(agents, frameworks), `${agents}x${frameworks}`);
      }),
    ),
};

function measureCell(plan: BenchPlan, size: string): Result[] {
  return [
    beside(`grid.full.${size}`, fullRounds(plan, ROUNDS, BUDGET_MS).deciding, 'ms'),
    beside(`grid.idle.${size}`, idleRounds(plan, ROUNDS).deciding, 'ms'),
    beside(`grid.declined.${size}`, declinedRounds(plan), 'ms'),
  ];
}

/**
 * Whoever is offered an agent declines it for long; each round offers the agents to others, as long as there are some.
 * Mesos, DeclineOffers.
 */
function declinedRounds(plan: BenchPlan): number[] {
  const master = new BenchMaster(plan);
  const times: number[] = [];
  const beganMs = performance.now();
  for (let round = 0; round <= DECLINED_ROUNDS; round += 1) {
    if (round > LEAST_DECLINED_ROUNDS && performance.now() - beganMs > BUDGET_MS) break;
    const { proposals, decidingMs } = master.fullRound();
    expectCount(proposals, round < plan.roles.length ? plan.agents : 0);
    master.hear(master.offer(proposals));
    master.hear(master.decline(proposals, LONG_MS));
    if (round > 0) times.push(decidingMs);
  }
  return times;
}
