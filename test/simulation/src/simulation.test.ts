import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { simulate } from './simulation.ts';

/** Runs of one test: their faults, crashes, cuts and mistaken elections are drawn from the seed. */
const SEEDS_A_TEST = 10;
const SEEDS = 200;
/** Far above what they take: for a machine that is busy. */
const LIMIT_MS = 120_000;

/** Seeds that once broke a rule; they stay for good. */
const kept = readFileSync(new URL('../seeds.txt', import.meta.url), 'utf8')
  .split('\n')
  .map((line) => line.split('#')[0]?.trim() ?? '')
  .filter((line) => line !== '')
  .map(Number);

describe('a cluster under faults books nothing twice, launches nothing twice, loses no accepted task, and replays to the same state', () => {
  for (let from = 1; from <= SEEDS; from += SEEDS_A_TEST) {
    it(
      `over the seeds ${from} to ${from + SEEDS_A_TEST - 1}`,
      () => {
        for (let seed = from; seed < from + SEEDS_A_TEST; seed += 1) {
          expect(simulate(seed).entries).toBeGreaterThan(0);
        }
      },
      LIMIT_MS,
    );
  }

  it(
    'over every seed that once broke a rule',
    () => {
      for (const seed of kept) expect(simulate(seed).entries).toBeGreaterThan(0);
    },
    LIMIT_MS,
  );
});

it('the same seed makes the same run', () => {
  expect(simulate(7)).toEqual(simulate(7));
});
