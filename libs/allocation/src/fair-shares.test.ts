import type { Quantities } from '@parley/protocol/sharing';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type SharingFramework,
  type SharingRole,
  type SharingWorld,
  sharesIn,
  slowSharesIn,
} from './scripted-shares.ts';

const TOTAL = { cpus: 100_000, mem: 100_000 };

const aFramework = (name: string, more: Partial<SharingFramework> = {}): SharingFramework => ({
  name,
  role: name,
  used: {},
  ...more,
});
/** In percent of the cluster, rounded. */
function percentages(
  frameworks: readonly SharingFramework[],
  roles: readonly SharingRole[] = [],
): Record<string, number> {
  const shares = sharesIn({ total: TOTAL, roles, frameworks });
  return Object.fromEntries([...shares].map(([name, share]) => [name, Math.round(share * 100)]));
}
const using = (cpus: number, mem = cpus) => ({ used: { cpus: cpus * 1000, mem: mem * 1000 } });
const needing = (count: number, cpus = 1, mem = cpus) => ({
  needs: [{ of: { cpus: cpus * 1000, mem: mem * 1000 }, count }],
});
const IDLE = { needs: [] };

describe('a fair share', () => {
  test('is by weight: of roles, and of the frameworks of a role', () => {
    const frameworks = [
      aFramework('a', { role: 'ads' }),
      aFramework('b', { role: 'ads', weight: 2000 }),
      aFramework('c', { role: 'web' }),
    ];
    const roles = [{ role: 'ads', weight: 3000 }];
    expect(percentages(frameworks, roles)).toEqual({ a: 25, b: 50, c: 25 });
  });

  test('of the frameworks of a role that has roles below it is together that of one more of these', () => {
    const frameworks = [
      aFramework('a', { role: 'eng' }),
      aFramework('b', { role: 'eng' }),
      aFramework('c', { role: 'eng/batch' }),
      aFramework('d', { role: 'ops/night' }),
    ];
    expect(percentages(frameworks)).toEqual({ a: 13, b: 13, c: 25, d: 50 });
  });

  test('is none of one that has nothing and wants nothing', () => {
    const frameworks = [aFramework('a'), aFramework('b', IDLE)];
    expect(percentages(frameworks)).toEqual({ a: 100 });
  });
});

describe('what a sibling leaves is for the others', () => {
  test('where it wants no more than it has', () => {
    const frameworks = [
      aFramework('a', { ...using(10), ...IDLE }),
      aFramework('b'),
      aFramework('c', using(70)),
    ];
    expect(percentages(frameworks)).toEqual({ a: 10, b: 45, c: 45 });
  });

  test('but one that has more than its own part keeps no more than that', () => {
    const frameworks = [aFramework('a', { ...using(90), ...IDLE }), aFramework('b', using(10))];
    expect(percentages(frameworks)).toEqual({ a: 50, b: 50 });
  });

  test('where what it needs is less, by what it needs most of', () => {
    const frameworks = [aFramework('a', needing(4, 1, 5)), aFramework('b'), aFramework('c')];
    expect(percentages(frameworks)).toEqual({ a: 20, b: 40, c: 40 });
  });

  test('where its limit or that of a role above it leaves no more', () => {
    const frameworks = [
      aFramework('a', { limit: { cpus: 10_000 } }),
      aFramework('b', { role: 'eng/b' }),
      aFramework('c'),
    ];
    const roles = [{ role: 'eng', limit: { cpus: 20_000 } }];
    expect(percentages(frameworks, roles)).toEqual({ a: 10, b: 20, c: 70 });
  });

  test('but within a role that may have no more it is divided anew', () => {
    const frameworks = [
      aFramework('a', { role: 'eng/a', ...using(20) }),
      aFramework('b', { role: 'eng/b' }),
      aFramework('c', using(80)),
    ];
    const roles = [{ role: 'eng', limit: { cpus: 20_000 } }];
    expect(percentages(frameworks, roles)).toEqual({ a: 10, b: 10, c: 80 });
  });

  test('where a limit on one resource leaves room for what is mostly another', () => {
    const frameworks = [
      aFramework('a', { limit: { cpus: 5000 }, ...needing(100, 1, 8) }),
      aFramework('b'),
    ];
    expect(percentages(frameworks)).toEqual({ a: 40, b: 60 });
  });
});

