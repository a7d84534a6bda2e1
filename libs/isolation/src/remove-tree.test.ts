// Tests of deleting what a hostile task leaves behind, on a real file system.
import { execFileSync } from 'node:child_process';
import {
  chmod,
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

const REMOVE_TREE = new URL('./remove-tree.ts', import.meta.url).href;
const isRoot = process.geteuid?.() === 0;
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

/** More than this process deletes itself. */
function fill(place: string, files = 2000): void {
  const script = 'seq "$1" | sed "s/^/file-/" | xargs touch --';
  execFileSync('sh', ['-c', script, 'sh', String(files)], { cwd: place });
}

test('a large tree costs this process no time, and what its links lead to stays', async () => {
  const outside = path.join(base, 'outside');
  await mkdir(outside);
  await writeFile(path.join(outside, 'file'), 'mine');
  fill(directory, 20_000);
  for (const name of ['a', 'z']) await symlink(outside, path.join(directory, name));
  await mkdir(path.join(directory, 'inner'));
  await symlink(outside, path.join(directory, 'inner', 'link'));
  const before = process.cpuUsage();
  await removeTree(directory);
  const { user, system } = process.cpuUsage(before);
  // By itself it takes more than 2 s.
  expect((user + system) / 1000).toBeLessThan(800);
  expect(await readdir(base)).toEqual(['outside']);
  expect(await readFile(path.join(outside, 'file'), 'utf8')).toBe('mine');
});

test.runIf(isRoot)('another file system below it is not entered, whatever the size', async () => {
  for (const files of [1, 2000]) {
    const inner = path.join(directory, 'memory');
    await mkdir(inner, { recursive: true });
    fill(directory, files);
    execFileSync('mount', ['-t', 'tmpfs', 'parley-test', inner]);
    try {
      await writeFile(path.join(inner, 'file'), 'mine');
      await expect(removeTree(directory)).rejects.toThrow('EBUSY');
      expect(await readdir(directory)).toContain('memory');
      expect(await readFile(path.join(inner, 'file'), 'utf8')).toBe('mine');
    } finally {
      execFileSync('umount', [inner]);
    }
  }
});

test('directories that their owner has closed are deleted by that user, in small trees and in large ones', async () => {
  const program = `import { removeTree } from ${JSON.stringify(REMOVE_TREE)}; await removeTree(process.argv[1]);`;
  const node = [process.execPath, '--input-type=module', '--eval', program, directory];
  const asNobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', '--'];
  await chmod(base, 0o777);
  for (const files of [1, 2000]) {
    await mkdir(path.join(directory, 'closed/deep/deeper'), { recursive: true });
    await mkdir(path.join(directory, 'closed/empty'));
    await writeFile(path.join(directory, 'closed/deep/deeper/file'), '');
    fill(directory, files);
    if (isRoot) execFileSync('chown', ['-R', '65534:65534', directory]);
    for (const [name, mode] of CLOSED) await chmod(path.join(directory, name), mode);
    const [command = '', ...rest] = isRoot ? [...asNobody, ...node] : node;
    execFileSync(command, rest);
    expect(await readdir(base)).toEqual([]);
  }
});

const CLOSED = [
  ['closed/deep/deeper', 0],
  ['closed/deep', 0o500],
  ['closed/empty', 0],
  ['closed', 0],
  ['', 0o400],
] as const;

test('what is not there is removed already', async () => {
  await removeTree(path.join(base, 'nothing'));
  expect(await readdir(base)).toEqual(['directory']);
});
