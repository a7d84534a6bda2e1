// Owns what becomes of an earlier launch of the same run, whose agent died meanwhile: it may be about to start the task, or
// have left its unit behind. Whoever creates the run's `started` first, a shim or we, has decided.
import { setTimeout as delay } from 'node:timers/promises';
import { errorCode } from './file-failure.ts';
import { fenceRun, hasStarted, unfenceRun } from './run-directory.ts';

export type EarlierLaunch = {
  readonly runDirectory: string;
  /** Whether it still has the unit: it may be about to start the task. */
  readonly isPending: () => Promise<boolean>;
  /** Kills what it has left in the unit, which neither starts the task nor goes. Absent where nobody is in the way. */
  readonly dissolve?: () => Promise<unknown>;
  /** Between two looks; 50 where it is left out. */
  readonly pauseMs?: number;
};

const PENDING_LOOKS = 100;
const LEAST_LOOKS = 4;
const PENDING_PAUSE_MS = 50;

/** Where `started` cannot be made for one of these, no shim makes it either. */
const FOR_NOBODY = ['ENOENT', 'ENOSPC', 'EDQUOT', 'EROFS'];

/**
 * `free`: the unit can be had. `stays`: it cannot, and no shim starts the task any more. Rejects where the run's directory
 * cannot be written.
 */
export async function makeWay(earlier: EarlierLaunch): Promise<'free' | 'started' | 'stays'> {
  const { runDirectory, isPending, dissolve, pauseMs = PENDING_PAUSE_MS } = earlier;
  const state = await awaitEarlier(earlier);
  if (state !== 'stays') return state === 'gone' ? 'free' : 'started';
  if (dissolve === undefined) return 'free';
  // What is killed is no task: from here on no late shim starts it.
  if (!(await fenceRun(runDirectory))) return 'started';
  await dissolve();
  for (let look = 0; look < PENDING_LOOKS; look += 1) {
    if (!(await isPending())) {
      await unfenceRun(runDirectory);
      return 'free';
    }
    await delay(pauseMs);
  }
  return 'stays';
}

/**
 * After a launch that came to nothing: whether no other one starts the task any more. Where that cannot be known for want of
 * files, it is tried for some seconds.
 */
export async function isFenced(earlier: EarlierLaunch): Promise<boolean> {
  for (let look = 0; ; look += 1) {
    try {
      return (await awaitEarlier(earlier)) !== 'started' && (await fenceRun(earlier.runDirectory));
    } catch (error) {
      if (FOR_NOBODY.includes(errorCode(error) ?? '') || look >= PENDING_LOOKS) return true;
      await delay(earlier.pauseMs ?? PENDING_PAUSE_MS);
    }
  }
}

/** It is given time to start the task, or to go. Of one that died while it was put into its scope, systemd may not see that. */
async function awaitEarlier(earlier: EarlierLaunch): Promise<'started' | 'gone' | 'stays'> {
  for (let look = 0; look < PENDING_LOOKS; look += 1) {
    if (await hasStarted(earlier.runDirectory)) return 'started';
    // A unit shows a moment after its name is taken, so one look is not enough to see none.
    if (look >= LEAST_LOOKS && !(await earlier.isPending())) return 'gone';
    await delay(earlier.pauseMs ?? PENDING_PAUSE_MS);
  }
  return 'stays';
}
