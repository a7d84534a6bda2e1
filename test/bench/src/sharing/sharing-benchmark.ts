// Owns the benchmark of the Mesos paper's macrobenchmark (Hindman et al., NSDI 2011, section 6.1) in virtual time: four
// frameworks in one cluster beside each in a static quarter of it; and how far shares come apart when tasks are allocated,
// beside whole agents. Its tables and pictures; what is simulated is in virtual-cluster.ts.
import { type Line, linePicture } from '../line-picture.ts';
import { type Benchmark, type Result, rounded } from '../measurement.ts';
import { readSeed, VIRTUAL_OPTIONS, writePicture } from '../virtual/virtual-options.ts';
import { type Deviation, type Granularity, measureDeviation } from './deviation-case.ts';
import type { Completion } from './job-framework.ts';
import { meanUntil, runShared, runStatic, type Sample, type SharingRun } from './sharing-run.ts';
import { workloads } from './workloads.ts';

const AGENTS = 96;
const DEVIATION_SECONDS = 600;
/** In pictures. */
const POINT_MS = 20_000;
const PAPER = 'Mesos (paper)';

/** By framework: seconds that all jobs took together in static partitions, and how much faster they were when shared. */
const PAPER_TIMES: Readonly<Record<string, { readonly static: number; readonly speedup: number }>> =
  {
    facebook: { static: 7235, speedup: 1.14 },
    large: { static: 3143, speedup: 2.1 },
    spark: { static: 1684, speedup: 1.26 },
    mpi: { static: 3210, speedup: 0.96 },
  };
/** By kind of job likewise, one job. */
const PAPER_KINDS: typeof PAPER_TIMES = {
  'selection-1': { static: 24, speedup: 0.84 },
  'text-2': { static: 31, speedup: 0.9 },
  'aggregation-10': { static: 82, speedup: 0.94 },
  'selection-50': { static: 65, speedup: 1.4 },
  'aggregation-100': { static: 192, speedup: 1.26 },
  'selection-200': { static: 136, speedup: 1.71 },
  'text-400': { static: 137, speedup: 2.14 },
  'join-400': { static: 662, speedup: 1.35 },
  'text-2400': { static: 314, speedup: 2.21 },
  als: { static: 337, speedup: 1.36 },
  'tachyon-small': { static: 261, speedup: 0.91 },
  'tachyon-large': { static: 822, speedup: 0.88 },
};
const PAPER_GAINS = { cpus: 10, mem: 17 } as const;

export const sharingBenchmark: Benchmark = {
  name: 'sharing',
  summary: 'four frameworks in one cluster beside static partitions, in virtual time',
  options: VIRTUAL_OPTIONS,
  run: async (say, _only, options) => {
    const seed = readSeed(options);
    const plan = { agents: AGENTS, seed, workloads: workloads(seed) };
    say(`four frameworks share ${AGENTS} agents`);
    const shared = runShared(plan);
    say(`each has ${AGENTS / plan.workloads.length} of them`);
    const apart = runStatic(plan);
    const deviations = (['tasks', 'agents'] as const).map((granularity) => {
      say(`shares while everybody wants more, ${granularity} allocated`);
      const seconds = DEVIATION_SECONDS;
      const deviation = measureDeviation({ agents: AGENTS, seed, seconds, granularity });
      return { granularity, deviation };
    });
    const folder = options['pictures'];
    if (folder !== undefined) draw(folder, shared, apart);
    return [
      ...timesOf('sharing', PAPER_TIMES, totalsOf(shared), totalsOf(apart)),
      ...utilisationOf(shared, apart),
      ...deviations.flatMap(deviationResults),
      ...timesOf('sharing.job', PAPER_KINDS, meansOf(shared), meansOf(apart)),
    ];
  },
};

type Seconds = ReadonlyMap<string, number>;

function timesOf(prefix: string, paper: typeof PAPER_TIMES, shared: Seconds, apart: Seconds) {
  return [...shared].flatMap(([name, seconds]): Result[] => {
    const alone = apart.get(name) ?? Number.NaN;
    const known = paper[name];
    return [
      result(`${prefix}.${name}.static`, alone, 's', known?.static),
      result(`${prefix}.${name}.shared`, seconds, 's', known && known.static / known.speedup),
      result(`${prefix}.${name}.speedup`, alone / seconds, 'x', known?.speedup),
    ];
  });
}

/** Until the shared run has ended: by then the same was submitted to both. */
function utilisationOf(shared: SharingRun, apart: SharingRun): Result[] {
  return (['cpus', 'mem'] as const).flatMap((name) => {
    const mean = (run: SharingRun): number =>
      100 * meanUntil(run, shared.endMs, (sample) => sample[name]);
    const [together, alone] = [mean(shared), mean(apart)];
    return [
      result(`sharing.${name}.static`, alone, '%'),
      result(`sharing.${name}.shared`, together, '%'),
      result(`sharing.${name}.gain`, 100 * (together / alone - 1), '%', PAPER_GAINS[name]),
    ];
  });
}

type Deviating = { readonly granularity: Granularity; readonly deviation: Deviation };
const deviationResults = ({ granularity, deviation }: Deviating): Result[] => [
  result(`sharing.deviation.${granularity}.greatest`, deviation.greatest, '% of the cluster'),
  result(`sharing.deviation.${granularity}.mean`, deviation.mean, '% of the cluster'),
];

const result = (name: string, value: number, unit: string, paper?: number): Result => ({
  ...{ name, value: rounded(value), unit, aim: null },
  reference: paper === undefined ? null : { value: rounded(paper), of: PAPER },
});

/** Seconds of all jobs together. */
function totalsOf({ completions }: SharingRun): Seconds {
  return new Map([...completions].map(([name, jobs]) => [name, secondsOf(jobs)]));
}

/** Seconds of a job, by kind. */
function meansOf({ completions }: SharingRun): Seconds {
  const kinds = Map.groupBy([...completions.values()].flat(), ({ kind }) => kind);
  return new Map([...kinds].map(([kind, jobs]) => [kind, secondsOf(jobs) / jobs.length]));
}

const secondsOf = (jobs: readonly Completion[]): number =>
  jobs.reduce((sum, { tookMs }) => sum + tookMs, 0) / 1000;

function draw(folder: string, shared: SharingRun, apart: SharingRun): void {
  const caption = 'seconds; per cent of the cluster upwards';
  const line = (name: string, colour: string, run: SharingRun, pick: (one: Sample) => number) => ({
    ...{ name, colour },
    points: run.samples
      .filter(({ atMs }) => atMs % POINT_MS === 0)
      .map((sample) => [sample.atMs / 1000, 100 * pick(sample)] as const),
  });
  writePicture(
    folder,
    'sharing-utilisation',
    linePicture({ title: 'What is allocated: shared, and in static parts', caption, top: 125 }, [
      line('CPUs, shared', '#1f77b4', shared, ({ cpus }) => cpus),
      line('CPUs, static', '#aec7e8', apart, ({ cpus }) => cpus),
      line('memory, shared', '#d62728', shared, ({ mem }) => mem),
      line('memory, static', '#ff9896', apart, ({ mem }) => mem),
    ]),
  );
  const colours = ['#1f77b4', '#ff7f0e', '#2ca02c', '#d62728'];
  const shares: Line[] = [...shared.completions.keys()].map((name, index) =>
    line(name, colours[index] ?? '#000', shared, (sample) => sample.shares[name] ?? 0),
  );
  const title = 'Dominant shares of four frameworks that share the cluster';
  writePicture(folder, 'sharing-shares', linePicture({ title, caption, top: 125 }, shares));
}
