// Owns measuring launches: tasks that do nothing, through the whole stack (framework, master, allocator, three agents,
// real scopes), beside a bare loop of `systemd-run --scope true` on the same systemd in the same run.
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { promisify } from 'node:util';
import { clusterPaths } from '@parley/cli/local-cluster/cluster-paths';
import { chooseIsolation, type Isolation } from '@parley/cli/local-cluster/isolation-choice';
import type { LocalCluster } from '@parley/cli/local-cluster/local-cluster';
import { findPrivateSystemd } from '@parley/isolation/private-systemd';
import { ClusterName } from '@parley/protocol/ids';
import { isTerminal, type StatusUpdate, type TaskDescription } from '@parley/protocol/tasks';
import { connectScheduler } from '@parley/scheduler-sdk/scheduler';
import { takeFitting, task } from '@parley/scheduler-sdk/task';
import { benchCluster } from './bench-cluster.ts';
import { type Benchmark, type Result, rounded } from './measurement.ts';

const run = promisify(execFile);

const CLUSTER = ClusterName.parse('bench-launch');
const PRINCIPAL = 'batch';
const WARM_UP_TASKS = 20;
const TASKS = 400;
/** Half before and half after the tasks: what else the machine does then weighs on both sides alike. */
const BARE_LAUNCHES = 200;
/** From the first launch to the last end; a stack that is stuck must not hang the benchmark. */
const TASKS_TIMEOUT_MS = 180_000;
/** Enough for sixteen tasks at once on each agent: more than the machine can start. */
const SHARE = { cpuMillis: 4000, memoryMib: 1024, diskMib: 1024 };
const TASK = { command: ['true'], cpus: 0.25, mem: '32MiB' } as const;

export const launchBenchmark: Benchmark = {
  name: 'launch',
  summary: 'launches a second of the whole stack beside a bare loop of systemd-run',
  run: async (say) => {
    const isolation = await chooseIsolation('auto');
    const directory = mkdtempSync(path.join(tmpdir(), 'parley-bench-launch-'));
    const cluster = benchCluster(
      { directory, name: CLUSTER, isolation, share: SHARE, agents: 3 },
      say,
    );
    try {
      await cluster.start();
      const systemd = await reachSystemd(directory, isolation);
      await launchTasks(cluster, WARM_UP_TASKS, 'warm-up');
      await bareLaunches(systemd, WARM_UP_TASKS);
      say(`${BARE_LAUNCHES} bare launches, ${TASKS} tasks`);
      const before = await bareLaunches(systemd, BARE_LAUNCHES / 2);
      const stackSeconds = await launchTasks(cluster, TASKS, 'measured');
      const after = await bareLaunches(systemd, BARE_LAUNCHES / 2);
      return resultsOf(TASKS / stackSeconds, BARE_LAUNCHES / (before + after));
    } finally {
      await cluster.stop();
      rmSync(directory, { recursive: true, force: true });
    }
  },
};

function resultsOf(stack: number, bare: number): Result[] {
  const unit = 'launches/s';
  const rest = { aim: null, reference: null };
  return [
    { name: 'launch.stack', value: rounded(stack), unit, ...rest },
    { name: 'launch.bare', value: rounded(bare), unit, ...rest },
    { name: 'launch.ratio', value: rounded(stack / bare), unit: 'x', aim: 0.5, reference: null },
  ];
}

/** A shell where `systemd-run` reaches the systemd that the agents use, and the options that it needs there. */
type Systemd = { readonly shell: readonly string[]; readonly options: string };

async function reachSystemd(directory: string, isolation: Isolation): Promise<Systemd> {
  switch (isolation.kind) {
    case 'system-systemd':
      return { shell: ['sh', '-c'], options: '' };
    case 'user-systemd':
      return { shell: ['sh', '-c'], options: '--user' };
    case 'private-systemd': {
      const systemd = await findPrivateSystemd(clusterPaths(directory, CLUSTER).systemd);
      if (systemd === undefined) throw new Error('the private systemd is not there');
      return { shell: [...systemd.enterCommand, 'sh', '-c'], options: '' };
    }
    case 'process':
      throw new Error('without systemd there is nothing to compare with');
  }
}

/** Seconds. One after the other, as a shell loop does it. */
async function bareLaunches({ shell, options }: Systemd, count: number): Promise<number> {
  const launch = `systemd-run ${options} --scope --quiet true || exit 1`;
  const loop = `i=0; while [ $i -lt ${count} ]; do ${launch}; i=$((i+1)); done`;
  const [program = '', ...words] = [...shell, loop];
  const beganMs = performance.now();
  await run(program, words);
  return (performance.now() - beganMs) / 1000;
}

/** Seconds from the first launch to the last task's end, as the framework sees it. */
async function launchTasks(cluster: LocalCluster, count: number, name: string): Promise<number> {
  const queue: TaskDescription[] = Array.from({ length: count }, (_, number) =>
    task({ id: `${name}-${number}`, ...TASK }),
  );
  const done = Promise.withResolvers<void>();
  let ended = 0;
  let beganMs = 0;
  const scheduler = await connectScheduler({
    credential: cluster.credentialFile('principal', PRINCIPAL),
    name,
    role: PRINCIPAL,
    onOffers: (offers, self) => {
      for (const offer of offers) {
        const launches = takeFitting(offer, queue);
        if (launches.length === 0) continue;
        if (beganMs === 0) beganMs = performance.now();
        void self.launch(offer, launches, { refuseMs: 0 });
      }
    },
    onUpdate: (update) => {
      if (!isTerminal(update.state)) return;
      if (update.state !== 'finished') done.reject(new Error(describeEnd(update)));
      ended += 1;
      if (ended === count) done.resolve();
    },
  });
  const late = new AbortController();
  const timeout = wait(TASKS_TIMEOUT_MS, undefined, { signal: late.signal }).then(() => {
    throw new Error(`${ended} of ${count} tasks ended in ${TASKS_TIMEOUT_MS / 1000} s`);
  });
  try {
    await Promise.race([done.promise, timeout]);
    return (performance.now() - beganMs) / 1000;
  } finally {
    late.abort();
    await timeout.catch(() => undefined);
    await scheduler.teardown();
  }
}

function describeEnd({ task: { taskId }, state, reason, message }: StatusUpdate): string {
  return `task ${taskId} ended as ${state} (${reason ?? 'no reason'}): ${message ?? ''}`;
}
