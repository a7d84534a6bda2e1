// Owns what an operator has set for somebody's consumption: a guarantee and a limit, by scalar, and how it stands to them.
// A role consumes what its subtree uses, in offers and proposals too, and what is reserved for it and free; a framework
// what it uses over all its roles. Mesos docs, "Quota"; there for roles at the top only.
import type { Quantities } from '@parley/protocol/sharing';
import { type ClusterTotals, NO_AMOUNTS, type Vector } from './cluster-totals.ts';
import type { Client } from './share-tree.ts';

export class Quota {
  readonly #used: Vector;
  readonly #reserved: Vector;
  #guarantee = NO_AMOUNTS;
  /** Infinite where there is none. */
  #limit = NO_AMOUNTS;
  #isUnmet = false;
  /** Were offered less than there was, or nothing, because of the limit. */
  readonly waiting = new Set<Client>();
  #consumedThen = NO_AMOUNTS;

  /** Vectors that change: what is used, and what is reserved beside it. */
  constructor(used: Vector, reserved: Vector = NO_AMOUNTS) {
    this.#used = used;
    this.#reserved = reserved;
  }

  /** Whether of anything there is less than is guaranteed; as of the last `measure`. */
  get isUnmet(): boolean {
    return this.#isUnmet;
  }

  get isLimited(): boolean {
    return this.#limit.length > 0;
  }

  get guarantee(): Vector {
    return this.#guarantee;
  }

  get limit(): Vector {
    return this.#limit;
  }

  /** By name, of what is limited. */
  limits(totals: ClusterTotals): Quantities {
    const named = this.#limit.map((most, number) => [totals.nameOf(number), most] as const);
    return Object.fromEntries(named.filter(([, most]) => Number.isFinite(most)));
  }

  set(totals: ClusterTotals, guarantee: Quantities, limit: Quantities): void {
    this.#guarantee = totals.vectorOf(guarantee);
    this.#limit = totals.vectorOf(limit, Number.POSITIVE_INFINITY);
  }

  /** To be called when what is consumed has changed. */
  measure(): void {
    this.#isUnmet = false;
    for (let number = 0; number < this.#guarantee.length; number += 1) {
      if (this.unmet(number) > 0) this.#isUnmet = true;
    }
  }

  wait(client: Client): void {
    this.waiting.add(client);
    this.#consumedThen = this.#limit.map((_, number) => this.consumed(number));
  }

  /** Whether anybody waits, and less is consumed than when the last one began to. */
  get hasMoreRoom(): boolean {
    if (this.waiting.size === 0) return false;
    return this.#limit.some(
      (_, number) => this.consumed(number) < (this.#consumedThen[number] ?? 0),
    );
  }

  consumed(number: number): number {
    return (this.#used[number] ?? 0) + (this.#reserved[number] ?? 0);
  }

  /** What is missing to the guarantee: 0 when nothing is. */
  unmet(number: number): number {
    return Math.max(0, (this.#guarantee[number] ?? 0) - this.consumed(number));
  }

  /** How much more there may be: infinite without a limit, below 0 where there is more already. */
  room(number: number): number {
    return (this.#limit[number] ?? Number.POSITIVE_INFINITY) - this.consumed(number);
  }

  /** Whether these amounts take it nearer to its guarantee. */
  isServedBy(amounts: Vector): boolean {
    for (let number = 0; number < this.#guarantee.length; number += 1) {
      if ((amounts[number] ?? 0) > 0 && this.unmet(number) > 0) return true;
    }
    return false;
  }

  /** How many times these amounts until its guarantee is met: at least 1, infinite when never. */
  timesToMeet(amounts: Vector): number {
    let times = 1;
    for (let number = 0; number < this.#guarantee.length; number += 1) {
      const unmet = this.unmet(number);
      if (unmet > 0) times = Math.max(times, Math.ceil(unmet / (amounts[number] ?? 0)));
    }
    return times;
  }
}
