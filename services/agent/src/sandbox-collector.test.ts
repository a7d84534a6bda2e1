// Tests when sandboxes of what is over go: by age, and for want of room, the oldest of all kinds first.
import { expect, test } from 'vitest';
import { type CollectionRules, type Kept, SandboxCollector } from './sandbox-collector.ts';

const NOW_MS = 1_000_000;

/** Ages in milliseconds, the oldest first; each takes ten of a hundred, of bytes or of files. */
function aDisk(...kinds: readonly (readonly number[])[]) {
  return aDiskOf('bytes', ...kinds);
}

function aDiskOf(scarce: 'bytes' | 'files', ...kinds: readonly (readonly number[])[]) {
  const ages = kinds.map((each) => [...each]);
  const removed: number[] = [];
  const kept = ages.map(
    (each): Kept => ({
      get oldestMs() {
        return each[0] === undefined ? undefined : NOW_MS - each[0];
      },
      async removeOldest() {
        const age = each.shift();
        if (age !== undefined) removed.push(age);
      },
    }),
  );
  let collected = 0;
  const collect = async (rules: Partial<CollectionRules>): Promise<number[]> => {
    const free = (what: 'bytes' | 'files'): number =>
      what === scarce ? 100 - ages.flat().length * 10 : 100;
    await new SandboxCollector({
      ...{ workDirectory: '/', kept, wallTimeMs: () => NOW_MS },
      rules: { keepForMs: 0, keepFree: { bytes: 0 }, ...rules },
      disk: async () => ({
        ...{ freeBytes: free('bytes'), totalBytes: 100 },
        ...{ freeFiles: free('files'), totalFiles: 100 },
      }),
      onCollected: (count) => {
        collected += count;
      },
      onFailure: (error) => {
        throw error;
      },
    }).collect();
    return removed.splice(0);
  };
  return { collect, collected: () => collected };
}

test('what is too old goes, of every kind, and what is younger stays', async () => {
  const disk = aDisk([500, 300, 100], [400, 200]);
  expect(await disk.collect({ keepForMs: 300 })).toEqual([500, 400, 300]);
  expect(await disk.collect({ keepForMs: 300 })).toEqual([]);
  expect(disk.collected()).toBe(0);
});

test('while there is not enough room the oldest go, and no more than have to', async () => {
  const disk = aDisk([500, 300, 100], [400, 200]);
  expect(await disk.collect({ keepFree: { percent: 70 } })).toEqual([500, 400]);
  expect(await disk.collect({ keepFree: { bytes: 75 } })).toEqual([300]);
  expect(disk.collected()).toBe(3);
});

test('a disk that has room and takes no more files is full as well', async () => {
  const disk = aDiskOf('files', [500, 300, 100], [400, 200]);
  expect(await disk.collect({ keepFree: { percent: 70 } })).toEqual([500, 400]);
  expect(await disk.collect({ keepFree: { bytes: 75 } })).toEqual([300]);
});

test('where all that is kept does not make room enough, all of it goes', async () => {
  const disk = aDisk([2, 1], []);
  expect(await disk.collect({ keepFree: { bytes: 101 } })).toEqual([2, 1]);
});

test('without rules everything stays', async () => {
  expect(await aDisk([5], [3]).collect({})).toEqual([]);
});
