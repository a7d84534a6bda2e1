// Tests of opening files in a sandbox that belongs to somebody who wants out of it.
import { execFileSync } from 'node:child_process';
import { constants } from 'node:fs';
import { link, mkdir, mkdtemp, open, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { linkInside, openToRead, openToWrite, SandboxPathError } from './sandbox-files.ts';

let base = '';
let sandbox = '';
beforeEach(async () => {
  base = await mkdtemp(path.join(tmpdir(), 'parley-sandbox-'));
  sandbox = path.join(base, 'sandbox');
  await mkdir(path.join(sandbox, 'deep'), { recursive: true });
  await writeFile(path.join(base, 'secret'), 'secret');
});
afterEach(() => rm(base, { recursive: true, force: true }));

async function readInside(relative: string): Promise<string> {
  const handle = await openToRead(sandbox, relative);
  try {
    return await handle.readFile('utf8');
  } finally {
    await handle.close();
  }
}

async function writeInside(relative: string, text: string): Promise<void> {
  const handle = await openToWrite(sandbox, relative);
  try {
    await handle.writeFile(text);
  } finally {
    await handle.close();
  }
}

test('a file is written, with the directories on its way, and read again', async () => {
  await writeInside('a/b/c.txt', 'longer text');
  await writeInside('a/b/c.txt', 'text');
  expect(await readInside('a/b/c.txt')).toBe('text');
});

test('a link as the file itself is not followed', async () => {
  await symlink(path.join(base, 'secret'), path.join(sandbox, 'link'));
  await expect(readInside('link')).rejects.toThrow(SandboxPathError);
  await expect(writeInside('link', 'x')).rejects.toThrow(SandboxPathError);
  expect(await readFile(path.join(base, 'secret'), 'utf8')).toBe('secret');
});

test('a link on the way is not followed', async () => {
  await symlink(base, path.join(sandbox, 'deep', 'out'));
  await expect(readInside('deep/out/secret')).rejects.toThrow(SandboxPathError);
  await expect(writeInside('deep/out/new', 'x')).rejects.toThrow(SandboxPathError);
  await expect(readFile(path.join(base, 'new'))).rejects.toThrow('ENOENT');
});

test('the sandbox itself being a link is refused', async () => {
  const link = path.join(base, 'link');
  await symlink(base, link);
  await expect(openToRead(link, 'secret')).rejects.toThrow();
});

test('what is no regular file is not read, and what is not there is named', async () => {
  await expect(readInside('deep')).rejects.toThrow('deep is no regular file');
  await expect(readInside('deep/nothing')).rejects.toThrow('no file deep/nothing');
});

test('a FIFO is not opened to be written, though somebody reads from it', async () => {
  const fifo = path.join(sandbox, 'fifo');
  execFileSync('mkfifo', [fifo]);
  const reader = await open(fifo, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    await expect(openToWrite(sandbox, 'fifo')).rejects.toThrow('fifo is no regular file');
  } finally {
    await reader.close();
  }
});

test('a file is replaced, not written into: under its second name it stays as it is', async () => {
  await link(path.join(base, 'secret'), path.join(sandbox, 'second'));
  await writeInside('second', 'new');
  expect(await readInside('second')).toBe('new');
  expect(await readFile(path.join(base, 'secret'), 'utf8')).toBe('secret');
});

test('a link is put into the sandbox, with the directories on its way, as often as one likes', async () => {
  const target = path.join(base, 'volume');
  await mkdir(target);
  await linkInside(sandbox, 'data/store', target);
  await linkInside(sandbox, 'data/store', target);
  await writeFile(path.join(sandbox, 'data/store/file'), 'text');
  expect(await readFile(path.join(target, 'file'), 'utf8')).toBe('text');
});

test('a link is refused where something is, and where the way leads out of the sandbox', async () => {
  await writeFile(path.join(sandbox, 'file'), '');
  await symlink('/elsewhere', path.join(sandbox, 'other'));
  await symlink(base, path.join(sandbox, 'out'));
  for (const place of ['file', 'deep', 'other', 'out/volume', 'file/volume']) {
    await expect(linkInside(sandbox, place, base), place).rejects.toThrow(SandboxPathError);
  }
});
