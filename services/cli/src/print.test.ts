// Tests that what others wrote does nothing to a terminal, however it is printed.
import fc from 'fast-check';
import { afterEach, expect, test, vi } from 'vitest';
import { formatTable, printJson, printLine, printNotice } from './print.ts';
import { shownPage, shownText } from './shown-text.ts';

const EVIL = 'a\u001b]0;title\u0007\u001b[2J\nfake line\u009b31m\u202eesrever\u2028\u200b';
const UNSHOWN = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;

afterEach(() => {
  vi.restoreAllMocks();
});

function printed(print: () => void): string {
  let all = '';
  for (const stream of [process.stdout, process.stderr]) {
    vi.spyOn(stream, 'write').mockImplementation((text) => {
      all += String(text);
      return true;
    });
  }
  print();
  vi.restoreAllMocks();
  return all;
}

test('no text holds anything unseen once it is shown, and what is printable stays as it is', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      expect(shownText(text)).not.toMatch(UNSHOWN);
      expect(shownPage(text).replaceAll('\n', '')).not.toMatch(UNSHOWN);
      if (!UNSHOWN.test(text)) expect(shownText(text)).toBe(text);
    }),
  );
  expect(shownText('Größe 日本 \\ 🚀')).toBe('Größe 日本 \\ 🚀');
});

test('a cell of a table is one line, whatever is in it, and the columns stay aligned', () => {
  const lines = formatTable(
    ['name', 'state'],
    [
      { name: EVIL, state: 'running' },
      { name: 'b', state: 'running' },
    ],
  ).split('\n');
  expect(lines).toHaveLength(4);
  expect(lines.join('')).not.toMatch(UNSHOWN);
  expect(new Set(lines.slice(1, 3).map((line) => line.indexOf('running'))).size).toBe(1);
});

test('lines and notices keep their line ends alone', () => {
  for (const print of [printLine, printNotice]) {
    const text = printed(() => print(`one\n${EVIL}`));
    expect(text.replaceAll('\n', '')).not.toMatch(UNSHOWN);
    expect(text.split('\n')[0]).toBe('one');
  }
});

test('JSON means the same, and holds nothing unseen', () => {
  const text = printed(() => printJson({ [EVIL]: EVIL }));
  expect(text.replaceAll('\n', '')).not.toMatch(UNSHOWN);
  expect(JSON.parse(text)).toEqual({ [EVIL]: EVIL });
});
