// Owns the property that cutting text into splits changes no word: for every split size, every way the bytes
// arrive, and every file on its own.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { SplitCutter } from './split-cutter.ts';
import { SplitReader, TEXT_START, type TextPosition } from './split-reader.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'parley-splits-'));
});
afterAll(() => rm(folder, { recursive: true }));

const wordsOf = (bytes: Uint8Array): string[] =>
  (
    Buffer.from(bytes)
      .toString('latin1')
      .match(/[A-Za-z]+/g) ?? []
  ).sort();

/** Mostly letters, some separators of all kinds, bytes above ASCII. */
const aText = fc
  .array(
    fc.oneof(
      { weight: 6, arbitrary: fc.constantFrom(65, 90, 97, 122, 109) },
      fc.integer({ min: 0, max: 255 }),
    ),
    {
      maxLength: 300,
    },
  )
  .map((bytes) => Uint8Array.from(bytes));

function cut(text: Uint8Array, splitBytes: number, chunkBytes: number): Uint8Array[] {
  const splits: Uint8Array[] = [];
  for (let from = 0; from < text.length; ) {
    const cutter = new SplitCutter(splitBytes);
    const start = from;
    for (let taken = -1, chunk = 0; from < text.length && taken !== 0; from += taken) {
      chunk = Math.min(chunkBytes, text.length - from);
      taken = cutter.accept(text.subarray(from, from + chunk));
      if (taken < chunk) {
        from += taken;
        break;
      }
    }
    splits.push(text.subarray(start, from));
  }
  return splits;
}

it('no split cuts a word, and together they are the text', () => {
  fc.assert(
    fc.property(
      aText,
      fc.integer({ min: 1, max: 64 }),
      fc.integer({ min: 1, max: 32 }),
      (text, size, chunk) => {
        const splits = cut(text, size, chunk);
        expect(Buffer.concat(splits)).toEqual(Buffer.from(text));
        expect(splits.flatMap(wordsOf).sort()).toEqual(wordsOf(text));
      },
    ),
    { numRuns: 500 },
  );
});

it('a split ends where it is full, unless that is inside a word', () => {
  expect(cut(Buffer.from('ab cd ef'), 3, 100).map(String)).toEqual(
    ['ab ', 'cd ', 'ef'].map((text) => String(Buffer.from(text))),
  );
  const lengths = cut(Buffer.from('abcdefgh ij'), 3, 2).map((split) => split.length);
  expect(lengths).toEqual([8, 3]);
});

it('splits of files hold the words of each file by itself, and reading one again gives the same bytes', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(aText, { maxLength: 6 }),
      fc.integer({ min: 1, max: 200 }),
      async (texts, size) => {
        const files = [];
        for (const [index, text] of texts.entries()) {
          const path = Buffer.from(join(folder, `f${index}`));
          await writeFile(path, text);
          files.push({ path, size: text.length });
        }
        const splits: Buffer[] = [];
        let position: TextPosition | undefined = texts.length > 0 ? TEXT_START : undefined;
        while (position !== undefined) {
          const start: TextPosition = position;
          const reader = new SplitReader(files, start, size);
          splits.push(await buffer(reader.bytes()));
          const again = await buffer(new SplitReader(files, start, size).bytes());
          expect(again).toEqual(splits.at(-1));
          position = reader.end;
        }
        expect(splits.flatMap(wordsOf).sort()).toEqual(texts.flatMap(wordsOf).sort());
        expect(splits.every((split) => split.length > 0)).toBe(true);
      },
    ),
    { numRuns: 60 },
  );
}, 60_000);
