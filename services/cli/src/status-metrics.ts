// Owns the metrics that `parley status` shows: ramp-up and job completion from the events of the journal, utilisation
// from the books. The definitions stand in infra/docs/glossary.md.
import type { ClusterState } from '@parley/cluster/cluster-state';
import type { NumberedEvent } from '@parley/operator-sdk/operator-link';
import { type Job, JobFold } from './metrics/jobs.ts';

export type StatusMetrics = {
  /** In the order of submission, as far back as the journal was read. */
  readonly jobs: readonly Job[];
  /** Allocated / total, time-weighted over the life of the cluster. */
  readonly utilisation: readonly { readonly resource: string; readonly allocated: number }[];
};

export type History = {
  readonly state: ClusterState;
  readonly events: readonly NumberedEvent[];
};

export function readMetrics({ state, events }: History): StatusMetrics {
  const jobs = new JobFold();
  for (const { coreTimeMs, event } of events) jobs.apply(coreTimeMs, event);
  const { allocated, total } = state.record.usageIntegral;
  const utilisation = Object.entries(total)
    .filter(([, whole]) => whole > 0)
    .map(([resource, whole]) => ({ resource, allocated: (allocated[resource] ?? 0) / whole }));
  return { jobs: jobs.jobs(), utilisation };
}
