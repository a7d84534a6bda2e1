// Owns the benchmark of the Mesos paper's scalability experiment (Hindman et al., NSDI 2011), against real masters, allocators and a
// real nats-server: what a task costs beyond its own length in a cluster of so many agents, all of them busy.
import { type Benchmark, median, type Result, rounded } from '../measurement.ts';
import { keepRun, readRuns } from './kept-runs.ts';
import { readScalePlan, SCALE_OPTIONS, type ScalePlan } from './scale-options.ts';
import { drawScale } from './scale-pictures.ts';
import { type ScaleRun, scaleRun } from './scale-run.ts';
import type { Figures } from './taker-messages.ts';

const PAPER = { value: 1000, of: 'Mesos (paper, 99 machines)' } as const;

export const scaleBenchmark: Benchmark = {
  name: 'scale',
  summary: 'what a task costs in a busy cluster of thousands of emulated agents',
  options: SCALE_OPTIONS,
  run: async (say, _only, options) => {
    const plan = readScalePlan(options);
    const { pictures } = plan;
    const results: Result[] = [];
    for (const agents of plan.agents) {
      const told = await resultsFor(plan, agents, say);
      results.push(...told);
    }
    if (pictures !== undefined) drawScale(pictures, readRuns(pictures));
    return results;
  },
};

/** One size that fails must not take the others with it: it is told, and has one figure. */
async function resultsFor(
  plan: ScalePlan,
  agents: number,
  say: (line: string) => void,
): Promise<Result[]> {
  try {
    const run = await scaleRun(plan, agents, say);
    const results = resultsOf(run);
    if (plan.pictures !== undefined) {
      const { probes, samples } = run;
      const probesMs = probes.map(({ beyond }) => beyond);
      say(`kept as ${keepRun(plan.pictures, { agents, probesMs, samples, results })}`);
    }
    return results;
  } catch (error) {
    say(`the run with ${agents} agents has failed: ${String(error)}`);
    const name = `scale.${agents}.broken`;
    return [{ name, value: 1, unit: 'run', aim: 0, reference: null, isBroken: true }];
  }
}

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

const PROBE_PARTS = ['connected', 'offered', 'started', 'told'] as const;

function resultsOf(run: ScaleRun): Result[] {
  const { agents, probes, seconds, samples, steady, usage } = run;
  const figure = (what: string, value: number, unit: string): Result => ({
    ...{ name: `scale.${agents}.${what}`, value: rounded(value), unit },
    aim: AIMS[agents]?.[what] ?? null,
    reference: what === 'probe.max' ? PAPER : null,
  });
  const tasks = sum(steady, ({ launched }) => launched);
  const { messages, bytes, journal } = costs(run, tasks);
  const allocated = samples.map((sample) => sample.allocated * 100);
  return [
    figure('probe.p50', median(probes.map(({ beyond }) => beyond)), 'ms'),
    figure('probe.max', Math.max(...probes.map(({ beyond }) => beyond)), 'ms'),
    ...PROBE_PARTS.map((part) => {
      return figure(`probe.${part}`, median(probes.map((times) => times[part])), 'ms');
    }),
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
