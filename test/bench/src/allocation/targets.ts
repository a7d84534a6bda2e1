// Owns what the allocator is measured against: for each case what Mesos's own allocator took, and what is aimed at here.
// Mesos 1.12-dev, its hierarchical DRF allocator and DRF sorter compiled with -O2 and driven directly, one thread, on a
// machine of two cores. How a case is played is in the files beside this one.
import { median, type Result, rounded } from '../measurement.ts';

type Target = {
  readonly unit: 'ms' | 'us' | 'MB';
  /** Absent where it has nothing of the kind. */
  readonly mesos?: number;
  readonly aim: number;
};

const ms = (mesos: number, aim: number): Target => ({ unit: 'ms', mesos, aim });
const us = (mesos: number, aim: number): Target => ({ unit: 'us', mesos, aim });

const TARGETS = {
  'full.10000x200': ms(216, 20),
  'full.50000x200': ms(1414, 100),
  'full.50000x200.ports': ms(2083, 130),
  'idle.50000x200': ms(540, 1),
  'freed1.50000x200': ms(660, 5),
  'freed11.50000x200': ms(716, 25),
  'filtered.1000x50': ms(150, 2),
  'filtered.5000x200': ms(4900, 10),
  'quota.3000x3000.first': ms(11_100, 100),
  'quota.3000x3000.noop': ms(9700, 1),
  'sorter.take.100': us(2.8, 3),
  'sorter.take.1000': us(11.5, 3),
  'sorter.take.10000': us(119, 3),
  'sorter.give.10000': us(1250, 5),
  // Mesos: 10 to 24, without and with ports and by the size of the cluster.
  recover: us(10, 3),
  // Mesos: 36 to 66 s.
  'join.50000x200': ms(36_000, 200),
  'rss.50000x200': { unit: 'MB', mesos: 5900, aim: 300 },
  'facts.snapshot.50000': { unit: 'ms', aim: 1000 },
  'facts.offer.p50': { unit: 'ms', aim: 3 },
  'gateway.state.10000.first': { unit: 'ms', aim: 1000 },
  'gateway.state.10000.p50': { unit: 'ms', aim: 1000 },
  'gateway.lists.10000.first': { unit: 'ms', aim: 50 },
  'gateway.lists.10000.again': { unit: 'ms', aim: 5 },
  'gateway.lists.50000.first': { unit: 'ms', aim: 250 },
  'gateway.lists.50000.again': { unit: 'ms', aim: 10 },
} as const satisfies Record<string, Target>;

export type TargetName = keyof typeof TARGETS;

/** The middle one of what was measured, in the target's unit, beside the target. */
export function against(name: TargetName, values: readonly number[]): Result {
  const { unit, mesos, aim }: Target = TARGETS[name];
  const reference = mesos === undefined ? null : { value: mesos, of: 'Mesos' };
  return { name, value: rounded(median(values)), unit, aim, reference };
}

/** Where there is nothing to compare with. */
export function beside(name: string, values: readonly number[], unit: string): Result {
  return { name, value: rounded(median(values)), unit, aim: null, reference: null };
}
