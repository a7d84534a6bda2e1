import { expect, test } from 'vitest';
import { addPiece, MAX_LINES, NO_LINES, shownLines } from './log-lines.ts';

const texts = (lines: ReturnType<typeof shownLines>): string[] => lines.map(({ text }) => text);

test('a line that comes in pieces is one line', () => {
  const first = addPiece(NO_LINES, 'a', 'one\ntw');
  expect(texts(shownLines(first, ''))).toStrictEqual(['one', 'tw']);
  const second = addPiece(first, 'a', 'o\r\nthree\n');
  expect(texts(shownLines(second, ''))).toStrictEqual(['one', 'two', 'three']);
});

test('lines of several sources keep to themselves', () => {
  const both = addPiece(addPiece(addPiece(NO_LINES, 'a', 'hal'), 'b', 'whole\n'), 'a', 'f\n');
  expect(shownLines(both, '')).toStrictEqual([
    { source: 'b', text: 'whole', number: 0 },
    { source: 'a', text: 'half', number: 1 },
  ]);
});

test('a search lets through lines that hold it, in any case of letters', () => {
  const lines = addPiece(NO_LINES, 'a', 'An ERROR\nfine\nerror: x');
  expect(texts(shownLines(lines, 'error'))).toStrictEqual(['An ERROR', 'error: x']);
});

test('the oldest lines are forgotten beyond the bound, and numbers go on', () => {
  const lines = addPiece(NO_LINES, 'a', 'x\n'.repeat(MAX_LINES + 5));
  expect(lines.lines.length).toBe(MAX_LINES);
  expect(lines.lines[0]?.number).toBe(5);
});

test('of a line without end no more is kept than is shown, however much comes', () => {
  let lines = NO_LINES;
  for (let piece = 0; piece < 100; piece += 1) lines = addPiece(lines, 'a', 'x'.repeat(1000));
  expect(lines.open['a']).toHaveLength(4000);
  expect(texts(addPiece(lines, 'a', 'y\nnext\n').lines)).toStrictEqual(['x'.repeat(4000), 'next']);
});
