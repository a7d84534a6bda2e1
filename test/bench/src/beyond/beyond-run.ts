// Owns measuring one cluster in virtual time: processor time by part and task, what its entries hold, the memory of its leader and
// of its allocator, its snapshot. It says nothing of what follows from that (beyond-benchmark.ts).
import { MemorySnapshotStore } from '@parley/actor/memory-snapshot-store';
import { beginSnapshot, loadNewestSnapshot, writeSnapshot } from '@parley/actor/snapshots';
import { clusterCore } from '@parley/cluster/cluster-core';
import * as z from 'zod';
import { median } from '../measurement.ts';
import { PlayedCluster } from './played-cluster.ts';
import type { Part, PlayedLeader } from './played-leader.ts';
import { Stopwatch } from './stopwatch.ts';

export const BeyondPlan = z.object({
  agents: z.int().min(1),
  frameworks: z.int().min(1),
  tasksATurn: z.number().gt(0),
  /** Ended before anything is measured, beside those that the cluster is filled with. */
  warmUpTasks: z.int().min(0),
  /** Ended while it is measured. */
  tasks: z.int().min(1),
});
export type BeyondPlan = z.infer<typeof BeyondPlan>;

/** Microseconds of processor time: of a task, but of one heartbeat. */
const Costs = z.object({
  messages: z.number(),
  journal: z.number(),
  steps: z.number(),
  marks: z.number(),
  allocator: z.number(),
  heartbeats: z.number(),
});
export type Costs = z.infer<typeof Costs>;

export const BeyondRun = z.object({
  agents: z.int(),
  /** The middle of all windows, and the mean over all of them, long collections of garbage included. */
  middle: Costs,
  mean: Costs,
  /** Share of agents that have a task, on average. */
  busy: z.number(),
  heartbeatMs: z.number(),
  inputsAnEntry: z.number(),
  journalBytes: z.number(),
  ended: z.int(),
  /** Bytes. */
  memory: z.object({ leader: z.number(), allocator: z.number(), process: z.number() }),
  /** Bytes, and seconds of processor time of the whole process. */
  snapshot: z.object({ bytes: z.number(), write: z.number(), read: z.number() }),
});
export type BeyondRun = z.infer<typeof BeyondRun>;

const WINDOW_TASKS = 500;

/** `collect`: forces the collector of garbage. */
export async function measureBeyond(plan: BeyondPlan, collect: () => void): Promise<BeyondRun> {
  const watch = new Stopwatch<Part>();
  const cluster = new PlayedCluster(plan, watch);
  cluster.fill();
  play(cluster, plan.warmUpTasks);
  const { leader } = cluster;
  const before = leader.written;
  const windows: Window[] = [];
  watch.take();
  for (let ended = 0; ended < plan.tasks; ended += windows.at(-1)?.ended ?? 0) {
    const played = play(cluster, Math.min(WINDOW_TASKS, plan.tasks));
    windows.push({ ...played, taken: watch.take() });
  }
  const after = leader.written;
  const ended = sum(windows, (one) => one.ended);
  const costs = windows.map(costsOf);
  const mean = costsOf({
    ended,
    beats: sum(windows, ({ beats }) => beats),
    taken: new Map(PARTS.map((part) => [part, sum(windows, ({ taken }) => taken.get(part) ?? 0)])),
  });
  const figures = {
    agents: plan.agents,
    middle: {
      ...costsBy((part) => median(costs.map((one) => one[part]))),
      // Come in few of the windows.
      marks: mean.marks,
    },
    mean,
    busy: sum(windows, ({ busy }) => busy) / windows.length,
    heartbeatMs: cluster.heartbeatMs,
    inputsAnEntry: (after.inputs - before.inputs) / (after.entries - before.entries),
    journalBytes: (after.bytes - before.bytes) / ended,
    ended,
  };
  const memory = memoryOf(cluster, collect);
  return { ...figures, memory, snapshot: await snapshotOf(leader) };
}

type Played = { readonly ended: number; readonly beats: number; readonly busy: number };
type Window = Played & { readonly taken: ReadonlyMap<Part, number> };

/** Until so many tasks more have ended. */
function play(cluster: PlayedCluster, tasks: number): Played {
  const before = cluster.counts;
  let turns = 0;
  let busy = 0;
  while (cluster.counts.ended - before.ended < tasks) {
    cluster.turn();
    turns += 1;
    busy += cluster.state.tasks.size / cluster.state.agents.size;
  }
  const { ended, beats } = cluster.counts;
  return { ended: ended - before.ended, beats: beats - before.beats, busy: busy / turns };
}

const PARTS = Costs.keyof().options;

function costsOf({ ended, beats, taken }: Omit<Window, 'busy'>): Costs {
  return costsBy((part) => (taken.get(part) ?? 0) / (part === 'heartbeats' ? beats : ended));
}

function costsBy(cost: (part: Part) => number): Costs {
  return Costs.parse(Object.fromEntries(PARTS.map((part) => [part, cost(part)])));
}

/** What the collector frees when the allocator, and then all but the leader, is let go. */
function memoryOf(cluster: PlayedCluster, collect: () => void): BeyondRun['memory'] {
  const process_ = process.memoryUsage.rss();
  const whole = held(collect);
  cluster.forgetAllocator();
  const withoutAllocator = held(collect);
  cluster.forgetAgents();
  return { leader: held(collect), allocator: whole - withoutAllocator, process: process_ };
}

function held(collect: () => void): number {
  collect();
  return process.memoryUsage().heapUsed;
}

async function snapshotOf(leader: PlayedLeader): Promise<BeyondRun['snapshot']> {
  const store = new MemorySnapshotStore();
  const began = process.cpuUsage();
  const source = beginSnapshot(leader.replica);
  const written = await writeSnapshot(store, source, () => performance.now());
  const write = secondsSince(began);
  if (!written.ok) throw new Error(written.failure.message);
  const name = { sequence: written.value.sequence, writer: store.writer };
  let bytes = 0;
  for (let part = 0; part < written.value.parts; part += 1) {
    const read = await store.readPart(name, part);
    bytes += read.ok ? (read.value?.length ?? 0) : 0;
  }
  const beganReading = process.cpuUsage();
  const loaded = await loadNewestSnapshot(clusterCore, store);
  if (!loaded.ok || loaded.value?.replica.hash() !== leader.replica.hash()) {
    throw new Error('the snapshot does not read back');
  }
  return { bytes, write, read: secondsSince(beganReading) };
}

function secondsSince(began: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(began);
  return (user + system) / 1e6;
}

const sum = <Item>(items: readonly Item[], pick: (item: Item) => number): number =>
  items.reduce((all, item) => all + pick(item), 0);
