// Owns RecordIO, in which Mesos's streams lie: the length of a record in decimal digits, a line feed, the record.
import { fail, type Outcome, succeed } from '@parley/protocol/errors';

const LINE_FEED = 0x0a;
/** Digits of the largest unsigned 64-bit integer. */
const MAX_LENGTH_DIGITS = 20;

/** One record as it is sent, to be written as one chunk: some clients read no other way. */
export function encodeRecord(bytes: Uint8Array): Uint8Array {
  const header = new TextEncoder().encode(`${bytes.length}\n`);
  const record = new Uint8Array(header.length + bytes.length);
  record.set(header);
  record.set(bytes, header.length);
  return record;
}

/** Cuts what arrives on one stream into records. After a failure it gives no more: the stream is to end. */
export class RecordReader {
  readonly #maxRecordBytes: number;
  /** The digits read so far, while `#length` is not known. */
  #digits = '';
  /** Bytes of the record under way, once its length is read. */
  #length: number | undefined;
  /** What is read of it; grows with what arrives, not with what is announced. */
  #record = new Uint8Array(0);
  #read = 0;
  #isBroken = false;

  constructor(maxRecordBytes: number) {
    this.#maxRecordBytes = maxRecordBytes;
  }

  /** The records that these bytes complete, in order; the last is a failure (`malformed`, `tooLarge`) if there is one. */
  push(bytes: Uint8Array): Outcome<Uint8Array>[] {
    const records: Outcome<Uint8Array>[] = [];
    let rest = bytes;
    while (rest.length > 0 && !this.#isBroken) {
      const taken = this.#length === undefined ? this.#takeLength(rest) : this.#take(rest);
      rest = rest.subarray(taken.count);
      if (taken.outcome !== undefined) records.push(taken.outcome);
      this.#isBroken = taken.outcome?.ok === false;
    }
    return records;
  }

  /** Whether a record has begun that is not complete: a stream that ends here was cut. */
  get isWithinRecord(): boolean {
    return this.#length !== undefined || this.#digits !== '';
  }

  #takeLength(bytes: Uint8Array): Taken {
    const end = bytes.subarray(0, MAX_LENGTH_DIGITS + 1).indexOf(LINE_FEED);
    const count = end < 0 ? Math.min(bytes.length, MAX_LENGTH_DIGITS + 1) : end;
    this.#digits += new TextDecoder('latin1').decode(bytes.subarray(0, count));
    if (!/^\d{1,20}$/.test(this.#digits)) {
      const why = 'a record begins with its length in decimal digits and a line feed';
      return { count, outcome: fail('malformed', why) };
    }
    return end < 0 ? { count } : { count: count + 1, ...this.#begin(Number(this.#digits)) };
  }

  #begin(length: number): { outcome?: Outcome<Uint8Array> } {
    if (length === 0) return { outcome: fail('malformed', 'a record of no bytes') };
    if (length > this.#maxRecordBytes) {
      const why = `a record of ${this.#digits} bytes; at most ${this.#maxRecordBytes}`;
      return { outcome: fail('tooLarge', why) };
    }
    this.#length = length;
    this.#digits = '';
    return {};
  }

  #take(bytes: Uint8Array): Taken {
    const length = this.#length ?? 0;
    const count = Math.min(bytes.length, length - this.#read);
    this.#reserve(this.#read + count, length);
    this.#record.set(bytes.subarray(0, count), this.#read);
    this.#read += count;
    if (this.#read < length) return { count };
    const outcome = succeed(this.#record.subarray(0, length));
    this.#record = new Uint8Array(0);
    this.#read = 0;
    this.#length = undefined;
    return { count, outcome };
  }

  #reserve(needed: number, length: number): void {
    if (needed <= this.#record.length) return;
    const grown = new Uint8Array(Math.min(length, Math.max(needed, 2 * this.#record.length)));
    grown.set(this.#record.subarray(0, this.#read));
    this.#record = grown;
  }
}

type Taken = { readonly count: number; readonly outcome?: Outcome<Uint8Array> };
