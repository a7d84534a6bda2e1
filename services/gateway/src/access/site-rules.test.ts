// Tests of what pages of other sites, in the browser of somebody who may reach the gateway, get it to do: nothing.
import { describe, expect, test } from 'vitest';
import { type Asked, siteProblem } from './site-rules.ts';

const rules = { hostNames: new Set(['cluster.example']), isTls: false };
const program: Asked = {
  method: 'POST',
  host: '127.0.0.1:5050',
  origin: undefined,
  fetchSite: undefined,
  fetchMode: undefined,
  fetchDestination: undefined,
  isUpgrade: false,
};
const statusOf = (asked: Partial<Asked>, isTls = false): number =>
  siteProblem({ ...program, ...asked }, { ...rules, isTls })?.status ?? 200;

describe('a name that somebody else may point here is not answered to (DNS rebinding)', () => {
  test.each([
    'evil.example',
    'evil.example:5050',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    '',
    'a b',
  ])('%j', (host) => expect(statusOf({ host })).toBe(421));

  test.each([
    '127.0.0.1:5050',
    '[::1]:5050',
    '10.1.2.3',
    'localhost:5050',
    'LOCALHOST',
    'a.localhost',
    'Cluster.Example:80',
    'cluster.example.',
  ])('%j is answered', (host) => expect(statusOf({ host })).toBe(200));
});

describe('a page may ask if it is our own', () => {
  test.each([
    ['http://127.0.0.1:5050', 200],
    ['http://127.0.0.1:5051', 403],
    ['http://localhost:5050', 403],
    ['https://evil.example', 403],
    ['null', 403],
    ['file://', 403],
    ['', 403],
  ])('from %j: %i', (origin, status) => {
    for (const method of ['POST', 'GET', 'DELETE']) {
      expect(statusOf({ method, origin })).toBe(status);
    }
    expect(statusOf({ method: 'GET', origin, isUpgrade: true })).toBe(status);
  });

  test('with TLS, a page that came without it is another', () => {
    expect(statusOf({ origin: 'http://127.0.0.1:5050' }, true)).toBe(403);
    expect(statusOf({ origin: 'https://127.0.0.1:5050' }, true)).toBe(200);
  });
});

describe('of other sites, and of other ports of this host, a link may be followed and nothing else be fetched', () => {
  const link = { method: 'GET', fetchMode: 'navigate', fetchDestination: 'document' };
  test.each(['cross-site', 'same-site'])('%s', (fetchSite) => {
    expect(statusOf({ ...link, fetchSite })).toBe(200);
    expect(statusOf({ ...link, fetchSite, method: 'POST' })).toBe(403);
    expect(statusOf({ ...link, fetchSite, fetchDestination: 'iframe' })).toBe(403);
    const script = { method: 'GET', fetchMode: 'no-cors', fetchDestination: 'script', fetchSite };
    expect(statusOf(script)).toBe(403);
    expect(statusOf({ ...link, fetchSite, isUpgrade: true })).toBe(403);
  });

  test.each(['same-origin', 'none'])('%s is let through', (fetchSite) => {
    expect(statusOf({ fetchSite, fetchMode: 'cors' })).toBe(200);
  });
});
