// Tests of how often a secret may be guessed.
import { expect, test } from 'vitest';
import { ADDRESS_BUDGET, addressKey, TryLimits, USER_BUDGET } from './try-limits.ts';

const wrong = (
  limits: TryLimits,
  count: number,
  of: (index: number) => object,
  nowMs = 0,
): void => {
  for (let index = 0; index < count; index += 1) {
    limits.wasWrong({ address: 'here', ...of(index) }, nowMs);
  }
};

test('an address has its tries at once, and then one after each pause', () => {
  const limits = new TryLimits();
  wrong(limits, ADDRESS_BUDGET.tries - 1, () => ({}));
  expect(limits.waitMs({ address: 'here' }, 0)).toBe(0);
  wrong(limits, 1, () => ({}));
  expect(limits.waitMs({ address: 'here' }, 0)).toBe(ADDRESS_BUDGET.oneBackMs);
  expect(limits.waitMs({ address: 'here' }, ADDRESS_BUDGET.oneBackMs)).toBe(0);
  expect(limits.waitMs({ address: 'there' }, 0)).toBe(0);
});

test('a user has tries over all addresses', () => {
  const limits = new TryLimits();
  wrong(limits, USER_BUDGET.tries, (index) => ({ address: `a${index}`, user: 'olga' }));
  expect(limits.waitMs({ address: 'new', user: 'olga' }, 0)).toBeGreaterThan(0);
  expect(limits.waitMs({ address: 'new', user: 'otto' }, 0)).toBe(0);
});

test('addresses beyond ten thousand push out those that tried longest ago', () => {
  const limits = new TryLimits();
  wrong(limits, ADDRESS_BUDGET.tries, () => ({}));
  wrong(limits, 10_000, (index) => ({ address: `a${index}` }), 1);
  expect(limits.waitMs({ address: 'here' }, 1)).toBe(0);
});

test.each([
  ['127.0.0.1', '127.0.0.1'],
  ['::ffff:10.0.0.1', '10.0.0.1'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:db8::9', '2001:db8:0:0::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ['::1', '0:0:0:0::/64'],
])('%s counts as %s', (address, key) => {
  expect(addressKey(address)).toBe(key);
});
