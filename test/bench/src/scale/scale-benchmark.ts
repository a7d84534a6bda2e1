// Owns the benchmark of the Mesos paper's scalability experiment (Hindman et al., NSDI 2011), against real masters, allocators and a
// real nats-server: what a task costs beyond its own length in a cluster of so many agents, all of them busy.
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { linePicture } from '../line-picture.ts';
import { type Benchmark, median, type Result, rounded } from '../measurement.ts';
import { readScalePlan, SCALE_OPTIONS } from './scale-options.ts';
import { type ScaleRun, scaleRun } from './scale-run.ts';
import type { Figures } from './taker-messages.ts';

const PAPER = { value: 1000, of: 'Mesos (paper, 99 machines)' } as const;
const BLUE = '#1f77b4';
const ORANGE = '#ff7f0e';
const GREEN = '#2ca02c';

export const scaleBenchmark: Benchmark = {
  name: 'scale',
  summary: 'what a task costs in a busy cluster of thousands of emulated agents',
  options: SCALE_OPTIONS,
  run: async (say, _only, options) => {
    const plan = readScalePlan(options);
    const runs: ScaleRun[] = [];
    for (const agents of plan.agents) runs.push(await scaleRun(plan, agents, say));
    if (plan.pictures !== undefined) draw(plan.pictures, runs);
    return runs.flatMap(resultsOf);
  },
};

/** By number of agents: the figure of this name should be at most that, or at least for a share. */
const AIMS: Readonly<Record<number, Readonly<Record<string, number>>>> = {
  10000: { 'probe.p50': 50 },
  50000: {
    'probe.p50': 250,
    'probe.max': 1000,
    'master.rss': 1000,
    utilisation: 99,
    storm: 15,
    messages: 16,
    journal: 1229,
  },
};

function resultsOf(run: ScaleRun): Result[] {
  const { agents, probesMs, seconds, samples, steady, usage } = run;
  const figure = (what: string, value: number, unit: string): Result => ({
    ...{ name: `scale.${agents}.${what}`, value: rounded(value), unit },
    aim: AIMS[agents]?.[what] ?? null,
    reference: what === 'probe.max' ? PAPER : null,
  });
  const tasks = sum(steady, ({ launched }) => launched);
  const { messages, bytes, journal } = costs(run, tasks);
  const allocated = samples.map((sample) => sample.allocated * 100);
  return [
    figure('probe.p50', median(probesMs), 'ms'),
    figure('probe.max', Math.max(...probesMs), 'ms'),
    ...timesOf('start', steady, ({ start }) => start).map((each) => figure(...each)),
    ...timesOf('reuse', steady, ({ reuse }) => reuse).map((each) => figure(...each)),
    figure('launches', tasks / seconds, '1/s'),
    figure(
      'failed',
      sum(steady, ({ failed }) => failed),
      'tasks',
    ),
    figure('utilisation', allocated.reduce((all, each) => all + each, 0) / allocated.length, '%'),
    figure('storm.registered', run.registeredSeconds, 's'),
    figure('storm', Math.max(run.registeredSeconds, run.offeredSeconds), 's'),
    figure('storm.busy', run.busySeconds, 's'),
    figure('messages', messages, '1/task'),
    figure('bytes', bytes, 'B/task'),
    figure('journal', journal, 'B/task'),
    ...[...usage].flatMap(([name, { cpuPercent, rssMib }]) => [
      figure(`${name}.cpu`, cpuPercent, '%'),
      figure(`${name}.rss`, rssMib, 'MiB'),
    ]),
  ];
}

/** Of a task, all that was said meanwhile shared out: also what agents and masters say without a task. */
function costs({ counts: [before, after] }: ScaleRun, tasks: number) {
  const messages = after.messagesIn - before.messagesIn;
  const bytes = after.bytesIn - before.bytesIn;
  const entries = after.journalEntries - before.journalEntries;
  return {
    messages: messages / tasks,
    bytes: bytes / tasks,
    journal: (entries * after.bytesPerEntry) / tasks,
  };
}

/** The middle of the seconds' medians and 99th percentiles, and the longest of all. */
function timesOf(
  name: string,
  steady: readonly Figures[],
  pick: (figures: Figures) => Figures['start'],
): [what: string, value: number, unit: string][] {
  const seconds = steady.map(pick).filter(({ count }) => count > 0);
  const of = (which: 'p50' | 'p99'): number => median(seconds.map((each) => each[which]));
  return [
    [`${name}.p50`, of('p50'), 'ms'],
    [`${name}.p99`, of('p99'), 'ms'],
    [`${name}.max`, Math.max(...seconds.map(({ max }) => max)), 'ms'],
  ];
}

const sum = (steady: readonly Figures[], pick: (figures: Figures) => number): number =>
  steady.reduce((all, each) => all + pick(each), 0);

function draw(folder: string, runs: readonly ScaleRun[]): void {
  mkdirSync(folder, { recursive: true });
  const write = (name: string, picture: string): void =>
    writeFileSync(path.join(folder, `${name}.svg`), picture);
  write(
    'scale-latency',
    linePicture(
      {
        title: 'What the cluster adds to a task of a framework that comes to it',
        caption: 'agents; milliseconds upwards',
        isLogarithmic: true,
      },
      [
        line('the middle probe', BLUE, runs, ({ probesMs }) => median(probesMs)),
        line('the slowest probe', ORANGE, runs, ({ probesMs }) => Math.max(...probesMs)),
      ],
    ),
  );
  const largest = runs.at(-1);
  if (largest === undefined) return;
  const { agents, samples } = largest;
  const caption = 'seconds; per cent upwards';
  const share = (name: string, colour: string, place: 0 | 1 | 2) => ({
    ...{ name, colour },
    points: samples.map(({ seconds, shares }) => [seconds, shares[place] * 100] as const),
  });
  write(
    'scale-utilisation',
    linePicture({ title: `Allocated CPUs of ${agents} agents`, caption, top: 100 }, [
      {
        ...{ name: 'allocated', colour: BLUE },
        points: samples.map(({ seconds, allocated }) => [seconds, allocated * 100] as const),
      },
    ]),
  );
  write(
    'scale-shares',
    linePicture({ title: `Shares of frameworks in ${agents} agents`, caption }, [
      share('the most', ORANGE, 2),
      share('in the middle', BLUE, 1),
      share('the least', GREEN, 0),
    ]),
  );
}

function line(
  name: string,
  colour: string,
  runs: readonly ScaleRun[],
  y: (run: ScaleRun) => number,
) {
  return { name, colour, points: runs.map((run) => [run.agents, y(run)] as const) };
}
