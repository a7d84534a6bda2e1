import { RoleName } from '@parley/protocol/ids';
import { expect, test } from 'vitest';
import { FairTree } from './fair-tree.ts';

const role = (name: string) => RoleName.parse(name);
const shareOf = (tree: FairTree, name: string, weight = 1000): number => {
  const [numerator, denominator] = tree.fractionOf(role(name), weight);
  return Number(numerator) / Number(denominator);
};

test('roles share by weight, and the frameworks of a role share what it has', () => {
  const tree = new FairTree((name) => (name === 'ads' ? 3000 : 1000));
  tree.add(role('ads'), 1000);
  tree.add(role('ads'), 2000);
  tree.add(role('web'), 1000);
  expect(shareOf(tree, 'ads', 1000)).toBe(0.25);
  expect(shareOf(tree, 'ads', 2000)).toBe(0.5);
  expect(shareOf(tree, 'web')).toBe(0.25);
});

test('a role with roles below it shares what it has with them, its own frameworks as one child', () => {
  const tree = new FairTree(() => 1000);
  tree.add(role('eng'), 1000);
  tree.add(role('eng'), 1000);
  tree.add(role('eng/batch'), 1000);
  tree.add(role('ops/night'), 1000);
  expect(shareOf(tree, 'eng')).toBe(0.125);
  expect(shareOf(tree, 'eng/batch')).toBe(0.25);
  expect(shareOf(tree, 'ops/night')).toBe(0.5);
});

test('one of whose role nobody is active has no share', () => {
  expect(shareOf(new FairTree(() => 1000), 'web')).toBe(0);
});
