// Tests of listing a directory that somebody has made as large as they could.
import { execFileSync } from 'node:child_process';
import { type FileHandle, mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { listDirectory } from './file-list.ts';

let place = '';
let directory: FileHandle;
beforeEach(async () => {
  place = await mkdtemp(path.join(tmpdir(), 'parley-list-'));
  directory = await open(place, 'r');
});
afterEach(async () => {
  await directory.close();
  await rm(place, { recursive: true, force: true });
});

test('the first names behind a place come, in order, and it is told whether there are more', async () => {
  const names = new Set<string>();
  await fc.assert(
    fc.asyncProperty(
      fc.stringMatching(/^[a-z]{1,3}$/),
      fc.stringMatching(/^[a-z]{0,2}$/),
      fc.integer({ min: 1, max: 7 }),
      async (added, after, limit) => {
        await writeFile(path.join(place, added), '');
        names.add(added);
        const rest = [...names].toSorted().filter((name) => name > after);
        const page = await listDirectory(directory, { after: Buffer.from(after), limit });
        const found = page.entries.map(({ name }) => Buffer.from(name).toString());
        expect(found).toEqual(rest.slice(0, limit));
        const next = rest.length > limit ? rest[limit - 1] : undefined;
        expect(page.next && Buffer.from(page.next).toString()).toBe(next);
      },
    ),
  );
});

test('several lists of fifty thousand names at a time hold up nothing else for long', async () => {
  const script = 'seq 50000 | xargs touch --';
  execFileSync('sh', ['-c', script], { cwd: place });
  const delay = monitorEventLoopDelay({ resolution: 5 });
  delay.enable();
  const lists = Array.from({ length: 6 }, () => listDirectory(directory, { limit: 10 }));
  const pages = await Promise.all(lists);
  delay.disable();
  expect(new Set(pages.map(({ entries }) => entries.length))).toEqual(new Set([10]));
  // Sorting all of it, six times over, holds up more than twice that.
  expect(delay.max / 1e6).toBeLessThan(300);
});
