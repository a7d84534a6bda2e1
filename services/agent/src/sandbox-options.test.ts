// Tests of what an agent is told about the sandboxes of its tasks.
import { expect, test } from 'vitest';
import { readSandboxOptions } from './sandbox-options.ts';

const MIB = 1024 * 1024;

test('what is left out is as the page says', () => {
  expect(readSandboxOptions({})).toEqual({
    ok: true,
    value: {
      ...{ diskCheckMs: 15_000, outputLimitBytes: 100 * MIB },
      fetching: {
        ...{ addresses: 'private', directories: [], timeoutMs: 600_000, maxBytes: 4096 * MIB },
      },
      imageStoreBytes: 10_240 * MIB,
      collection: { keepForMs: 7 * 86_400_000, keepFree: { percent: 5 } },
    },
  });
});

test('each can be said otherwise, or be turned off', () => {
  const said = {
    ...{ 'disk-check': '0', 'output-limit': '0', 'sandbox-keep-for': '12h' },
    ...{ 'sandbox-keep-free': '50GiB', 'fetch-from': ['/srv/a', '/srv/b'] },
    ...{ 'fetch-addresses': 'public', 'fetch-timeout': '5', 'fetch-limit': '1MiB' },
    'image-store': '0',
  };
  expect(readSandboxOptions(said)).toEqual({
    ok: true,
    value: {
      ...{ diskCheckMs: 0, outputLimitBytes: 0 },
      fetching: {
        ...{ addresses: 'public', directories: ['/srv/a', '/srv/b'] },
        ...{ timeoutMs: 5000, maxBytes: MIB },
      },
      imageStoreBytes: 0,
      collection: { keepForMs: 43_200_000, keepFree: { bytes: 51_200 * MIB } },
    },
  });
  expect(readSandboxOptions({ 'sandbox-keep-for': '0', 'sandbox-keep-free': '0' })).toMatchObject({
    value: { collection: { keepForMs: 0, keepFree: { bytes: 0 } } },
  });
});

test.each([
  [{ 'disk-check': '-1' }, '--disk-check'],
  [{ 'output-limit': 'much' }, '--output-limit'],
  [{ 'output-limit': '0.5MiB' }, '--output-limit: 1MiB at least'],
  [{ 'sandbox-keep-for': '7' }, '--sandbox-keep-for'],
  [{ 'sandbox-keep-free': '100%' }, '--sandbox-keep-free'],
  [{ 'fetch-from': ['srv'] }, 'must be an absolute path'],
  [{ 'fetch-addresses': 'some' }, 'public, private, any'],
  [{ 'fetch-timeout': '0' }, 'from 1'],
  [{ 'image-store': 'all' }, '--image-store'],
])('%j is refused', (options, why) => {
  const message: unknown = expect.stringContaining(why);
  expect(readSandboxOptions(options)).toEqual({
    ok: false,
    failure: expect.objectContaining({ code: 'malformed', message }),
  });
});
