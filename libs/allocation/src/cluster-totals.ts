// Owns what the whole cluster has of each scalar, and the numbering of scalar names: amounts are kept as
// vectors, so that a decision touches no strings. Amounts are thousandths, as everywhere.
import type { Resources } from '@parley/protocol/resources';
import { assert } from '@parley/protocol/unreachable';

/** Amount by number of the name; names beyond the end have 0. */
export type Vector = readonly number[];

export const NO_AMOUNTS: Vector = [];

export class ClusterTotals {
  readonly #numbers = new Map<string, number>();
  readonly #names: string[] = [];
  readonly #amounts: number[] = [];
  readonly #excluded: ReadonlySet<string>;
  #version = 0;

  /** `exclude`: names that do not count towards fairness. */
  constructor(exclude: Iterable<string> = []) {
    this.#excluded = new Set(exclude);
  }

  /** Changes with every change of the totals: shares computed before are stale then. */
  get version(): number {
    return this.#version;
  }

  vectorOf(scalars: Readonly<Resources['scalars']>): Vector {
    const vector: number[] = [];
    for (const [name, amount] of Object.entries(scalars)) {
      const number = this.#numberOf(name);
      while (vector.length <= number) vector.push(0);
      vector[number] = amount;
    }
    return vector;
  }

  /** By name again. */
  scalarsOf(vector: Vector): Resources['scalars'] {
    return Object.fromEntries(vector.map((amount, number) => [this.#names[number] ?? '', amount]));
  }

  /** Amounts that count towards fairness; 0 for what does not or is not there. */
  get amounts(): Vector {
    return this.#amounts;
  }

  add(vector: Vector): void {
    this.#change(vector, 1);
  }

  /** Throws when less was added: that is a defect. */
  subtract(vector: Vector): void {
    this.#change(vector, -1);
  }

  #change(vector: Vector, sign: 1 | -1): void {
    for (const [number, amount] of vector.entries()) {
      if (amount === 0 || this.#excluded.has(this.#names[number] ?? '')) continue;
      const sum = (this.#amounts[number] ?? 0) + sign * amount;
      assert(sum >= 0, 'no more is taken from the totals than was added');
      this.#amounts[number] = sum;
      this.#version += 1;
    }
  }

  #numberOf(name: string): number {
    const known = this.#numbers.get(name);
    if (known !== undefined) return known;
    const number = this.#names.length;
    this.#numbers.set(name, number);
    this.#names.push(name);
    this.#amounts.push(0);
    return number;
  }
}

/** `target` + `sign` * `vector`, in place. */
export function accumulate(target: number[], vector: Vector, sign: 1 | -1): void {
  for (let number = 0; number < vector.length; number += 1) {
    const amount = vector[number] ?? 0;
    while (target.length <= number) target.push(0);
    target[number] = (target[number] ?? 0) + sign * amount;
  }
}

export function isZero(vector: Vector): boolean {
  return vector.every((amount) => amount === 0);
}
