// Owns spreading long refusals in time: frameworks that refuse alike would otherwise all be offered the same resources
// in the same moment. The same seed gives the same filters.
import type { Filter } from '@parley/protocol/offers';

/** Shorter refusals are left as they are: they are meant to the second. */
const LONG_MS = 10_000;
/** At most so much of the refusal is taken off. */
const SPREAD = 0.25;

export class FilterSpread {
  #state: number;

  constructor(seed: string) {
    // FNV-1a.
    let hash = 0x811c9dc5;
    for (let at = 0; at < seed.length; at += 1) {
      hash = Math.imul(hash ^ seed.charCodeAt(at), 0x01000193);
    }
    this.#state = hash >>> 0;
  }

  /** Never longer than asked for. */
  spread(filter: Filter): Filter {
    if (filter.refuseMs < LONG_MS) return filter;
    return { refuseMs: Math.round(filter.refuseMs * (1 - SPREAD * this.#next())) };
  }

  /** mulberry32: from 0 to below 1. */
  #next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }
}
