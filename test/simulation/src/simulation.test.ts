import { expect, it } from 'vitest';
import { LIMIT_MS, testSeeds } from './seed-tests.ts';
import { simulate } from './simulation.ts';

testSeeds(1, 25);

it(
  'the same seed makes the same run',
  async () => {
    expect(await simulate(7)).toEqual(await simulate(7));
  },
  LIMIT_MS,
);
