import { describe, expect, it } from 'vitest';
import { keptSeeds } from './kept-seeds.ts';
import { playScenario } from './scenario.ts';
import { SCENARIOS } from './scenarios/all.ts';
import { simulate } from './simulation.ts';

/** Runs of one test: their faults, crashes, cuts and mistaken elections are drawn from the seed. */
const SEEDS_A_TEST = 10;
const SEEDS = 100;
/** Far above what they take: for a machine that is busy. */
const LIMIT_MS = 120_000;

/** Of each scenario; more are for the long test. */
const SEEDS_A_SCENARIO = 5;

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

describe('each scenario holds, with the seeds that once broke it too', () => {
  for (const scenario of SCENARIOS) {
    it(
      `${scenario.name}: ${scenario.about}`,
      async () => {
        const seeds = Array.from({ length: SEEDS_A_SCENARIO }, (_, index) => 1 + index);
        for (const seed of [...seeds, ...keptSeeds(scenario.name)])
          await expect(playScenario(scenario, seed)).resolves.toBeUndefined();
      },
      LIMIT_MS,
    );
  }
});

it('the same seed makes the same run', async () => {
  expect(await simulate(7)).toEqual(await simulate(7));
});
