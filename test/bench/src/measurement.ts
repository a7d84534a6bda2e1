// Owns what a benchmark reports and small statistics. How results are printed is in report.ts.

export type Result = {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** What it should reach here; null when there is no such figure. */
  readonly aim: number | null;
  /** What another system reached, and which; null when nobody measured it. */
  readonly reference: { readonly value: number; readonly of: string } | null;
  /** What was to be shown is not so: the command fails. */
  readonly isBroken?: boolean;
};

export type Benchmark = {
  readonly name: string;
  readonly summary: string;
  /**
   * `say` tells the person who waits what is going on. `only`: of what is told, the parts in which this text occurs;
   * benchmarks of one part heed it not.
   */
  readonly run: (
    say: (line: string) => void,
    only: string,
    options: Readonly<Record<string, string | undefined>>,
  ) => Promise<Result[]>;
  /** Names that it may be told on the command line, with a value or (`boolean`) without. */
  readonly options?: Readonly<Record<string, { readonly type: 'string' | 'boolean' }>>;
};

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** The smallest value that is not below `percent` of a hundred of them. */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)] ?? Number.NaN;
}

/** Three significant digits are all that a benchmark on a shared machine is worth. */
export function rounded(value: number): number {
  return Number(value.toPrecision(3));
}
