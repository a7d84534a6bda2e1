import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { digestOfSources, ensureConsole, isBuilt } from './console-build.mjs';
import { SetupFailure } from './setup-failure.mjs';

let root: string;

function write(file: string, text: string): void {
  mkdirSync(join(root, file, '..'), { recursive: true });
  writeFileSync(join(root, file), text);
}

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'parley-console-build-'));
  write('package-lock.json', '{}');
  write('services/console/src/main.tsx', 'one');
  for (const name of ['cluster-view', 'cluster', 'protocol', 'resources'])
    write(`libs/${name}/src/${name}.ts`, name);
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

test('the console is built again when a source of it has changed, and not for a test or what was built', () => {
  write('services/console/dist/made-of', digestOfSources(root));
  expect(isBuilt(root)).toBe(true);
  write('services/console/src/main.test.ts', 'a test');
  write('services/console/dist/assets/a.js', 'built');
  expect(isBuilt(root)).toBe(true);
  write('libs/cluster-view/src/cluster-view.ts', 'changed');
  expect(isBuilt(root)).toBe(false);
});

test('a clone without a build has none, and other dependencies are another one', () => {
  expect(isBuilt(root)).toBe(false);
  write('services/console/dist/made-of', digestOfSources(root));
  write('package-lock.json', '{"other":1}');
  expect(isBuilt(root)).toBe(false);
});

test('a build that fails says so, and is tried again the next time', () => {
  expect(() => ensureConsole({ root, log: () => undefined })).toThrow(SetupFailure);
  expect(isBuilt(root)).toBe(false);
});
