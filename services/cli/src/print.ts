// Owns how commands write to stdout: one JSON value, or a table with aligned columns.

export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, undefined, 2)}\n`);
}

export function printLine(text = ''): void {
  process.stdout.write(`${text}\n`);
}

/** Progress and warnings: stdout is for what was asked for. */
export function printNotice(text: string): void {
  process.stderr.write(`${text}\n`);
}

type Row = Readonly<Record<string, string | number>>;

export function printTable(columns: readonly string[], rows: readonly Row[]): void {
  process.stdout.write(formatTable(columns, rows));
}

export function formatTable(columns: readonly string[], rows: readonly Row[]): string {
  const cells = [columns.map((column) => column.toUpperCase())];
  for (const row of rows) cells.push(columns.map((column) => String(row[column] ?? '')));
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
