// Tells an agent within milliseconds that a task ended, whoever its parent was: the shim leaves a marker in one
// shared directory, which is watched; a sweep finds what ended without one. How it ended is in exit-status.ts.

import { existsSync, watch } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { createRunRoot, endedDirectoryOf } from './run-directory.ts';

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

export type ExitWatch = { close(): void };

/** Rejects when the directory of markers cannot be made or watched. */
export async function watchExits(options: WatchExitsOptions): Promise<ExitWatch> {
  const { runRoot, expected, listLive, onEnded, onError } = options;
  const directory = endedDirectoryOf(runRoot);
  await createRunRoot(runRoot);
  const handling = new Set<string>();
  let sweeping = false;

  async function report(unit: string): Promise<void> {
    if (handling.has(unit)) return;
    handling.add(unit);
    try {
      await onEnded(unit);
      await rm(path.join(directory, unit), { force: true });
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

  const watcher = watch(directory, (event, unit) => {
    // Removing a marker shows as `rename` too; reporting twice is allowed, but asking the disk is cheaper.
    if (event === 'rename' && unit !== null) void reportIfMarked(unit);
  });
  async function reportIfMarked(unit: string): Promise<void> {
    if (existsSync(path.join(directory, unit))) await report(unit);
  }
  watcher.on('error', onError);
  const timer = setInterval(() => void sweep(), options.sweepIntervalMs);
  void sweep();

  return {
    close(): void {
      clearInterval(timer);
      watcher.close();
    },
  };
}
