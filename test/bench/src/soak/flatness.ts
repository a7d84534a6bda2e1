// Owns the rule that says whether something stays as large as it is, from looks at it at equal intervals.
import { median } from '../measurement.ts';

/** What the last quarter may have more than the second one, whichever is more. */
const GROWTH = 0.1;
const GROWTH_MIB = 16;

export type Flatness = {
  /** Medians, MiB. The first quarter is the beginning, in which heaps still fill. */
  readonly first: number;
  readonly second: number;
  readonly last: number;
  /** MiB an hour, by least squares from the second quarter on. */
  readonly slope: number;
  readonly isFlat: boolean;
};

/** `mib`: at least four looks; Not-a-Number where there are fewer, which is not flat. */
export function flatnessOf(mib: readonly number[], intervalSeconds: number): Flatness {
  const quarter = Math.floor(mib.length / 4);
  const of = (number: number): number =>
    median(mib.slice(number * quarter, number === 3 ? undefined : (number + 1) * quarter));
  const [first, second, last] = [of(0), of(1), of(3)];
  const slope = slopeOf(mib.slice(quarter)) * (3600 / intervalSeconds);
  const isFlat = last <= Math.max(second * (1 + GROWTH), second + GROWTH_MIB);
  return { first, second, last, slope, isFlat };
}

/** A look. */
function slopeOf(values: readonly number[]): number {
  const middle = (values.length - 1) / 2;
  const mean = values.reduce((sum, each) => sum + each, 0) / values.length;
  let [above, below] = [0, 0];
  for (const [index, each] of values.entries()) {
    above += (index - middle) * (each - mean);
    below += (index - middle) ** 2;
  }
  return below === 0 ? 0 : above / below;
}
