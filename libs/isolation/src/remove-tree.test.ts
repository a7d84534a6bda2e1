// Tests of deleting what a hostile task leaves behind, on a real file system.
import {
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { removeTree } from './remove-tree.ts';

let base = '';
let directory = '';
beforeEach(async () => {
  base = await mkdtemp(path.join(tmpdir(), 'parley-remove-'));
  directory = path.join(base, 'directory');
  await mkdir(directory);
});
afterEach(() => rm(base, { recursive: true, force: true }));

const notUtf8 = (): Buffer => Buffer.concat([Buffer.from(`${directory}/a`), Buffer.from([0xff])]);

test('a file whose name is no UTF-8 is deleted', async () => {
  await writeFile(notUtf8(), '');
  await removeTree(directory);
  expect(await readdir(base)).toEqual([]);
});

test('a directory whose name is no UTF-8 is deleted with what is in it', async () => {
  await mkdir(notUtf8());
  await writeFile(Buffer.concat([notUtf8(), Buffer.from('/file')]), '');
  await removeTree(directory);
  expect(await readdir(base)).toEqual([]);
});

test('directories that lie deeper than a path may be long are deleted', async () => {
  const name = 'd'.repeat(200);
  // Built from the innermost outwards: no call names the whole path.
  for (let depth = 0; depth < 40; depth += 1) {
    const outer = path.join(base, 'outer');
    await mkdir(outer);
    await rename(directory, path.join(outer, name));
    await rename(outer, directory);
  }
  await removeTree(directory);
  expect(await readdir(base)).toEqual([]);
});

test('names that the deletion itself uses may be there already', async () => {
  for (const name of ['removed-1', 'removed-2', 'x/removed-1', 'x/removed-3', 'x/y/removed-2']) {
    await mkdir(path.join(directory, name), { recursive: true });
    await writeFile(path.join(directory, name, 'file'), '');
  }
  await writeFile(path.join(directory, 'removed-4'), '');
  await removeTree(directory);
  expect(await readdir(base)).toEqual([]);
});

test('what a link leads to stays, also where the link stands in place of the directory', async () => {
  const outside = path.join(base, 'outside');
  await mkdir(outside);
  await writeFile(path.join(outside, 'file'), 'mine');
  await mkdir(path.join(directory, 'inner'));
  await symlink(outside, path.join(directory, 'inner', 'link'));
  await removeTree(directory);
  await symlink(outside, directory);
  await removeTree(directory);
  expect(await readFile(path.join(outside, 'file'), 'utf8')).toBe('mine');
  expect(await readdir(base)).toEqual(['outside']);
});

test('what is not there is removed already', async () => {
  await removeTree(path.join(base, 'nothing'));
  expect(await readdir(base)).toEqual(['directory']);
});
