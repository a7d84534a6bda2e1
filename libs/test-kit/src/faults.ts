// Owns the faults of messages in a test, and chance: everything drawn comes from the seed.
import { SeededRandom } from '@parley/allocation/seeded-random';

/** Chances are from 0 to 1, each for every message and receiver. */
export type Faults = {
  readonly dropChance: number;
  readonly duplicateChance: number;
  /** A message takes up to so long; with `reorder` a later one may overtake it. */
  readonly maxDelayMs: number;
  readonly reorder: boolean;
};

export const NO_FAULTS: Faults = {
  dropChance: 0,
  duplicateChance: 0,
  maxDelayMs: 0,
  reorder: false,
};

export class Chance {
  readonly #random: SeededRandom;

  constructor(seed: number) {
    this.#random = new SeededRandom(seed);
    // Seeds that are close to each other begin alike.
    for (let round = 0; round < 16; round += 1) this.#random.next();
  }

  /** Whether something of this chance happens now. Draws nothing where it cannot. */
  happens(chance: number): boolean {
    return chance > 0 && (this.#random.next() >>> 0) / 2 ** 32 < chance;
  }

  /** An integer from 0 to `limit`. */
  upTo(limit: number): number {
    return limit <= 0 ? 0 : (this.#random.next() >>> 0) % (limit + 1);
  }
}
