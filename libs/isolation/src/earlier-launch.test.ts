// Tests what becomes of an earlier launch, with a run directory of the test and an earlier one that it plays. With real scopes:
// isolation-scopes.test.ts.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { isFenced, makeWay } from './earlier-launch.ts';
import { fenceRun, hasStarted } from './run-directory.ts';

let runDirectory: string;
beforeEach(async () => {
  runDirectory = await mkdtemp(path.join(tmpdir(), 'parley-earlier-'));
});
afterEach(() => rm(runDirectory, { recursive: true, force: true }));

const pauseMs = 0;
/** As a shim does it, and only one. */
const start = () => writeFile(path.join(runDirectory, 'started'), '', { flag: 'wx' });

it('of one that neither starts nor goes, the unit is freed, and the task may be started', async () => {
  let isThere = true;
  const dissolve = vi.fn(async () => {
    isThere = false;
  });
  const way = await makeWay({ runDirectory, isPending: async () => isThere, dissolve, pauseMs });
  expect(way).toBe('free');
  expect(dissolve).toHaveBeenCalledOnce();
  expect(await hasStarted(runDirectory)).toBe(false);
});

it('one that starts the task after the last look is not killed', async () => {
  let looks = 0;
  const isPending = async () => {
    looks += 1;
    // The last of them: whether it has started is not asked again.
    if (looks === 96) await start();
    return true;
  };
  const dissolve = vi.fn(async () => undefined);
  expect(await makeWay({ runDirectory, isPending, dissolve, pauseMs })).toBe('started');
  expect(looks).toBe(96);
  expect(dissolve).not.toHaveBeenCalled();
});

it('while it is killed it can start the task no more', async () => {
  let isThere = true;
  const tried: unknown[] = [];
  const dissolve = async () => {
    await start().catch((error: unknown) => tried.push(error));
    isThere = false;
  };
  const way = await makeWay({ runDirectory, isPending: async () => isThere, dissolve, pauseMs });
  expect(way).toBe('free');
  expect(tried).toMatchObject([{ code: 'EEXIST' }]);
});

it('of one that does not go although it is killed, nobody starts the task any more', async () => {
  const dissolve = async () => undefined;
  const way = await makeWay({ runDirectory, isPending: async () => true, dissolve, pauseMs });
  expect(way).toBe('stays');
  await expect(start()).rejects.toThrow('EEXIST');
});

it('after a launch that came to nothing the task is fenced off, unless somebody has started it', async () => {
  const earlier = { runDirectory, isPending: async () => false, pauseMs };
  expect(await isFenced(earlier)).toBe(true);
  await expect(start()).rejects.toThrow('EEXIST');
  expect(await isFenced(earlier)).toBe(false);
});

it('where no run directory is, nobody starts anything', async () => {
  await rm(runDirectory, { recursive: true });
  expect(await isFenced({ runDirectory, isPending: async () => false, pauseMs })).toBe(true);
  await expect(fenceRun(runDirectory)).rejects.toThrow('ENOENT');
});
