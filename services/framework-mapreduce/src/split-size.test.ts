import fc from 'fast-check';
import { expect, it } from 'vitest';
import { MAX_SPLITS, splitSizeFor } from './split-size.ts';

const files = (...sizes: number[]) => sizes.map((size) => ({ path: Buffer.from('f'), size }));

it('a job never has more splits than it may, however large the input', () => {
  const wish = fc.oneof(
    fc.constant({}),
    fc.integer({ min: 1, max: MAX_SPLITS }).map((count) => ({ count })),
    fc.integer({ min: 1, max: 2 ** 40 }).map((bytes) => ({ bytes })),
  );
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 2 ** 42 })), wish, (sizes, wished) => {
      const size = splitSizeFor(files(...sizes), wished);
      if (!size.ok) {
        expect(wished).toHaveProperty('bytes');
        return;
      }
      const { splitBytes, expectedSplits } = size.value;
      expect(expectedSplits).toBeLessThanOrEqual(MAX_SPLITS);
      expect(Number.isInteger(splitBytes) && splitBytes > 0).toBe(true);
      const total = sizes.reduce((sum, each) => sum + each + 1, 0);
      expect(expectedSplits * splitBytes).toBeGreaterThanOrEqual(total);
    }),
  );
});

it('splits that are too small are refused with the smallest that would do', () => {
  const size = splitSizeFor(files(1_000_000), { bytes: 10 });
  const least = Number(/at least (\d+)/.exec(size.ok ? '' : size.failure.message)?.[1]);
  expect(splitSizeFor(files(1_000_000), { bytes: least }).ok).toBe(true);
  expect(splitSizeFor(files(1_000_000), { bytes: least - 1 }).ok).toBe(false);
});

it('no files make no splits', () => {
  expect(splitSizeFor([], {})).toMatchObject({ ok: true, value: { expectedSplits: 0 } });
});
