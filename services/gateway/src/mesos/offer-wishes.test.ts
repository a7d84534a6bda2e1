// Tests which offers a framework of Mesos wants by its offer constraints and filters.
import { Offer } from '@parley/protocol/offers';
import { expect, test } from 'vitest';
import type { Subscription } from './mesos-types.ts';
import { Untranslatable } from './mesos-values.ts';
import { offerWishes } from './offer-wishes.ts';

const offer = Offer.parse({
  ...{ offerId: 'o', agentId: 'a1', hostname: 'host-7.example', role: 'web' },
  resources: { scalars: { cpus: 1500, mem: 100_000 } },
  domain: { region: 'here', zone: 'rack-1' },
  attributes: { os: 'debian' },
});
const info = { user: 'u', name: 'n' };
const constrained = (groups: unknown, role = 'web') =>
  offerWishes({
    framework_info: info,
    offer_constraints: { role_constraints: { [role]: { groups } } },
  } as Subscription);
const os = { attribute_name: 'os' };
const meets = (selector: object, predicate: object): boolean =>
  constrained([{ attribute_constraints: [{ selector, predicate }] }])(offer);

test.each<[string, object, object, boolean]>([
  ['exists', os, { exists: {} }, true],
  ['exists', { attribute_name: 'gpu' }, { exists: {} }, false],
  ['not_exists', os, { not_exists: {} }, false],
  ['text_equals', os, { text_equals: { value: 'debian' } }, true],
  ['text_equals', { attribute_name: 'gpu' }, { text_equals: { value: 'x' } }, false],
  ['text_not_equals', { attribute_name: 'gpu' }, { text_not_equals: { value: 'x' } }, true],
  ['the zone', { pseudoattribute_type: 'ZONE' }, { text_equals: { value: 'rack-1' } }, true],
  ['the region', { pseudoattribute_type: 'REGION' }, { text_equals: { value: 'there' } }, false],
  [
    'the host',
    { pseudoattribute_type: 'HOSTNAME' },
    { text_matches: { regex: 'host-\\d+\\..*' } },
    true,
  ],
  [
    'a part of it',
    { pseudoattribute_type: 'HOSTNAME' },
    { text_matches: { regex: 'host' } },
    false,
  ],
  ['another', { pseudoattribute_type: 'HOSTNAME' }, { text_not_matches: { regex: 'a|b' } }, true],
])('%s: an agent meets %o %o: %s', (_, selector, predicate, isMet) => {
  expect(meets(selector, predicate)).toBe(isMet);
});

test('one group has to be met whole; constraints of another role are none', () => {
  const [met, unmet] = ['debian', 'plan9'].map((value) => ({
    ...{ selector: os, predicate: { text_equals: { value } } },
  }));
  const groups = (...all: unknown[][]) => all.map((each) => ({ attribute_constraints: each }));
  expect(constrained(groups([met, unmet], [unmet]))(offer)).toBe(false);
  expect(constrained(groups([met, unmet], [met]))(offer)).toBe(true);
  expect(constrained(groups([unmet]), 'other')(offer)).toBe(true);
});

test('what holds less than each of the least amounts is not wanted', () => {
  const least = (...sets: Record<string, { value: number }>[]) => {
    const quantities = sets.map((each) => ({ quantities: each }));
    const filters = { web: { min_allocatable_resources: { quantities } } };
    return offerWishes({ framework_info: { ...info, offer_filters: filters } })(offer);
  };
  expect(least({ cpus: { value: 2 } })).toBe(false);
  expect(least({ cpus: { value: 1.5 }, mem: { value: 100 } })).toBe(true);
  expect(least({ cpus: { value: 2 } }, { mem: { value: 1 } })).toBe(true);
  expect(least()).toBe(true);
});

test.each([
  '(a+)+',
  '(a|b)*',
  '.*a.*b.*c',
  '(a)\\1',
  '(?=a)b',
  'a{1000}',
  'a{0,9}b{0,9}c{0,9}',
  'a?'.repeat(30),
  '(a|a)'.repeat(30),
  '[',
  'x'.repeat(300),
])('the regular expression %s is refused', (regex) => {
  const selector = os;
  expect(() => meets(selector, { text_matches: { regex } })).toThrow(Untranslatable);
});

test('racks and hosts can be named by regular expressions', () => {
  const many = Array.from({ length: 20 }, (_, index) => `r-${index}`).join('|');
  for (const regex of ['rack-(1|2)', 'rack-[0-9]+', '(?:rack|row)-\\d{1,3}', `${many}|rack-.*`]) {
    const zone = { pseudoattribute_type: 'ZONE' };
    expect(meets(zone, { text_matches: { regex } })).toBe(true);
  }
});

test('constraints that say nothing are refused', () => {
  for (const groups of [[], [{}], [{ attribute_constraints: [] }]]) {
    expect(() => constrained(groups)).toThrow(Untranslatable);
  }
  expect(() => meets({}, { exists: {} })).toThrow(Untranslatable);
  expect(() => meets(os, {})).toThrow(Untranslatable);
});
