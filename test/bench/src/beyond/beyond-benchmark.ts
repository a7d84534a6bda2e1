// Owns the benchmark of clusters that no one machine holds: how the work of the leader and of the allocator for a task, and their
// memory, grow with the number of agents, in virtual time, and how many launches a second a thread of each could do by that.
import { execFile } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type Line, linePicture } from '../line-picture.ts';
import { type Benchmark, type Result, rounded } from '../measurement.ts';
import { type BeyondPlan, BeyondRun, type Costs } from './beyond-run.ts';

const AGENTS = '1000,5000,10000,50000,100000,200000';
const FRAMEWORKS = 200;
const TASKS = 10_000;
const TASKS_A_TURN = 20;
const CHILD = fileURLToPath(new URL('./beyond-child.ts', import.meta.url));
/** Above what Node takes by default on a small machine: the largest state and its snapshot, read back beside it. */
const HEAP_MIB = 8192;
const MIB = 1024 * 1024;
const BLUE = '#1f77b4';
const ORANGE = '#ff7f0e';
const GREEN = '#2ca02c';

export const beyondBenchmark: Benchmark = {
  name: 'beyond',
  summary: 'work and memory of leader and allocator up to 200,000 agents, in virtual time',
  options: {
    agents: { type: 'string' },
    frameworks: { type: 'string' },
    tasks: { type: 'string' },
    'tasks-a-turn': { type: 'string' },
    pictures: { type: 'string' },
  },
  run: async (say, _only, options) => {
    const number = (name: string, otherwise: number): number =>
      numberOf(name, options[name] ?? String(otherwise));
    const tasks = number('tasks', TASKS);
    const runs: BeyondRun[] = [];
    for (const text of (options['agents'] ?? AGENTS).split(',')) {
      const agents = numberOf('agents', text);
      say(`${agents} agents, and ${tasks} tasks that end`);
      runs.push(
        await runOf({
          ...{ agents, tasks, warmUpTasks: Math.ceil(tasks / 2) },
          frameworks: number('frameworks', FRAMEWORKS),
          tasksATurn: number('tasks-a-turn', TASKS_A_TURN),
        }),
      );
    }
    if (options['pictures'] !== undefined) draw(options['pictures'], runs);
    return runs.flatMap(resultsOf);
  },
};

async function runOf(plan: BeyondPlan): Promise<BeyondRun> {
  const words = ['--expose-gc', `--max-old-space-size=${HEAP_MIB}`, CHILD, JSON.stringify(plan)];
  const { stdout } = await promisify(execFile)(process.execPath, words);
  return BeyondRun.parse(JSON.parse(stdout));
}

const leaderOf = ({ messages, journal, steps, marks }: Costs): number =>
  messages + journal + steps + marks;

/** Of one thread that does nothing else, by the means. */
function launchesOf({ agents, heartbeatMs, mean }: BeyondRun) {
  const beats = (agents * 1000) / heartbeatMs;
  const left = Math.max(0, 1 - (beats * mean.heartbeats) / 1e6);
  const leader = (left * 1e6) / leaderOf(mean);
  const allocator = 1e6 / mean.allocator;
  return { beats, leader, allocator, shortest: agents / Math.min(leader, allocator) };
}

function resultsOf(run: BeyondRun): Result[] {
  const { agents, middle, mean, memory, snapshot } = run;
  const { beats, leader, allocator, shortest } = launchesOf(run);
  const figure = (what: string, value: number, unit: string): Result => ({
    ...{ name: `beyond.${agents}.${what}`, value: rounded(value), unit },
    aim: null,
    reference: null,
  });
  return [
    figure('leader', leaderOf(middle), 'us/task'),
    figure('leader.mean', leaderOf(mean), 'us/task'),
    figure('leader.messages', middle.messages, 'us/task'),
    figure('leader.journal', middle.journal, 'us/task'),
    figure('leader.steps', middle.steps, 'us/task'),
    figure('leader.marks', middle.marks, 'us/task'),
    figure('allocator', middle.allocator, 'us/task'),
    figure('allocator.mean', mean.allocator, 'us/task'),
    figure('heartbeat', mean.heartbeats, 'us'),
    figure('heartbeats', beats, '1/s'),
    figure('leader.launches', leader, '1/s'),
    figure('allocator.launches', allocator, '1/s'),
    figure('shortest', shortest, 's'),
    figure('busy', run.busy * 100, '%'),
    figure('entry', run.inputsAnEntry, 'inputs'),
    figure('journal', run.journalBytes, 'B/task'),
    figure('leader.heap', memory.leader / MIB, 'MiB'),
    figure('allocator.heap', memory.allocator / MIB, 'MiB'),
    figure('rss', memory.process / MIB, 'MiB'),
    figure('snapshot', snapshot.bytes / MIB, 'MiB'),
    figure('snapshot.write', snapshot.write, 's'),
    figure('snapshot.read', snapshot.read, 's'),
  ];
}

function draw(folder: string, runs: readonly BeyondRun[]): void {
  mkdirSync(folder, { recursive: true });
  const line = (name: string, colour: string, y: (run: BeyondRun) => number): Line => ({
    ...{ name, colour },
    points: runs.map((run) => [run.agents, y(run)] as const),
  });
  const picture = linePicture(
    {
      title: 'What one task costs in a cluster of so many agents, all of them busy',
      caption: 'agents; microseconds of a processor upwards',
      isLogarithmic: true,
    },
    [
      line('leader', BLUE, ({ middle }) => leaderOf(middle)),
      line('of it stepping the books, as every standby does', GREEN, ({ middle }) => middle.steps),
      line('allocator', ORANGE, ({ middle }) => middle.allocator),
    ],
  );
  writeFileSync(path.join(folder, 'beyond.svg'), picture);
}

function numberOf(name: string, text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  throw new Error(`--${name} takes a whole number above 0, not "${text}"`);
}
