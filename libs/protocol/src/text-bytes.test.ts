import fc from 'fast-check';
import { expect, it } from 'vitest';
import { encode } from './codec.ts';
import { troubleWithText } from './text-bytes.ts';

const anyText = fc.string({ unit: 'grapheme', maxLength: 300 });
const anyValue = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    anyText,
    fc.integer(),
    fc.double(),
    fc.boolean(),
    fc.constantFrom(null, undefined, 2 ** 40, -(2 ** 40)),
    fc.uint8Array({ maxLength: 300 }),
    fc.array(tie('value'), { maxLength: 20 }),
    fc.dictionary(anyText, tie('value'), { maxKeys: 20 }),
  ),
})).value;

it('text in any language, beside bytes and numbers of any kind, is no trouble', () => {
  fc.assert(
    fc.property(anyValue, (value) => {
      expect(troubleWithText(encode(value))).toBeUndefined();
    }),
  );
});

it('a string that is no UTF-8 is found wherever it stands, as a value and as a key', () => {
  // As many bytes as the sign that stands for it.
  const NO_TEXT = [
    [0xff, 0xfe],
    [0xc0, 0xaf],
    [0xc3, 0x28],
    [0x80, 0x80],
    [0x41, 0xe4],
  ];
  const sizes = fc.constantFrom(5, 20, 60, 300, 70_000);
  const places = fc.constantFrom('value', 'key', 'item');
  fc.assert(
    fc.property(anyValue, sizes, places, fc.constantFrom(...NO_TEXT), (other, size, place, bad) => {
      const string = `${'a'.repeat(size)}\u07ff${'b'.repeat(size)}`;
      const around = {
        value: { other, string, last: 1 },
        key: { [string]: other, last: 1 },
        item: [other, string, 1],
      };
      const bytes = Buffer.from(encode(around[place]));
      const text = Buffer.from(string);
      const at = bytes.indexOf(text);
      bytes.set(bad, at + size);
      expect(troubleWithText(bytes)).toContain('is no UTF-8');
    }),
  );
});

// First byte and the bytes behind it: https://github.com/msgpack/msgpack/blob/master/spec.md#formats.
it.each([
  ['float 32', 0xca, 4],
  ['float 64', 0xcb, 8],
  ['uint 8', 0xcc, 1],
  ['uint 16', 0xcd, 2],
  ['uint 32', 0xce, 4],
  ['uint 64', 0xcf, 8],
  ['int 8', 0xd0, 1],
  ['int 16', 0xd1, 2],
  ['int 32', 0xd2, 4],
  ['int 64', 0xd3, 8],
  ['array 16', 0xdc, 2],
  ['array 32', 0xdd, 4],
  ['map 16', 0xde, 2],
  ['map 32', 0xdf, 4],
])(
  'what looks like a string in a number or a header (%s) is none, and the one behind it is',
  (_, first, count) => {
    for (const two of [
      [0xa1, 0xff],
      [0xff, 0xa1],
    ]) {
      const inside = Array.from({ length: count }, (_, at) => two[at % 2] ?? 0);
      const before = [first, ...inside, 0xa1];
      expect(troubleWithText(Uint8Array.of(...before, 0x41))).toBeUndefined();
      expect(troubleWithText(Uint8Array.of(...before, 0xff))).toContain('is no UTF-8');
    }
  },
);

it('the string is shown as far as it can be', () => {
  const bytes = Buffer.from(encode({ argv: ['echo', 'caféX'] }));
  bytes.set([0x27, 0xe9], bytes.indexOf('é'));
  expect(troubleWithText(bytes)).toBe("the string 'caf'\\xe9X' is no UTF-8");
  const long = Buffer.from(encode(['a'.repeat(500)]));
  long[400] = 0xff;
  expect(troubleWithText(long)).toBe(`the string '${'a'.repeat(100)}…' is no UTF-8`);
});

it('U+FFFD itself is text, and so are bytes that are meant as bytes', () => {
  expect(troubleWithText(encode(['\ufffd', Uint8Array.of(0xff, 0xfe)]))).toBeUndefined();
});

it('strings do not hide in extensions, of which no message has one', () => {
  // A string of msgpackr's in a bundle, a date, a record: what reads them decides what they are.
  for (const bytes of [
    [0x91, 0xc7, 1, 0x62, 0xff],
    [0x91, 0xd6, 0xff, 0, 0, 0, 0],
    [0x91, 0xd4, 0x72, 0x40],
  ]) {
    expect(troubleWithText(Uint8Array.from(bytes))).toContain('extension');
  }
});
