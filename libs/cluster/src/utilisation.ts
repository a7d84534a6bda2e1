// Owns utilisation: allocated over total of each resource, weighted by core time. Kept in the state, so that a
// follower that joins late shows the same as one that was there from the start.
import type { ClusterState } from './cluster-state.ts';
import type { UsageIntegral } from './records.ts';

export type ResourceUtilisation = {
  /** Thousandths of the unit, now, over registered agents. */
  readonly allocated: number;
  readonly total: number;
  /** Between 0 and 1: allocated by total over all core time so far. */
  readonly mean: number;
};

/** By resource name. `coreTimeMs`: until when; not before the state's own core time. */
export function utilisation(
  state: ClusterState,
  coreTimeMs: number,
): Record<string, ResourceUtilisation> {
  const integral = integrate(state, coreTimeMs);
  const allocated = new Map(Object.entries(integral.allocated));
  const result: Record<string, ResourceUtilisation> = {};
  for (const [name, total] of Object.entries(integral.total)) {
    result[name] = {
      allocated: state.books.allocated.get(name),
      total: state.books.total.get(name),
      mean: total > 0 ? (allocated.get(name) ?? 0) / total : 0,
    };
  }
  return result;
}

/** What was held since the last time, times how long. */
export function integrate(state: ClusterState, nowMs: number): UsageIntegral {
  const { usageIntegral } = state.record;
  const lastedMs = nowMs - usageIntegral.atMs;
  if (lastedMs <= 0) return usageIntegral;
  return {
    atMs: nowMs,
    allocated: plus(usageIntegral.allocated, state.books.allocated.toScalars(), lastedMs),
    total: plus(usageIntegral.total, state.books.total.toScalars(), lastedMs),
  };
}

function plus(
  sums: Readonly<Record<string, number>>,
  scalars: Readonly<Record<string, number>>,
  lastedMs: number,
): Record<string, number> {
  const result = new Map(Object.entries(sums));
  for (const [name, amount] of Object.entries(scalars)) {
    result.set(name, (result.get(name) ?? 0) + amount * lastedMs);
  }
  return Object.fromEntries(result);
}
