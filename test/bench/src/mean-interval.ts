// Owns the mean of a few measurements with the interval that holds the true one with a probability of 95 %.

/** Student's t for 95 %, two-sided, by degrees of freedom from 1; beyond them the normal distribution's. */
const T95 = [
  12.71, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.16, 2.145,
  2.131, 2.12, 2.11, 2.101, 2.093, 2.086, 2.08, 2.074, 2.069, 2.064, 2.06, 2.056, 2.052, 2.048,
  2.045, 2.042,
];
const NORMAL95 = 1.96;

export type MeanInterval = {
  readonly mean: number;
  /** To either side; not a number for a single measurement, of which nothing can be said. */
  readonly plusMinus: number;
};

export function meanWithInterval(values: readonly number[]): MeanInterval {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const degrees = values.length - 1;
  if (degrees < 1) return { mean, plusMinus: Number.NaN };
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  const error = Math.sqrt(squares / degrees / values.length);
  return { mean, plusMinus: (T95[degrees - 1] ?? NORMAL95) * error };
}
