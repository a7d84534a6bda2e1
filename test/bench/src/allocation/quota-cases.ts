// Owns the rounds of very many roles with quota: 2,500 that may have half an agent each, 500 that may have two agents.
// Mesos, hierarchical_allocator_benchmarks.cpp, LargeAndSmallQuota.
import type { Quantities } from '@parley/protocol/sharing';
import { normalise } from '@parley/resources/resources';
import type { Result } from '../measurement.ts';
import { BenchMaster, type BenchPlan } from './bench-master.ts';
import { expectCount, ROUNDS, repeated } from './round-cases.ts';
import { against } from './targets.ts';

const SMALL_ROLES = 2500;
const LARGE_ROLES = 500;
const AGENTS = SMALL_ROLES / 5 + LARGE_ROLES * 5;
const TOTAL = normalise({ scalars: { cpus: 2000, mem: 2_048_000, disk: 2_048_000 } });
/** A small role is full with one offer, a large one with two. */
const OFFERS = SMALL_ROLES + 2 * LARGE_ROLES;

/** The round in which everybody is given all that he may have, and the one after it, in which nobody may have more. */
export function measureQuota(): Result[] {
  // Of equal shares the first name is first: large roles begin, each with a whole agent, and no agent is left cut.
  const large = Array.from({ length: LARGE_ROLES }, (_, number) => `large-${number}`);
  const small = Array.from({ length: SMALL_ROLES }, (_, number) => `small-${number}`);
  const roles = [...large, ...small];
  const quotas = new Map([
    ...large.map((role) => [role, times(4)] as const),
    ...small.map((role) => [role, times(1)] as const),
  ]);
  const plan: BenchPlan = { agents: AGENTS, total: TOTAL, roles, quotas };
  const master = new BenchMaster(plan);
  const again: number[] = [];
  const { deciding } = repeated(ROUNDS, () => {
    const { proposals, decidingMs } = master.round();
    expectCount(proposals, OFFERS);
    let hearingMs = master.hear(master.offer(proposals));
    const none = master.fullRound();
    expectCount(none.proposals, 0);
    again.push(none.decidingMs);
    hearingMs += master.hear(master.decline(proposals, 0));
    return { decidingMs, hearingMs };
  });
  return [
    against('quota.3000x3000.first', deciding),
    against('quota.3000x3000.noop', again.slice(-ROUNDS)),
  ];
}

/** So many halves of an agent. */
function times(halves: number): Quantities {
  return Object.fromEntries(
    Object.entries(TOTAL.scalars).map(([name, amount]) => [name, (amount / 2) * halves]),
  );
}
