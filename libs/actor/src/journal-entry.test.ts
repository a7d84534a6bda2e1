import { zstdCompressSync } from 'node:zlib';
import { sealMap } from '@parley/protocol/checksum';
import { decode, encode } from '@parley/protocol/codec';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeEntry, ENTRY_FRAME_BYTES, encodeEntry } from './journal-entry.ts';

const head = {
  rulesVersion: 1,
  epoch: { bucketCreatedMs: 1_790_000_000_000, revision: 12 },
  nonce: 'a-nonce',
  coreTimeMs: 77,
  wallTimeMs: 1_790_000_000_001,
};
const anInput = fc.record({
  kind: fc.string(),
  amount: fc.integer(),
  parts: fc.array(fc.string()),
});

test('an entry put together from encoded inputs decodes to those inputs', () => {
  void fc.assert(
    fc.property(fc.array(anInput, { maxLength: 50 }), (inputs) => {
      const bytes = encodeEntry(head, inputs.map(encode));
      const checksum = expect.stringMatching(/^[0-9a-f]{32}$/);
      // What a release reads that knows nothing of checksums.
      expect(decode(bytes)).toEqual({ sum: expect.anything(), ...head, inputs });
      expect(decodeEntry(bytes)).toEqual({ ok: true, value: { ...head, inputs, checksum } });
    }),
  );
});

test('an entry of many inputs keeps them all, within the frame that limits are computed with', () => {
  const inputs = Array.from({ length: 5000 }, (_, index) => encode(index));
  const nonce = 'x'.repeat(64);
  const previous = 'f'.repeat(32);
  const bytes = encodeEntry({ ...head, nonce, sequence: 2 ** 40, previous }, inputs);
  const entry = decodeEntry(bytes);
  expect(entry.ok && entry.value.inputs.length).toBe(5000);
  const inputBytes = inputs.reduce((sum, input) => sum + input.length, 0);
  expect(bytes.length - inputBytes).toBeLessThan(ENTRY_FRAME_BYTES);
});

test('inputs that say much the same are packed into a fraction of their bytes, where readers know it, and come out as they were', () => {
  const inputs = Array.from({ length: 200 }, (_, index) => ({ kind: 'call', task: `t-${index}` }));
  const plain = encodeEntry(head, inputs.map(encode));
  const packed = encodeEntry(head, inputs.map(encode), true);
  expect(packed.length).toBeLessThan(plain.length / 3);
  for (const bytes of [plain, packed]) {
    expect(decodeEntry(bytes)).toMatchObject({ ok: true, value: { ...head, inputs } });
  }
  // A release that knows nothing of it still finds the rules, and says that it does not know those.
  expect(decode(packed)).toMatchObject({ ...head, inputs: [] });
});

test('whatever is packed comes out as it was; what is small or random is not packed', () => {
  void fc.assert(
    fc.property(
      fc.array(fc.oneof(anInput, fc.uint8Array({ maxLength: 3000 })), { maxLength: 50 }),
      (inputs) => {
        const bytes = encodeEntry(head, inputs.map(encode), true);
        const entry = decodeEntry(bytes);
        expect(entry.ok && encode(entry.value.inputs)).toEqual(encode(inputs));
        expect(bytes.length).toBeLessThanOrEqual(encodeEntry(head, inputs.map(encode)).length + 20);
      },
    ),
  );
  const small = encodeEntry(head, [encode('one')], true);
  expect(small).toEqual(encodeEntry(head, [encode('one')]));
});

test('an entry whose packed inputs are none, or too many bytes, is refused as malformed', () => {
  const bomb = zstdCompressSync(Buffer.alloc(64 * 1024 * 1024));
  for (const packed of [Buffer.from('nothing of the kind'), bomb]) {
    const entry = decodeEntry(sealMap(encode({ ...head, inputs: [], packed })));
    expect(entry.ok ? undefined : entry.failure.code).toBe('malformed');
  }
});

test('bytes that are no entry are refused as malformed', () => {
  const cases = [Buffer.from('c1', 'hex'), encode('text'), encode({ ...head, inputs: 'none' })];
  for (const bytes of cases) {
    const entry = decodeEntry(bytes);
    expect(entry.ok ? undefined : entry.failure.code).toBe('malformed');
  }
});

test('an entry of which any one byte is another is refused', () => {
  const bytes = encodeEntry({ ...head, sequence: 9 }, [encode('one'), encode('two')]);
  for (let at = 0; at < bytes.length; at += 1) {
    for (const bit of [1, 0x80]) {
      const other = bytes.map((byte, index) => (index === at ? byte ^ bit : byte));
      expect([at, bit, decodeEntry(other).ok]).toEqual([at, bit, false]);
    }
  }
  expect(decodeEntry(bytes.subarray(0, -1)).ok).toBe(false);
});
