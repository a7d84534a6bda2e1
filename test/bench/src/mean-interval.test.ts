import { expect, it } from 'vitest';
import { meanWithInterval } from './mean-interval.ts';

it('the interval is the one that Student’s distribution gives', () => {
  // Standard deviation 1.5811 of 5 values: 2.776 * 1.5811 / sqrt(5) = 1.963.
  const { mean, plusMinus } = meanWithInterval([1, 2, 3, 4, 5]);
  expect(mean).toBe(3);
  expect(plusMinus).toBeCloseTo(1.963, 3);
});

it('equal measurements leave no doubt, and one leaves all', () => {
  expect(meanWithInterval([7, 7, 7])).toEqual({ mean: 7, plusMinus: 0 });
  expect(meanWithInterval([7]).plusMinus).toBeNaN();
});
