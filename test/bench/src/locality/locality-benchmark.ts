// Owns the benchmark of the Mesos paper's experiment about locality (Hindman et al., NSDI 2011, section 6.4) in virtual time:
// how many tasks run where their block lies, and how long jobs take, in static parts and shared with delays of 0, 1 and 5 s.
import { linePicture } from '../line-picture.ts';
import { type Benchmark, type Result, rounded } from '../measurement.ts';
import { readSeed, VIRTUAL_OPTIONS, writePicture } from '../virtual/virtual-options.ts';
import { type Locality, measureLocality } from './locality-run.ts';

const PLAN = { agents: 93, frameworks: 16, blocks: 400 } as const;
const DELAYS = [0, 1, 5] as const;
const PAPER = 'Mesos (paper)';
/** Per cent of tasks by seconds of delay; with one second more than this. */
const PAPER_NEAR: Readonly<Record<number, number>> = { 1: 90, 5: 95 };
const PAPER_STATIC_NEAR = 18;
const PAPER_SPEEDUP: Readonly<Record<number, number>> = { 5: 1.7 };

type Delayed = { readonly seconds: number; readonly locality: Locality };

export const localityBenchmark: Benchmark = {
  name: 'locality',
  summary: 'tasks that run where their data is, by how long jobs wait for it, in virtual time',
  options: VIRTUAL_OPTIONS,
  run: async (say, _only, options) => {
    const plan = { ...PLAN, seed: readSeed(options) };
    say(`${plan.frameworks} frameworks in static parts of ${plan.agents} agents`);
    const apart = measureLocality(plan, { kind: 'static' });
    const shared = DELAYS.map((seconds): Delayed => {
      say(`sharing, with a delay of ${seconds} s`);
      const sharing = { kind: 'shared', delayMs: seconds * 1000, waits: 'job' } as const;
      return { seconds, locality: measureLocality(plan, sharing) };
    });
    say('likewise with 5 s, which never begin anew; and each task for itself');
    const waited = (waits: 'jobOnce' | 'task'): Locality =>
      measureLocality(plan, { kind: 'shared', delayMs: 5000, waits });
    const [once, alone] = [waited('jobOnce'), waited('task')];
    const folder = options['pictures'];
    if (folder !== undefined) draw(folder, apart, shared);
    return [
      result('locality.static.near', 100 * apart.near, '%', PAPER_STATIC_NEAR),
      result('locality.static.job', apart.seconds, 's'),
      ...shared.flatMap(({ seconds, locality }) => [
        ...resultsOf(`locality.${seconds}s`, locality, apart, seconds),
      ]),
      ...resultsOf('locality.5s.once', once, apart),
      ...resultsOf('locality.5s.each-task', alone, apart),
    ];
  },
};

/** `seconds`: of delay, where the paper has such a one. */
const resultsOf = (
  name: string,
  { near, seconds: took }: Locality,
  apart: Locality,
  seconds = Number.NaN,
): Result[] => [
  result(`${name}.near`, 100 * near, '%', PAPER_NEAR[seconds]),
  result(`${name}.job`, took, 's'),
  result(`${name}.speedup`, apart.seconds / took, 'x', PAPER_SPEEDUP[seconds]),
];

const result = (name: string, value: number, unit: string, paper?: number): Result => ({
  ...{ name, value: rounded(value), unit, aim: null },
  reference: paper === undefined ? null : { value: paper, of: PAPER },
});

function draw(folder: string, apart: Locality, shared: readonly Delayed[]): void {
  const line = (name: string, colour: string, pick: (one: Locality) => number) => ({
    ...{ name, colour },
    points: shared.map(({ seconds, locality }) => [seconds, 100 * pick(locality)] as const),
  });
  const title = 'Tasks that run where their block lies, and how long jobs take';
  const caption = 'seconds of delay; per cent upwards';
  writePicture(
    folder,
    'locality',
    linePicture({ title, caption, top: 125 }, [
      line('near tasks, shared', '#1f77b4', ({ near }) => near),
      line('near tasks, static parts', '#aec7e8', () => apart.near),
      line(
        'time of a job, of that in static parts',
        '#ff7f0e',
        (one) => one.seconds / apart.seconds,
      ),
    ]),
  );
}
