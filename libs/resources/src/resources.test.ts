// Tests the algebra of resources by its laws.
import { Resources } from '@parley/protocol/resources';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { arbitraryPortRange, arbitraryResources } from './arbitrary-resources.ts';
import { rangesContain, subtractRanges, uniteRanges } from './port-ranges.ts';
import {
  add,
  amountOf,
  contains,
  equals,
  intersect,
  isEmpty,
  normalise,
  overlap,
  subtract,
  sum,
  takePorts,
  trySubtract,
} from './resources.ts';

const some = arbitraryResources;
const cpus = (amount: number): Resources => normalise({ scalars: { cpus: amount } });

/** Every port by itself: the obvious model of ranges. */
function portSet(ranges: Resources['ports']): Set<number> {
  const ports = new Set<number>();
  for (const [begin, end] of ranges) for (let port = begin; port <= end; port += 1) ports.add(port);
  return ports;
}

describe('normal form', () => {
  test('normalising twice changes nothing, and the result is equal to what went in', () => {
    fc.assert(
      fc.property(some, (a) => {
        expect(normalise(normalise(a))).toStrictEqual(normalise(a));
        expect(equals(a, normalise(a))).toBe(true);
      }),
    );
  });

  test('ranges coalesce: sorted, with at least one port between neighbours, the same ports', () => {
    fc.assert(
      fc.property(some, (a) => {
        const { ports } = normalise(a);
        for (const [index, [begin, end]] of ports.entries()) {
          expect(begin).toBeLessThanOrEqual(end);
          expect(begin).toBeGreaterThan((ports[index - 1]?.[1] ?? -1) + 1);
        }
        expect(portSet(ports)).toStrictEqual(portSet(a.ports));
      }),
    );
  });

  test('no scalar is zero, no set is empty, names and items are sorted and unique', () => {
    fc.assert(
      fc.property(some, (a) => {
        const { scalars, sets } = normalise(a);
        expect(Object.values(scalars)).not.toContain(0);
        expect(Object.keys(scalars)).toStrictEqual(Object.keys(scalars).toSorted());
        for (const items of Object.values(sets)) {
          expect(items).toStrictEqual([...new Set(items)].toSorted());
          expect(items.length).toBeGreaterThan(0);
        }
      }),
    );
  });

  test('every result is in normal form and fits the wire schema', () => {
    fc.assert(
      fc.property(some, some, (a, b) => {
        for (const result of [add(a, b), intersect(a, b), trySubtract(a, b) ?? cpus(1)]) {
          expect(result).toStrictEqual(normalise(result));
          expect(Resources.parse(result)).toStrictEqual(result);
        }
      }),
    );
  });
});

describe('addition and subtraction', () => {
  test('addition is commutative and associative, and nothing is its neutral element', () => {
    fc.assert(
      fc.property(some, some, some, (a, b, c) => {
        expect(add(a, b)).toStrictEqual(add(b, a));
        expect(add(add(a, b), c)).toStrictEqual(add(a, add(b, c)));
        expect(add(a, normalise({}))).toStrictEqual(normalise(a));
        expect(sum([a, b, c])).toStrictEqual(add(a, add(b, c)));
      }),
    );
  });

  test('subtraction undoes addition of what does not overlap', () => {
    fc.assert(
      fc.property(some, some, (a, b) => {
        fc.pre(!overlap(a, b));
        expect(subtract(add(a, b), b)).toStrictEqual(normalise(a));
      }),
    );
  });

  test('what is taken out and what is left are disjoint and together the whole', () => {
    fc.assert(
      fc.property(some, some, (whole, wish) => {
        const taken = intersect(whole, wish);
        const rest = subtract(whole, taken);
        expect(overlap(rest, taken)).toBe(false);
        expect(add(rest, taken)).toStrictEqual(normalise(whole));
      }),
    );
  });

  test('subtraction is refused exactly when the first does not contain the second', () => {
    fc.assert(
      fc.property(some, some, (a, b) => {
        expect(trySubtract(a, b) === undefined).toBe(!contains(a, b));
      }),
    );
    expect(() => subtract(cpus(1), cpus(2))).toThrow('subtracted from a set that contains them');
  });

  test('a sum that leaves the safe integers throws instead of losing digits', () => {
    expect(() => add(cpus(Number.MAX_SAFE_INTEGER), cpus(1))).toThrow('the sum of cpus');
  });

  test('0.1 and 0.2 CPUs are 0.3 CPUs', () => {
    expect(add(cpus(100), cpus(200))).toStrictEqual(cpus(300));
  });

  test('no operation changes its arguments', () => {
    fc.assert(
      fc.property(some, some, (a, b) => {
        const before = structuredClone([a, b]);
        add(a, b);
        trySubtract(a, b);
        intersect(a, b);
        contains(a, b);
        equals(a, b);
        overlap(a, b);
        takePorts(a, 2);
        expect([a, b]).toEqual(before);
      }),
    );
  });
});

