// Tests of what an agent is told about its host.
import { expect, test } from 'vitest';
import { readHostOptions } from './host-options.ts';

const domainOf = (options: Parameters<typeof readHostOptions>[0]) => {
  const read = readHostOptions(options);
  return read.ok ? read.value.domain : read.failure;
};

test('an agent names its region and its zone', () => {
  expect(domainOf({ region: 'eu', zone: 'eu-1' })).toEqual({ region: 'eu', zone: 'eu-1' });
  expect(domainOf({})).toBeUndefined();
});

test.each([
  [{ region: 'eu' }, 'both or none'],
  [{ zone: 'eu-1' }, 'both or none'],
  [{ region: '', zone: 'eu-1' }, '1 to 64 characters'],
  [{ region: 'eu', zone: 'x'.repeat(65) }, '1 to 64 characters'],
])('a fault domain of %j is refused', (options, why) => {
  const message: unknown = expect.stringContaining(why);
  expect(domainOf(options)).toEqual({ code: 'malformed', message });
});

test('amounts are read in the units of their resource', () => {
  const options = { cpus: '2', mem: '1GiB', 'network-bandwidth': '1Gbit', ports: '80-81' };
  expect(readHostOptions(options)).toMatchObject({
    ok: true,
    value: {
      stated: { cpus: 2000, mem: 1_024_000, networkBandwidth: 1_000_000, ports: [[80, 81]] },
    },
  });
});

test('what is set aside for roles is read by role', () => {
  const options = { reserve: ['eng/db:cpus=2,mem=1GiB', 'ops:disk=500'] };
  expect(readHostOptions(options)).toMatchObject({
    ok: true,
    value: { reserved: { 'eng/db': { cpus: 2000, mem: 1_024_000 }, ops: { disk: 500_000 } } },
  });
  expect(readHostOptions({})).toMatchObject({ value: { reserved: undefined } });
});

test.each([
  ['cpus=2', 'is not ROLE:NAME=AMOUNT'],
  ['*:cpus=2', '"*" is no role to reserve for'],
  ['eng db:cpus=2', 'is not ROLE:NAME=AMOUNT'],
  ['eng:cpus=2:mem=1', 'is not ROLE:NAME=AMOUNT'],
  ['eng:cpus=many', '--reserve: cpus: "many" is no amount'],
])('to set aside %j is refused', (text, why) => {
  const message: unknown = expect.stringContaining(why);
  expect(readHostOptions({ reserve: [text] })).toMatchObject({ failure: { message } });
});

test('a role for which resources are set aside is named once', () => {
  const message: unknown = expect.stringContaining('named twice');
  expect(readHostOptions({ reserve: ['eng:cpus=1', 'eng:mem=1'] })).toMatchObject({
    failure: { message },
  });
});

test('what is wrong with an amount names its option', () => {
  expect(readHostOptions({ 'network-bandwidth': 'fast' })).toMatchObject({
    failure: {
      message:
        '--network-bandwidth: "fast" is no amount of bandwidth: write a number and bit, kbit, Kbit, Mbit, Gbit, Tbit',
    },
  });
});

test('what is lent is a list of scalars, and nothing by default', () => {
  const lentBy = (oversubscribe?: string) => readHostOptions({ oversubscribe });
  expect(lentBy('cpus=2,mem=1GiB')).toMatchObject({
    value: { revocable: { scalars: { cpus: 2000, mem: 1_024_000 }, ports: [], sets: {} } },
  });
  expect(lentBy()).toMatchObject({ value: { revocable: { scalars: {}, ports: [], sets: {} } } });
  expect(lentBy('cpus')).toMatchObject({
    failure: { code: 'malformed', message: '--oversubscribe: "cpus" is not NAME=AMOUNT' },
  });
});

test('what is lent may be estimated: a margin is kept, and only where scopes can be measured', () => {
  const lentBy = (oversubscribe: string, after?: string, isolation?: string) =>
    readHostOptions({ oversubscribe, 'oversubscribe-after': after, isolation });
  expect(lentBy('20%')).toMatchObject({
    value: { revocable: undefined, idleLending: { marginPercent: 20, afterMs: 60_000 } },
  });
  expect(lentBy('0%', '5')).toMatchObject({
    value: { idleLending: { marginPercent: 0, afterMs: 5000 } },
  });
  for (const wrong of [lentBy('20%', '0'), lentBy('20%', undefined, 'process'), lentBy('100%')]) {
    expect(wrong).toMatchObject({ failure: { code: 'malformed' } });
  }
  expect(lentBy('cpus=1', '5')).toMatchObject({ failure: { code: 'malformed' } });
});

test('what the host keeps for itself is read, of cpus, mem and disk only', () => {
  expect(readHostOptions({ 'system-reserve': 'cpus=0.5,mem=2GiB' })).toMatchObject({
    ok: true,
    value: { systemReserve: { cpus: 500, mem: 2_048_000 } },
  });
  const message: unknown = expect.stringContaining('gpus: cpus, mem and disk can be reserved');
  expect(readHostOptions({ 'system-reserve': 'gpus=1' })).toEqual({
    ok: false,
    failure: { code: 'malformed', message },
  });
});
