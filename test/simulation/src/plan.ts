// Owns what is decided about a run before it begins, all of it drawn from the seed: faults, settings, who takes
// part and what they want. It can be printed, so that a seed can be read.
import { ClusterSettings } from '@parley/cluster/inputs';
import { FrameworkId, type FrameworkRef, PrincipalName } from '@parley/protocol/ids';
import type { Resources } from '@parley/protocol/resources';
import { drawFaults, type Faults } from './faults.ts';
import { Random } from './random.ts';

/** `works`, `fails`, `stubborn` (does not hear SIGTERM) end after so long; `lasts` runs until it is killed. */
export type WishKind = 'works' | 'fails' | 'stubborn' | 'lasts';

export type WishPlan = {
  readonly kind: WishKind;
  readonly durationMs: number;
  readonly resources: Resources;
};

export type FrameworkHabits = {
  /** It states what it needs, anew whenever that changes. */
  readonly statesDemand: boolean;
  /** It suppresses offers while it needs none. */
  readonly suppresses: boolean;
  /** Its own, else the cluster's. */
  readonly offerTimeoutMs?: number;
  /** Of offers, by the handful: answered only around their timeout, or never. */
  readonly slowChance: number;
  readonly ignoreChance: number;
  /** Of accepts: several tasks as a group, offers of several agents at once, all or nothing. */
  readonly groupChance: number;
  readonly togetherChance: number;
  readonly atomicChance: number;
  /** Of offers: something of it is reserved, with a volume, for the task launched on it. */
  readonly reserveChance: number;
  /** Of launches: with a health check that it may fail, and with a limit on its time. */
  readonly checkChance: number;
  readonly limitChance: number;
  /** It takes what may be taken back at any time, and runs tasks on it. */
  readonly takesRevocable: boolean;
  /** A second process takes its session over now and then, and the first one the second's. */
  readonly hasTwin: boolean;
};

export type FrameworkPlan = {
  readonly ref: FrameworkRef;
  readonly roles: readonly string[];
  readonly failoverTimeoutMs: number;
  readonly habits: FrameworkHabits;
  readonly wishes: readonly WishPlan[];
};

export type Plan = {
  readonly seed: number;
  readonly faults: Faults;
  /** Virtual time until everything heals. */
  readonly faultyMs: number;
  readonly settings: ClusterSettings;
  /** How often the allocator wants a task back, whatever allocation says. */
  readonly revocationsPerMinute: number;
  readonly masters: readonly string[];
  readonly agents: readonly Resources[];
  readonly frameworks: readonly FrameworkPlan[];
};

/** Of each agent, in thousandths of MiB: more than all volumes together take. */
const DISK = 100_000_000;
const DAY_MS = 24 * 3600_000;

export function drawPlan(seed: number): Plan {
  const random = new Random(seed).derive('plan');
  const faults = drawFaults(random.derive('faults'));
  const long = faults.longAbsencesPerMinute > 0;
  const cast = random.derive('cast');
  const revoking = random.derive('revoking');
  const agents = Array.from({ length: cast.between(1, 4) }, () =>
    withDisk(resources(cast.between(1, 4) * 1000, cast.between(1, 4) * 1_024_000)),
  );
  const frameworks = Array.from({ length: cast.between(1, 3) }, (_, index) => ({
    ref: {
      principal: PrincipalName.parse(cast.pick(['alice', 'bob'])),
      frameworkId: FrameworkId.parse(`f${index + 1}`),
    },
    roles: cast.pick([['eng'], ['ops'], ['eng'], ['ops'], ['eng', 'ops'], ['ops', 'web']]),
    failoverTimeoutMs: cast.pick([DAY_MS, DAY_MS, 1000, 15_000]),
    habits: drawHabits(random.derive(`habits ${index}`)),
    wishes: Array.from({ length: cast.between(3, 15) }, (_wish, at) => drawWish(cast, at)),
  }));
  return {
    seed,
    faults,
    faultyMs: random.pick(long ? [180_000, 300_000] : [20_000, 60_000, 180_000]),
    settings: ClusterSettings.parse({
      endedTasksMs: random.pick([600_000, 600_000, 30_000]),
      endedTasksPerFramework: random.pick([1000, 1000, 3]),
      revocationNoticeMs: revoking.pick([0, 0, 2000]),
      revocationGraceMs: revoking.pick([300, 3000, 20_000]),
      starvationMs: revoking.pick([1000, 60_000]),
    }),
    revocationsPerMinute: revoking.pick([0, 3, 20]),
    masters: ['master-1', 'master-2', 'master-3'].slice(0, random.derive('masters').between(2, 3)),
    agents,
    frameworks,
  };
}

/** Each habit is absent in more than half of the frameworks. */
function drawHabits(random: Random): FrameworkHabits {
  const maybe = (value: number): number => (random.chance(0.4) ? value : 0);
  const offerTimeoutMs = random.pick([undefined, undefined, 500, 2000]);
  return {
    statesDemand: random.chance(0.35),
    suppresses: random.chance(0.4),
    ...(offerTimeoutMs !== undefined && { offerTimeoutMs }),
    slowChance: maybe(0.1),
    ignoreChance: maybe(0.1),
    groupChance: maybe(0.5),
    togetherChance: maybe(0.5),
    atomicChance: maybe(0.3),
    reserveChance: maybe(0.2),
    checkChance: maybe(0.3),
    limitChance: maybe(0.2),
    hasTwin: random.chance(0.2),
    takesRevocable: random.chance(0.5),
  };
}

/**
 * The first may be one that lasts: what runs when all is quiet is compared with the books. Beside three that last,
 * every other wish still fits on the smallest agent.
 */
function drawWish(random: Random, at: number): WishPlan {
  const scalars = resources(
    random.pick([100, 250, 500, 700]),
    random.pick([64_000, 256_000, 800_000]),
  );
  const kind = random.pick<WishKind>(['works', 'works', 'works', 'fails', 'stubborn']);
  const durationMs = random.pick([0, 10, 500, 3000, 20_000]);
  if (at === 0 && random.chance(0.6)) {
    return { kind: 'lasts', durationMs: 0, resources: resources(100, 64_000) };
  }
  return { kind, durationMs, resources: scalars };
}

function withDisk({ scalars, ...rest }: Resources): Resources {
  return { ...rest, scalars: { ...scalars, disk: DISK } };
}

export function resources(cpus: number, mem: number): Resources {
  return { scalars: { cpus, mem }, ports: [], sets: {} };
}
