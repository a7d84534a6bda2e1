// Owns the rules of the tree of roles, and of what each is entitled to by weight.
import { expect, test } from 'vitest';
import { partsByWeight, type Role, treeOf } from './roles.ts';

const role = (name: string, weight: number, frameworks: readonly string[] = ['f']): Role => ({
  ...{ role: name, weight, guarantee: {}, limit: {}, allocated: {}, offered: {}, reserved: {} },
  ...{ dominantShare: { share: 0, resource: null }, frameworks },
});

test('a role stands below the one that it belongs to, whatever names are between', () => {
  const roles = [role('eng-2', 1000), role('eng/web', 1000), role('eng', 1000), role('a/b', 1000)];
  expect(treeOf(roles).map((one) => [one.role, one.depth, one.parent])).toStrictEqual([
    ['a/b', 0, undefined],
    ['eng', 0, undefined],
    ['eng/web', 1, 'eng'],
    ['eng-2', 0, undefined],
  ]);
});

test('parts are divided by weight down the tree, among those in which somebody is', () => {
  const roles = [
    role('eng', 2000, ['web', 'db', 'own']),
    role('eng/web', 3000, ['web']),
    role('eng/db', 1000, ['db']),
    role('ops', 1000),
    role('empty', 9000, []),
  ];
  const parts = [...partsByWeight(roles)].map(([name, part]) => [name, Math.round(60 * part)]);
  expect(Object.fromEntries(parts)).toStrictEqual({ eng: 40, 'eng/web': 24, 'eng/db': 8, ops: 20 });
});

test('another weight shows what it would bring', () => {
  const parts = partsByWeight([role('eng', 1000), role('ops', 1000)], { eng: 3000 });
  expect(Object.fromEntries(parts)).toStrictEqual({ eng: 3 / 4, ops: 1 / 4 });
});
