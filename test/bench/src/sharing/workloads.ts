// Owns what the four frameworks of the Mesos paper's macrobenchmark have to do (Hindman et al., NSDI 2011, section 6.1):
// which jobs, of how many tasks, submitted when. The paper gives the jobs, their tasks and how long each took in a static
// partition; how long a task takes and how much memory it needs is chosen here, so that jobs take about as long in ours.
import type { Resources } from '@parley/protocol/resources';
import { normalise } from '@parley/resources/resources';
import { Random } from '@parley/test-simulation/random';

/** All tasks at once, in any order; the next stage begins when the last of them has ended. */
export type Stage = {
  readonly need: Resources;
  /** Of each task, how long it takes. */
  readonly tasksMs: readonly number[];
  /** All of its tasks begin together, or none. */
  readonly isGang: boolean;
};

/** Submitted at a time, or so long after the end of the one before. */
export type Submission = { readonly atMs: number } | { readonly afterPreviousMs: number };

export type Job = {
  readonly kind: string;
  readonly submission: Submission;
  readonly stages: readonly Stage[];
};

export type Workload = { readonly name: string; readonly jobs: readonly Job[] };

export const MAP = need(1, 2);
export const REDUCE = need(1, 3);
export const ALS = need(1, 3.5);
export const RAY_TRACER = need(1, 1);

/** Of 100 jobs so many. Tasks and their seconds. */
type Bin = {
  readonly kind: string;
  readonly jobs: number;
  readonly maps: readonly [tasks: number, seconds: number];
  readonly reduces?: readonly [tasks: number, seconds: number];
};

const FACEBOOK: readonly Bin[] = [
  { kind: 'selection-1', jobs: 38, maps: [1, 22] },
  { kind: 'text-2', jobs: 18, maps: [2, 28] },
  { kind: 'aggregation-10', jobs: 14, maps: [10, 34], reduces: [2, 40] },
  { kind: 'selection-50', jobs: 12, maps: [50, 22] },
  { kind: 'aggregation-100', jobs: 6, maps: [100, 22], reduces: [10, 60] },
  { kind: 'selection-200', jobs: 6, maps: [200, 17] },
  { kind: 'text-400', jobs: 4, maps: [400, 11] },
  { kind: 'join-400', jobs: 2, maps: [400, 20], reduces: [30, 300] },
];
const FACEBOOK_GAP_MS = 14_000;
const LARGE = { jobs: 10, maps: 2400, seconds: 12.3 } as const;
/** An iteration's stage solves for one side of the matrix. */
const SPARK = { jobs: 5, stages: 20, tasks: 240, seconds: 5.4, gapMs: 120_000 } as const;
const MPI_TASKS = 24;
const MPI = {
  small: { seconds: 261, atSeconds: [60, 240, 420, 660, 840, 1020] },
  large: { seconds: 822, atSeconds: [120, 600] },
} as const;
/** Tasks of a stage differ by so much, up or down. */
const SPREAD = 0.15;

/** `scale`: of a stage's tasks so many are left, for tests; a gang stays as it is. */
export function workloads(seed: number, scale = 1): Workload[] {
  const random = new Random(seed);
  return [
    { name: 'facebook', jobs: facebook(random.derive('facebook'), scale) },
    { name: 'large', jobs: large(random.derive('large'), scale) },
    { name: 'spark', jobs: spark(random.derive('spark'), scale) },
    { name: 'mpi', jobs: mpi() },
  ];
}

/** In an order of chance, one after the other at exponential intervals. */
function facebook(random: Random, scale: number): Job[] {
  const bins = FACEBOOK.flatMap((bin) => Array.from({ length: bin.jobs }, () => bin));
  for (let index = bins.length - 1; index > 0; index -= 1) {
    const other = random.between(0, index);
    const [a, b] = [bins[index], bins[other]];
    if (a !== undefined && b !== undefined) [bins[index], bins[other]] = [b, a];
  }
  let atMs = 0;
  return bins.map(({ kind, maps, reduces }) => {
    atMs += -Math.log(1 - random.next()) * FACEBOOK_GAP_MS;
    const stages = [stage(MAP, maps, random, scale)];
    if (reduces !== undefined) stages.push(stage(REDUCE, reduces, random, scale));
    return { kind, submission: { atMs }, stages };
  });
}

const large = (random: Random, scale: number): Job[] =>
  Array.from({ length: LARGE.jobs }, () => ({
    kind: 'text-2400',
    submission: { afterPreviousMs: 0 },
    stages: [stage(MAP, [LARGE.maps, LARGE.seconds], random, scale)],
  }));

const spark = (random: Random, scale: number): Job[] =>
  Array.from({ length: SPARK.jobs }, (_, number) => ({
    kind: 'als',
    submission: { afterPreviousMs: number === 0 ? 0 : SPARK.gapMs },
    stages: Array.from({ length: SPARK.stages }, () =>
      stage(ALS, [SPARK.tasks, SPARK.seconds], random, scale),
    ),
  }));

const mpi = (): Job[] =>
  Object.entries(MPI)
    .flatMap(([size, { seconds, atSeconds }]) =>
      atSeconds.map((at) => ({
        kind: `tachyon-${size}`,
        submission: { atMs: at * 1000 },
        stages: [gang(seconds)],
      })),
    )
    .sort((a, b) => a.submission.atMs - b.submission.atMs);

const gang = (seconds: number): Stage => ({
  need: RAY_TRACER,
  tasksMs: Array.from({ length: MPI_TASKS }, () => seconds * 1000),
  isGang: true,
});

function stage(
  resources: Resources,
  [tasks, seconds]: readonly [number, number],
  random: Random,
  scale: number,
): Stage {
  const count = Math.max(1, Math.round(tasks * scale));
  const tasksMs = Array.from(
    { length: count },
    () => seconds * 1000 * (1 + SPREAD * (2 * random.next() - 1)),
  );
  return { need: resources, tasksMs, isGang: false };
}

/** CPUs, and GiB of memory. */
function need(cpus: number, gib: number): Resources {
  return normalise({ scalars: { cpus: cpus * 1000, mem: gib * 1024 * 1000 } });
}
