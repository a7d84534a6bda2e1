// Which versions of nats-server are accepted for what, and how a version is read out of what programs print.
import { describe, expect, test } from 'vitest';
import { compareVersions, readVersion, servesTier, standingOf } from './nats-version.mjs';

describe('reading a version', () => {
  test.each([
    ['nats-server: v2.15.1\n', '2.15.1'],
    ['2.15.1-1', '2.15.1'],
    ['2.10.27-1+b2', '2.10.27'],
    ['1:2.9.10-1+b3', '2.9.10'],
    ['nats-server: v2.16.0-RC.2', '2.16.0'],
    ['2.011.07', '2.11.7'],
  ])('%j is %s', (text, version) => {
    expect(readVersion(text)).toBe(version);
  });

  test.each(['', '(none)', 'nats-server: command not found', 'v2.15', '12345.1.1'])(
    '%j holds no version',
    (text) => {
      expect(readVersion(text)).toBeUndefined();
    },
  );
});

test('versions are compared as numbers, part by part', () => {
  const sorted = ['2.9.10', '2.10.9', '2.10.27', '2.11.0', '2.15.1', '10.0.0'];
  const shuffled = ['2.15.1', '2.9.10', '10.0.0', '2.10.27', '2.11.0', '2.10.9'];
  expect(shuffled.sort(compareVersions)).toEqual(sorted);
  expect(compareVersions('2.11.0', '2.11.0')).toBe(0);
});

describe('the standing of a version', () => {
  test.each([
    ['2.9.10', 'refused'],
    ['2.10.26', 'refused'],
    ['2.10.27', 'compatibility'],
    ['2.10.29', 'compatibility'],
    ['2.11.0', 'production'],
    ['2.15.1', 'production'],
    ['3.0.0', 'production'],
  ])('%s is %s', (version, standing) => {
    expect(standingOf(version)).toBe(standing);
  });

  test('the compatibility tier wants the old line itself, not something newer', () => {
    expect(servesTier('2.10.27', 'compatibility')).toBe(true);
    expect(servesTier('2.15.1', 'compatibility')).toBe(false);
    expect(servesTier('2.10.27', 'reference')).toBe(false);
    expect(servesTier('2.15.1', 'reference')).toBe(true);
  });
});
