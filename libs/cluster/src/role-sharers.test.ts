import { RoleName } from '@parley/protocol/ids';
import { expect, test } from 'vitest';
import { RoleSharers } from './role-sharers.ts';

const [eng, ops] = [RoleName.parse('eng'), RoleName.parse('ops')];

test('whoever is subscribed in a role or holds something in it counts there once, by its weight', () => {
  const sharers = new RoleSharers();
  sharers.isSubscribed('a', [eng, ops]);
  sharers.holds('a', eng, true);
  sharers.holds('b', eng, true);
  sharers.weighs('b', 3000);
  expect([eng, ops].map((role) => sharers.weightsOf(role))).toEqual([4000, 1000]);
});

test('it counts no more when it is neither, and one that nobody shares in has no weights', () => {
  const sharers = new RoleSharers();
  sharers.weighs('a', 2000);
  sharers.isSubscribed('a', [eng]);
  sharers.holds('a', eng, true);
  sharers.isSubscribed('a', []);
  expect(sharers.weightsOf(eng)).toBe(2000);
  sharers.holds('a', eng, false);
  expect(sharers.weightsOf(eng)).toBe(0);
  sharers.weighs('a', 1000);
  expect(sharers.text()).toBe(new RoleSharers().text());
});
