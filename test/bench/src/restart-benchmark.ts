// Owns measuring how soon an agent is back after kill -9: 200 tasks run in real scopes, the agent dies, is started again by
// whoever keeps the cluster up, and names all of them to the leader: counted from the start of the new process, and from the
// kill. None may be lost, none told to have ended.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { clusterPaths } from '@parley/cli/local-cluster/cluster-paths';
import { chooseIsolation } from '@parley/cli/local-cluster/isolation-choice';
import type { LocalCluster } from '@parley/cli/local-cluster/local-cluster';
import { readProcesses } from '@parley/cli/local-cluster/process-record';
import { ClusterName } from '@parley/protocol/ids';
import { decodeMessage } from '@parley/protocol/message';
import { wildcardOf } from '@parley/protocol/subject-entry';
import { SUBJECTS } from '@parley/protocol/subjects';
import { isTerminal, type TaskDescription } from '@parley/protocol/tasks';
import { connectScheduler, type Scheduler } from '@parley/scheduler-sdk/scheduler';
import { takeFitting, task } from '@parley/scheduler-sdk/task';
import type { NatsConnection } from 'nats';
import { benchCluster, spyOn } from './bench-cluster.ts';
import { type Benchmark, median, type Result, rounded } from './measurement.ts';

const CLUSTER = ClusterName.parse('bench-restart');
const PRINCIPAL = 'batch';
const AGENT = 'agent-1';
const TASKS = 200;
const KILLS = 5;
const TIMEOUT_MS = 120_000;
const LOOK_MS = 5;
const PAUSE_MS = 2000;
const SHARE = { cpuMillis: 4000, memoryMib: 8192, diskMib: 1024 };
const TASK = { command: ['sleep', '3600'], cpus: 0.01, mem: '16MiB' } as const;

export const restartBenchmark: Benchmark = {
  name: 'restart',
  summary: `kill -9 of an agent with ${TASKS} running tasks: until it has named all of them again`,
  run: async (say) => {
    const directory = mkdtempSync(path.join(tmpdir(), 'parley-bench-restart-'));
    const isolation = await chooseIsolation('auto');
    const plan = { directory, name: CLUSTER, isolation, share: SHARE, agents: 1 };
    const cluster = benchCluster(plan, say);
    try {
      await cluster.start();
      return await measure(cluster, () => ageOfAgent(directory), say);
    } finally {
      await cluster.stop();
      rmSync(directory, { recursive: true, force: true });
    }
  },
};

async function measure(
  cluster: LocalCluster,
  ageSeconds: () => number,
  say: (line: string) => void,
): Promise<Result[]> {
  const { reports, connection } = await hearReports(cluster);
  const states = new Map<string, string>();
  let untimelyEnds = 0;
  const scheduler = await launchAll(cluster, (taskId, isEnd, state) => {
    states.set(taskId, state);
    if (isEnd) untimelyEnds += 1;
  });
  try {
    const isUp = () => [...states.values()].filter((state) => state === 'running').length === TASKS;
    await until(isUp, () => `${states.size} of ${TASKS} tasks run`);
    say(`${TASKS} tasks run; the agent is killed ${KILLS} times`);
    const seconds: Seconds = { sinceKill: [], sinceStart: [] };
    let lost = 0;
    for (let kill = 1; kill <= KILLS; kill += 1) {
      await wait(PAUSE_MS);
      const before = reports.length;
      const beganMs = performance.now();
      cluster.kill(AGENT);
      await until(
        () => reports.length > before,
        () => 'the agent is back',
      );
      seconds.sinceKill.push((performance.now() - beganMs) / 1000);
      seconds.sinceStart.push(ageSeconds());
      lost += TASKS - (reports[before] ?? 0);
    }
    return resultsOf(seconds, lost, untimelyEnds);
  } finally {
    await scheduler.teardown();
    await connection.close();
  }
}

type Seconds = Readonly<Record<'sinceKill' | 'sinceStart', number[]>>;

function resultsOf({ sinceKill, sinceStart }: Seconds, lost: number, ended: number): Result[] {
  const result = (name: string, value: number, unit: string, aim: number | null): Result => ({
    ...{ name: `restart.${name}`, value: rounded(value), unit, aim },
    reference: null,
  });
  return [
    result('report.p50', median(sinceStart), 's', 2),
    result('report.max', Math.max(...sinceStart), 's', 2),
    result('back.p50', median(sinceKill), 's', null),
    result('back.max', Math.max(...sinceKill), 's', null),
    result('lost', lost, 'tasks', 0),
    result('ended', ended, 'tasks', 0),
  ];
}

/** Of the agent's process, in seconds: proc(5). Ticks are hundredths on every Linux. */
function ageOfAgent(directory: string): number {
  const { record } = clusterPaths(directory, CLUSTER);
  const agent = readProcesses(record).find(({ name }) => name === AGENT);
  const status = readFileSync(`/proc/${agent?.pid}/stat`, 'utf8');
  const startTicks = Number(status.slice(status.lastIndexOf(') ') + 2).split(' ')[19]);
  const upSeconds = Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]);
  return upSeconds - startTicks / 100;
}

/** How many tasks each register request of the agent names, as a master hears them. */
async function hearReports(
  cluster: LocalCluster,
): Promise<{ readonly reports: readonly number[]; readonly connection: NatsConnection }> {
  const reports: number[] = [];
  const connection = await spyOn(cluster, 'master', 'master-1');
  connection.subscribe(wildcardOf(SUBJECTS.register, CLUSTER), {
    callback: (_, { subject, data }) => {
      const request = decodeMessage(SUBJECTS.register, CLUSTER, subject, data);
      if (request.ok) reports.push(request.value.body.tasks.length);
    },
  });
  return { reports, connection };
}

function launchAll(
  cluster: LocalCluster,
  onState: (taskId: string, isEnd: boolean, state: string) => void,
): Promise<Scheduler> {
  const queue: TaskDescription[] = Array.from({ length: TASKS }, (_, number) =>
    task({ id: `sleeper-${number}`, ...TASK }),
  );
  return connectScheduler({
    credential: cluster.credentialFile('principal', PRINCIPAL),
    name: 'restart',
    connectTimeoutMs: TIMEOUT_MS,
    role: PRINCIPAL,
    onOffers: (offers, self) => {
      for (const offer of offers) {
        const launches = takeFitting(offer, queue);
        if (launches.length > 0) void self.launch(offer, launches, { refuseMs: 0 });
      }
    },
    onUpdate: ({ task: { taskId }, state }) => onState(taskId, isTerminal(state), state),
  });
}

async function until(holds: () => boolean, describe: () => string): Promise<void> {
  const endMs = performance.now() + TIMEOUT_MS;
  while (!holds()) {
    if (performance.now() > endMs) throw new Error(`not within ${TIMEOUT_MS} ms: ${describe()}`);
    await wait(LOOK_MS);
  }
}
