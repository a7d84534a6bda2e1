// How a task ended, read from its run directory: the meaning of what shim.sh recorded. Whether a task that has
// recorded nothing still runs is for the caller's launcher to say.

import { constants } from 'node:os';
import path from 'node:path';
import { type ExitRecord, hasStarted, readExitRecord } from './run-directory.ts';

/** What the kernel counted over the task's life; undefined where the host does not count it. */
export type FinalUsage = {
  readonly cpuNs: bigint | undefined;
  readonly memoryPeakBytes: number | undefined;
};

export type EndedOutcome =
  | { readonly state: 'exited'; readonly code: number; readonly usage: FinalUsage }
  | { readonly state: 'signaled'; readonly signal: string; readonly usage: FinalUsage }
  | {
      /** The kernel killed a process of the task at its memory limit, and the task failed. */
      readonly state: 'memoryLimit';
      readonly limitMib: number | undefined;
      readonly peakMib: number | undefined;
      readonly usage: FinalUsage;
    };

export type TaskOutcome =
  | { readonly state: 'notStarted' }
  | { readonly state: 'running' }
  | EndedOutcome
  /** It started, nothing of it lives, and nobody saw how it ended (a killed scope, a host that went down). */
  | { readonly state: 'unknown' };

const MIB = 1024 * 1024;
// Reversed, so that of two names for a number the first stays (SIGABRT, not SIGIOT).
const SIGNALS = new Map(
  Object.entries(constants.signals)
    .reverse()
    .map(([name, number]) => [number, name]),
);

/**
 * `isAlive` is asked only about a task that started and recorded no end. Rejects when a file cannot be read.
 */
export async function readOutcome(
  runDirectory: string,
  isAlive: (unit: string) => Promise<boolean>,
): Promise<TaskOutcome> {
  const before = await readExitRecord(runDirectory);
  if (before !== undefined) return outcomeOf(before);
  if (!(await hasStarted(runDirectory))) return { state: 'notStarted' };
  if (await isAlive(path.basename(runDirectory))) return { state: 'running' };
  // It may have ended between the two looks; the record is complete before the scope goes.
  const after = await readExitRecord(runDirectory);
  return after === undefined ? { state: 'unknown' } : outcomeOf(after);
}

export function outcomeOf(record: ExitRecord): EndedOutcome {
  const { status, oomKills, peakBytes, limitBytes, cpuNs } = record;
  const usage = { cpuNs, memoryPeakBytes: peakBytes };
  // A task that outlived the death of one of its processes and says 0 has finished.
  if (oomKills > 0 && status !== 0) {
    return { state: 'memoryLimit', limitMib: toMib(limitBytes), peakMib: toMib(peakBytes), usage };
  }
  // A shell's convention, which a command that exits with 128 + n by itself follows too (POSIX, `$?`).
  const signal = SIGNALS.get(status - 128);
  if (signal !== undefined) return { state: 'signaled', signal, usage };
  return { state: 'exited', code: status, usage };
}

function toMib(bytes: number | undefined): number | undefined {
  return bytes === undefined ? undefined : Math.ceil(bytes / MIB);
}
