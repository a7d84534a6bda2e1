// Owns random resources for property tests, of this package and of its users. Not in normal form on purpose.
import type { PortRange, Resources } from '@parley/protocol/resources';
import fc from 'fast-check';

const SCALAR_NAMES = ['cpus', 'mem', 'disk', 'gpus', 'constructor'] as const;
const SET_NAMES = ['racks', 'licences'] as const;

/** Few distinct ports, so that ranges meet, overlap and leave holes. */
export const arbitraryPortRange: fc.Arbitrary<PortRange> = fc
  .tuple(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 0, max: 6 }))
  .map(([begin, length]) => [begin, begin + length]);

export const arbitraryResources: fc.Arbitrary<Resources> = fc.record({
  scalars: fc.dictionary(fc.constantFrom(...SCALAR_NAMES), fc.nat({ max: 5 })),
  ports: fc.array(arbitraryPortRange, { maxLength: 5 }),
  sets: fc.dictionary(
    fc.constantFrom(...SET_NAMES),
    fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { maxLength: 4 }),
  ),
});
