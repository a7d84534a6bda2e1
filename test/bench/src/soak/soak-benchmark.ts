// Owns the soak: a cluster of emulated agents, all busy, with launches at a constant rate for an hour, and whether the memory of
// each process stays as it is. Interrupted, it tells what it has seen until then.
import { mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { EmulatedCluster } from '../emulated/emulated-cluster.ts';
import { sharedConnections } from '../failover/failover-options.ts';
import { stopWhenInterrupted } from '../interruption.ts';
import { type Line, linePicture } from '../line-picture.ts';
import { type Benchmark, type Result, rounded } from '../measurement.ts';
import { asTable, describeMachine } from '../report.ts';
import { usageOfAll } from '../scale/process-usage.ts';
import { Takers } from '../scale/takers.ts';
import { writePicture } from '../virtual/virtual-options.ts';
import { flatnessOf } from './flatness.ts';

const LOOK_SECONDS = 15;
const TOLD_SECONDS = 300;
const BUSY_SHARE = 0.95;
const BUSY_TIMEOUT_MS = 900_000;
const COLOURS = ['#1f77b4', '#ff7f0e', '#2ca02c', '#d62728', '#9467bd', '#8c564b', '#e377c2'];

type SoakPlan = {
  readonly agents: number;
  readonly minutes: number;
  /** Launches a second: what tasks last follows from it. */
  readonly rate: number;
  readonly frameworks: number;
  readonly startRate: number;
  readonly pictures: string | undefined;
  readonly logs: string | undefined;
};

export const soakBenchmark: Benchmark = {
  name: 'soak',
  summary: 'memory of every process of a busy cluster over an hour',
  options: {
    ...{ agents: { type: 'string' }, minutes: { type: 'string' }, rate: { type: 'string' } },
    ...{ frameworks: { type: 'string' }, 'start-rate': { type: 'string' } },
    ...{ pictures: { type: 'string' }, logs: { type: 'string' } },
  },
  run: (say, _only, options) => soak(readPlan(options), say),
};

/** Throws where a number is none. */
function readPlan(options: Readonly<Record<string, string | undefined>>): SoakPlan {
  const number = (name: string, otherwise: number): number => {
    const value = Number(options[name] ?? otherwise);
    if (Number.isFinite(value) && value > 0) return value;
    throw new Error(`--${name} takes a number above 0, not "${options[name]}"`);
  };
  return {
    ...{ agents: number('agents', 10_000), minutes: number('minutes', 60) },
    ...{ rate: number('rate', 30), frameworks: number('frameworks', 200) },
    startRate: number('start-rate', 100),
    ...{ pictures: options['pictures'], logs: options['logs'] },
  };
}

async function soak(plan: SoakPlan, say: (line: string) => void): Promise<Result[]> {
  const { agents, rate, frameworks, startRate, logs } = plan;
  const connections = sharedConnections(agents);
  const cluster = new EmulatedCluster({ agents, connections, startRate, logs }, say);
  const looks = new Looks(plan);
  let takers: Takers | undefined;
  const forget = stopWhenInterrupted(async () => {
    const report = { benchmark: 'soak', machine: describeMachine(), results: looks.results() };
    process.stdout.write(`${asTable(report)}\n`);
    await takers?.close();
  });
  try {
    await cluster.startServices();
    const taskSeconds = agents / rate;
    takers = await Takers.start(cluster, {
      ...{ frameworks, taskSeconds, deviationSeconds: taskSeconds / 3 },
    });
    say(`${agents} agents begin, ${startRate} a second; tasks of ${Math.round(taskSeconds)} s`);
    await Promise.all([cluster.startAgents(), untilBusy(takers, agents)]);
    say(`busy; ${plan.minutes} minutes of it, a look each ${LOOK_SECONDS} s`);
    await watch({ plan, cluster, takers, looks, say });
    return looks.results();
  } finally {
    forget();
    await takers?.close();
    await cluster.close();
  }
}

async function untilBusy(takers: Takers, agents: number): Promise<void> {
  const endMs = performance.now() + BUSY_TIMEOUT_MS;
  for (;;) {
    const { open } = await takers.figures();
    if (open >= agents * BUSY_SHARE) return;
    if (performance.now() > endMs) throw new Error(`${open} of ${agents} agents became busy`);
    await wait(1000);
  }
}

type Place = {
  readonly plan: SoakPlan;
  readonly cluster: EmulatedCluster;
  readonly takers: Takers;
  readonly looks: Looks;
  readonly say: (line: string) => void;
};

async function watch({ plan, cluster, takers, looks, say }: Place): Promise<void> {
  const beganMs = performance.now();
  const passed = (): number => (performance.now() - beganMs) / 1000;
  let toldSeconds = 0;
  await takers.figures();
  while (passed() < plan.minutes * 60) {
    await wait((LOOK_SECONDS - (passed() % LOOK_SECONDS)) * 1000);
    const { launched, failed } = await takers.figures();
    looks.take(cluster, takers, { launched, failed });
    if (passed() - toldSeconds < TOLD_SECONDS) continue;
    toldSeconds = passed();
    say(`after ${Math.round(passed() / 60)} minutes: ${looks.line()}`);
  }
}

type Tasks = { readonly launched: number; readonly failed: number };

class Looks {
  readonly #plan: SoakPlan;
  /** MiB, a look each. */
  readonly #rss = new Map<string, number[]>();
  readonly #diskMib: number[] = [];
  #launched = 0;
  #failed = 0;

  constructor(plan: SoakPlan) {
    this.#plan = plan;
  }

  take(cluster: EmulatedCluster, takers: Takers, { launched, failed }: Tasks): void {
    this.#launched += launched;
    this.#failed += failed;
    this.#diskMib.push(bytesBelow(cluster.directory) / 1024 / 1024);
    const pids = new Map(cluster.pids).set('frameworks', takers.pid);
    if (cluster.server.pid !== undefined) pids.set('nats-server', cluster.server.pid);
    for (const [name, pid] of pids) {
      const mib = this.#rss.get(name) ?? [];
      mib.push(usageOfAll([pid]).rssMib);
      this.#rss.set(name, mib);
    }
    this.#keep();
  }

  line(): string {
    const last = [...this.#rss].map(([name, mib]) => `${name} ${Math.round(mib.at(-1) ?? 0)}`);
    return `${this.#launched} launches, ${this.#failed} failed; MiB: ${last.join(', ')}, disk ${Math.round(this.#diskMib.at(-1) ?? 0)}`;
  }

  results(): Result[] {
    const result = (name: string, value: number, unit: string, aim: number | null): Result => ({
      ...{ name: `soak.${name}`, value: rounded(value), unit, aim, reference: null },
    });
    const looks = this.#diskMib.length;
    const processes = [...this.#rss].flatMap(([name, mib]): Result[] => {
      const { first, second, last, slope, isFlat } = flatnessOf(mib, LOOK_SECONDS);
      return [
        result(`${name}.rss.first`, first, 'MiB', null),
        result(`${name}.rss.second`, second, 'MiB', null),
        result(`${name}.rss.last`, last, 'MiB', null),
        result(`${name}.rss.slope`, slope, 'MiB/h', null),
        { ...result(`${name}.flat`, Number(isFlat), '(1: yes)', 1), isBroken: !isFlat },
      ];
    });
    return [
      result('minutes', (looks * LOOK_SECONDS) / 60, 'min', null),
      result('launches', this.#launched / (looks * LOOK_SECONDS), '1/s', this.#plan.rate),
      { ...result('failed', this.#failed, 'tasks', 0), isBroken: this.#failed > 0 },
      result('disk.first', this.#diskMib[0] ?? 0, 'MiB', null),
      result('disk.last', this.#diskMib.at(-1) ?? 0, 'MiB', null),
      ...processes,
    ];
  }

  /** As it is so far, so that nothing is lost whatever ends it. */
  #keep(): void {
    const { pictures, agents } = this.#plan;
    if (pictures === undefined) return;
    mkdirSync(pictures, { recursive: true });
    const kept = {
      lookSeconds: LOOK_SECONDS,
      disk: this.#diskMib,
      rss: Object.fromEntries(this.#rss),
    };
    writeFileSync(path.join(pictures, 'soak.json'), `${JSON.stringify(kept)}\n`);
    const lines = [...this.#rss].map(([name, mib], index): Line => {
      const points = mib.map((each, look) => [((look + 1) * LOOK_SECONDS) / 60, each] as const);
      return { name, colour: COLOURS[index % COLOURS.length] ?? '#000', points };
    });
    const title = `Memory of each process, ${agents} agents`;
    writePicture(pictures, 'soak', linePicture({ title, caption: 'minutes; MiB upwards' }, lines));
  }
}

/** Files that go meanwhile are not counted. */
function bytesBelow(directory: string): number {
  const names = readdirSync(directory, { recursive: true, encoding: 'utf8' });
  return names.reduce((sum, name) => {
    const found = statSync(path.join(directory, name), { throwIfNoEntry: false });
    return found?.isFile() === true ? sum + found.size : sum;
  }, 0);
}
