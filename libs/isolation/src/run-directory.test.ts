// Tests that a run directory is whole or not there, whatever kept an earlier launch from making it.
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { clearUnfinished, listRuns, prepareRunDirectory } from './run-directory.ts';

const UNIT = 'unit-1';
const FILES = { launch: 'set -- true\nwhole=1\n' };
let root = '';
let run = '';

beforeEach(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'parley-run-'));
  run = path.join(root, UNIT);
});
afterEach(() => rm(root, { recursive: true }));

/** What a launch leaves that was killed while it made the directory. */
async function leaveUnfinished(): Promise<void> {
  const unfinished = path.join(root, '.unfinished', '1-1');
  await mkdir(unfinished, { recursive: true });
  await writeFile(path.join(unfinished, 'launch'), '');
}

it('is not what an earlier launch has left unfinished', async () => {
  await leaveUnfinished();
  await prepareRunDirectory(run, FILES, true);
  expect(await readFile(path.join(run, 'launch'), 'utf8')).toBe(FILES.launch);
  expect((await readdir(run)).sort()).toEqual(['exit', 'launch', 'process', 'tmp']);
  expect(await readdir(path.join(root, '.unfinished'))).toEqual(['1-1']);
});

it('of launches at the same time all use what the first one has made', async () => {
  const launches = Array.from({ length: 8 }, (_, number) => ({ launch: `${number}\n` }));
  await Promise.all(launches.map((files) => prepareRunDirectory(run, files)));
  expect((await readdir(run)).sort()).toEqual(['exit', 'launch', 'process']);
  expect(await readdir(path.join(root, '.unfinished'))).toEqual([]);
});

it('what an earlier launch has finished is used as it is', async () => {
  await prepareRunDirectory(run, FILES);
  await writeFile(path.join(run, 'process'), 'of a shim');
  await prepareRunDirectory(run, { launch: 'another' });
  expect(await readFile(path.join(run, 'launch'), 'utf8')).toBe(FILES.launch);
  expect(await readFile(path.join(run, 'process'), 'utf8')).toBe('of a shim');
});

it('while a file of it cannot be made it is not there', async () => {
  const place = { launch: 'a', 'no/directory': 'b' };
  await expect(prepareRunDirectory(run, place)).rejects.toThrow(/ENOENT/);
  expect(await listRuns(root)).toEqual([]);
  await prepareRunDirectory(run, FILES);
  expect(await listRuns(root)).toEqual([UNIT]);
});

it('what an earlier process has left unfinished is taken away', async () => {
  await leaveUnfinished();
  await clearUnfinished(root);
  expect(await readdir(path.join(root, '.unfinished'))).toEqual([]);
});
