// Tests what gateway-fuzz.test.ts tests, with a hundred thousand inputs, and that a gateway does not grow by them.
import { expect, test } from 'vitest';
import { fuzz } from './fuzz.ts';
import { FuzzedGateway } from './fuzzed-gateway.ts';

const ROUNDS = 20;
const INPUTS_OF_ROUND = 5000;
const LIMIT_MS = 2 * 3_600_000;
/** Loose, because the collector of garbage takes its time; a leak of a kilobyte an input would double it. */
const MAX_GROWTH = 1.5;

test(
  'a gateway answers a hundred thousand hostile inputs, and is as large after the second half as after the first',
  async () => {
    await using fuzzed = await FuzzedGateway.open();
    const sizes: number[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      const { faults } = await fuzz(fuzzed.url, round, INPUTS_OF_ROUND);
      expect(faults).toEqual([]);
      sizes.push(fuzzed.residentBytes());
    }
    await fuzzed.expectWell();
    const firstHalf = Math.max(...sizes.slice(0, ROUNDS / 2));
    expect(Math.max(...sizes.slice(ROUNDS / 2))).toBeLessThan(MAX_GROWTH * firstHalf);
  },
  LIMIT_MS,
);
