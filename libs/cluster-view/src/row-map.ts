// Owns the rows of one kind in a view, by their keys: a map that also knows how many are in which state, and what has changed
// since it was last looked at, so that neither is counted or searched anew. Pure; runs in a browser.

/** `row` is absent of one that was taken away. */
export type RowChange<Row> = { readonly key: string; readonly row: Row | undefined };

/** More changes than rows and these: reading all of them anew is cheaper. */
const SPARE_CHANGES = 1000;

/** Made without rows: a map sets those before its fields are there. */
export class RowMap<Row extends object> extends Map<string, Row> {
  readonly #states = new Map<string, number>();
  /** Since the last look; undefined before the first, and when there were too many. */
  #changes: RowChange<Row>[] | undefined;

  /** How many rows have which `state`; none with none. */
  get states(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#states);
  }

  override set(key: string, row: Row): this {
    const before = this.get(key);
    if (before !== undefined) this.#count(before, -1);
    this.#count(row, 1);
    this.#note({ key, row });
    return super.set(key, row);
  }

  override delete(key: string): boolean {
    const before = this.get(key);
    if (before === undefined) return false;
    this.#count(before, -1);
    this.#note({ key, row: undefined });
    return super.delete(key);
  }

  override clear(): void {
    for (const key of this.keys()) this.delete(key);
  }

  /** In their order, each once: for one reader. Undefined: it has to read all rows, and gets changes from then on. */
  takeChanges(): readonly RowChange<Row>[] | undefined {
    const changes = this.#changes;
    this.#changes = [];
    return changes;
  }

  #note(change: RowChange<Row>): void {
    if (this.#changes === undefined) return;
    if (this.#changes.length > this.size + SPARE_CHANGES) this.#changes = undefined;
    else this.#changes.push(change);
  }

  #count(row: Row, by: 1 | -1): void {
    const { state } = row as { readonly state?: string };
    if (state === undefined) return;
    const next = (this.#states.get(state) ?? 0) + by;
    if (next === 0) this.#states.delete(state);
    else this.#states.set(state, next);
  }
}
