import { expect, it } from 'vitest';
import { keptSeeds } from './kept-seeds.ts';
import { LIMIT_MS, testSeeds } from './seed-tests.ts';
import { simulate } from './simulation.ts';

testSeeds(26, 40);

it(
  'a cluster under faults breaks no rule over every seed that once broke one',
  async () => {
    for (const seed of keptSeeds()) expect((await simulate(seed)).entries).toBeGreaterThan(0);
  },
  LIMIT_MS,
);
