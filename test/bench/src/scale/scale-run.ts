// Owns one run of the scale experiment: a cluster of emulated agents that is kept busy, what it takes until all are registered
// and busy, and what it does then, while probes come and go. What is made of the figures is in scale-benchmark.ts.
import { setTimeout as wait } from 'node:timers/promises';
import { EmulatedCluster } from '../emulated/emulated-cluster.ts';
import { PRINCIPALS, type ServerCounts } from '../emulated/emulated-server.ts';
import { sharedConnections } from '../failover/failover-options.ts';
import { type ProbeTimes, probeOnce } from './probe.ts';
import { shareBetween, type Usage, type UsageShare, usageOfAll } from './process-usage.ts';
import type { ScalePlan } from './scale-options.ts';
import type { Figures } from './taker-messages.ts';
import { Takers } from './takers.ts';

const LOOK_MS = 1000;
/** Of the agents, from which on the cluster counts as busy. */
const BUSY_SHARE = 0.99;
/** No more have become busy for so long: the machine is full, and what it does then is measured. */
const FULL_MS = 60_000;
const BUSY_TIMEOUT_MS = 900_000;

export type Sample = {
  readonly seconds: number;
  /** Share of the CPUs of the cluster in which a task runs. */
  readonly allocated: number;
  /** Share of the tasks of the framework that has fewest, of the one in the middle, of the one that has most. */
  readonly shares: readonly [number, number, number];
};

export type ScaleRun = {
  readonly agents: number;
  /** Since the first agent began. */
  readonly registeredSeconds: number;
  readonly offeredSeconds: number;
  readonly busySeconds: number;
  readonly probes: readonly ProbeTimes[];
  /** Of the time in which probes ran. */
  readonly seconds: number;
  readonly samples: readonly Sample[];
  readonly steady: readonly Figures[];
  readonly counts: readonly [before: ServerCounts, after: ServerCounts];
  readonly usage: ReadonlyMap<string, UsageShare>;
};

export async function scaleRun(
  plan: ScalePlan,
  agents: number,
  say: (line: string) => void,
): Promise<ScaleRun> {
  const { startRate = agents, connections = sharedConnections(agents), sync, logs } = plan;
  const cluster = new EmulatedCluster({ agents, connections, startRate, sync, logs }, say);
  let takers: Takers | undefined;
  try {
    await cluster.startServices();
    takers = await Takers.start(cluster, plan);
    say(`${plan.frameworks} frameworks wait; ${agents} agents on ${connections} connections begin`);
    const begun = await begin(cluster, takers, agents, say);
    return { agents, ...begun, ...(await observe({ plan, agents, cluster, takers, say })) };
  } finally {
    await takers?.close();
    await cluster.close();
  }
}

export type Begun = Pick<ScaleRun, 'registeredSeconds' | 'offeredSeconds' | 'busySeconds'>;

/** Until all are registered, and all are busy or no more become so. */
export async function begin(
  cluster: EmulatedCluster,
  takers: Takers,
  agents: number,
  say: (line: string) => void,
): Promise<Begun> {
  const registering = cluster.startAgents();
  // It is told where it is awaited.
  registering.catch(() => undefined);
  const lookedMs = Date.now();
  let offeredMs = 0;
  let busyMs = 0;
  let most = { open: 0, atMs: lookedMs };
  while (busyMs === 0) {
    await wait(LOOK_MS / 4);
    const { open, offeredAgents } = await takers.figures();
    const nowMs = Date.now();
    if (offeredMs === 0 && offeredAgents >= agents) offeredMs = nowMs;
    if (open > most.open * 1.01) most = { open, atMs: nowMs };
    if (open >= agents * BUSY_SHARE) busyMs = nowMs;
    else if (offeredMs !== 0 && nowMs - most.atMs > FULL_MS) {
      say(`${open} of ${agents} agents are busy, and no more than ${most.open} were`);
      busyMs = nowMs;
    }
    if (nowMs - lookedMs > BUSY_TIMEOUT_MS) {
      throw new Error(`after ${BUSY_TIMEOUT_MS / 1000} s ${open} of ${agents} agents are busy`);
    }
  }
  const { beganMs, registeredMs } = await registering;
  const begun = {
    registeredSeconds: (registeredMs - beganMs) / 1000,
    offeredSeconds: ((offeredMs || Date.now()) - beganMs) / 1000,
    busySeconds: (busyMs - beganMs) / 1000,
  };
  say(`registered after ${begun.registeredSeconds} s, busy after ${begun.busySeconds} s`);
  return begun;
}

type Place = {
  readonly plan: ScalePlan;
  readonly agents: number;
  readonly cluster: EmulatedCluster;
  readonly takers: Takers;
  readonly say: (line: string) => void;
};

/** From when every task of the beginning has ended. */
async function observe(place: Place): Promise<Omit<ScaleRun, keyof Begun | 'agents'>> {
  const { plan, agents, cluster, takers, say } = place;
  await wait(plan.taskSeconds * 1000);
  await takers.figures();
  const pids = pidsOf(cluster, takers);
  const before = usages(pids);
  const counted = await cluster.server.counts();
  const beganMs = performance.now();
  const samples: Sample[] = [];
  const steady: Figures[] = [];
  let isProbing = true;
  const probing = probe(place).finally(() => {
    isProbing = false;
  });
  probing.catch(() => undefined);
  while (isProbing || performance.now() - beganMs < plan.seconds * 1000) {
    await wait(LOOK_MS);
    const figures = await takers.figures();
    steady.push(figures);
    const [least, middle, most] = figures.tasks.map((tasks) => tasks / agents);
    samples.push({
      seconds: (performance.now() - beganMs) / 1000,
      allocated: figures.open / agents,
      shares: [least ?? 0, middle ?? 0, most ?? 0],
    });
  }
  const seconds = (performance.now() - beganMs) / 1000;
  const counts = [counted, await cluster.server.counts()] as const;
  const usage = new Map(
    [...usages(pids)].map(([name, after]): [string, UsageShare] => {
      const first = before.get(name) ?? after;
      return [name, shareBetween(first, after, seconds)];
    }),
  );
  const probes = await probing;
  const beyond = probes.map((times) => `${Math.round(times.beyond)} ms`).join(', ');
  say(`probes took ${beyond} longer than their task`);
  return { probes, seconds, samples, steady, counts, usage };
}

async function probe({ plan, cluster }: Place): Promise<ProbeTimes[]> {
  const credential = cluster.server.credential('principal', PRINCIPALS[0] ?? '');
  const times: ProbeTimes[] = [];
  for (let number = 1; number <= plan.probes; number += 1) {
    const how = { credential, name: `probe-${number}`, taskSeconds: plan.probeSeconds };
    times.push(await probeOnce(how));
  }
  return times;
}

function pidsOf(cluster: EmulatedCluster, takers: Takers): ReadonlyMap<string, readonly number[]> {
  const { masters, allocators, emulators, server } = cluster;
  const pids = new Map([
    ['master', [masters.leader.pid]],
    ['standby', [masters.other.pid]],
    ['allocator', [allocators.leader.pid]],
    ['agents', emulators.map(({ pid }) => pid)],
    ['frameworks', [takers.pid]],
  ]);
  if (server.pid !== undefined) pids.set('nats', [server.pid]);
  return pids;
}

function usages(pids: ReadonlyMap<string, readonly number[]>): Map<string, Usage> {
  return new Map([...pids].map(([name, each]): [string, Usage] => [name, usageOfAll(each)]));
}
