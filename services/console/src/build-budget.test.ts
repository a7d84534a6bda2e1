// Tests what a browser has to load before it sees anything, of the page as it is built by the set-up.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';

const built = fileURLToPath(new URL('../dist/', import.meta.url));
const BUDGET_BYTES = 100_000;
const page = readFileSync(`${built}index.html`, 'utf8');

/** The scripts of the page, and what these import at once. */
function firstScripts(): readonly string[] {
  const found = new Set<string>();
  const add = (file: string): void => {
    if (found.has(file)) return;
    found.add(file);
    const text = readFileSync(`${built}assets/${file}`, 'utf8');
    for (const [, next] of text.matchAll(/\bfrom\s*"\.\/([^"]+\.js)"/g)) if (next) add(next);
    for (const [, next] of text.matchAll(/\bimport\s*"\.\/([^"]+\.js)"/g)) if (next) add(next);
  };
  for (const [, file] of page.matchAll(/(?:src|href)="\/ui\/assets\/([^"]+\.js)"/g))
    if (file) add(file);
  return [...found];
}

test('the first view takes at most 100 kB of gzipped script', () => {
  const scripts = firstScripts();
  expect(scripts.length).toBeGreaterThan(0);
  const bytes = scripts.reduce(
    (sum, file) => sum + gzipSync(readFileSync(`${built}assets/${file}`)).length,
    0,
  );
  expect(bytes).toBeLessThanOrEqual(BUDGET_BYTES);
});

test('nothing of the page is inline, and nothing comes from elsewhere', () => {
  expect(page).not.toMatch(/<script(?![^>]*\bsrc=)/);
  expect(page).not.toMatch(/<style|\bstyle=|\bon\w+=/);
  expect(page).not.toMatch(/(?:src|href)="(?:https?:)?\/\//);
});
