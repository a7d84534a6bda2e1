// Tests what is told of sandboxes by what was found in them; the finding is scripted.
import { TaskRef } from '@parley/protocol/ids';
import { expect, test } from 'vitest';
import type { DiskExcess } from './disk-excess.ts';
import { overDisk } from './disk-excess.ts';
import { DiskWatch, filesLimitOf } from './disk-watch.ts';

const owner = TaskRef.parse({ principal: 'team', frameworkId: 'fw', taskId: 't1' });
type Found = { readonly mib: number; readonly files: number } | 'tooLarge';

/** Of one sandbox with a limit of 100 MiB; each look finds what comes next. */
async function toldOf(...looks: readonly Found[]): Promise<(DiskExcess | undefined)[]> {
  const told: (DiskExcess | undefined)[] = [];
  const left = [...looks];
  const watch = new DiskWatch({
    intervalMs: 0,
    shares: () => [{ limitMib: 100, owner }],
    directoriesOf: () => ['/sandbox'],
    before: () => Promise.resolve(),
    onExceeded: (_, excess) => {
      told[told.length - 1] = excess;
    },
    onTrouble: () => undefined,
    measure: async ([directory = '']) => {
      const found = left.shift() ?? 'tooLarge';
      if (found === 'tooLarge') {
        return { usedMib: new Map(), files: new Map(), tooLarge: [directory] };
      }
      const { mib, files } = found;
      const one = (count: number): Map<string, number> => new Map([[directory, count]]);
      return { usedMib: one(mib), files: one(files), tooLarge: [] };
    },
  });
  for (const _ of looks) {
    told.push(undefined);
    await watch.look();
  }
  return told;
}

const small = { mib: 1, files: 10 };

test('a sandbox that is too large to be measured three times in a row is over its limit', async () => {
  const [, , third] = await toldOf('tooLarge', 'tooLarge', 'tooLarge');
  expect(third).toEqual({ missedLooks: 3 });
  const kinds = await toldOf('tooLarge', 'tooLarge', small, 'tooLarge', 'tooLarge');
  expect(kinds).toEqual(Array.from({ length: 5 }, () => undefined));
  expect(overDisk({ missedLooks: 3 })).toMatchObject({ graceMs: 0, cause: { kind: 'diskLimit' } });
});

test('a sandbox with more files than its disk has blocks for is over its limit, whatever is in them', async () => {
  const limitFiles = filesLimitOf(100);
  expect(limitFiles).toBe(25_600);
  expect(filesLimitOf(1)).toBe(10_000);
  const full = { mib: 1, files: limitFiles + 1 };
  expect(await toldOf({ mib: 100, files: limitFiles }, full)).toEqual([
    undefined,
    { limitFiles, peakFiles: limitFiles + 1 },
  ]);
  expect(overDisk({ limitFiles, peakFiles: 30_000 }).message).toContain('30000 files');
});

test('a sandbox with more than its limit is told with what was found', async () => {
  expect(await toldOf({ mib: 100.5, files: 3 })).toEqual([{ limitMib: 100, peakMib: 101 }]);
});
