import { expect, test } from 'vitest';
import type { Role } from '../data/roles.ts';
import { roleChangeOf, roleCommandOf, sharesSentence } from './role-wishes.ts';

const nothing = { weight: '', guarantee: '', limit: '' };

test('what is typed is asked for in thousandths, and what is left empty is not', () => {
  const wishes = { ...nothing, weight: '0.5', guarantee: 'cpus=4, mem=4096' };
  expect(roleChangeOf('eng', wishes)).toStrictEqual({
    ok: true,
    change: { role: 'eng', weight: 500, guarantee: { cpus: 4000, mem: 4_096_000 } },
  });
  expect(roleCommandOf('eng', wishes)).toBe(
    'npx parley quota set eng --guarantee cpus=4,mem=4096 && npx parley weight set eng 0.5',
  );
});

test('"none" sets back', () => {
  expect(roleChangeOf('eng', { ...nothing, limit: 'none' })).toStrictEqual({
    ok: true,
    change: { role: 'eng', limit: null },
  });
});

test.each([
  nothing,
  { ...nothing, weight: 'much' },
  { ...nothing, limit: 'cpus' },
  { ...nothing, limit: 'cpus=1=2' },
  { ...nothing, guarantee: 'cpus=-1' },
])('%j is no change', (wishes) => {
  expect(roleChangeOf('eng', wishes).ok).toBe(false);
});

test('who would gain and who would lose is said before anything is changed', () => {
  const role = (name: string): Role => ({
    ...{ role: name, weight: 1000, guarantee: {}, limit: {}, allocated: {}, offered: {} },
    ...{ reserved: {}, dominantShare: { share: 0, resource: null }, frameworks: ['f'] },
  });
  const roles = [role('eng'), role('ops')];
  expect(sharesSentence(roles, 'eng', undefined)).toContain('50 % of the cluster');
  expect(sharesSentence(roles, 'eng', 3000)).toBe(
    'By weight alone: eng 50 % → 75 % of the cluster; ops 50 % → 25 %.',
  );
});
