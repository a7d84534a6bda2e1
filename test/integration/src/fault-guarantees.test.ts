// Tests that every guarantee on the page about faults names a test that is in the tree under that title.
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const docs = fileURLToPath(new URL('../../../infra/docs', import.meta.url));
const rows = readFileSync(path.join(docs, 'faults.md'), 'utf8')
  .split('\n')
  .filter((line) => line.startsWith('| ') && !line.startsWith('| what happens'));

/** What is wrong with the test that a line names; undefined: it is there. */
function faultOf(row: string): string | undefined {
  const [, title, file] = /\[(.+)\]\((.+\.test\.ts)\) \|$/.exec(row) ?? [];
  if (title === undefined || file === undefined) return `names no test: ${row}`;
  const place = path.join(docs, file);
  if (!existsSync(place)) return `there is no ${file}`;
  const text = readFileSync(place, 'utf8').replace(/\(\s+/g, '(');
  const isThere = ["'", '"', '`'].some((quote) => text.includes(`(${quote}${title}${quote},`));
  return isThere ? undefined : `${file} has no test "${title}"`;
}

test('each guarantee names a test that is there', () => {
  expect(rows.length).toBeGreaterThan(30);
  expect(rows.map(faultOf).filter((fault) => fault !== undefined)).toEqual([]);
});
