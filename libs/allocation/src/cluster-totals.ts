// Owns what the whole cluster has of each scalar, and the numbering of scalar names: amounts are kept as
// vectors, so that a decision touches no strings. Amounts are thousandths, as everywhere.
import type { Resources } from '@parley/protocol/resources';
import { DEFAULT_UNCOUNTED } from '@parley/protocol/sharing';
import { assert } from '@parley/protocol/unreachable';

/** Amount by number of the name; names beyond the end have 0. */
export type Vector = readonly number[];

export const NO_AMOUNTS: Vector = [];

export class ClusterTotals {
  readonly #numbers = new Map<string, number>();
  readonly #names: string[] = [];
  readonly #amounts: number[] = [];
  readonly #all: number[] = [];
  /** Names that do not count towards fairness. */
  #uncounted: ReadonlySet<string> = new Set(DEFAULT_UNCOUNTED);
  #version = 0;

  /** Changes with every change of the totals: shares computed before are stale then. */
  get version(): number {
    return this.#version;
  }

  /** `absent`: of names that are not there, where the vector has a place for them. */
  vectorOf(scalars: Readonly<Resources['scalars']>, absent = 0): Vector {
    const vector: number[] = [];
    for (const name of Object.keys(scalars)) {
      const number = this.#numberOf(name);
      while (vector.length <= number) vector.push(absent);
      vector[number] = scalars[name] ?? 0;
    }
    return vector;
  }

  nameOf(number: number): string {
    return this.#names[number] ?? '';
  }

  /** The other way round, in normal form: names sorted, without amounts of 0. */
  scalarsOf(vector: Vector): Resources['scalars'] {
    const named = vector.map((amount, number) => [this.#names[number] ?? '', amount] as const);
    const present = named.filter(([, amount]) => amount > 0);
    return Object.fromEntries(present.sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  /** Amounts that count towards fairness; 0 for what does not or is not there. */
  get amounts(): Vector {
    return this.#amounts;
  }

  /** What does not count towards fairness included. */
  get all(): Vector {
    return this.#all;
  }

  setUncounted(names: readonly string[]): void {
    if (names.length === this.#uncounted.size && names.every((one) => this.#uncounted.has(one)))
      return;
    this.#uncounted = new Set(names);
    for (const number of this.#all.keys()) this.#count(number);
    this.#version += 1;
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
      if (amount === 0) continue;
      const sum = (this.#all[number] ?? 0) + sign * amount;
      assert(sum >= 0, 'no more is taken from the totals than was added');
      this.#all[number] = sum;
      this.#count(number);
      this.#version += 1;
    }
  }

  #count(number: number): void {
    const isCounted = !this.#uncounted.has(this.#names[number] ?? '');
    this.#amounts[number] = isCounted ? (this.#all[number] ?? 0) : 0;
  }

  #numberOf(name: string): number {
    const known = this.#numbers.get(name);
    if (known !== undefined) return known;
    const number = this.#names.length;
    this.#numbers.set(name, number);
    this.#names.push(name);
    this.#amounts.push(0);
    this.#all.push(0);
    return number;
  }
}

/** `target` + `sign` * `vector`, in place. */
export function accumulate(target: number[], vector: Vector, sign: 1 | -1): void {
  const { length } = vector;
  while (target.length < length) target.push(0);
  for (let number = 0; number < length; number += 1) {
    target[number] = (target[number] ?? 0) + sign * (vector[number] ?? 0);
  }
}

export function summed(a: Vector, b: Vector): Vector {
  const result = [...a];
  accumulate(result, b, 1);
  return result;
}

export function isZero(vector: Vector): boolean {
  for (let number = 0; number < vector.length; number += 1) if (vector[number] !== 0) return false;
  return true;
}

/** Whether `whole` has of each at least as much as `part`. */
export function covers(whole: Vector, part: Vector): boolean {
  for (let number = 0; number < part.length; number += 1) {
    if ((part[number] ?? 0) > (whole[number] ?? 0)) return false;
  }
  return true;
}

export const areEqual = (a: Vector, b: Vector): boolean =>
  a === b || (covers(a, b) && covers(b, a));

/** The smaller of both, of each. */
export function smaller(a: Vector, b: Vector): Vector {
  return a.map((amount, number) => Math.min(amount, b[number] ?? 0));
}

/** The larger of both, of each. */
export function larger(a: Vector, b: Vector): Vector {
  const length = Math.max(a.length, b.length);
  return Array.from({ length }, (_, number) => Math.max(a[number] ?? 0, b[number] ?? 0));
}
