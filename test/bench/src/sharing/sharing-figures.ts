// Owns what is made of two runs of the four frameworks, one shared and one in static parts: figures beside the paper's (Hindman et
// al., NSDI 2011, section 6.1), and pictures over time.
import { type Line, linePicture } from '../line-picture.ts';
import { type Result, rounded } from '../measurement.ts';
import { writePicture } from '../virtual/virtual-options.ts';
import type { Completion } from './job-framework.ts';
import type { Sample, SharingRun } from './sharing-run.ts';

const PAPER = 'Mesos (paper)';

/** Seconds that jobs took in static partitions, and how much faster they were when shared. */
export type PaperTimes = Readonly<
  Record<string, { readonly static: number; readonly speedup: number }>
>;

/** By framework: of all its jobs together. */
export const PAPER_TIMES: PaperTimes = {
  facebook: { static: 7235, speedup: 1.14 },
  large: { static: 3143, speedup: 2.1 },
  spark: { static: 1684, speedup: 1.26 },
  mpi: { static: 3210, speedup: 0.96 },
};

type Seconds = ReadonlyMap<string, number>;

export function timesOf(prefix: string, paper: PaperTimes, shared: Seconds, apart: Seconds) {
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

export const result = (name: string, value: number, unit: string, paper?: number): Result => ({
  ...{ name, value: rounded(value), unit, aim: null },
  reference: paper === undefined ? null : { value: rounded(paper), of: PAPER },
});

/** Seconds of all jobs together. */
export function totalsOf({ completions }: SharingRun): Seconds {
  return new Map([...completions].map(([name, jobs]) => [name, secondsOf(jobs)]));
}

/** Seconds of a job, by kind. */
export function meansOf({ completions }: SharingRun): Seconds {
  const kinds = Map.groupBy([...completions.values()].flat(), ({ kind }) => kind);
  return new Map([...kinds].map(([kind, jobs]) => [kind, secondsOf(jobs) / jobs.length]));
}

const secondsOf = (jobs: readonly Completion[]): number =>
  jobs.reduce((sum, { tookMs }) => sum + tookMs, 0) / 1000;

export type Pictures = {
  readonly folder: string;
  readonly name: string;
  /** Samples at multiples of it are drawn. */
  readonly pointMs: number;
};

/** As `NAME-utilisation.svg` and `NAME-shares.svg`. */
export function draw(
  { folder, name: prefix, pointMs }: Pictures,
  shared: SharingRun,
  apart: SharingRun,
): void {
  const caption = 'seconds; per cent of the cluster upwards';
  const line = (name: string, colour: string, run: SharingRun, pick: (one: Sample) => number) => ({
    ...{ name, colour },
    points: run.samples
      .filter(({ atMs }) => atMs % pointMs === 0)
      .map((sample) => [sample.atMs / 1000, 100 * pick(sample)] as const),
  });
  writePicture(
    folder,
    `${prefix}-utilisation`,
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
  writePicture(folder, `${prefix}-shares`, linePicture({ title, caption, top: 125 }, shares));
}
