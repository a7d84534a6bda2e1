// Owns the bytes: MessagePack with plain maps, readable by any language. No schema is known here.
import { Packr, Unpackr } from 'msgpackr';

const packr = new Packr({ useRecords: false, int64AsType: 'number', variableMapSize: true });
const unpackr = new Unpackr({ useRecords: false, int64AsType: 'number' });

/** MessagePack bytes of plain data (objects, arrays, strings, numbers, booleans, null, Uint8Array). */
export function encode(value: unknown): Uint8Array {
  // A copy: msgpackr hands out views of a buffer that it goes on using.
  return Uint8Array.from(packr.pack(value));
}

/**
 * Throws on bytes that are not MessagePack; callers at the edge turn that into `malformed`. A string that is no UTF-8
 * comes out with U+FFFD in it; text-bytes.ts finds it in the bytes.
 */
export function decode(bytes: Uint8Array): unknown {
  return unpackr.unpack(bytes);
}
