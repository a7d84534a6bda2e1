// Owns the checksum of our own that stored records carry: journal entries, settings, leases, updates. It is the first pair
// of the record's map, at a fixed place, so that it is looked at before anything is believed. A record of an earlier
// release has none; it is told from a damaged later one by how it begins, to the byte.
import { createHash } from 'node:crypto';
import { encode } from './codec.ts';
import { fail, type Outcome, succeed } from './errors.ts';

/** Of a SHA-256: enough to tell any two histories apart, too. */
const SUM_BYTES = 16;

// MessagePack: a map of up to 15 pairs is one byte 0x80 + pairs; up to 255 bytes are 0xc4, their number, and the bytes.
const SMALL_MAP = 0x80;
const SMALL_MAP_MAX = 15;
const BIN_8 = 0xc4;
const FRAME = Uint8Array.of(...encode('sum'), BIN_8, SUM_BYTES);
const SUM_AT = 1 + FRAME.length;
/** Where the rest of the map begins. */
export const SEALED_CONTENT_AT = SUM_AT + SUM_BYTES;

/** How a map without a checksum begins that has so many pairs, and this key first. */
export const beginningOf = (pairs: number, firstKey: string): Uint8Array =>
  Uint8Array.of(SMALL_MAP + pairs, ...encode(firstKey));

/** Completes a map whose first byte and whose bytes from `SEALED_CONTENT_AT` on are there already. */
export function writeSeal(bytes: Uint8Array): void {
  bytes.set(FRAME, 1);
  bytes.set(sumOf(bytes), SUM_AT);
}

/** The same map with its checksum in front. At most 14 pairs. */
export function sealMap(map: Uint8Array): Uint8Array {
  const pairs = (map[0] ?? 0) - SMALL_MAP;
  if (pairs < 0 || pairs >= SMALL_MAP_MAX) throw new Error('what is sealed must be a small map');
  const bytes = new Uint8Array(SEALED_CONTENT_AT + map.length - 1);
  bytes[0] = SMALL_MAP + pairs + 1;
  bytes.set(map.subarray(1), SEALED_CONTENT_AT);
  writeSeal(bytes);
  return bytes;
}

/**
 * The checksum in hexadecimal, which is right, or undefined in a record of an earlier release. Fails with `malformed`: the
 * bytes are not what was written.
 * @param earlier how records of earlier releases may begin
 */
export function readSeal(
  bytes: Uint8Array,
  earlier: readonly Uint8Array[],
): Outcome<string | undefined> {
  if (!beginsWith(bytes.subarray(1), FRAME)) {
    return earlier.some((beginning) => beginsWith(bytes, beginning))
      ? succeed(undefined)
      : fail('malformed', 'it does not begin as it was written');
  }
  const stored = Buffer.from(bytes.subarray(SUM_AT, SEALED_CONTENT_AT));
  return stored.equals(sumOf(bytes))
    ? succeed(stored.toString('hex'))
    : fail('malformed', 'its checksum does not fit its bytes');
}

/** Over everything but its own place. */
const sumOf = (bytes: Uint8Array): Uint8Array =>
  createHash('sha256')
    .update(bytes.subarray(0, SUM_AT))
    .update(bytes.subarray(SEALED_CONTENT_AT))
    .digest()
    .subarray(0, SUM_BYTES);

const beginsWith = (bytes: Uint8Array, beginning: Uint8Array): boolean =>
  beginning.every((byte, index) => bytes[index] === byte);

const JSON_FRAME = '{"sum":"';
const JSON_CONTENT_AT = JSON_FRAME.length + 2 * SUM_BYTES + 2;

/** JSON of an object that has a pair at least, with its checksum in front. */
export function sealJson(value: object): Uint8Array {
  const rest = JSON.stringify(value).slice(1);
  return Buffer.from(`${JSON_FRAME}${jsonSumOf(rest)}",${rest}`);
}

/** Fails with `malformed`, likewise. `earlier`: how the text of an earlier release begins. */
export function openJson(bytes: Uint8Array, earlier: string): Outcome<unknown> {
  const text = Buffer.from(bytes).toString();
  const sum = text.slice(JSON_FRAME.length, JSON_CONTENT_AT - 2);
  if (!text.startsWith(JSON_FRAME)) {
    if (!text.startsWith(earlier)) return fail('malformed', 'it does not begin as it was written');
  } else if (sum !== jsonSumOf(text.slice(JSON_CONTENT_AT))) {
    return fail('malformed', 'its checksum does not fit its bytes');
  }
  try {
    return succeed(JSON.parse(text));
  } catch {
    return fail('malformed', 'it is no JSON');
  }
}

const jsonSumOf = (rest: string): string =>
  createHash('sha256')
    .update(rest)
    .digest('hex')
    .slice(0, 2 * SUM_BYTES);