describe('a guarantee', () => {
  test('is a part of the share of whoever wants it, and the rest is divided among the others', () => {
    const roles = [{ role: 'a', guarantee: { cpus: 70_000 } }];
    const frameworks = [aFramework('a'), aFramework('b'), aFramework('c', { weight: 1000 })];
    expect(percentages(frameworks, roles)).toEqual({ a: 70, b: 15, c: 15 });
  });

  test('is none where it is not wanted', () => {
    const roles = [{ role: 'a', guarantee: { cpus: 70_000 } }];
    const frameworks = [aFramework('a', { ...using(20), ...IDLE }), aFramework('b')];
    expect(percentages(frameworks, roles)).toEqual({ a: 20, b: 80 });
  });

  test('of more than there is is cut for all alike', () => {
    const frameworks = [
      aFramework('a', { guarantee: { cpus: 90_000 } }),
      aFramework('b', { guarantee: { cpus: 60_000 } }),
    ];
    expect(percentages(frameworks)).toEqual({ a: 60, b: 40 });
  });
});

test('the example of infra/docs/sharing.md is what comes out', () => {
  const frameworks = (guarantee: Quantities) => [
    aFramework('a', { ...using(10), ...IDLE }),
    aFramework('b', { limit: { cpus: 20_000 } }),
    aFramework('c', { guarantee }),
    aFramework('d'),
  ];
  expect(percentages(frameworks({}))).toEqual({ a: 10, b: 20, c: 35, d: 35 });
  expect(percentages(frameworks({ cpus: 50_000 }))).toEqual({ a: 10, b: 20, c: 50, d: 20 });
});

const amounts = (most: number) =>
  fc.record({ cpus: fc.nat(most), mem: fc.nat(most) }).map(({ cpus, mem }) => ({
    ...(cpus > 0 && { cpus: cpus * 1000 }),
    ...(mem > 0 && { mem: mem * 1000 }),
  }));
const settings = {
  weight: fc.constantFrom(500, 1000, 3000),
  guarantee: fc.oneof(fc.constant({}), amounts(40)),
  limit: fc.oneof(fc.constant({}), amounts(60)),
};
const ROLES = ['a', 'b', 'a/x', 'a/y', 'b/x/z'];
const randomWorld: fc.Arbitrary<SharingWorld> = fc
  .record({
    roles: fc.array(fc.record({ role: fc.constantFrom(...ROLES, 'b/x'), ...settings })),
    frameworks: fc.array(
      fc.record({
        role: fc.constantFrom(...ROLES),
        used: amounts(30),
        needs: fc.option(
          fc.array(fc.record({ of: amounts(9), count: fc.nat(9) }), { maxLength: 2 }),
          { nil: undefined },
        ),
        ...settings,
      }),
      { minLength: 1, maxLength: 6 },
    ),
  })
  .map(({ roles, frameworks }) => ({
    total: TOTAL,
    roles: [...new Map(roles.map((one) => [one.role, one])).values()],
    frameworks: frameworks.map((one, index) => ({ ...one, name: `f${index}` })),
  }));

/** Some drops at each of three levels; a drop is a 4,000th. */
const NEAR = 0.004;

test('fair shares are those that one finds drop by drop', () => {
  fc.assert(
    fc.property(randomWorld, (world) => {
      const [found, expected] = [sharesIn(world), slowSharesIn(world)];
      expect([...found.keys()].sort()).toEqual([...expected.keys()].sort());
      for (const [name, share] of expected) {
        expect(Math.abs((found.get(name) ?? 0) - share), name).toBeLessThan(NEAR);
      }
    }),
    { numRuns: 300 },
  );
});

test('fair shares of many that are bound at ever other heights add up to the cluster', () => {
  const frameworks = Array.from({ length: 1000 }, (_, number) =>
    aFramework(`f${number}`, {
      weight: 1 + number,
      used: { cpus: (number * 7919) % 500 },
      ...(number % 3 === 0 ? needing(number % 11, 0.01) : {}),
      ...(number % 5 === 0 && { guarantee: { cpus: number % 300 } }),
    }),
  );
  const shares = [...sharesIn({ total: TOTAL, roles: [], frameworks }).values()];
  expect(shares.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 12);
});
