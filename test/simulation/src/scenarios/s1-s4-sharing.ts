// Owns the scenarios of who gets how much: by dominant shares, by weights, up to a limit, beside what is held back for
// guarantees; while leaders and allocators come and go. Mesos docs, "Roles", "Weights", "Quota"; DRF: Ghodsi et al.,
// NSDI 2011, §4.
import { RoleName } from '@parley/protocol/ids';
import type { SharingChange } from '@parley/protocol/operators';
import { resources } from '../plan.ts';
import type { PooledFramework } from '../pooled-framework.ts';
import { aTask, type Scenario, type Scene } from '../scenario.ts';
import type { ScriptedFramework } from '../scripted-framework.ts';

const GIB = 1_024_000;
const CRASHES = { leaderChanges: true, allocatorCrashes: true } as const;
/** Offers are not let expire: whoever does so comes later the next time. */
const PATIENT = { offerTimeoutMs: 3600_000 } as const;
const SHARED_MS = 300_000;

const ofRole = (role: string, more: Omit<SharingChange, 'kind' | 'role' | 'framework'>) =>
  ({ kind: 'role', role: RoleName.parse(role), ...more }) as SharingChange;

/** Nothing is offered before everybody has said what it needs; then all agents are, as they come. */
async function contend(scene: Scene, ...pools: readonly PooledFramework[]): Promise<void> {
  const isKnown = (pool: PooledFramework): boolean =>
    [...(scene.leader?.state?.frameworks.rows() ?? [])].some(
      ({ framework, demand }) =>
        framework.frameworkId === pool.ref.frameworkId && (demand?.length ?? 0) > 0,
    );
  await scene.until('all needs are known', () => pools.every(isKnown));
  for (const { agentId } of scene.agents) scene.operator.change(agentId, 'reactivate');
}

async function withhold(scene: Scene): Promise<void> {
  const agents = () => [...(scene.leader?.state?.agents.rows() ?? [])];
  await scene.until('every agent is there', () => agents().length === scene.agents.length);
  for (const { agentId } of scene.agents) scene.operator.change(agentId, 'deactivate');
  await scene.until('none is offered', () => {
    const withheld = agents().filter(({ isDeactivated }) => isDeactivated);
    return withheld.length === scene.agents.length;
  });
}

export const dominantShares: Scenario = {
  name: 'S1',
  about: 'of 9 CPUs and 18 GiB, tasks of 1 and 4 get three times, tasks of 3 and 1 twice: 2/3 each',
  options: { agents: 1, total: resources(9000, 18 * GIB), ...CRASHES },
  play: async (scene) => {
    await withhold(scene);
    const a = scene.pool('a', { role: 'a', ...PATIENT });
    const b = scene.pool('b', { role: 'b', ...PATIENT });
    a.want({ count: 10, cpus: 1000, mem: 4 * GIB });
    b.want({ count: 10, cpus: 3000, mem: GIB });
    await contend(scene, a, b);
    const isShared = (): boolean => a.running === 3 && b.running === 2;
    await scene.until('three run of the one and two of the other', isShared, SHARED_MS);
    await scene.pause(60_000, 120_000);
    scene.must('it stays so', isShared());
  },
};

export const weights: Scenario = {
  name: 'S2',
  about: 'of two roles the one with twice the weight gets twice as much',
  options: { agents: 3, total: resources(4000, 16 * GIB), ...CRASHES },
  play: async (scene) => {
    await withhold(scene);
    await scene.share(ofRole('a', { weight: 2000 }));
    const [a, b] = [
      scene.pool('a', { role: 'a', ...PATIENT }),
      scene.pool('b', { role: 'b', ...PATIENT }),
    ];
    a.want({ count: 100, cpus: 200 });
    b.want({ count: 100, cpus: 200 });
    await contend(scene, a, b);
    await scene.until('all is in use', () => a.running + b.running === 60, SHARED_MS);
    scene.must(`to within a task (${a.running} to ${b.running})`, Math.abs(a.running - 40) <= 1);
  },
};

