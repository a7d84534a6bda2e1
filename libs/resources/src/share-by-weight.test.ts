import { expect, test } from 'vitest';
import { shareByWeight } from './share-by-weight.ts';

test('a share is by weight, and all shares together are no more than the whole', () => {
  expect(shareByWeight({ cpus: 10_000, mem: 7 }, 1000, 3000)).toEqual({ cpus: 3333, mem: 2 });
});

test('a share of the largest amount is exact', () => {
  const cpus = Number.MAX_SAFE_INTEGER;
  expect(shareByWeight({ cpus }, 2, 2)).toEqual({ cpus });
});
