// Owns the bytes of a journal entry: inputs are encoded once, when they are submitted, and put together
// afterwards, so that the size of an entry is known while it is gathered. A checksum of our own tells a damaged entry
// from a whole one. What an entry holds is in core.ts.
import { beginningOf, readSeal, SEALED_CONTENT_AT, writeSeal } from '@parley/protocol/checksum';
import { decode, encode } from '@parley/protocol/codec';
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import { describeIssues } from '@parley/protocol/message';
import { JournalEntry } from './core.ts';

export type EntryHead = Omit<JournalEntry, 'inputs'>;

/** Upper bound of what an entry needs beside its inputs. */
export const ENTRY_FRAME_BYTES = 512;

// MessagePack: a map of up to 15 pairs is one byte 0x80 + pairs; an array of up to 65,535 items is 0xdc and two bytes.
const SMALL_MAP = 0x80;
const SMALL_MAP_MAX = 15;
const ARRAY_16 = 0xdc;
const INPUTS_KEY = encode('inputs');

// Releases that know only the first version, without a checksum, read over the additional pairs.
const FIRST_VERSION = beginningOf(6, 'rulesVersion');

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
  const bytes = new Uint8Array(SEALED_CONTENT_AT + rest + INPUTS_KEY.length + 3 + inputBytes);
  bytes[0] = SMALL_MAP + pairs + 2;
  bytes.set(frame.subarray(1), SEALED_CONTENT_AT);
  let offset = SEALED_CONTENT_AT + rest;
  bytes.set(INPUTS_KEY, offset);
  offset += INPUTS_KEY.length;
  bytes.set([ARRAY_16, inputs.length >> 8, inputs.length & 0xff], offset);
  offset += 3;
  for (const input of inputs) {
    bytes.set(input, offset);
    offset += input.length;
  }
  writeSeal(bytes);
  return bytes;
}

export type DecodedEntry = JournalEntry & {
  /** Hexadecimal, and right; undefined in an entry of the first version, which has none. */
  readonly checksum: string | undefined;
};

/** Fails with `malformed`: the bytes are not those of an entry as it was written. */
export function decodeEntry(bytes: Uint8Array): Outcome<DecodedEntry> {
  const checksum = readSeal(bytes, [FIRST_VERSION]);
  if (!checksum.ok) return fail('malformed', `journal entry: ${checksum.failure.message}`);
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
