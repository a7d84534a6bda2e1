// Owns measuring how fast a journal is stepped again, without a bus or a disk: whole entries as bytes, each checked by its
// checksum, through the class that every replica steps by. Time is the processor's, of all threads of this process.
import { Replica } from '@parley/actor/replica';
import { clusterCore } from '@parley/cluster/cluster-core';
import type { ClusterState } from '@parley/cluster/cluster-state';
import type { Effect } from '@parley/cluster/effects';
import type { Input } from '@parley/cluster/inputs';
import { type Entry, JournalLoad } from './journal-load.ts';
import { type Benchmark, median, type Result, rounded } from './measurement.ts';

const RUNS = 5;
const CALLS = { size: { agents: 10, frameworks: 64, tasksAnAgent: 2 }, calls: 200_000 };
const TASKS = {
  size: { agents: 2000, frameworks: 50, tasksAnAgent: 2 },
  agentsATurn: 500,
  turns: 10,
};

export const replayBenchmark: Benchmark = {
  name: 'replay',
  summary: 'inputs a second stepped again from a journal, on one core',
  run: async (say) => {
    say(`${CALLS.calls} calls of ${CALLS.size.frameworks} frameworks`);
    const calls = await measure(CALLS.size, (load) => load.demand(CALLS.calls));
    const { size, turns, agentsATurn } = TASKS;
    const tasks = turns * agentsATurn * size.tasksAnAgent;
    say(`${tasks} tasks that are offered, launched, run and end`);
    const lives = await measure(size, async (load) => {
      for (let turn = 0; turn < turns; turn += 1) await load.turnOver(agentsATurn);
    });
    return [
      result('replay.inputs', calls.inputs / calls.seconds, 'inputs/s', 200_000),
      result('replay.tasks', tasks / lives.seconds, 'tasks/s', null),
    ];
  },
};

const result = (name: string, value: number, unit: string, aim: number | null): Result => ({
  name,
  value: rounded(value),
  unit,
  aim,
  reference: null,
});

/** Of the entries that `work` wrote after the cluster was filled. */
async function measure(
  size: ConstructorParameters<typeof JournalLoad>[0],
  work: (load: JournalLoad) => Promise<void>,
): Promise<{ inputs: number; seconds: number }> {
  const entries: Entry[] = [];
  const load = new JournalLoad(size, async (entry) => void entries.push(entry));
  await load.fill();
  const filled = entries.length;
  await work(load);
  const seconds = Array.from({ length: RUNS }, () => {
    const replica = new Replica<ClusterState, Input, Effect>(clusterCore);
    step(replica, entries.slice(0, filled));
    const began = process.cpuUsage();
    step(replica, entries.slice(filled));
    const { user, system } = process.cpuUsage(began);
    if (replica.hash() !== load.replica.hash()) throw new Error('another state was reached');
    return (user + system) / 1e6;
  });
  const inputs = entries.slice(filled).reduce((sum, entry) => sum + entry.inputs, 0);
  return { inputs, seconds: median(seconds) };
}

function step(replica: Replica<ClusterState, Input, Effect>, entries: readonly Entry[]): void {
  for (const { bytes } of entries) {
    const { kind } = replica.apply(replica.sequence + 1, bytes);
    if (kind !== 'applied') throw new Error(`an entry is ${kind}`);
  }
}
