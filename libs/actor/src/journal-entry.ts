// Owns the bytes of a journal entry: inputs are encoded once, when they are submitted, and put together
// afterwards, so that the size of an entry is known while it is gathered; many together say much the same, so they are packed.
// A checksum of our own tells a damaged entry from a whole one. What an entry holds is in core.ts.
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { beginningOf, readSeal, SEALED_CONTENT_AT, writeSeal } from '@parley/protocol/checksum';
import { decode, encode } from '@parley/protocol/codec';
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import { describeIssues } from '@parley/protocol/message';
import * as z from 'zod';
import { JournalEntry } from './core.ts';

export type EntryHead = Omit<JournalEntry, 'inputs'>;

/** Upper bound of what an entry needs beside its inputs. */
export const ENTRY_FRAME_BYTES = 512;

// MessagePack: a map of up to 15 pairs is one byte 0x80 + pairs; an array of up to 65,535 items is 0xdc and two bytes.
const SMALL_MAP = 0x80;
const SMALL_MAP_MAX = 15;
const ARRAY_16 = 0xdc;
const BIN_32 = 0xc6;
const INPUTS_KEY = encode('inputs');
const NOTHING = encode([]);
const PACKED_KEY = encode('packed');

/** Fewer bytes of inputs are not worth the time. */
const PACKED_FROM_BYTES = 1024;
/** More than any entry has, which is a message of the bus. */
const MAX_UNPACKED_BYTES = 4 * 1024 * 1024;
const FAST = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };

// Releases that know only the first version, without a checksum, read over the additional pairs.
const FIRST_VERSION = beginningOf(6, 'rulesVersion');

/**
 * The same as `encode({ sum, ...head, inputs })`, up to the width of the array's length; `sum` is over all other bytes.
 * At most 65,535 inputs.
 * @param mayPack where every reader knows it: `inputs` may be empty, and their array's bytes by Zstandard (RFC 8878) in `packed`.
 * A release that does not know that still reads the rules, and that it does not know those.
 */
export function encodeEntry(
  head: EntryHead,
  inputs: readonly Uint8Array[],
  mayPack = false,
): Uint8Array {
  const frame = encode(head);
  const pairs = (frame[0] ?? 0) - SMALL_MAP;
  if (pairs < 0 || pairs >= SMALL_MAP_MAX - 2) throw new Error('an entry head must be a small map');
  const last = pairsOf(inputs, mayPack);
  const content = Buffer.concat([frame.subarray(1), ...last.flat()]);
  const bytes = new Uint8Array(SEALED_CONTENT_AT + content.length);
  bytes[0] = SMALL_MAP + pairs + last.length + 1;
  bytes.set(content, SEALED_CONTENT_AT);
  writeSeal(bytes);
  return bytes;
}

/** Of each, the key and the value, in pieces. */
function pairsOf(inputs: readonly Uint8Array[], mayPack: boolean): Uint8Array[][] {
  const length = Uint8Array.of(ARRAY_16, inputs.length >> 8, inputs.length & 0xff);
  const array = [length, ...inputs];
  const size = array.reduce((sum, { length }) => sum + length, 0);
  if (mayPack && size >= PACKED_FROM_BYTES) {
    const packed = zstdCompressSync(Buffer.concat(array), FAST);
    if (packed.length < size) {
      const width = Buffer.of(BIN_32, 0, 0, 0, 0);
      width.writeUInt32BE(packed.length, 1);
      return [
        [INPUTS_KEY, NOTHING],
        [PACKED_KEY, width, packed],
      ];
    }
  }
  return [[INPUTS_KEY, ...array]];
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
    value = unpacked(decode(bytes));
  } catch (error) {
    return fail('malformed', `journal entry: ${error instanceof Error ? error.message : error}`);
  }
  const entry = JournalEntry.safeParse(value);
  return entry.success
    ? succeed({ ...entry.data, checksum: checksum.value })
    : fail('malformed', describeIssues('journal entry', entry.error));
}

const PackedEntry = z.looseObject({ packed: z.instanceof(Uint8Array) });

/** What `inputs` was before. Throws where that cannot be had. */
function unpacked(value: unknown): unknown {
  const entry = PackedEntry.safeParse(value);
  if (!entry.success) return value;
  const { packed, ...head } = entry.data;
  return {
    ...head,
    inputs: decode(zstdDecompressSync(packed, { maxOutputLength: MAX_UNPACKED_BYTES })),
  };
}
