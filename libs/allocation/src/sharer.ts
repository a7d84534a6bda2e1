// Owns one participant of fair sharing at its level of the tree: what it uses, its weight, and its place among its
// siblings. Shares are exact fractions; doubles decide most comparisons, never the close ones.
// Dominant share: Ghodsi et al., Dominant Resource Fairness, NSDI 2011, section 4.1; weights: section 4.3.
import { DEFAULT_WEIGHT } from '@parley/protocol/sharing';
import { compareWeightedShares, type Share } from '@parley/resources/dominant-share';
import type { Vector } from './cluster-totals.ts';

/** Far above the rounding error of two divisions, far below what matters. */
const CLOSE = 2 ** -48;

export class Sharer {
  /** Breaks the last ties: unique among its siblings. */
  readonly name: string;
  /** A positive integer, in thousandths; changed by its sorter. */
  weight: number;
  readonly used: number[] = [];
  /** How often it was allocated to; breaks ties, as in Mesos. */
  allocations = 0;
  /** Inactive ones keep what they use but are not in the order. */
  isActive = false;
  /** Also in the order of those for which a guarantee is not met. */
  isNeedy = false;
  #shareUsed = 0;
  #shareTotal = 1;
  /** Share / weight. */
  #key = 0;

  constructor(name: string, weight = DEFAULT_WEIGHT) {
    this.name = name;
    this.weight = weight;
  }

  get share(): Share {
    return { used: this.#shareUsed, total: this.#shareTotal };
  }

  /** Its share becomes the largest used/total over all resources that there are; of equal ones the first. */
  measure(totals: Vector): void {
    const { used } = this;
    let [dominant, largest] = [-1, 0];
    for (let number = 0; number < used.length; number += 1) {
      const total = totals[number] ?? 0;
      if (total === 0) continue;
      const part = (used[number] ?? 0) / total;
      if (part <= largest) continue;
      dominant = number;
      largest = part;
    }
    this.#shareUsed = used[dominant] ?? 0;
    this.#shareTotal = totals[dominant] ?? 1;
    this.#key = largest / this.weight;
  }

  /** Smaller share / weight first, then fewer allocations, then the name. */
  compare(other: Sharer): number {
    const difference = this.#key - other.#key;
    if (Math.abs(difference) > (this.#key + other.#key) * CLOSE) return difference;
    const exact = this.compareShare(other);
    if (exact !== 0) return exact;
    if (this.allocations !== other.allocations) return this.allocations - other.allocations;
    if (this === other) return 0;
    return this.name < other.name ? -1 : 1;
  }

  /** By share / weight alone, exactly. */
  compareShare(other: Sharer): number {
    if (this.#shareTotal === other.#shareTotal && this.weight === other.weight) {
      return this.#shareUsed - other.#shareUsed;
    }
    return compareWeightedShares(this.share, this.weight, other.share, other.weight);
  }
}