export const chopped: Scenario = {
  name: 'S3',
  about:
    'of an agent of 15 CPUs a role that may have 10 is offered 10, and what it may have more when that grows',
  options: { agents: 1, total: resources(15_000, 16 * GIB), ...CRASHES },
  play: async (scene) => {
    await scene.share(ofRole('eng', { limit: { cpus: 10_000 } }));
    const framework = scene.framework('f1', PATIENT);
    scene.must('it is offered 10', (await cpusOffered(scene, framework)) === 10_000);
    const task = await scene.launch(framework, aTask('t1', { cpus: 4000 }));
    scene.must('beside 4 in use it is offered 6', (await cpusOffered(scene, framework)) === 6000);
    await scene.share(ofRole('eng', { limit: { cpus: 12_000 } }));
    framework.decline([...framework.held.values()], 0);
    scene.must(
      'when it may have 12 it is offered 8',
      (await cpusOffered(scene, framework)) === 8000,
    );
    await scene.share(ofRole('eng', { limit: { cpus: 5000 } }));
    // The offer that is too much is taken back.
    await scene.until(
      'when it may have 5 it is offered 1',
      () => total(framework) === 1000,
      SHARED_MS,
    );
    framework.kill(task.taskId);
    await scene.until('the task has ended', () => scene.booked(framework, task) === 'killed');
    await scene.until('then 5', () => total(framework) === 5000, SHARED_MS);
  },
};

/** Once it is stable: what is offered is offered in one piece, or in what has come free one after the other. */
async function cpusOffered(scene: Scene, framework: ScriptedFramework): Promise<number> {
  await scene.until('it is offered something', () => framework.held.size > 0, SHARED_MS);
  await scene.pause(5000, 20_000);
  return total(framework);
}

const total = ({ held }: ScriptedFramework): number =>
  [...held.values()].reduce((sum, { resources: { scalars } }) => sum + (scalars['cpus'] ?? 0), 0);

/** What is held back is the allocator's alone to know: nothing of what it hears and says is lost. */
const HEARD = { leaderChanges: false, keepsFilters: true } as const;

export const headroom: Scenario = {
  name: 'S4',
  about:
    'where nothing is taken back, what guarantees lack is kept from everybody else until it is wanted, or not guaranteed',
  options: {
    agents: 3,
    total: resources(4000, 16 * GIB),
    ...HEARD,
    settings: { reclaims: false },
  },
  play: async (scene) => {
    await scene.share(ofRole('kept', { guarantee: { cpus: 6000 } }));
    const others = scene.pool('others', { role: 'others', ...PATIENT });
    others.want({ count: 24, cpus: 500 });
    await scene.until('others have the rest', () => others.running === 12, SHARED_MS);
    await beginAnew(scene);
    scene.must('no more than that', others.live === 12);
    const kept = scene.pool('kept', { role: 'kept', ...PATIENT });
    const count = scene.random.between(1, 12);
    kept.want({ count, cpus: 500 });
    await scene.until('what is guaranteed is there', () => kept.running === count, SHARED_MS);
    await beginAnew(scene);
    scene.must('what it does not want is still kept for it', others.live === 12);
    await scene.share(ofRole('kept', { guarantee: null }));
    const rest = 24 - count;
    await scene.until(
      'what nobody is guaranteed others get',
      () => others.running === rest,
      SHARED_MS,
    );
    scene.must('nothing was taken back', scene.sharing.counts.begun === 0);
  },
};

/** The allocator is killed, or the leader, or neither, and whoever comes after knows as much. */
async function beginAnew(scene: Scene): Promise<void> {
  if (scene.random.chance(0.4)) {
    for (const allocator of scene.allocators) allocator.crash();
    await scene.pause(100, 5000);
    for (const allocator of scene.allocators) allocator.start();
  } else if (scene.random.chance(0.5)) scene.crashLeader();
  await scene.pause(20_000, 60_000);
}
