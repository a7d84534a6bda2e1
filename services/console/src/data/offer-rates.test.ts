// Owns the rules of how many offers a second are counted.
import { expect, test } from 'vitest';
import type { ToldEvent } from './events.ts';
import { ratesOf } from './offer-rates.ts';

const made = (wallTimeMs: number, frameworkId: string, type = 'offerMade'): ToldEvent => ({
  ...{ sequence: wallTimeMs, index: 0, coreTimeMs: 0, wallTimeMs, text: '' },
  event: { type, framework: { principal: 'alice', frameworkId } },
});

test('the offers of the last half minute count, each for its framework, and nothing else does', () => {
  const heard = [
    made(1000, 'web'),
    ...[50_000, 60_000, 70_000].map((ms) => made(ms, 'web')),
    made(70_000, 'db'),
    made(70_000, 'db', 'offerAccepted'),
  ];
  expect([...ratesOf(heard, 75_000)]).toStrictEqual([
    ['alice/db', 1 / 30],
    ['alice/web', 3 / 30],
  ]);
});

test('where less than that was heard, the rate is that of the time that was', () => {
  expect(ratesOf([made(70_000, 'web'), made(74_000, 'web')], 75_000).get('alice/web')).toBe(2 / 5);
});
