// Owns what is found below a folder: every regular file whatever its name, no links, errors that say what to do.
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { filesBelow, filesOfList, showPath } from './input-files.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'parley-inputs-'));
});
afterEach(() => rm(folder, { recursive: true }));

const below = (...name: (string | number[])[]): Buffer =>
  Buffer.concat([
    Buffer.from(folder),
    ...name.flatMap((part) => [Buffer.from('/'), Buffer.from(part)]),
  ]);

describe('files below a folder', () => {
  it('are found whatever bytes their names hold, at any depth', async () => {
    const names = [[0xff, 0xfe, 0x80], [...Buffer.from('new\nline')], [...Buffer.from('-rf *')]];
    await mkdir(below('deep'), { recursive: true });
    await mkdir(below('deep', 'er'));
    for (const name of names) {
      await writeFile(below(name), 'x');
      await writeFile(below('deep', 'er', name), 'xy');
    }
    const found = await filesBelow([Buffer.from(folder)]);
    const expected = names.flatMap((name) => [below(name), below('deep', 'er', name)]);
    expect(found.ok && found.files.map(({ path }) => path.toString('hex'))).toEqual(
      expected.sort(Buffer.compare).map((path) => path.toString('hex')),
    );
    expect(found.ok && found.files.reduce((sum, { size }) => sum + size, 0)).toBe(9);
  });

  it('do not include links, neither to files nor to folders', async () => {
    await mkdir(below('real'));
    await writeFile(below('real', 'file'), 'x');
    await symlink(below('real'), below('folder-link'));
    await symlink(below('real', 'file'), below('file-link'));
    await symlink(below('nowhere'), below('broken-link'));
    const found = await filesBelow([Buffer.from(folder)]);
    expect(found.ok && found.files.map(({ path }) => path.toString())).toEqual([
      below('real', 'file').toString(),
    ]);
  });

  it('that are missing are named, with what to do', async () => {
    const found = await filesBelow([below('missing')]);
    expect(found).toEqual({
      ok: false,
      message: `${showPath(below('missing'))} does not exist. Check the path.`,
    });
  });
});

describe('files of a list', () => {
  it('are separated by NUL bytes, so that names may hold newlines', async () => {
    await writeFile(below('a\nb'), 'x');
    await writeFile(below([0xff]), 'x');
    const list = below('list');
    await writeFile(
      list,
      Buffer.concat([below('a\nb'), Buffer.from([0]), below([0xff]), Buffer.from([0])]),
    );
    const found = await filesOfList(list);
    expect(found.ok && found.files.map(({ path }) => path)).toEqual([below('a\nb'), below([0xff])]);
  });

  it('must be regular files', async () => {
    await writeFile(below('list'), below());
    const found = await filesOfList(below('list'));
    expect(found).toMatchObject({
      ok: false,
      message: expect.stringContaining('is no regular file'),
    });
  });
});
