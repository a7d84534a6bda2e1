// Tests of listing a directory that somebody has made as large as they could.
import { execFileSync } from 'node:child_process';
import { type FileHandle, mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
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

/** How many names are compared within one turn of the event loop at most, while `work` is done. */
async function mostComparedInATurn(work: () => Promise<unknown>): Promise<number> {
  const { compare } = Buffer.prototype;
  let [most, compared, isOver] = [0, 0, false];
  const nextTurn = (): void => {
    most = Math.max(most, compared);
    compared = 0;
    if (!isOver) setImmediate(nextTurn);
  };
  Buffer.prototype.compare = function (this: Buffer, ...others: Parameters<typeof compare>) {
    compared += 1;
    return Reflect.apply(compare, this, others);
  };
  nextTurn();
  try {
    await work();
  } finally {
    isOver = true;
    Buffer.prototype.compare = compare;
  }
  return Math.max(most, compared);
}

test('several lists of twenty thousand names at a time hold up nothing else for long', {
  timeout: 60_000,
}, async () => {
  const count = 20_000;
  execFileSync('sh', ['-c', `seq ${count} | xargs touch --`], { cwd: place });
  const lists = Array.from({ length: 3 });
  const most = await mostComparedInATurn(() =>
    Promise.all(
      lists.map(async () => {
        const { entries } = await listDirectory(directory, { limit: 10 });
        expect(entries).toHaveLength(10);
      }),
    ),
  );
  expect(most).toBeGreaterThan(0);
  // Far from all names of one list: sorting them would be some 15 comparisons of each.
  expect(most).toBeLessThan(count / 2);
});
