import { describe, expect, it } from 'vitest';
import { keptSeeds } from './kept-seeds.ts';
import { simulate } from './simulation.ts';

/** Runs of one test: their faults, crashes, pauses, cuts and the rest are drawn from the seed. */
const SEEDS_A_TEST = 5;
const SEEDS = 40;
/** Far above what they take: for a machine that is busy. */
const LIMIT_MS = 300_000;

describe('a cluster under faults books nothing twice, launches nothing twice, loses no accepted task, and replays to the same state', () => {
  for (let from = 1; from <= SEEDS; from += SEEDS_A_TEST) {
    it(
      `over the seeds ${from} to ${from + SEEDS_A_TEST - 1}`,
      async () => {
        for (let seed = from; seed < from + SEEDS_A_TEST; seed += 1) {
          expect((await simulate(seed)).entries).toBeGreaterThan(0);
        }
      },
      LIMIT_MS,
    );
  }

  it(
    'over every seed that once broke a rule',
    async () => {
      for (const seed of keptSeeds()) expect((await simulate(seed)).entries).toBeGreaterThan(0);
    },
    LIMIT_MS,
  );
});

it(
  'the same seed makes the same run',
  async () => {
    expect(await simulate(7)).toEqual(await simulate(7));
  },
  LIMIT_MS,
);
