// Tests of reading what a request shows.
import { expect, test } from 'vitest';
import { authorizationOf, cookieOf } from './request-credentials.ts';

const basic = (pair: string): string => `Basic ${Buffer.from(pair).toString('base64')}`;

test.each([
  [basic('olga:a:b'), { way: 'basic', name: 'olga', password: 'a:b' }],
  [basic('olga:'), { way: 'basic', name: 'olga', password: '' }],
  [basic('olga:pässwörd'), { way: 'basic', name: 'olga', password: 'pässwörd' }],
  ['bearer  abc-_.~+/=', { way: 'bearer', token: 'abc-_.~+/=' }],
  [basic(':x'), { way: 'unreadable' }],
  [basic('nobody'), { way: 'unreadable' }],
  ['Basic !!!', { way: 'unreadable' }],
  ['Bearer', { way: 'unreadable' }],
  ['Bearer a b', { way: 'unreadable' }],
  ['Digest x', { way: 'unreadable' }],
  [`Bearer ${'a'.repeat(5000)}`, { way: 'unreadable' }],
  ['', { way: 'unreadable' }],
])('%s', (authorization, shown) => {
  expect(authorizationOf({ authorization })).toStrictEqual(shown);
});

test('a request that shows nothing shows nothing', () => {
  expect(authorizationOf({})).toBeUndefined();
  expect(cookieOf({}, 'a')).toBeUndefined();
});

test('a cookie is found by its whole name', () => {
  const headers = { cookie: 'parley=1; parley-session=2;x=parley-session=3' };
  expect([cookieOf(headers, 'parley-session'), cookieOf(headers, 'session')]).toEqual([
    '2',
    undefined,
  ]);
});
