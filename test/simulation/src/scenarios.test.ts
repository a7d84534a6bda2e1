// The named scenarios, each with some seeds and with those that once broke it.
import { expect, it } from 'vitest';
import { keptSeeds } from './kept-seeds.ts';
import { playScenario } from './scenario.ts';
import { SCENARIOS } from './scenarios/all.ts';

/** Of each scenario; more are for the long test. */
const SEEDS_A_SCENARIO = 3;
/** Far above what they take: for a machine that is busy. */
const LIMIT_MS = 300_000;

it.each(SCENARIOS.map((scenario) => [scenario.name, scenario.about, scenario] as const))(
  '%s: %s, with the seeds that once broke it too',
  async (name, _about, scenario) => {
    const seeds = Array.from({ length: SEEDS_A_SCENARIO }, (_, index) => 1 + index);
    for (const seed of [...seeds, ...keptSeeds(name)])
      await expect(playScenario(scenario, seed)).resolves.toBeUndefined();
  },
  LIMIT_MS,
);
