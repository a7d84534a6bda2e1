// Owns how far shares come apart while everybody wants more (Ghodsi et al., "Dominant Resource Fairness", NSDI 2011, section
// 6): frameworks whose tasks need different things, one of double weight, either of which states what it needs, or is offered
// whole agents as in Mesos and takes each whole. Nothing is taken back from tasks that run.

import { timesContained } from '@parley/allocation/need-fit';
import type { Offer } from '@parley/protocol/offers';
import type { Resources } from '@parley/protocol/resources';
import { isTerminal, type StatusUpdate } from '@parley/protocol/tasks';
import { normalise } from '@parley/resources/resources';
import { Random } from '@parley/test-simulation/random';
import { sleepFor, VirtualCluster, type VirtualScheduler } from '../virtual/virtual-cluster.ts';
import { AGENT } from './sharing-run.ts';

export type Granularity = 'tasks' | 'agents';
export type DeviationPlan = {
  readonly agents: number;
  readonly seed: number;
  readonly seconds: number;
  readonly granularity: Granularity;
};

/** Per cent of the cluster, between the greatest and the least dominant share by weight. */
export type Deviation = { readonly greatest: number; readonly mean: number };

type Profile = {
  readonly name: string;
  readonly task: Resources;
  /** Thousandths. */
  readonly weight: number;
};

const PROFILES: readonly Profile[] = [
  { name: 'maps', task: task(1, 2), weight: 1000 },
  { name: 'matrices', task: task(1, 3.5), weight: 1000 },
  { name: 'rays', task: task(1, 1), weight: 1000 },
  { name: 'weighty', task: task(2, 3), weight: 2000 },
];
const TASK_SECONDS = 30;
/** As in the scalability experiment: a third of a task's length, up or down. */
const SPREAD = 1 / 3;
/** The cluster is full, and tasks do not end together any more. */
const WARM_UP_SECONDS = 120;
const SAMPLE_MS = 1000;
const MORE_THAN_EVER = 1_000_000;

export function measureDeviation({ agents, seed, seconds, granularity }: DeviationPlan): Deviation {
  const cluster = new VirtualCluster({ count: agents, total: AGENT, seed });
  const random = new Random(seed);
  const takers = PROFILES.map((profile) => {
    if (profile.weight !== 1000) cluster.weigh(profile.name, profile.weight);
    return new Taker(cluster, profile, granularity, random.derive(profile.name));
  });
  const deviations: number[] = [];
  const sample = (): void => {
    const shares = takers.map((taker) => taker.shareOf(agents));
    deviations.push(100 * (Math.max(...shares) - Math.min(...shares)));
    cluster.clock.after(SAMPLE_MS, sample);
  };
  cluster.clock.after(WARM_UP_SECONDS * 1000, sample);
  const endMs = (WARM_UP_SECONDS + seconds) * 1000;
  cluster.run(() => cluster.nowMs >= endMs);
  cluster.check();
  const sum = deviations.reduce((all, each) => all + each, 0);
  return { greatest: Math.max(...deviations), mean: sum / deviations.length };
}

/** Always wants more. */
class Taker {
  readonly #profile: Profile;
  readonly #granularity: Granularity;
  readonly #random: Random;
  readonly #cluster: VirtualCluster;
  readonly #scheduler: VirtualScheduler;
  #launched = 0;

  constructor(cluster: VirtualCluster, profile: Profile, granularity: Granularity, random: Random) {
    this.#cluster = cluster;
    this.#profile = profile;
    this.#granularity = granularity;
    this.#random = random;
    const demand = [{ count: MORE_THAN_EVER, resources: profile.task }];
    this.#scheduler = cluster.join(profile.name, this, granularity === 'tasks' ? { demand } : {});
  }

  offered(offers: readonly Offer[]): void {
    for (const { offerId, agentId, resources } of offers) {
      const tasks =
        this.#granularity === 'agents'
          ? [this.#describe(resources)]
          : Array.from({ length: timesContained(resources, this.#profile.task) }, () =>
              this.#describe(this.#profile.task),
            );
      const operations = [{ kind: 'launch', agentId, tasks }];
      this.#scheduler.call('accept', { offerIds: [offerId], operations, filter: { refuseMs: 0 } });
    }
  }

  rescinded(): void {}

  updated({ state }: StatusUpdate): void {
    if (isTerminal(state) && state !== 'finished') throw new Error(`a task is ${state}`);
  }

  /** Dominant, by weight. */
  shareOf(agents: number): number {
    const { weight } = this.#profile;
    const parts = Object.entries(AGENT.scalars).map(
      ([name, amount]) => this.#cluster.allocatedTo(this.#scheduler.role, name) / (agents * amount),
    );
    return (Math.max(...parts) * 1000) / weight;
  }

  #describe(resources: Resources): object {
    this.#launched += 1;
    const lengthMs = TASK_SECONDS * 1000 * (1 + SPREAD * (2 * this.#random.next() - 1));
    return { taskId: `task-${this.#launched}`, resources, command: sleepFor(lengthMs) };
  }
}

/** CPUs, and GiB of memory. */
function task(cpus: number, gib: number): Resources {
  return normalise({ scalars: { cpus: cpus * 1000, mem: gib * 1024 * 1000 } });
}
