// Tests how often a need fits, and from which parts it is taken.
import { NO_RESOURCES, type Resources } from '@parley/protocol/resources';
import { add, contains, normalise, sum } from '@parley/resources/resources';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { repeated, takeFor, timesContained } from './need-fit.ts';
import { aReservation, resourcesOf } from './scripted-master.ts';

const amounts: fc.Arbitrary<Resources> = fc
  .record({ cpus: fc.nat({ max: 20 }), mem: fc.nat({ max: 20 }) })
  .map(({ cpus, mem }) => resourcesOf(cpus, mem));

test('a need fits as often as it can be taken out again and again', () => {
  fc.assert(
    fc.property(amounts, amounts, (whole, extra) => {
      const need = add(extra, resourcesOf(1, 0));
      const times = timesContained(whole, need);
      expect(contains(whole, repeated(need, times || 1))).toBe(times > 0);
      expect(contains(whole, repeated(need, times + 1))).toBe(false);
    }),
  );
});

test('a need of explicit ports fits once, where these are free', () => {
  const port = normalise({ scalars: { cpus: 1000 }, ports: [[80, 80]] });
  const whole = normalise({ scalars: { cpus: 8000 }, ports: [[1, 100]] });
  expect(timesContained(whole, port)).toBe(1);
  expect(timesContained(normalise({ ...whole, ports: [[81, 100]] }), port)).toBe(0);
});

test('what is taken covers the need, and what is left over of it is reserved', () => {
  fc.assert(
    fc.property(amounts, amounts, amounts, amounts, (need, surplus, one, other) => {
      const reservations = [aReservation('r', 'one', one), aReservation('r', 'other', other)];
      const taking = takeFor(need, { surplus, reservations });
      const taken = sum([
        surplus,
        taking.unreserved,
        ...taking.reservations.map(({ resources }) => resources),
      ]);
      expect(taken).toStrictEqual(add(need, taking.surplus));
      const reserved = sum([surplus, one, other]);
      expect(contains(add(reserved, taking.unreserved), need)).toBe(true);
    }),
  );
});

test('a reservation that holds nothing of the need is left alone', () => {
  const disk = aReservation('r', 'disk', normalise({ scalars: { disk: 1000 } }));
  const from = { surplus: NO_RESOURCES, reservations: [disk] };
  expect(takeFor(resourcesOf(1, 1), from)).toStrictEqual({
    unreserved: resourcesOf(1, 1),
    reservations: [],
    surplus: normalise({}),
  });
});
