// Owns the promise that rows do not move under the pointer: while they are held, they keep their places and show what is
// new of them; what came or went meanwhile waits. Pure.

export type Steady<Row> = {
  readonly rows: readonly Row[];
  /** Came, went or moved, and are not shown so yet. */
  readonly waiting: number;
};

export function steadyRows<Row>(
  shown: readonly Row[],
  next: readonly Row[],
  { keyOf, isHeld }: { readonly keyOf: (row: Row) => string; readonly isHeld: boolean },
): Steady<Row> {
  if (!isHeld || shown.length === 0) return { rows: next, waiting: 0 };
  const fresh = new Map(next.map((row) => [keyOf(row), row]));
  const rows = shown.map((row) => fresh.get(keyOf(row)) ?? row);
  const size = Math.max(rows.length, next.length);
  let waiting = 0;
  for (let index = 0; index < size; index += 1) {
    const [here, there] = [rows[index], next[index]];
    if (here === undefined || there === undefined || keyOf(here) !== keyOf(there)) waiting += 1;
  }
  return { rows, waiting };
}
