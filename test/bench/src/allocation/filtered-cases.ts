// Owns the rounds in which everybody has declined everything for long: all is free, and nothing can be offered.
import type { Fact } from '@parley/protocol/allocation';
import type { Result } from '../measurement.ts';
import { BenchMaster, type BenchPlan } from './bench-master.ts';
import { expectCount, planOf, ROUNDS, repeated } from './round-cases.ts';
import { against, beside, type TargetName } from './targets.ts';

/** A day: none ends during the benchmark. */
export const LONG_MS = 86_400_000;

export const measureFilteredSmall = (): Result[] =>
  measureFiltered('filtered.1000x50', planOf(1000, 50));
export const measureFilteredLarge = (): Result[] =>
  measureFiltered('filtered.5000x200', planOf(5000, 200));

/**
 * All frameworks but the last have declined every agent. The last one revives, is offered every agent, and declines them
 * all for long, too: the round after that is measured.
 */
function measureFiltered(name: TargetName, plan: BenchPlan): Result[] {
  const master = new BenchMaster(plan);
  const last = master.frameworks.at(-1);
  if (last === undefined) throw new Error('there is a framework');
  for (const framework of master.frameworks) {
    if (framework !== last) master.hear(everythingRefusedBy(master, framework, plan));
  }
  const { deciding, hearing } = repeated(ROUNDS, () => {
    const { proposals } = master.round();
    expectCount(proposals, plan.agents);
    master.hear(master.offer(proposals));
    const hearingMs = master.hear(master.decline(proposals, LONG_MS));
    const { proposals: none, decidingMs } = master.fullRound();
    expectCount(none, 0);
    master.hear([{ kind: 'filtersCleared', framework: last.ref }]);
    return { decidingMs, hearingMs };
  });
  return [against(name, deciding), beside(`${name}.hearing`, hearing, 'ms')];
}

function everythingRefusedBy(
  master: BenchMaster,
  { ref: framework, role }: BenchMaster['frameworks'][number],
  { total: resources }: BenchPlan,
): Fact[] {
  return master.agents.flatMap((agentId): Fact[] => [
    { kind: 'leftUnused', framework, agentId },
    { kind: 'refused', framework, role, agentId, resources, refuseMs: LONG_MS },
  ]);
}
