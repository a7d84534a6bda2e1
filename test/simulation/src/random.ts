// Owns the randomness of a run: one seed, and a stream of its own for each purpose, so that one more
// draw for one purpose does not change the others.

/** Deterministic generator (mulberry32) over a 32-bit state. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** A generator for one purpose, derived from this one's seed and the name; draws nothing from this one. */
  derive(purpose: string): Random {
    let hash = this.#state ^ 0x9e3779b9;
    for (const character of purpose)
      hash = Math.imul(hash ^ character.charCodeAt(0), 0x85ebca6b) >>> 0;
    return new Random(hash ^ (hash >>> 13));
  }

  /** In [0, 1). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** Integer in [low, high], both included. */
  between(low: number, high: number): number {
    return low + Math.floor(this.next() * (high - low + 1));
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  pick<One>(choices: readonly One[]): One {
    if (choices.length === 0) throw new Error('nothing to pick from');
    // The index is in range; `undefined` may be one of the choices.
    return choices[this.between(0, choices.length - 1)] as One;
  }
}
