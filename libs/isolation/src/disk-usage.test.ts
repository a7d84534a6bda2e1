// Tests of what counts as used by a directory.
import { execFileSync } from 'node:child_process';
import {
  linkSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { measureDisk } from './disk-usage.ts';

const MIB = 1024 * 1024;
let root: string;
beforeAll(() => {
  root = mkdtempSync(path.join(tmpdir(), 'parley-disk-'));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

function directory(name: string): string {
  const made = path.join(root, name);
  mkdirSync(made);
  return made;
}

const usedBy = async (...directories: string[]): Promise<(number | undefined)[]> => {
  const { usedMib } = await measureDisk(directories);
  return directories.map((each) => usedMib.get(each));
};

test('blocks count, wherever in the directory and however the name is written; each file once', async () => {
  const one = directory('one\nline');
  mkdirSync(path.join(one, 'deep'));
  writeFileSync(path.join(one, 'deep', '-x "y'), Buffer.alloc(3 * MIB, 1));
  linkSync(path.join(one, 'deep', '-x "y'), path.join(one, 'again'));
  // 1 GiB without a block.
  writeFileSync(path.join(one, 'sparse'), '');
  truncateSync(path.join(one, 'sparse'), 1024 * MIB);
  const [used = 0] = await usedBy(one);
  expect(used).toBeGreaterThanOrEqual(3);
  expect(used).toBeLessThanOrEqual(4);
});

test('what a link leads to does not count, and a directory that is not there is left out', async () => {
  const big = directory('big');
  writeFileSync(path.join(big, 'file'), Buffer.alloc(5 * MIB, 1));
  const linked = directory('linked');
  symlinkSync(big, path.join(linked, 'volume'));
  symlinkSync(path.join(big, 'file'), path.join(linked, 'file'));
  const [small = 0, gone] = await usedBy(linked, path.join(root, 'gone'));
  expect(small).toBeLessThanOrEqual(1);
  expect(gone).toBeUndefined();
});

test('files without a block are counted too, each once however many names it has', async () => {
  const full = directory('full');
  for (let index = 0; index < 100; index += 1) writeFileSync(path.join(full, `${index}`), '');
  linkSync(path.join(full, '1'), path.join(full, 'again'));
  const { files } = await measureDisk([full]);
  // With the directory itself.
  expect(files.get(full)).toBe(101);
});

test('more directories than one command takes are measured all the same', async () => {
  const many = Array.from({ length: 70 }, (_, index) => directory(`many-${index}`));
  expect((await usedBy(...many)).every((used) => used !== undefined && used <= 1)).toBe(true);
});

test.runIf(process.getuid?.() === 0)('another file system below it does not count', async () => {
  const outer = directory('outer');
  const inner = path.join(outer, 'memory');
  mkdirSync(inner);
  execFileSync('mount', ['-t', 'tmpfs', 'parley-test', inner]);
  try {
    writeFileSync(path.join(inner, 'file'), Buffer.alloc(5 * MIB, 1));
    expect((await usedBy(outer))[0]).toBeLessThanOrEqual(1);
  } finally {
    execFileSync('umount', [inner]);
  }
});
