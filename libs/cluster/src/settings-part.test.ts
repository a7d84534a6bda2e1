import { decode, encode } from '@parley/protocol/codec';
import { expect, test } from 'vitest';
import type { KeptSetting } from './inputs.ts';
import { decodePiece, encodePiece, piecesOf } from './settings-part.ts';

const item = (key: string, size = 10): KeptSetting => ({
  ...{ table: 'reservations', key, record: { text: 'x'.repeat(size) } },
});

test('a piece is read as it was written, and by releases that know nothing of checksums', () => {
  const piece = { sequence: 7, items: [item('one'), item('two')], pieces: 3 };
  const bytes = encodePiece(piece);
  expect(decodePiece(bytes)).toEqual({ ok: true, value: piece });
  expect(decode(bytes)).toMatchObject(piece);
});

test('a piece of a release that knew no checksum is read', () => {
  const piece = { sequence: 7, items: [item('one')] };
  expect(decodePiece(encode(piece))).toEqual({ ok: true, value: piece });
});

test('a piece of which any one byte is another is no good', () => {
  const bytes = encodePiece({ sequence: 7, items: [item('one')] });
  for (let at = 0; at < bytes.length; at += 1) {
    const other = bytes.map((byte, index) => (index === at ? byte ^ 1 : byte));
    expect([at, decodePiece(other).ok]).toEqual([at, false]);
  }
  expect(decodePiece(bytes.subarray(0, -1)).ok).toBe(false);
  expect(decodePiece(new Uint8Array()).ok).toBe(false);
});

test('what is too large for one message is split, nothing is lost, and little is left whole', () => {
  const items = Array.from({ length: 100 }, (_, index) => item(`${index}`, 1000));
  const pieces = piecesOf(items, 10_000);
  expect(pieces.flat()).toEqual(items);
  expect(pieces.length).toBeGreaterThan(10);
  for (const piece of pieces) expect(encode(piece).length).toBeLessThan(10_100);
  expect(piecesOf(items.slice(0, 5), 10_000)).toEqual([items.slice(0, 5)]);
  expect(piecesOf([])).toEqual([[]]);
});
