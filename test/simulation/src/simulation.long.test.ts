// The simulator over many more seeds than a change has to wait for. The first seed is told, as the examples of properties
// are (infra/setup/property-seed.ts), or drawn; it is printed with each failure.
import { randomInt } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { playScenario } from './scenario.ts';
import { SCENARIOS } from './scenarios/all.ts';
import { simulate } from './simulation.ts';

const SEEDS = 1000;
const SEEDS_A_TEST = 20;
/** Far above what they take: for a machine that is busy. */
const LIMIT_MS = 600_000;
/** Seeds of the short test are below. */
const FIRST_DRAWN = 1000;
const told = process.env['PARLEY_TEST_SEED'];
const first = told === undefined ? randomInt(FIRST_DRAWN, 2 ** 30) : Number(told);

describe(`over ${SEEDS} seeds from ${first} on, every rule of the short run holds`, () => {
  for (let from = first; from < first + SEEDS; from += SEEDS_A_TEST) {
    it(
      `from ${from} to ${from + SEEDS_A_TEST - 1}`,
      async () => {
        for (let seed = from; seed < from + SEEDS_A_TEST; seed += 1) {
          expect((await simulate(seed)).entries).toBeGreaterThan(0);
        }
      },
      LIMIT_MS,
    );
  }
});

describe(`each scenario holds over ${SEEDS_A_TEST} seeds from ${first} on`, () => {
  for (const scenario of SCENARIOS) {
    it(
      `${scenario.name}: ${scenario.about}`,
      async () => {
        for (let seed = first; seed < first + SEEDS_A_TEST; seed += 1) {
          await expect(playScenario(scenario, seed)).resolves.toBeUndefined();
        }
      },
      LIMIT_MS,
    );
  }
});
