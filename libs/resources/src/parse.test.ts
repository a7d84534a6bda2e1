// Tests reading and showing amounts: what people write, and that shown amounts read back the same.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatAmount, formatBandwidth, formatMemory, formatResources } from './format.ts';
import { parseAmount, parseBandwidth, parseMemory, parsePorts, parseScalars } from './parse.ts';
import { normalise } from './resources.ts';

const ok = <T>(value: T): { ok: true; value: T } => ({ ok: true, value });

describe('reading amounts', () => {
  test.each([
    ['0.1', 100],
    ['4', 4000],
    ['2.125', 2125],
    [' 0 ', 0],
  ])('%j CPUs are %d thousandths', (text, amount) => {
    expect(parseAmount(text)).toStrictEqual(ok(amount));
  });

  test.each(['', '-1', '0.0001', '1e3', '.5', '1,5', 'x', '99999999999999'])(
    '%j is no amount',
    (text) => {
      expect(parseAmount(text)).toMatchObject({ ok: false, failure: { code: 'malformed' } });
    },
  );

  test.each([
    ['32MiB', 32_000],
    ['1GiB', 1_024_000],
    ['1.5 GiB', 1_536_000],
    ['500MB', 476_837],
    ['1024KiB', 1000],
    ['1048576B', 1000],
    ['64', 64_000],
  ])('%j of memory are %d thousandths of a MiB', (text, amount) => {
    expect(parseMemory(text)).toStrictEqual(ok(amount));
  });

  test.each(['', 'MiB', '1 XB', '-1MiB', '1.5.5MiB', 'constructor', '1 mib', '99999999999TiB'])(
    '%j is no amount of memory',
    (text) => {
      expect(parseMemory(text)).toMatchObject({ ok: false, failure: { code: 'malformed' } });
    },
  );

  test.each([
    ['1000', 1_000_000],
    ['100Mbit', 100_000],
    ['1Gbit', 1_000_000],
    ['2.5 Gbit/s', 2_500_000],
    ['64kbit', 64],
    ['1Tbit/s', 1_000_000_000],
  ])('%j of bandwidth are %d thousandths of a Mbit/s', (text, amount) => {
    expect(parseBandwidth(text)).toStrictEqual(ok(amount));
  });

  test.each(['', 'Gbit', '1GB', '1Gbit/h', '1/s', '-1', '1 gbit', '99999999999Tbit'])(
    '%j is no bandwidth',
    (text) => {
      expect(parseBandwidth(text)).toMatchObject({ ok: false, failure: { code: 'malformed' } });
    },
  );

  test('a list of scalars is read, each in its own units', () => {
    expect(parseScalars('cpus=2, mem=1GiB,network_bandwidth=1Gbit,fpgas=3')).toStrictEqual(
      ok({ cpus: 2000, mem: 1_024_000, network_bandwidth: 1_000_000, fpgas: 3000 }),
    );
  });

  test.each(['', 'cpus', 'cpus=', '=1', 'cpus=1,cpus=2', 'CPUs=1', 'cpus=1=2', 'mem=1XB'])(
    '%j is no list of scalars',
    (text) => {
      expect(parseScalars(text)).toMatchObject({ ok: false, failure: { code: 'malformed' } });
    },
  );

  test('port ranges are read one by one, sorted and joined', () => {
    expect(parsePorts('31000-31999')).toStrictEqual(ok([[31_000, 31_999]]));
    expect(parsePorts('9001-9010, 8080,9000')).toStrictEqual(
      ok([
        [8080, 8080],
        [9000, 9010],
      ]),
    );
  });

  test.each(['', '0-5', '5-4', '1-65536', '1-2-3', 'a-b', '1,,2'])('%j are no ports', (text) => {
    expect(parsePorts(text)).toMatchObject({ ok: false, failure: { code: 'malformed' } });
  });
});

describe('showing amounts', () => {
  test('every amount that is shown reads back as the same amount', () => {
    fc.assert(
      fc.property(fc.nat({ max: 10 ** 12 }), (amount) => {
        expect(parseAmount(formatAmount(amount))).toStrictEqual(ok(amount));
        expect(parseMemory(formatMemory(amount))).toStrictEqual(ok(amount));
        expect(parseMemory(formatMemory(amount * 1024))).toStrictEqual(ok(amount * 1024));
        expect(parseBandwidth(formatBandwidth(amount))).toStrictEqual(ok(amount));
        expect(parseBandwidth(formatBandwidth(amount * 1000))).toStrictEqual(ok(amount * 1000));
      }),
    );
  });

  test('resources are shown in one line', () => {
    const resources = normalise({
      scalars: { cpus: 100, mem: 32_000, disk: 1_536_000, gpus: 0, network_bandwidth: 2_500_000 },
      ports: [
        [31_000, 31_999],
        [80, 80],
      ],
      sets: { racks: ['b', 'a'] },
    });
    expect(formatResources(resources)).toBe(
      'cpus 0.1, disk 1.5 GiB, mem 32 MiB, network_bandwidth 2.5 Gbit/s, ports 80,31000-31999, racks {a, b}',
    );
    expect(formatResources(normalise({}))).toBe('nothing');
  });
});
