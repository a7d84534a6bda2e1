// Owns which faults a run has and how often: drawn from its seed, some kinds left out altogether.
import type { Random } from './random.ts';

export type Faults = {
  readonly dropChance: number;
  readonly duplicateChance: number;
  readonly maxDelayMs: number;
  /** Lets messages of one sender overtake each other. */
  readonly reorder: boolean;
  /** The acknowledgement of a stored message is lost. */
  readonly lostAckChance: number;
  /** Crashes per actor and virtual minute. */
  readonly crashesPerMinute: number;
  readonly maxDownMs: number;
  readonly cutsPerMinute: number;
};

/** Swarm testing: each kind of fault is off in about half of the runs. */
export function drawFaults(random: Random): Faults {
  const maybe = (value: number): number => (random.chance(0.5) ? value : 0);
  return {
    dropChance: maybe(random.pick([0.01, 0.05, 0.2])),
    duplicateChance: maybe(random.pick([0.02, 0.1])),
    maxDelayMs: random.pick([1, 5, 50, 400]),
    reorder: random.chance(0.4),
    lostAckChance: maybe(random.pick([0.02, 0.1])),
    crashesPerMinute: maybe(random.pick([0.5, 2, 6])),
    maxDownMs: random.pick([200, 3000, 30_000]),
    cutsPerMinute: maybe(random.pick([0.5, 2])),
  };
}

export const NO_FAULTS: Faults = {
  dropChance: 0,
  duplicateChance: 0,
  maxDelayMs: 1,
  reorder: false,
  lostAckChance: 0,
  crashesPerMinute: 0,
  maxDownMs: 1,
  cutsPerMinute: 0,
};
