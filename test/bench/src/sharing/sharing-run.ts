// Owns one run of the four workloads: all in one cluster, or each in a static part of it; and what is kept of it: when jobs
// ended, and how much was allocated, to whom, as time went by.
import { RoleName } from '@parley/protocol/ids';
import type { Resources } from '@parley/protocol/resources';
import { normalise } from '@parley/resources/resources';
import { VirtualCluster } from '../virtual/virtual-cluster.ts';
import { type Completion, JobFramework } from './job-framework.ts';
import { virtualPlace } from './virtual-place.ts';
import type { Workload } from './workloads.ts';

/** The paper's: 96 nodes of 4 cores and 15 GB. */
export const AGENT = normalise({ scalars: { cpus: 4000, mem: 15 * 1024 * 1000 } });
const SAMPLE_MS = 5000;

export type SharingPlan = {
  readonly agents: number;
  /** Of each agent; the paper's when left out. */
  readonly total?: Resources;
  readonly seed: number;
  readonly workloads: readonly Workload[];
};

/** Parts of the whole cluster, between 0 and 1. */
export type Sample = {
  readonly atMs: number;
  readonly cpus: number;
  readonly mem: number;
  /** Dominant shares, by framework. */
  readonly shares: Readonly<Record<string, number>>;
};

export type SharingRun = {
  readonly completions: ReadonlyMap<string, readonly Completion[]>;
  readonly samples: readonly Sample[];
  /** Until everything had ended. */
  readonly endMs: number;
};

export function runShared({ agents, total = AGENT, seed, workloads }: SharingPlan): SharingRun {
  const cluster = new VirtualCluster({ count: agents, total, seed });
  return run(cluster, workloads, { agents, total });
}

/** As many agents for each, and the samples summed up. */
export function runStatic({ agents, total = AGENT, seed, workloads }: SharingPlan): SharingRun {
  const count = Math.floor(agents / workloads.length);
  const runs = workloads.map((workload) =>
    run(new VirtualCluster({ count, total, seed }), [workload], { agents, total }),
  );
  const endMs = Math.max(...runs.map((one) => one.endMs));
  const samples = Array.from({ length: Math.floor(endMs / SAMPLE_MS) + 1 }, (_, index) => {
    const together = runs.flatMap((one) => one.samples[index] ?? []);
    return {
      atMs: index * SAMPLE_MS,
      cpus: together.reduce((sum, { cpus }) => sum + cpus, 0),
      mem: together.reduce((sum, { mem }) => sum + mem, 0),
      shares: Object.assign({}, ...together.map(({ shares }) => shares)),
    };
  });
  return { completions: new Map(runs.flatMap((one) => [...one.completions])), samples, endMs };
}

type Whole = { readonly agents: number; readonly total: Resources };

/** `whole`: the cluster of which this may be a part. */
function run(cluster: VirtualCluster, workloads: readonly Workload[], whole: Whole): SharingRun {
  const frameworks = workloads.map((workload) => new JobFramework(virtualPlace(cluster), workload));
  const isOver = (): boolean => frameworks.every(({ isDone }) => isDone);
  const samples: Sample[] = [];
  const sample = (): void => {
    samples.push(sampleOf(cluster, frameworks, whole));
    if (!isOver()) cluster.clock.after(SAMPLE_MS, sample);
  };
  sample();
  cluster.run(isOver);
  cluster.check();
  const completions = new Map(frameworks.map(({ name, completions: all }) => [name, all]));
  return { completions, samples, endMs: cluster.nowMs };
}

function sampleOf(
  cluster: VirtualCluster,
  frameworks: readonly JobFramework[],
  { agents, total }: Whole,
): Sample {
  const partOf = (name: string, amount: number): number =>
    amount / (agents * (total.scalars[name] ?? Number.NaN));
  const { allocated } = cluster.state.books;
  const shares = frameworks.map(({ name }) => {
    const role = RoleName.parse(name);
    const parts = ['cpus', 'mem'].map((each) => partOf(each, cluster.allocatedTo(role, each)));
    return [name, Math.max(...parts)];
  });
  return {
    atMs: cluster.nowMs,
    cpus: partOf('cpus', allocated.get('cpus')),
    mem: partOf('mem', allocated.get('mem')),
    shares: Object.fromEntries(shares),
  };
}

/** Time from 0 until then, of a part of the cluster. */
export function meanUntil(
  { samples }: SharingRun,
  endMs: number,
  pick: (sample: Sample) => number,
): number {
  const count = Math.floor(endMs / SAMPLE_MS) + 1;
  return samples.slice(0, count).reduce((sum, each) => sum + pick(each), 0) / count;
}