describe('containment', () => {
  test('it is a partial order: reflexive, antisymmetric, transitive', () => {
    fc.assert(
      fc.property(some, some, some, (a, b, c) => {
        expect(contains(a, a)).toBe(true);
        expect(contains(a, b) && contains(b, a)).toBe(equals(a, b));
        const [low, middle, high] = [intersect(a, b), a, add(a, c)];
        expect(contains(middle, low) && contains(high, middle) && contains(high, low)).toBe(true);
      }),
    );
  });

  test('the intersection is held by both and the sum holds both', () => {
    fc.assert(
      fc.property(some, some, (a, b) => {
        const both = intersect(a, b);
        expect(contains(a, both) && contains(b, both)).toBe(true);
        expect(contains(add(a, b), a) && contains(add(a, b), b)).toBe(true);
      }),
    );
  });

  test('nothing is empty, is held by everything and holds only what is empty', () => {
    fc.assert(
      fc.property(some, (a) => {
        expect(contains(a, normalise({}))).toBe(true);
        expect(contains(normalise({}), a)).toBe(isEmpty(a));
      }),
    );
  });

  test('a resource named like a member of every object is only there when it was put there', () => {
    expect(amountOf(cpus(1), 'constructor')).toBe(0);
    expect(contains(cpus(1), normalise({ scalars: { constructor: 1 } }))).toBe(false);
  });
});

describe('ports', () => {
  test('union, difference and containment agree with sets of single ports', () => {
    const ranges = fc.array(arbitraryPortRange, { maxLength: 6 });
    fc.assert(
      fc.property(ranges, ranges, (a, b) => {
        const [left, right] = [portSet(a), portSet(b)];
        expect(portSet(uniteRanges(a, b))).toEqual(new Set([...left, ...right]));
        expect(portSet(subtractRanges(a, b))).toEqual(
          new Set([...left].filter((port) => !right.has(port))),
        );
        expect(rangesContain(a, b)).toBe([...right].every((port) => left.has(port)));
      }),
    );
  });

  test('the lowest ports are taken across ranges, and the rest stays', () => {
    const from = normalise({
      scalars: { cpus: 1000 },
      ports: [
        [31_005, 31_009],
        [31_000, 31_001],
      ],
    });
    expect(takePorts(from, 3)).toStrictEqual({
      taken: normalise({
        ports: [
          [31_000, 31_001],
          [31_005, 31_005],
        ],
      }),
      rest: normalise({ scalars: { cpus: 1000 }, ports: [[31_006, 31_009]] }),
    });
  });

  test('no ports are taken when there are fewer than asked for', () => {
    expect(takePorts(normalise({ ports: [[1, 4]] }), 5)).toBeUndefined();
    expect(takePorts(normalise({ ports: [[1, 4]] }), 0)?.taken).toStrictEqual(normalise({}));
  });
});
