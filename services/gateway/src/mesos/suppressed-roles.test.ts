import { RoleName } from '@parley/protocol/ids';
import { expect, test } from 'vitest';
import { SuppressedRoles } from './suppressed-roles.ts';

const [a, b, c] = ['a', 'b', 'c'].map((name) => RoleName.parse(name)) as [
  RoleName,
  RoleName,
  RoleName,
];

test('an update revives a role that was suppressed by a call of its own', () => {
  const roles = new SuppressedRoles([a, b], []);
  roles.suppress([a]);
  expect(roles.update([a, b], [])).toStrictEqual({ suppress: [], revive: [a] });
});

test('an update suppresses a role again that was revived since', () => {
  const roles = new SuppressedRoles([a, b], [a]);
  roles.revive([a]);
  expect(roles.update([a, b], [a])).toStrictEqual({ suppress: [a], revive: [] });
});

test('a call that names no roles means all of them', () => {
  const roles = new SuppressedRoles([a, b], []);
  roles.suppress([]);
  expect(roles.update([a, b], [b])).toStrictEqual({ suppress: [], revive: [a] });
  roles.revive([]);
  expect(roles.update([a, b], [])).toStrictEqual({ suppress: [], revive: [] });
});

test('nothing is asked for where nothing differs, nor of a role that it has no more', () => {
  const roles = new SuppressedRoles([a, b], [a, b]);
  expect(roles.update([b, c], [b, 'unknown'])).toStrictEqual({ suppress: [], revive: [] });
  expect(roles.update([b, c], [c])).toStrictEqual({ suppress: [c], revive: [b] });
});
