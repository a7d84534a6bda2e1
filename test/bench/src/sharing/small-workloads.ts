// Owns the four frameworks' jobs in small, for a handful of real agents: the kinds of jobs of workloads.ts, a minute of them, with
// tasks of a second or two. Ray tracers begin as they are offered a place: a real framework cannot keep offers for a gang.
import { Random } from '@parley/test-simulation/random';
import { ALS, type Job, MAP, RAY_TRACER, REDUCE, type Stage, type Workload } from './workloads.ts';

type Kind = {
  readonly kind: string;
  readonly jobs: number;
  readonly stages: readonly (readonly [Stage['need'], tasks: number, seconds: number])[];
};

const FACEBOOK: readonly Kind[] = [
  { kind: 'selection-1', jobs: 8, stages: [[MAP, 1, 2]] },
  { kind: 'text-2', jobs: 4, stages: [[MAP, 2, 2]] },
  {
    kind: 'aggregation-4',
    jobs: 3,
    stages: [
      [MAP, 4, 2],
      [REDUCE, 1, 2],
    ],
  },
  { kind: 'selection-8', jobs: 3, stages: [[MAP, 8, 1.5]] },
  { kind: 'text-16', jobs: 2, stages: [[MAP, 16, 1.5]] },
];
const FACEBOOK_GAP_MS = 3000;
const LARGE: Kind = { kind: 'text-24', jobs: 4, stages: [[MAP, 24, 2]] };
const SPARK: Kind = {
  kind: 'als',
  jobs: 2,
  stages: Array.from({ length: 5 }, () => [ALS, 8, 1] as const),
};
const SPARK_GAP_MS = 5000;
const MPI: Kind = { kind: 'tachyon', jobs: 3, stages: [[RAY_TRACER, 4, 8]] };
const MPI_GAP_MS = 16_000;

export function smallWorkloads(seed: number): Workload[] {
  const random = new Random(seed);
  return [
    { name: 'facebook', jobs: facebook(random) },
    { name: 'large', jobs: jobsOf(LARGE, () => ({ afterPreviousMs: 0 })) },
    {
      name: 'spark',
      jobs: jobsOf(SPARK, (number) => ({ afterPreviousMs: number === 0 ? 0 : SPARK_GAP_MS })),
    },
    { name: 'mpi', jobs: jobsOf(MPI, (number) => ({ atMs: 4000 + number * MPI_GAP_MS })) },
  ];
}

/** One task for each of so many agents, when each framework has an agent of its own: all have registered then. */
export const warmUps = (agents: number): Workload[] =>
  Array.from({ length: agents }, (_, index) => ({
    name: `warm-${index + 1}`,
    jobs: jobsOf({ kind: 'warm', jobs: 1, stages: [[MAP, 1, 0.1]] }, () => ({
      afterPreviousMs: 0,
    })),
  }));

/** In an order of chance, at exponential intervals. */
function facebook(random: Random): Job[] {
  const kinds = FACEBOOK.flatMap((kind) =>
    Array.from({ length: kind.jobs }, () => ({ kind, place: random.next() })),
  );
  kinds.sort((a, b) => a.place - b.place);
  let atMs = 0;
  return kinds.flatMap(({ kind }) => {
    atMs += -Math.log(1 - random.next()) * FACEBOOK_GAP_MS;
    return jobsOf({ ...kind, jobs: 1 }, () => ({ atMs }));
  });
}

const jobsOf = (
  { kind, jobs, stages }: Kind,
  submissionOf: (number: number) => Job['submission'],
): Job[] =>
  Array.from({ length: jobs }, (_, number) => ({
    kind,
    submission: submissionOf(number),
    stages: stages.map(([need, tasks, seconds]) => ({
      need,
      tasksMs: Array.from({ length: tasks }, () => seconds * 1000),
      isGang: false,
    })),
  }));
