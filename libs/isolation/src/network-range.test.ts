import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { formatNetworkRange, pairAt, pairsIn, parseNetworkRange } from './network-range.ts';

it('a range is four bytes and a prefix of 8 to 30, without bits beyond it', () => {
  expect(parseNetworkRange('10.88.0.0/16')).toEqual({ base: 0x0a580000, bits: 16 });
  expect(parseNetworkRange('192.168.7.128/30')).toEqual({ base: 0xc0a80780, bits: 30 });
  for (const wrong of [
    ...['', '10.88.0.0', '10.88.0.1/16', '10.88.0.0/31', '10.0.0.0/7', '10.256.0.0/16'],
    ...['10.88.0.0/16 ', '10.88.0/16', '-1.0.0.0/8', '10.88.0.0/16; reboot', '2001:db8::/32'],
  ]) {
    expect(parseNetworkRange(wrong), wrong).toBeUndefined();
  }
});

it('the pairs of a range are within it, and none has an address of another', () => {
  const property = fc.property(
    fc.nat(2 ** 8 - 1),
    fc.integer({ min: 20, max: 30 }),
    (byte, bits) => {
      const text = `10.${byte}.0.0/${bits}`;
      const range = parseNetworkRange(text);
      if (range === undefined) throw new Error(text);
      expect(formatNetworkRange(range)).toBe(text);
      const pairs = Array.from({ length: pairsIn(range) }, (_, index) => pairAt(range, index));
      const addresses = pairs.flatMap(({ host, task }) => [host, task]);
      expect(new Set(addresses).size).toBe(2 ** (32 - bits));
      expect(addresses[0]).toBe(`10.${byte}.0.0`);
      const last = 2 ** (32 - bits) - 1;
      expect(addresses.at(-1)).toBe(`10.${byte}.${Math.floor(last / 256)}.${last % 256}`);
    },
  );
  void fc.assert(property, { numRuns: 20 });
});
