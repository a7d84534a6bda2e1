// Owns one run of the Mesos paper's experiment about locality (Hindman et al., NSDI 2011, section 6.4): frameworks that all
// scan one file at the same time, each in a static part of the agents, or sharing all of them with so long a delay.
import { normalise } from '@parley/resources/resources';
import { Random } from '@parley/test-simulation/random';
import { agentNumber, VirtualCluster } from '../virtual/virtual-cluster.ts';
import { type Block, Scan, type Waits } from './scan.ts';

export type LocalityPlan = {
  readonly agents: number;
  readonly frameworks: number;
  readonly blocks: number;
  readonly seed: number;
};
export type Sharing =
  | { readonly kind: 'static' }
  | { readonly kind: 'shared'; readonly delayMs: number; readonly waits: Waits };
/** `near`: the part of the tasks on agents that hold their block, from 0 to 1. `seconds`: a job, on average. */
export type Locality = { readonly near: number; readonly seconds: number };

const REPLICAS = 3;
const AGENT = normalise({ scalars: { cpus: 4000, mem: 15 * 1024 * 1000 } });
const TASK = normalise({ scalars: { cpus: 1000, mem: 1024 * 1000 } });
/** Of a task whose block is where it runs; one that reads over the network is assumed to take twice as long. */
const NEAR_MS = 18_000;
const FAR_TIMES = 2;
/** Up or down. */
const SPREAD = 0.15;

export function measureLocality(plan: LocalityPlan, sharing: Sharing): Locality {
  const { agents, frameworks, seed } = plan;
  const file = fileOf(plan);
  const names = Array.from({ length: frameworks }, (_, index) => `scan-${index}`);
  const about = sharing.kind === 'shared' ? sharing : ({ delayMs: 0, waits: 'job' } as const);
  const scanIn = (cluster: VirtualCluster, name: string): Scan =>
    new Scan(cluster, {
      name,
      blocks: file,
      task: TASK,
      delayMs: about.delayMs,
      waits: about.waits,
    });
  if (sharing.kind === 'shared') {
    const cluster = new VirtualCluster({ count: agents, total: AGENT, seed });
    return together(
      cluster,
      names.map((name) => scanIn(cluster, name)),
    );
  }
  const parts = names.map((name, index) => {
    const firstNumber = Math.floor((index * agents) / frameworks);
    const count = Math.floor(((index + 1) * agents) / frameworks) - firstNumber;
    const cluster = new VirtualCluster({ count, firstNumber, total: AGENT, seed });
    return together(cluster, [scanIn(cluster, name)]);
  });
  return {
    near: mean(parts.map(({ near }) => near)),
    seconds: mean(parts.map((one) => one.seconds)),
  };

  function together(cluster: VirtualCluster, scans: readonly Scan[]): Locality {
    cluster.run(() => scans.every(({ endMs }) => endMs !== undefined));
    cluster.check();
    return {
      near: mean(scans.map(({ nearTasks }) => nearTasks / plan.blocks)),
      seconds: mean(scans.map(({ endMs = Number.NaN }) => endMs / 1000)),
    };
  }
}

/** Each block on agents drawn at random, no two the same. */
function fileOf({ agents, blocks, seed }: LocalityPlan): Block[] {
  const random = new Random(seed).derive('file');
  return Array.from({ length: blocks }, () => {
    const holders = new Set<number>();
    while (holders.size < REPLICAS) holders.add(random.between(0, agents - 1));
    const nearMs = NEAR_MS * (1 + SPREAD * (2 * random.next() - 1));
    return { holders: [...holders].map(agentNumber), nearMs, farMs: FAR_TIMES * nearMs };
  });
}

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;
