// Owns output as lines: pieces of several streams put together, each line with whose it is, the oldest forgotten beyond a
// bound, and which of them hold what is searched for. Pure.

export type LogLine = { readonly source: string; readonly text: string; readonly number: number };

export type LogLines = {
  readonly lines: readonly LogLine[];
  /** Of each source what came after its last end of line. */
  readonly open: Readonly<Record<string, string>>;
  readonly count: number;
};

export const MAX_LINES = 50_000;
/** Longer ones are cut, so that a line of megabytes does not hold up the page. */
const MAX_LINE = 4000;

export const NO_LINES: LogLines = { lines: [], open: {}, count: 0 };

export function addPiece(before: LogLines, source: string, text: string): LogLines {
  if (text === '') return before;
  const parts = ((before.open[source] ?? '') + text).split(/\r?\n/);
  // Of a line without end no more than will be shown.
  const open = { ...before.open, [source]: (parts.pop() ?? '').slice(0, MAX_LINE) };
  const more = parts.map((part, index) => ({
    source,
    text: part.slice(0, MAX_LINE),
    number: before.count + index,
  }));
  const lines = [...before.lines, ...more].slice(-MAX_LINES);
  return { lines, open, count: before.count + more.length };
}

/** With the beginnings of lines that are not ended. */
export function shownLines({ lines, open, count }: LogLines, search: string): readonly LogLine[] {
  const begun = Object.entries(open)
    .filter(([, text]) => text !== '')
    .map(([source, text], index) => ({
      source,
      text: text.slice(0, MAX_LINE),
      number: count + index,
    }));
  const all = begun.length === 0 ? lines : [...lines, ...begun];
  if (search === '') return all;
  const part = search.toLowerCase();
  return all.filter(({ text }) => text.toLowerCase().includes(part));
}
