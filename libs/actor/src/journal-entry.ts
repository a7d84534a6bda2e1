// Owns the bytes of a journal entry: inputs are encoded once, when they are submitted, and put together
// afterwards, so that the size of an entry is known while it is gathered. A checksum of our own tells a damaged entry
// from a whole one. What an entry holds is in core.ts.
import { createHash } from 'node:crypto';
import { decode, encode } from '@parley/protocol/codec';
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import { describeIssues } from '@parley/protocol/message';
import { JournalEntry } from './core.ts';

export type EntryHead = Omit<JournalEntry, 'inputs'>;

/** Upper bound of what an entry needs beside its inputs. */
export const ENTRY_FRAME_BYTES = 512;

// MessagePack: a map of up to 15 pairs is one byte 0x80 + pairs; an array of up to 65,535 items is 0xdc and two bytes;
// up to 255 bytes are 0xc4, their number, and the bytes.
const SMALL_MAP = 0x80;
const SMALL_MAP_MAX = 15;
const ARRAY_16 = 0xdc;
const BIN_8 = 0xc4;
const INPUTS_KEY = encode('inputs');

/** Of a SHA-256: enough to tell any two histories apart, too. */
const CHECKSUM_BYTES = 16;
// The second version of an entry begins with its checksum, at a fixed place, so that it is looked at before anything
// is believed. Releases that know only the first version read over the additional pairs.
const CHECKSUM_KEY = encode('sum');
const CHECKSUM_FRAME = Uint8Array.of(...CHECKSUM_KEY, BIN_8, CHECKSUM_BYTES);
const CHECKSUM_AT = 1 + CHECKSUM_FRAME.length;
const CONTENT_AT = CHECKSUM_AT + CHECKSUM_BYTES;
/** How an entry of the first version begins, to the byte: a damaged later one is none. */
const FIRST_VERSION = Uint8Array.of(SMALL_MAP + 6, ...encode('rulesVersion'));

/**
 * The same as `encode({ sum, ...head, inputs })`, up to the width of the array's length; `sum` is over all other bytes.
 * At most 65,535 inputs.
 */
export function encodeEntry(head: EntryHead, inputs: readonly Uint8Array[]): Uint8Array {
  const frame = encode(head);
  const pairs = (frame[0] ?? 0) - SMALL_MAP;
  if (pairs < 0 || pairs >= SMALL_MAP_MAX - 1) throw new Error('an entry head must be a small map');
  const inputBytes = inputs.reduce((sum, input) => sum + input.length, 0);
  const rest = frame.length - 1;
  const bytes = new Uint8Array(CONTENT_AT + rest + INPUTS_KEY.length + 3 + inputBytes);
  bytes[0] = SMALL_MAP + pairs + 2;
  bytes.set(CHECKSUM_FRAME, 1);
  bytes.set(frame.subarray(1), CONTENT_AT);
  let offset = CONTENT_AT + rest;
  bytes.set(INPUTS_KEY, offset);
  offset += INPUTS_KEY.length;
  bytes.set([ARRAY_16, inputs.length >> 8, inputs.length & 0xff], offset);
  offset += 3;
  for (const input of inputs) {
    bytes.set(input, offset);
    offset += input.length;
  }
  bytes.set(checksumOf(bytes), CHECKSUM_AT);
  return bytes;
}

export type DecodedEntry = JournalEntry & {
  /** Hexadecimal, and right; undefined in an entry of the first version, which has none. */
  readonly checksum: string | undefined;
};

/** Fails with `malformed`: the bytes are not those of an entry as it was written. */
export function decodeEntry(bytes: Uint8Array): Outcome<DecodedEntry> {
  const checksum = readChecksum(bytes);
  if (!checksum.ok) return checksum;
  let value: unknown;
  try {
    value = decode(bytes);
  } catch (error) {
    return fail('malformed', `journal entry: ${error instanceof Error ? error.message : error}`);
  }
  const entry = JournalEntry.safeParse(value);
  return entry.success
    ? succeed({ ...entry.data, checksum: checksum.value })
    : fail('malformed', describeIssues('journal entry', entry.error));
}

function readChecksum(bytes: Uint8Array): Outcome<string | undefined> {
  if (!beginsWith(bytes.subarray(1), CHECKSUM_FRAME)) {
    return beginsWith(bytes, FIRST_VERSION)
      ? succeed(undefined)
      : fail('malformed', 'journal entry: it does not begin as an entry does');
  }
  const stored = Buffer.from(bytes.subarray(CHECKSUM_AT, CONTENT_AT));
  return stored.equals(checksumOf(bytes))
    ? succeed(stored.toString('hex'))
    : fail('malformed', 'journal entry: its checksum does not fit its bytes');
}

/** Over everything but its own place. */
const checksumOf = (bytes: Uint8Array): Uint8Array =>
  createHash('sha256')
    .update(bytes.subarray(0, CHECKSUM_AT))
    .update(bytes.subarray(CONTENT_AT))
    .digest()
    .subarray(0, CHECKSUM_BYTES);

const beginsWith = (bytes: Uint8Array, beginning: Uint8Array): boolean =>
  beginning.every((byte, index) => bytes[index] === byte);
