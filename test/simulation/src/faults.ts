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
  /** A message to a stream is stored only after its writer has given it up and perhaps sent it again. */
  readonly lateStoreChance: number;
  /** Crashes per actor and virtual minute. */
  readonly crashesPerMinute: number;
  /** Of the allocator, beside its share of these. */
  readonly allocatorCrashesPerMinute: number;
  readonly maxDownMs: number;
  readonly cutsPerMinute: number;
  /** Of masters only, beside their share of the crashes: by a clean stop or a crash, as it comes. */
  readonly masterEndsPerMinute: number;
  /** How often the lease is free although somebody leads: two lead then, as far as they know. */
  readonly mistakesPerMinute: number;
  /** A read or write of the lease is given up; such a write may be done later. */
  readonly leaseTimeoutChance: number;
  /** Per actor: it is held up as by SIGSTOP, for up to `maxPausedMs`, and goes on. */
  readonly pausesPerMinute: number;
  readonly maxPausedMs: number;
  /** Per master and agent: its wall clock jumps, forth or back. */
  readonly clockJumpsPerMinute: number;
  /** A snapshot that is kept loses bits, or its end. */
  readonly damagesPerMinute: number;
  /** The journal's disk is full, or slow, for a while. */
  readonly fullDisksPerMinute: number;
  readonly slowDisksPerMinute: number;
  /** All masters are told to stop, one after the other, and start again, as when a release is rolled out; or the leader is told to step down. */
  readonly rolloutsPerMinute: number;
  /** Of agents, frameworks and the allocator: gone, or cut off, for longer than silence is tolerated. */
  readonly longAbsencesPerMinute: number;
  /** An agent's machine restarts: its disk stays, every process on it is gone. */
  readonly rebootsPerMinute: number;
  /** Calls that make the core throw, per framework and virtual minute. */
  readonly poisonPerMinute: number;
  /** Per agent: an operator wants nothing offered of it for a while, or declares it gone. */
  readonly deactivationsPerMinute: number;
  readonly declarationsPerMinute: number;
  /** An operator sets weights, guarantees or limits, or clears them. */
  readonly sharesPerMinute: number;
  /** Per agent: it is drained and emptied, and taken back into service after a while. */
  readonly emptyingsPerMinute: number;
  /** An operator plans a maintenance window of some agents, which is near, or may begin or end it himself. */
  readonly maintenancesPerMinute: number;
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
    lateStoreChance: maybe(random.pick([0.02, 0.1])),
    crashesPerMinute: maybe(random.pick([0.5, 2, 6])),
    allocatorCrashesPerMinute: 0,
    maxDownMs: random.pick([200, 3000, 30_000]),
    cutsPerMinute: maybe(random.pick([0.5, 2])),
    masterEndsPerMinute: random.chance(0.75) ? random.pick([1, 4, 10]) : 0,
    mistakesPerMinute: maybe(random.pick([0.5, 3])),
    leaseTimeoutChance: maybe(random.pick([0.05, 0.3])),
    pausesPerMinute: maybe(random.pick([0.5, 2])),
    maxPausedMs: random.pick([1000, 8000, 40_000]),
    clockJumpsPerMinute: maybe(1),
    damagesPerMinute: maybe(random.pick([1, 6])),
    fullDisksPerMinute: maybe(0.5),
    slowDisksPerMinute: maybe(0.5),
    rolloutsPerMinute: maybe(0.3),
    longAbsencesPerMinute: maybe(random.pick([0.3, 1])),
    rebootsPerMinute: maybe(random.pick([0.3, 1])),
    poisonPerMinute: maybe(random.pick([0.5, 3])),
    deactivationsPerMinute: maybe(random.pick([0.3, 1])),
    declarationsPerMinute: random.chance(0.3) ? 0.2 : 0,
    sharesPerMinute: maybe(random.pick([2, 10])),
    emptyingsPerMinute: maybe(random.pick([0.3, 1])),
    maintenancesPerMinute: maybe(random.pick([0.5, 2])),
  };
}

export const NO_FAULTS: Faults = {
  dropChance: 0,
  duplicateChance: 0,
  maxDelayMs: 1,
  reorder: false,
  lostAckChance: 0,
  lateStoreChance: 0,
  crashesPerMinute: 0,
  allocatorCrashesPerMinute: 0,
  maxDownMs: 1,
  cutsPerMinute: 0,
  masterEndsPerMinute: 0,
  mistakesPerMinute: 0,
  leaseTimeoutChance: 0,
  pausesPerMinute: 0,
  maxPausedMs: 1,
  clockJumpsPerMinute: 0,
  damagesPerMinute: 0,
  fullDisksPerMinute: 0,
  slowDisksPerMinute: 0,
  rolloutsPerMinute: 0,
  longAbsencesPerMinute: 0,
  rebootsPerMinute: 0,
  poisonPerMinute: 0,
  deactivationsPerMinute: 0,
  declarationsPerMinute: 0,
  sharesPerMinute: 0,
  emptyingsPerMinute: 0,
  maintenancesPerMinute: 0,
};
