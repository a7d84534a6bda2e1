// Tests of what an agent is told about its host.
import { expect, test } from 'vitest';
import { readDomain, readResources } from './host-options.ts';

test('an agent names its region and its zone', () => {
  expect(readDomain({ region: 'eu', zone: 'eu-1' })).toEqual({
    ok: true,
    value: { region: 'eu', zone: 'eu-1' },
  });
  expect(readDomain({})).toEqual({ ok: true, value: undefined });
});

test.each([
  [{ region: 'eu' }, 'both or none'],
  [{ zone: 'eu-1' }, 'both or none'],
  [{ region: '', zone: 'eu-1' }, '1 to 64 characters'],
  [{ region: 'eu', zone: 'x'.repeat(65) }, '1 to 64 characters'],
])('a fault domain of %j is refused', (options, why) => {
  const message: unknown = expect.stringContaining(why);
  expect(readDomain(options)).toMatchObject({ failure: { code: 'malformed', message } });
});

test('amounts are read in the units of their resource', () => {
  const options = { cpus: '2', mem: '1GiB', 'network-bandwidth': '1Gbit', ports: '80-81' };
  expect(readResources(options)).toEqual({
    ok: true,
    value: { cpus: 2000, mem: 1_024_000, networkBandwidth: 1_000_000, ports: [[80, 81]] },
  });
});

test('what is wrong with an amount names its option', () => {
  expect(readResources({ 'network-bandwidth': 'fast' })).toMatchObject({
    failure: {
      message:
        '--network-bandwidth: "fast" is no amount of bandwidth: write a number and bit, kbit, Kbit, Mbit, Gbit, Tbit',
    },
  });
});
