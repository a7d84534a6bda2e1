// Tests of names of files as people see and type them.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readName, showName } from './file-names.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

test('every name that is shown is read again as the bytes that it is', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (name) => {
      const shown = showName(name);
      expect(shown).not.toMatch(/\p{C}/u);
      expect(readName(shown)).toEqual(Uint8Array.from(name));
    }),
  );
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 64 }), (text) => {
      expect(readName(showName(bytes(text)))).toEqual(bytes(text));
    }),
  );
});

test('what is printable stands for itself; a newline, an escape, a turn of the writing and bad UTF-8 are bytes', () => {
  expect(showName(bytes('Bücher 漢字.txt'))).toBe('Bücher 漢字.txt');
  expect(showName(bytes('a\nb\x1b[2J'))).toBe('a\\x0ab\\x1b[2J');
  expect(showName(bytes('a\u202egpj.exe'))).toBe('a\\xe2\\x80\\xaegpj.exe');
  expect(showName(Uint8Array.of(0x61, 0xff, 0x5c))).toBe('a\\xff\\\\');
});

test('a backslash that begins no escape is no name', () => {
  expect(readName('a\\nb')).toBeUndefined();
  expect(readName('a\\x4')).toBeUndefined();
  expect(readName('a\\')).toBeUndefined();
});
