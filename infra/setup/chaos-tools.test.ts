// Where the library that shifts clocks is found.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { findFaketime } from './chaos-tools.mjs';

let libraries = '';
beforeEach(() => {
  libraries = mkdtempSync(join(tmpdir(), 'parley-libraries-'));
});
afterEach(() => rmSync(libraries, { recursive: true, force: true }));

test('the library is found in the folder of whatever kind of machine this is', () => {
  const folder = join(libraries, 'some-machine', 'faketime');
  mkdirSync(folder, { recursive: true });
  mkdirSync(join(libraries, 'another-folder'));
  expect(findFaketime(libraries)).toBeUndefined();
  writeFileSync(join(folder, 'libfaketimeMT.so.1'), '');
  expect(findFaketime(libraries)).toBe(join(folder, 'libfaketimeMT.so.1'));
});

test('a machine without such folders has none', () => {
  expect(findFaketime(join(libraries, 'nowhere'))).toBeUndefined();
});
