import { expect, test } from 'vitest';
import { beginningOf, openJson, readSeal, sealJson, sealMap } from './checksum.ts';
import { decode, encode } from './codec.ts';

const value = { version: 1, text: 'something', parts: [1, 2, 3] };
const EARLIER = [beginningOf(3, 'version')];

/** The bytes with one bit turned, for each byte. */
function* damaged(bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 1) {
    for (const bit of [1, 0x20, 0x80]) {
      yield Uint8Array.from(bytes).map((byte, index) => (index === at ? byte ^ bit : byte));
    }
  }
}

test('a sealed map is the same map with one pair more, whose checksum is right', () => {
  const bytes = sealMap(encode(value));
  expect(decode(bytes)).toEqual({ sum: expect.anything(), ...value });
  expect(readSeal(bytes, [])).toEqual({ ok: true, value: expect.stringMatching(/^[0-9a-f]{32}$/) });
});

test('a map without a checksum is taken from an earlier release only where it begins as that does', () => {
  expect(readSeal(encode(value), EARLIER)).toEqual({ ok: true, value: undefined });
  expect(readSeal(encode({ ...value, more: 1 }), EARLIER).ok).toBe(false);
  expect(readSeal(new Uint8Array(), EARLIER).ok).toBe(false);
});

test('a sealed map of which any byte is another is refused', () => {
  for (const bytes of damaged(sealMap(encode(value)))) {
    expect(readSeal(bytes, EARLIER).ok).toBe(false);
  }
});

test('sealed JSON is read as it was written, that of an earlier release too, and damaged one is refused', () => {
  const bytes = sealJson(value);
  expect(JSON.parse(Buffer.from(bytes).toString())).toEqual({ sum: expect.anything(), ...value });
  expect(openJson(bytes, '{"version":')).toMatchObject({ ok: true, value });
  const earlier = Buffer.from(JSON.stringify(value));
  expect(openJson(earlier, '{"version":')).toEqual({ ok: true, value });
  expect(openJson(earlier, '{"other":').ok).toBe(false);
  for (const one of damaged(bytes)) expect(openJson(one, '{"version":').ok).toBe(false);
});
