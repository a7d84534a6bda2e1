// Owns measuring launches on one agent: tasks that do nothing, through the whole stack (framework, master, allocator, agent,
// confined in a real scope, update acknowledged), beside bare loops of `systemd-run --scope` on the same systemd in the same
// run; how soon one task runs on an idle cluster; and what a thousand tasks that run cost the agent and the next launch.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { clusterPaths } from '@parley/cli/local-cluster/cluster-paths';
import { chooseIsolation } from '@parley/cli/local-cluster/isolation-choice';
import type { LocalCluster } from '@parley/cli/local-cluster/local-cluster';
import { readProcesses } from '@parley/cli/local-cluster/process-record';
import { ClusterName } from '@parley/protocol/ids';
import { benchCluster } from '../bench-cluster.ts';
import { type Benchmark, median, percentile, type Result, rounded } from '../measurement.ts';
import { type BareLoop, bareLoop } from './bare-launches.ts';
import { TaskLaunches } from './task-launches.ts';

const CLUSTER = ClusterName.parse('bench-launch');
const AGENT = 'agent-1';
const WARM_UP_TASKS = 30;
const ROUNDS = 3;
/** Of each kind and round: in turns, so that what else the machine does weighs on all alike. */
const LAUNCHES = 120;
const IDLE_TASKS = 100;
const LIVE_TASKS = 1000;
const SETTLE_MS = 5000;
/** Lends what nobody uses: the machine does not have so much, and tasks that sleep do not ask for it. */
const SHARE = { cpuMillis: 40_000, memoryMib: 40_000, diskMib: 1024 };
const TASK = { command: ['true'], cpus: 0.25, mem: '32MiB' } as const;
const SLEEPER = { command: ['sleep', '3600'], cpus: 0.02, mem: '16MiB' } as const;

export const launchBenchmark: Benchmark = {
  name: 'launch',
  summary: 'launches a second of the whole stack beside bare loops of systemd-run; a thousand live',
  run: async (say) => {
    const isolation = await chooseIsolation('auto');
    const directory = mkdtempSync(path.join(tmpdir(), 'parley-bench-launch-'));
    const plan = { directory, name: CLUSTER, isolation, share: SHARE, agents: 1 };
    const cluster = benchCluster(plan, say);
    try {
      await cluster.start();
      const bare = await bareLoop({ directory, cluster: CLUSTER, isolation });
      return await measure(cluster, bare, () => memoryOf(directory), say);
    } finally {
      await cluster.stop();
      rmSync(directory, { recursive: true, force: true });
    }
  },
};

async function measure(
  cluster: LocalCluster,
  bare: BareLoop,
  agentKib: () => number,
  say: (line: string) => void,
): Promise<Result[]> {
  const launches = await TaskLaunches.connect(cluster, 'launch');
  try {
    await launches.launch(WARM_UP_TASKS, TASK, 'finished');
    await bare.launch(WARM_UP_TASKS, true);
    say(`${ROUNDS} rounds of ${LAUNCHES} launches: the stack, bare loops, confined bare loops`);
    const seconds = { stack: [0], bare: [0], confined: [0] };
    for (let round = 0; round < ROUNDS; round += 1) {
      seconds.stack[round] = await launches.launch(LAUNCHES, TASK, 'finished');
      seconds.bare[round] = await bare.launch(LAUNCHES, false);
      seconds.confined[round] = await bare.launch(LAUNCHES, true);
    }
    say(`${IDLE_TASKS} tasks one after the other`);
    const idleMs = await idleLaunches(launches);
    say(`${LIVE_TASKS} tasks that stay`);
    await wait(SETTLE_MS);
    const beforeKib = agentKib();
    await launches.launch(LIVE_TASKS, SLEEPER, 'running');
    await wait(SETTLE_MS);
    const kibPerTask = (agentKib() - beforeKib) / LIVE_TASKS;
    const crowded: number[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      crowded.push(await launches.launch(LAUNCHES, TASK, 'finished'));
    }
    return resultsOf({ ...seconds, crowded }, idleMs, kibPerTask);
  } finally {
    await launches.close();
  }
}

/** Milliseconds each, from the moment that the framework wants a task until it hears that it runs. */
async function idleLaunches(launches: TaskLaunches): Promise<number[]> {
  const times: number[] = [];
  for (let number = 0; number < IDLE_TASKS; number += 1) {
    times.push(1000 * (await launches.launch(1, TASK, 'running')));
    await wait(100);
  }
  return times;
}

/** Resident, in KiB. */
function memoryOf(directory: string): number {
  const { record } = clusterPaths(directory, CLUSTER);
  const agent = readProcesses(record).find(({ name }) => name === AGENT);
  const status = readFileSync(`/proc/${agent?.pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]);
}

type Seconds = Readonly<Record<'stack' | 'bare' | 'confined' | 'crowded', readonly number[]>>;

function resultsOf(seconds: Seconds, idleMs: readonly number[], kibPerTask: number): Result[] {
  const rate = (what: keyof Seconds): number => LAUNCHES / median(seconds[what]);
  const result = (
    name: string,
    value: number,
    unit: string,
    aim: number | null = null,
  ): Result => ({
    ...{ name: `launch.${name}`, value: rounded(value), unit, aim },
    reference: name in REFERENCES ? (REFERENCES[name] ?? null) : null,
  });
  return [
    result('stack', rate('stack'), 'launches/s', 200),
    result('bare', rate('bare'), 'launches/s'),
    result('bare.confined', rate('confined'), 'launches/s'),
    result('ratio', rate('stack') / rate('bare'), 'x', 1),
    result('ratio.confined', rate('stack') / rate('confined'), 'x'),
    result('idle.p50', median(idleMs), 'ms', 15),
    result('idle.p99', percentile(idleMs, 99), 'ms', 60),
    result('agent.perTask', kibPerTask, 'KiB', 50),
    result('crowded', rate('crowded') / rate('stack'), 'x', 0.75),
  ];
}

/** The same on the same kind of machine, tuned. */
const REFERENCES: Readonly<Record<string, Result['reference']>> = {
  stack: { value: 100, of: 'Slurm' },
  'idle.p50': { value: 941, of: 'Slurm' },
  'idle.p99': { value: 2983, of: 'Slurm' },
};
