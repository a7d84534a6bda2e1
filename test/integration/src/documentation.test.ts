// Compiles and runs every code block of "Writing a framework" on a whole cluster: a page that a newcomer types in must
// work. A block is a program of its own; the block of plain text behind it holds lines that it must print.
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { alice, ClusterFixture } from './cluster-fixture.ts';

const run = promisify(execFile);
const clone = fileURLToPath(new URL('../../..', import.meta.url));
const page = readFileSync(path.join(clone, 'infra/docs/writing-a-framework.md'), 'utf8');
const LIMIT_MS = 90_000;

type Block = { readonly name: string; readonly code: string; readonly prints: readonly string[] };

/** Every block of TypeScript, named by its first comment, with the text block that follows it at once. */
function blocksOf(markdown: string): Block[] {
  const pattern = /```ts\n([\s\S]*?)```(?:\n+```text\n([\s\S]*?)```)?/g;
  return [...markdown.matchAll(pattern)].map(([, code = '', prints = '']) => ({
    name: /^\/\/ ([a-z-]+\.ts)/.exec(code)?.[1] ?? `nameless: ${code.slice(0, 40)}`,
    code,
    prints: prints.split('\n').filter((line) => line !== '' && line !== '...'),
  }));
}

const blocks = blocksOf(page);
let fixture: ClusterFixture;
let place: string;

beforeAll(async () => {
  // Inside the clone, so that the packages are found as in the reader's own file there.
  place = mkdtempSync(path.join(clone, '.parley-documentation-'));
  writeFileSync(path.join(place, 'package.json'), '{ "type": "module" }\n');
  const settings = { extends: '../infra/tsconfig.base.json', include: ['*.ts'] };
  writeFileSync(path.join(place, 'tsconfig.json'), JSON.stringify(settings));
  for (const { name, code } of blocks) writeFileSync(path.join(place, name), code);
  fixture = new ClusterFixture();
  await fixture.start();
});
afterAll(async () => {
  await fixture?.close();
  rmSync(place, { recursive: true, force: true });
});

it('every block has a name of its own, and says what it prints', () => {
  expect(blocks.length).toBeGreaterThanOrEqual(4);
  expect(new Set(blocks.map(({ name }) => name)).size).toBe(blocks.length);
  for (const { name, prints } of blocks) {
    expect(name).toMatch(/^[a-z-]+\.ts$/);
    expect(prints.length, `${name} is followed by a block of what it prints`).toBeGreaterThan(0);
  }
});

it('every block compiles by the settings of the project', async () => {
  const checked = run('npx', ['tsc', '-p', place], { cwd: clone }).catch(
    (error: { stdout: string }) => ({ stdout: error.stdout }),
  );
  expect((await checked).stdout).toBe('');
});

it.each(blocks)('$name runs and prints what the page says', async ({ name, prints }) => {
  const credential = fixture.credential('principal', alice);
  const argv = [path.join(place, name), credential];
  const { stdout } = await run(process.execPath, argv, { timeout: LIMIT_MS, cwd: clone });
  for (const line of prints) expect(stdout).toContain(line);
});
