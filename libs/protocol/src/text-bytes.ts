// Owns the check that the strings of a message are text, before programs are started by its words. MessagePack says that a
// string is UTF-8, and what reads it puts U+FFFD for what is not: a program would be run with other words than were meant,
// and nobody would know. It looks at bytes that have been read as MessagePack already.
import { isUtf8 } from 'node:buffer';
import { showName } from './file-names.ts';

// What the first byte of a value says, as in https://github.com/msgpack/msgpack/blob/master/spec.md#overview: values in maps
// and arrays stand one behind the other, so that a map or an array is no more than its header here.
const SHORT_LENGTHS = Array.from({ length: 32 }, (_, length) => length);
const IS_STRING = tableOf([0xa0, SHORT_LENGTHS.map(() => 1)], [0xd9, [1, 1, 1]]);
/** Of bytes and of long strings, which say how long they are: how many bytes say so. */
const LENGTH_BYTES = tableOf([0xc4, [1, 2, 4]], [0xd9, [1, 2, 4]]);
/** Of all others, if any, how many bytes follow: of short strings, of numbers, of arrays and maps how much is in them. */
const CONTENT_BYTES = tableOf(
  [0xa0, SHORT_LENGTHS],
  [0xca, [4, 8, 1, 2, 4, 8, 1, 2, 4, 8]],
  [0xdc, [2, 4, 2, 4]],
);
const IS_EXTENSION = tableOf([0xc7, [1, 1, 1]], [0xd4, [1, 1, 1, 1, 1]]);
/** The extension that msgpackr writes for `undefined`: three bytes. */
const UNDEFINED = [0xd4, 0, 0];

/** Why the strings of a message, keys of maps included, cannot be taken as they are read; undefined where they can. */
export function troubleWithText(bytes: Uint8Array): string | undefined {
  for (let at = 0; at < bytes.length; ) {
    const first = bytes[at] ?? 0;
    if (IS_EXTENSION[first] === 1) {
      // What is made of its bytes may be strings as well, and no message has a use for one.
      const isUndefined = UNDEFINED.every((byte, index) => bytes[at + index] === byte);
      if (!isUndefined) return 'it holds an extension of MessagePack';
      at += UNDEFINED.length;
      continue;
    }
    const lengthBytes = LENGTH_BYTES[first] ?? 0;
    const from = at + 1 + lengthBytes;
    const length =
      lengthBytes > 0 ? lengthAt(bytes, at + 1, lengthBytes) : (CONTENT_BYTES[first] ?? 0);
    if (IS_STRING[first] === 1 && !isText(bytes, from, length)) {
      return `the string '${shown(bytes.subarray(from, from + length))}' is no UTF-8`;
    }
    at = from + length;
  }
  return undefined;
}

/** In fewer bytes than this, looking at each is faster than the call. */
const SHORT_BYTES = 32;

function isText(bytes: Uint8Array, from: number, length: number): boolean {
  const end = from + length;
  if (length >= SHORT_BYTES) return isUtf8(bytes.subarray(from, end));
  let at = from;
  while (at < end && (bytes[at] ?? 0) < 0x80) at += 1;
  return at === end || isUtf8(bytes.subarray(from, end));
}

function lengthAt(bytes: Uint8Array, from: number, count: number): number {
  let length = 0;
  for (let at = from; at < from + count; at += 1) length = length * 256 + (bytes[at] ?? 0);
  return length;
}

const MAX_SHOWN_BYTES = 100;

/** The beginning has to do: it tells which one it is. */
function shown(string: Uint8Array): string {
  const beginning = showName(string.subarray(0, MAX_SHOWN_BYTES));
  return string.length > MAX_SHOWN_BYTES ? `${beginning}…` : beginning;
}

/** By the first byte: these values from there on, each for the byte behind the one before. */
function tableOf(...runs: (readonly [from: number, values: readonly number[]])[]): Uint8Array {
  const table = new Uint8Array(256);
  for (const [from, values] of runs) table.set(values, from);
  return table;
}
