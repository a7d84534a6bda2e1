// Owns the scenario of many frameworks that differ in everything, in a few sizes: all of their tasks get to run. Mesos,
// hierarchical_allocator_benchmarks.cpp, MultiFrameworkAllocations; here for what comes of it, not for how fast it is.
import { resources } from '../plan.ts';
import type { PooledFramework, PoolHabits, Work } from '../pooled-framework.ts';
import type { Scenario, Scene } from '../scenario.ts';

const GIB = 1_024_000;
const ALL_MS = 900_000;

type Kind = {
  readonly frameworks: readonly [number, number];
  /** Absent: each in its own. */
  readonly role?: string;
  readonly work: Work;
  readonly tasksAnOffer: number;
};

/** Few with many small tasks, many in one role with a few tasks that need memory, some with large ones. */
const KINDS: readonly Kind[] = [
  { frameworks: [1, 3], work: { count: 30, cpus: 70, mem: 400_000 }, tasksAnOffer: 20 },
  {
    frameworks: [2, 8],
    role: 'builds',
    work: { count: 3, cpus: 100, mem: 2 * GIB },
    tasksAnOffer: 1,
  },
  { frameworks: [1, 4], work: { count: 4, cpus: 1000, mem: GIB }, tasksAnOffer: 2 },
];

export const mix: Scenario = {
  name: 'S27',
  about:
    'few with many small tasks, many with a few and some with large ones get all of them to run, with a stated demand or without',
  options: {
    agents: 6,
    total: resources(8000, 32 * GIB),
    leaderChanges: true,
    allocatorCrashes: true,
  },
  play: async (scene) => {
    const statesDemand = scene.random.chance(0.5);
    const pools: Wanted[] = [];
    for (const [index, kind] of KINDS.entries())
      pools.push(...(await poolsOf(scene, kind, { index, statesDemand })));
    const isAllRunning = () => pools.every(({ pool, count }) => pool.running === count);
    await scene.until('all tasks run', isAllRunning, ALL_MS);
    scene.must(
      'each once',
      pools.every(({ pool, count }) => pool.live === count),
    );
  },
};

type Wanted = { readonly pool: PooledFramework; readonly count: number };

async function poolsOf(
  scene: Scene,
  { frameworks, role, work, tasksAnOffer }: Kind,
  { index, statesDemand }: { readonly index: number } & Pick<PoolHabits, 'statesDemand'>,
): Promise<Wanted[]> {
  const pools: Wanted[] = [];
  const length = scene.random.between(...frameworks);
  for (let number = 0; number < length; number += 1) {
    const name = `k${index}-${number}`;
    const pool = scene.pool(name, { role: role ?? name }, { statesDemand, tasksAnOffer });
    pool.want(work);
    await scene.pause(0, 500);
    pools.push({ pool, count: work.count });
  }
  return pools;
}
