// Owns how commands write to stdout: one JSON value, a page, or a table with aligned columns. Nothing that others wrote gets
// to the terminal as it is: shown-text.ts.
import { shownPage, shownText } from './shown-text.ts';

export function printJson(value: unknown): void {
  // Whatever else it escapes stands in a string, where JSON means the same by it.
  printPage(`${JSON.stringify(value, undefined, 2)}\n`);
}

export function printLine(text = ''): void {
  printPage(`${text}\n`);
}

/** With its line ends: text of others in it was made a part of a line by `shownText`. */
export function printPage(page: string): void {
  process.stdout.write(shownPage(page));
}

/** Progress and warnings: stdout is for what was asked for. */
export function printNotice(text: string): void {
  process.stderr.write(`${shownPage(text)}\n`);
}

type Row = Readonly<Record<string, string | number>>;

export function printTable(columns: readonly string[], rows: readonly Row[]): void {
  printPage(formatTable(columns, rows));
}

export function formatTable(columns: readonly string[], rows: readonly Row[]): string {
  const cells = [columns.map((column) => column.toUpperCase())];
  for (const row of rows) cells.push(columns.map((column) => shownText(String(row[column] ?? ''))));
  const widths = columns.map((_, index) =>
    Math.max(...cells.map((line) => line[index]?.length ?? 0)),
  );
  const lines = cells.map((line) =>
    line
      .map((cell, index) => cell.padEnd(widths[index] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  return `${lines.join('\n')}\n`;
}
