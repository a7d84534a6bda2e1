// Owns the rule of what counts as flat memory.
import { describe, expect, it } from 'vitest';
import { flatnessOf } from './flatness.ts';

const looks = (at: (index: number) => number): number[] =>
  Array.from({ length: 240 }, (_, index) => at(index));

describe('memory is flat', () => {
  it('when it grows in the first quarter and no more', () => {
    const flatness = flatnessOf(
      looks((index) => 100 + 200 * Math.min(1, index / 50)),
      15,
    );
    expect(flatness).toMatchObject({ second: 300, last: 300, isFlat: true });
    expect(Math.abs(flatness.slope)).toBeLessThan(1);
  });

  it('when it goes up and down', () => {
    expect(
      flatnessOf(
        looks((index) => 200 + 60 * (index % 5)),
        15,
      ).isFlat,
    ).toBe(true);
  });

  it('when it has grown by less than 16 MiB, however small it was', () => {
    expect(
      flatnessOf(
        looks((index) => 20 + index / 20),
        15,
      ).isFlat,
    ).toBe(true);
  });
});

describe('memory is not flat', () => {
  it('when it grows without end, which its slope tells in MiB an hour', () => {
    const flatness = flatnessOf(
      looks((index) => 100 + index),
      15,
    );
    expect(flatness.isFlat).toBe(false);
    expect(flatness.slope).toBeCloseTo(240);
  });

  it('when there were too few looks to say', () => {
    expect(flatnessOf([100, 100], 15).isFlat).toBe(false);
  });
});
