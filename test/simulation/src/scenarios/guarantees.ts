// Owns the scenarios of taking back: for a guarantee, for somebody who is starved, and while guarantees and limits change
// under load. What must never happen meanwhile is in sharing-witness.ts.
import { RoleName } from '@parley/protocol/ids';
import type { SharingChange } from '@parley/protocol/operators';
import { resources } from '../plan.ts';
import type { PooledFramework } from '../pooled-framework.ts';
import type { Random } from '../random.ts';
import type { Scenario, Scene } from '../scenario.ts';
import { TEMPERS } from '../simulated-executor.ts';

const HOUR_MS = 3600_000;
/** What comes back for somebody stays offered to him however slow his messages are: else it is taken once more for him. */
const PATIENT = { offerTimeoutMs: HOUR_MS } as const;
/** Grace, extension and the time for messages, with leaders and allocators that come and go. */
const TAKING_MS = 600_000;
const QUIET_MS = 300_000;
/** Of three agents. */
const HALF = 6000;
const AGENT = resources(4000, 4_096_000);

const TAKING = {
  agents: 3,
  total: AGENT,
  leaderChanges: true,
  allocatorCrashes: true,
} as const;
const GRACES = { revocationGraceMs: 30_000, revocationExtensionMs: 60_000 } as const;

/** Of a framework, or of a role. */
const guarantee = (of: PooledFramework | string, cpus: number): SharingChange =>
  typeof of === 'string'
    ? { kind: 'role', role: RoleName.parse(of), guarantee: { cpus } }
    : { kind: 'framework', framework: of.ref, guarantee: { cpus } };

export const guaranteed: Scenario = {
  name: 'guaranteed',
  about:
    'whoever is below its guarantee gets it from those above theirs, and no more, whatever their executors answer',
  options: { ...TAKING, settings: { ...GRACES, starvationMs: HOUR_MS } },
  play: async (scene) => {
    const temper = scene.random.pick([undefined, ...TEMPERS]);
    const holder = scene.pool('holder', { role: 'batch', ...PATIENT });
    await scene.share(guarantee(holder, 4000));
    holder.want({ count: 24, cpus: 500, temper });
    await scene.until('one has all', () => holder.running === 24, TAKING_MS);
    scene.sharing.watch(holder.ref);
    const late = scene.pool('late', { role: 'web', ...PATIENT });
    await scene.share(guarantee('web', 6000));
    const size = scene.random.pick([500, 1000, 2000]);
    const due = 6000 / size;
    late.want({ count: due + 2, cpus: size });
    await scene.until(
      'the other has what is guaranteed to it',
      () => late.running >= due,
      TAKING_MS,
    );
    await scene.pause(60_000, QUIET_MS);
    // An executor that is not seen to end what it is told to is shut down with all that it has.
    if (scene.sharing.counts.enforced === 0) {
      const least = scene.sharing.leastOf(holder.ref)['cpus'];
      scene.must('it has no more than its guarantee', late.live === due);
      scene.must(`no more was ever taken back than it needs (${least} left)`, least === 6000);
      scene.must('the first keeps the rest', holder.running === 12);
    }
    late.tearDown();
    await scene.until('the first has all again', () => holder.running === 24, TAKING_MS);
  },
};

export const starved: Scenario = {
  name: 'starved',
  about:
    'two who want all of a cluster share it by what is taken back, and then leave each other alone',
  options: { ...TAKING, settings: { ...GRACES, starvationMs: 5000 } },
  play: async (scene) => {
    const sizes = [300, 400, 500, 700, 1000, 1500];
    const [first, second] = [
      scene.pool('first', { role: 'a', ...PATIENT }),
      scene.pool('second', { role: 'b', ...PATIENT }),
    ];
    const [one, other] = [scene.random.pick(sizes), scene.random.pick(sizes)];
    first.want({
      count: 60,
      cpus: one,
      temper: scene.random.pick([undefined, 'stops', 'needsTime']),
    });
    const full = 3 * Math.floor(4000 / one);
    await scene.until('one has all', () => first.running === full, TAKING_MS);
    scene.sharing.watch(first.ref);
    second.want({ count: 60, cpus: other });
    // To within a task of each: what is less is left to whoever has it.
    const isShared = () => first.running * one < HALF + one + other;
    await scene.until('the other has its share', isShared, TAKING_MS);
    await quiet(scene);
    const least = scene.sharing.leastOf(first.ref)['cpus'] ?? 0;
    const isHarsh = scene.sharing.counts.enforced > 0;
    scene.must(`who had more never has less than half (${least})`, isHarsh || least >= HALF);
  },
};

const ROLES = ['eng', 'eng/ads', 'eng/web', 'ops'] as const;
const MEMBERS = ['eng/ads', 'eng/web', 'ops', 'eng/web'] as const;

export const changing: Scenario = {
  name: 'quotas',
  about:
    'guarantees, limits and weights that change under load are kept while tasks are taken back, and all comes to rest',
  options: {
    ...TAKING,
    settings: { ...GRACES, starvationMs: 10_000, revocationNoticeMs: 1000 },
  },
  play: async (scene) => {
    const { random } = scene;
    const pools = MEMBERS.map((role, index) => scene.pool(`f${index + 1}`, { role }));
    for (let round = 0; round < 12; round += 1) {
      for (const pool of pools) if (random.chance(0.4)) wantSome(pool, random);
      if (random.chance(0.7))
        scene.operator.share({ changes: [drawChange(random, pools)], force: true });
      await scene.pause(500, 25_000);
    }
    await scene.until('what was set is set', () => scene.operator.isIdle);
    // However much is still wanted.
    await quiet(scene);
    for (const pool of pools) pool.wantNoMore();
  },
};

/** Nobody asks anybody for anything any more. */
async function quiet(scene: Scene): Promise<void> {
  await scene.until(
    'nobody takes anything back any more',
    () => scene.world.clock.nowMs - (scene.sharing.lastBegunMs ?? 0) > QUIET_MS,
    4 * TAKING_MS,
  );
}

function wantSome(pool: PooledFramework, random: Random): void {
  if (random.chance(0.2)) pool.wantNoMore();
  pool.want({
    count: random.between(1, 12),
    cpus: random.pick([200, 500, 1000]),
    kind: random.pick(['lasts', 'lasts', 'works', 'stubborn']),
    durationMs: random.between(1000, 60_000),
    priority: random.between(-1, 1),
    temper: random.pick([undefined, ...TEMPERS]),
  });
}

function drawChange(random: Random, pools: readonly PooledFramework[]): SharingChange {
  const amounts = (most: number) =>
    random.chance(0.2) ? null : { cpus: random.between(0, most) * 500 };
  const what = random.pick([
    { guarantee: amounts(8) },
    { guarantee: amounts(8) },
    { limit: amounts(24) },
    { weight: random.pick([null, 500, 3000]) },
  ]);
  return random.chance(0.6)
    ? { kind: 'role', role: RoleName.parse(random.pick(ROLES)), ...what }
    : { kind: 'framework', framework: random.pick(pools).ref, ...what };
}
