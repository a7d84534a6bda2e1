// Tests having the kernel count, on files as its v1 hierarchy has them. That it then counts: agent-usage.test.ts.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { countInputOutput } from './io-counting.ts';

let hierarchy: string;
let limits: string;
beforeEach(async () => {
  hierarchy = await mkdtemp(path.join(tmpdir(), 'parley-io-counting-'));
  limits = path.join(hierarchy, 'blkio.throttle.read_bps_device');
});
afterEach(() => rm(hierarchy, { recursive: true }));

it('a disk without limits is given one that limits nothing, by its numbers', async () => {
  await writeFile(limits, '');
  // Every host has this node, of characters; it stands for a disk.
  expect(await countInputOutput('/dev/null', hierarchy)).toBe(true);
  expect(await readFile(limits, 'utf8')).toBe('1:3 0');
});

it('a limit that somebody has set for the disk is kept', async () => {
  const others = '8:0 1048576\n1:3 1048576\n';
  await writeFile(limits, others);
  expect(await countInputOutput('/dev/null', hierarchy)).toBe(true);
  expect(await readFile(limits, 'utf8')).toBe(others);
});

it('a limit that somebody has set for another disk is none for this one', async () => {
  await writeFile(limits, '8:0 1048576\n11:3 1048576\n');
  expect(await countInputOutput('/dev/null', hierarchy)).toBe(true);
  // The kernel adds a line to those that are there; a file does not.
  expect(await readFile(limits, 'utf8')).toBe('1:3 0');
});

it('where the hierarchy is not there, or the disk, nothing is done', async () => {
  expect(await countInputOutput('/dev/null', hierarchy)).toBe(false);
  await writeFile(limits, '');
  expect(await countInputOutput(path.join(hierarchy, 'none'), hierarchy)).toBe(false);
  expect(await readFile(limits, 'utf8')).toBe('');
});
