// Owns the bytes of an exported replay: a line that says what the file is, then records, each with its length and CRC-32:
// a header, snapshots, raw journal entries, and an end with the SHA-256 of all before it. A file that was cut off has no
// end; one that was changed has a wrong sum. Reading bytes in and out is the caller's.
import { createHash, type Hash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { decode, encode } from '@parley/protocol/codec';
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import { ClusterName } from '@parley/protocol/ids';
import * as z from 'zod';

export const EXPORT_VERSION = 1;
const MAGIC = Buffer.from('parley replay\n');
/** Length and checksum before each record. */
const FRAME_BYTES = 8;
/** No record is larger: an entry and a part of a snapshot fit into a message of the bus. */
const MAX_RECORD_BYTES = 4 * 1024 * 1024;

const Sequence = z.int().min(0);

const ExportHeader = z.object({
  kind: z.literal('header'),
  version: z.int(),
  cluster: ClusterName,
  /** Of the code that exported it; entries name theirs themselves. */
  rulesVersion: z.int(),
  /** Wall clock: nothing is known of what came later. */
  exportedMs: z.int(),
  /** Of the journal, when it was made. */
  journalCreatedMs: z.int(),
  /** Entries from here to there are in it. */
  firstSequence: Sequence,
  lastSequence: Sequence,
});
export type ExportHeader = z.infer<typeof ExportHeader>;

const Bytes = z.custom<Uint8Array>((value) => value instanceof Uint8Array);
export const ExportRecord = z.discriminatedUnion('kind', [
  ExportHeader,
  z.object({ kind: z.literal('manifest'), sequence: Sequence, bytes: Bytes }),
  z.object({ kind: z.literal('part'), sequence: Sequence, part: z.int().min(0), bytes: Bytes }),
  z.object({ kind: z.literal('entry'), sequence: Sequence, storedMs: z.int(), bytes: Bytes }),
  z.object({ kind: z.literal('end'), records: z.int().min(0), digest: z.string() }),
]);
export type ExportRecord = z.infer<typeof ExportRecord>;

/** Makes the bytes of a file, piece by piece. */
export class ExportEncoder {
  readonly #hash = createHash('sha256');
  #records = 0;

  begin(): Uint8Array {
    return this.#counted(MAGIC);
  }

  record(record: Exclude<ExportRecord, { kind: 'end' }>): Uint8Array {
    this.#records += 1;
    return this.#counted(frame(record));
  }

  end(): Uint8Array {
    return frame({ kind: 'end', records: this.#records, digest: this.#hash.digest('hex') });
  }

  #counted(bytes: Uint8Array): Uint8Array {
    this.#hash.update(bytes);
    return bytes;
  }
}

function frame(record: ExportRecord): Uint8Array {
  const payload = encode(record);
  const bytes = Buffer.alloc(FRAME_BYTES + payload.length);
  bytes.writeUInt32BE(payload.length);
  bytes.writeUInt32BE(crc32(payload), 4);
  bytes.set(payload, FRAME_BYTES);
  return bytes;
}

export type PlacedRecord = {
  readonly record: ExportRecord;
  /** Where its frame begins in the file, and how long it is. */
  readonly offset: number;
  readonly length: number;
};

/** Reads a file piece by piece, in order, and says of the first thing that is wrong what and where. */
export class ExportDecoder {
  readonly #hash: Hash = createHash('sha256');
  #pending: Buffer = Buffer.alloc(0);
  #offset = 0;
  #records = 0;
  #hasMagic = false;
  #isEnded = false;

  /** The records that are whole by now. Fails with `malformed`. */
  push(bytes: Uint8Array): Outcome<PlacedRecord[]> {
    this.#pending = Buffer.concat([this.#pending, bytes]);
    const magic = this.#readMagic();
    if (!magic.ok) return magic;
    const found: PlacedRecord[] = [];
    while (this.#hasMagic && this.#pending.length > 0) {
      if (this.#isEnded) return this.#damaged('something follows its end');
      const next = this.#next();
      if (!next.ok) return next;
      if (next.value === undefined) break;
      found.push(next.value);
    }
    return succeed(found);
  }

  /** After the last piece. Fails with `malformed` when the file has no end. */
  close(): Outcome<undefined> {
    if (this.#isEnded) return succeed(undefined);
    return this.#damaged(
      'it ends in the middle: it was cut off, or the export had not ended when it was copied',
    );
  }

  #readMagic(): Outcome<undefined> {
    if (this.#hasMagic) return succeed(undefined);
    const begin = this.#pending.subarray(0, MAGIC.length);
    if (!MAGIC.subarray(0, begin.length).equals(begin)) {
      return fail('malformed', 'it is no exported replay: "parley replay export FILE" makes one');
    }
    if (begin.length < MAGIC.length) return succeed(undefined);
    this.#hasMagic = true;
    this.#consume(MAGIC.length);
    return succeed(undefined);
  }

  #next(): Outcome<PlacedRecord | undefined> {
    if (this.#pending.length < FRAME_BYTES) return succeed(undefined);
    const length = this.#pending.readUInt32BE(0);
    if (length > MAX_RECORD_BYTES) return this.#damaged(`a record of ${length} bytes`);
    if (this.#pending.length < FRAME_BYTES + length) return succeed(undefined);
    const offset = this.#offset;
    const record = readFrame(this.#pending.subarray(0, FRAME_BYTES + length));
    if (!record.ok) return this.#damaged(record.failure.message);
    if (record.value.kind === 'end') {
      const ended = this.#end(record.value);
      if (!ended.ok) return ended;
    } else this.#records += 1;
    this.#consume(FRAME_BYTES + length);
    return succeed({ record: record.value, offset, length: FRAME_BYTES + length });
  }

  #end({ records, digest }: Extract<ExportRecord, { kind: 'end' }>): Outcome<undefined> {
    if (records !== this.#records || digest !== this.#hash.copy().digest('hex')) {
      return this.#damaged('the sum over all records is wrong: some are missing or were changed');
    }
    this.#isEnded = true;
    return succeed(undefined);
  }

  #consume(length: number): void {
    this.#hash.update(this.#pending.subarray(0, length));
    this.#pending = this.#pending.subarray(length);
    this.#offset += length;
  }

  #damaged(what: string): ReturnType<typeof fail> {
    return fail('malformed', `it is damaged at byte ${this.#offset}: ${what}`);
  }
}

/** One record out of its frame, as the decoder has placed it. Fails with `malformed`. */
export function readFrame(bytes: Uint8Array): Outcome<ExportRecord> {
  const frameBytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const payload = frameBytes.subarray(FRAME_BYTES);
  if (
    payload.length !== frameBytes.readUInt32BE(0) ||
    crc32(payload) !== frameBytes.readUInt32BE(4)
  ) {
    return fail('malformed', 'the checksum of a record is wrong');
  }
  const record = ExportRecord.safeParse(decode(payload));
  return record.success ? succeed(record.data) : fail('malformed', 'a record of an unknown kind');
}
