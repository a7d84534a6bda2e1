// Tests that what a shim runs is whole or not there, whatever kept an earlier launch from writing it.
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { prepareRunDirectory } from './run-directory.ts';

const FILES = { launch: 'set -- true\nwhole=1\n' };
let root = '';
let run = '';

beforeEach(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'parley-run-'));
  run = path.join(root, 'unit-1');
});
afterEach(() => rm(root, { recursive: true }));

it('a run directory has what a launch needs, and nothing else', async () => {
  await prepareRunDirectory(run, FILES, true);
  expect((await readdir(run)).sort()).toEqual(['exit', 'launch', 'process', 'tmp']);
  expect(await readFile(path.join(run, 'launch'), 'utf8')).toBe(FILES.launch);
});

it('what a launch was killed at is not what the next one uses', async () => {
  await prepareRunDirectory(run, {});
  await writeFile(path.join(run, 'launch.of-one-that-was-killed'), '');
  await prepareRunDirectory(run, FILES);
  expect(await readFile(path.join(run, 'launch'), 'utf8')).toBe(FILES.launch);
});

it('of launches at the same time all use what one of them has written', async () => {
  const texts = Array.from({ length: 8 }, (_, number) => `${number}\n`.repeat(10_000));
  await Promise.all(texts.map((launch) => prepareRunDirectory(run, { launch })));
  expect(texts).toContain(await readFile(path.join(run, 'launch'), 'utf8'));
  expect((await readdir(run)).sort()).toEqual(['exit', 'launch', 'process']);
});

it('while a launch writes, its file is not there or whole', async () => {
  const launch = 'x'.repeat(1024 * 1024);
  const file = path.join(run, 'launch');
  let isDone = false;
  const writing = prepareRunDirectory(run, { launch }).finally(() => {
    isDone = true;
  });
  const sizes = new Set<number>();
  while (!isDone) {
    const found = await stat(file).catch(() => undefined);
    if (found !== undefined) sizes.add(found.size);
  }
  await writing;
  sizes.add((await stat(file)).size);
  expect([...sizes]).toEqual([launch.length]);
});

it('what a shim has written stays', async () => {
  await prepareRunDirectory(run, FILES);
  await writeFile(path.join(run, 'process'), 'of a shim');
  await prepareRunDirectory(run, { launch: 'another' });
  expect(await readFile(path.join(run, 'launch'), 'utf8')).toBe(FILES.launch);
  expect(await readFile(path.join(run, 'process'), 'utf8')).toBe('of a shim');
});
