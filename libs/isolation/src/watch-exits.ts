// Tells an agent within milliseconds that a task ended, whoever its parent was: the shim leaves a marker in one
// shared directory, which is watched; a sweep finds what ended without one. How it ended is in exit-status.ts.

import { existsSync, watch } from 'node:fs';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { clearEnded, clearUnfinished, createRunRoot, endedDirectoryOf } from './run-directory.ts';

export type WatchExitsOptions = {
  readonly runRoot: string;
  /** Units whose launch was answered and whose end has not been handled. */
  readonly expected: () => Iterable<string>;
  /** Units that have a process (`TaskLauncher.list`). */
  readonly listLive: () => Promise<ReadonlySet<string>>;
  readonly sweepIntervalMs: number;
  /**
   * Called at least once for each unit that ended, so it must bear a repetition; markers left from before the
   * watch began are reported too. The marker goes once the callback has resolved; when it rejects it stays, and
   * the next sweep calls again.
   */
  readonly onEnded: (unit: string) => void | Promise<void>;
  /** What went wrong with a look or with `onEnded`; the watch goes on. */
  readonly onError: (error: unknown) => void;
};

export type ExitWatch = {
  /**
   * Looks at one unit now, for a second at most: for a caller that saw its process end or killed it, since a
   * killed shim leaves no marker. Reports the unit like a sweep does.
   */
  check(unit: string): Promise<void>;
  close(): void;
};

const CHECK_LOOKS = 20;
const CHECK_PAUSE_MS = 50;

/** Rejects when the directory of markers cannot be made or watched. */
export async function watchExits(options: WatchExitsOptions): Promise<ExitWatch> {
  const { runRoot, expected, listLive, onEnded, onError } = options;
  const directory = endedDirectoryOf(runRoot);
  await createRunRoot(runRoot);
  await clearUnfinished(runRoot);
  const handling = new Set<string>();
  let sweeping = false;

  async function report(unit: string): Promise<void> {
    if (handling.has(unit)) return;
    handling.add(unit);
    try {
      await onEnded(unit);
      await clearEnded(runRoot, unit);
    } catch (error) {
      onError(error);
    } finally {
      handling.delete(unit);
    }
  }

  async function sweep(): Promise<void> {
    if (sweeping) return;
    sweeping = true;
    try {
      await Promise.all((await readdir(directory)).map(report));
      // What was expected before the list was made and is not in it has ended.
      const awaited = [...expected()];
      if (awaited.length === 0) return;
      const live = await listLive();
      await Promise.all(awaited.filter((unit) => !live.has(unit)).map(report));
    } catch (error) {
      onError(error);
    } finally {
      sweeping = false;
    }
  }

  async function check(unit: string): Promise<void> {
    try {
      for (let look = 0; look < CHECK_LOOKS; look += 1) {
        if (handling.has(unit) || ![...expected()].includes(unit)) return;
        if (existsSync(path.join(directory, unit)) || !(await listLive()).has(unit)) {
          return await report(unit);
        }
        await delay(CHECK_PAUSE_MS);
      }
    } catch (error) {
      onError(error);
    }
  }

  const watcher = watch(directory, (event, unit) => {
    // Removing a marker shows as `rename` too.
    if (event !== 'rename' || unit === null) return;
    if (existsSync(path.join(directory, unit))) void report(unit);
  });
  watcher.on('error', onError);
  const timer = setInterval(() => void sweep(), options.sweepIntervalMs);
  void sweep();

  return {
    check,
    close(): void {
      clearInterval(timer);
      watcher.close();
    },
  };
}
