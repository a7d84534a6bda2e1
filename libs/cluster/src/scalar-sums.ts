// Owns sums of scalars that change a little at a time: what a framework holds, what a cluster has.

export class ScalarSums {
  readonly #sums = new Map<string, number>();

  add(scalars: Readonly<Record<string, number>>): void {
    for (const [name, amount] of Object.entries(scalars)) this.#change(name, amount);
  }

  subtract(scalars: Readonly<Record<string, number>>): void {
    for (const [name, amount] of Object.entries(scalars)) this.#change(name, -amount);
  }

  get isZero(): boolean {
    return this.#sums.size === 0;
  }

  get(name: string): number {
    return this.#sums.get(name) ?? 0;
  }

  /** By name, sorted; nothing that is zero. */
  toScalars(): Record<string, number> {
    return Object.fromEntries([...this.#sums].sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  #change(name: string, by: number): void {
    const sum = (this.#sums.get(name) ?? 0) + by;
    if (sum === 0) this.#sums.delete(name);
    else this.#sums.set(name, sum);
  }
}
