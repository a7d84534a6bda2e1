import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeRecord, RecordReader } from './record-io.ts';

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

function readAll(text: string, maxRecordBytes = 100): string[] {
  const outcomes = new RecordReader(maxRecordBytes).push(bytesOf(text));
  return outcomes.map((outcome) => (outcome.ok ? textOf(outcome.value) : outcome.failure.code));
}

describe('a record', () => {
  test('is its length in bytes, a line feed and the bytes', () => {
    expect(textOf(encodeRecord(bytesOf('{"a":"ä"}')))).toBe('10\n{"a":"ä"}');
  });

  test('is read wherever the chunks are cut', () => {
    const records = fc.array(fc.uint8Array({ minLength: 1, maxLength: 40 }), { maxLength: 8 });
    fc.assert(
      fc.property(records, fc.array(fc.integer({ min: 1, max: 20 })), (sent, cuts) => {
        const stream = Buffer.concat(sent.map(encodeRecord));
        const reader = new RecordReader(40);
        const read: Uint8Array[] = [];
        const sizes = cuts.concat(stream.length);
        for (let from = 0; from < stream.length; ) {
          const size = Math.max(1, sizes.shift() ?? stream.length);
          for (const outcome of reader.push(stream.subarray(from, from + size))) {
            if (outcome.ok) read.push(outcome.value);
          }
          from += size;
        }
        expect(read).toEqual(sent);
        expect(reader.isWithinRecord).toBe(false);
      }),
    );
  });

  test('may be as long as allowed and not longer', () => {
    expect(readAll(`3\nabc`, 3)).toEqual(['abc']);
    expect(readAll(`4\nabcd`, 3)).toEqual(['tooLarge']);
    expect(readAll(`99999999999999999999\n`)).toEqual(['tooLarge']);
  });

  test.each([
    '0\n',
    '\n',
    '-1\nx',
    '1 \nx',
    '0x1\nx',
    '+1\nx',
    '1e1\nx',
    'a',
    '111111111111111111111',
  ])('does not begin with %j', (text) => {
    expect(readAll(text)).toEqual(['malformed']);
  });

  test('is the last one after a failure', () => {
    const reader = new RecordReader(10);
    expect(reader.push(bytesOf('1\na0\n1\nb')).map((outcome) => outcome.ok)).toEqual([true, false]);
    expect(reader.push(bytesOf('1\nc'))).toEqual([]);
  });

  test('is waited for while it is not complete', () => {
    const reader = new RecordReader(10);
    expect(reader.push(bytesOf('3\nab'))).toEqual([]);
    expect(reader.isWithinRecord).toBe(true);
    expect(reader.push(bytesOf('c'))).toMatchObject([{ ok: true }]);
  });

  test('is read in linear time when it comes byte by byte', () => {
    const stream = encodeRecord(new Uint8Array(200_000).fill(7));
    const reader = new RecordReader(200_000);
    let records = 0;
    for (const byte of stream) records += reader.push(new Uint8Array([byte])).length;
    expect(records).toBe(1);
  });
});
