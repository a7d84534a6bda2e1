// Owns where the cells of the grid of agents are: the fewer, the larger. Pure.

export type Grid = {
  readonly columns: number;
  /** Side of a cell with its gap, in pixels. */
  readonly cell: number;
  readonly width: number;
  readonly height: number;
};

const SIZES = [40, 28, 20, 14, 10] as const;
const SMALLEST = 8;
const WANTED_HEIGHT = 420;

export function gridOf(count: number, width: number): Grid {
  const heightOf = (cell: number): number =>
    Math.ceil(count / Math.max(1, Math.floor(width / cell))) * cell;
  const cell = SIZES.find((size) => heightOf(size) <= WANTED_HEIGHT) ?? SMALLEST;
  const columns = Math.max(1, Math.floor(width / cell));
  return { columns, cell, width: columns * cell, height: heightOf(cell) };
}

/** The number of the cell; beyond the last there may be none. */
export function cellAt({ columns, cell }: Grid, x: number, y: number): number {
  const column = Math.floor(x / cell);
  return column >= columns || column < 0 ? -1 : Math.floor(y / cell) * columns + column;
}
