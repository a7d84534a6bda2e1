// Owns the tests of a range of seeds. A file of tests runs on one core: the seeds are told in two, for machines that have two.
import { describe, expect, it } from 'vitest';
import { simulate } from './simulation.ts';

/** Runs of one test: their faults, crashes, pauses, cuts and the rest are drawn from the seed. */
const SEEDS_A_TEST = 5;
/** Far above what they take: for a machine that is busy. */
export const LIMIT_MS = 300_000;

export function testSeeds(first: number, last: number): void {
  describe('a cluster under faults books nothing twice, launches nothing twice, loses no accepted task, and replays to the same state', () => {
    for (let from = first; from <= last; from += SEEDS_A_TEST) {
      const to = Math.min(from + SEEDS_A_TEST - 1, last);
      it(
        `over the seeds ${from} to ${to}`,
        async () => {
          for (let seed = from; seed <= to; seed += 1) {
            expect((await simulate(seed)).entries).toBeGreaterThan(0);
          }
        },
        LIMIT_MS,
      );
    }
  });
}
