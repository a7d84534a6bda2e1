// Owns that a need has no shortfall exactly when it fits.
import { arbitraryResources } from '@parley/resources/arbitrary-resources';
import { contains, normalise } from '@parley/resources/resources';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { describeShortfall, shortfalls } from './shortfall.ts';
import { resources } from './task.ts';

it('there is a shortfall exactly when something is missing', () => {
  fc.assert(
    fc.property(arbitraryResources, arbitraryResources, (a, b) => {
      const [there, wanted] = [normalise(a), normalise(b)];
      expect(shortfalls(there, wanted).length === 0).toBe(contains(there, wanted));
    }),
  );
});

it('a member of a set that is missing is named', () => {
  const there = normalise({ sets: { disks: ['ssd1'] } });
  const wanted = normalise({ sets: { disks: ['ssd1', 'ssd2'] } });
  expect(shortfalls(there, wanted).map(describeShortfall)).toEqual(['disks ssd2 missing']);
});

it('an amount that is short is named in the units that people write it in', () => {
  const there = resources({ cpus: 1, mem: '1GiB', networkBandwidth: '250Mbit' });
  const wanted = resources({ cpus: 0.5, mem: '2GiB', networkBandwidth: '1Gbit' });
  expect(shortfalls(there, wanted).map(describeShortfall)).toEqual([
    'mem 1 GiB of 2 GiB',
    'network_bandwidth 250 Mbit/s of 1 Gbit/s',
  ]);
});
