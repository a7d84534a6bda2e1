// How a task ended, read from its run directory: the meaning of what shim.sh recorded. Whether a task that has
// recorded nothing still runs is for the caller's launcher to say.

import { constants } from 'node:os';
import path from 'node:path';
import { readBootId } from './process-identity.ts';
import { type ExitRecord, hasStarted, readBootOfRun, readExitRecord } from './run-directory.ts';
import { memoryDeath, metPidsLimit, type PidsLimit } from './scope-events.ts';

/** What the kernel counted over the task's life; undefined where the host does not count it. */
export type FinalUsage = {
  readonly cpuNs: bigint | undefined;
  readonly memoryPeakBytes: number | undefined;
};

/** Why a program could not be started, as check-start.sh and run-task.sh name it. */
export const START_FAULTS = [
  'commandNotFound',
  'commandNotPermitted',
  'userNotFound',
  'sandboxUnavailable',
  'notConfined',
  'memoryForStart',
] as const;
export type StartFault = (typeof START_FAULTS)[number];

/** `pids`: it met its limit on processes and threads, which may be why. */
type Exited = { readonly state: 'exited'; readonly code: number; readonly pids?: PidsLimit };
type Signaled = { readonly state: 'signaled'; readonly signal: string; readonly pids?: PidsLimit };
/**
 * The kernel killed a process of the task for want of memory, and the task failed: at its own limit (`memoryLimit`), or
 * below it, since the host had none left (`hostMemory`).
 */
type MemoryDeath = {
  readonly state: 'memoryLimit' | 'hostMemory';
  readonly limitMib: number | undefined;
  readonly peakMib: number | undefined;
};
/** Nothing of its program ran. */
type NotStartable = { readonly state: 'couldNotStart'; readonly fault: StartFault };

export type EndedOutcome = { readonly usage: FinalUsage } & (
  | Exited
  | Signaled
  | MemoryDeath
  | NotStartable
);

export type TaskOutcome =
  | { readonly state: 'notStarted' }
  | { readonly state: 'running' }
  | EndedOutcome
  /**
   * It started, nothing of it lives, and nobody saw how it ended: a killed scope, or (`hostRebooted`) a host that went down
   * with it.
   */
  | { readonly state: 'unknown'; readonly hostRebooted?: true };

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
  if (after !== undefined) return outcomeOf(after);
  const launchedIn = await readBootOfRun(runDirectory);
  const hostRebooted = launchedIn !== undefined && launchedIn !== (await readBootId());
  return { state: 'unknown', ...(hostRebooted && { hostRebooted }) };
}

export function outcomeOf(record: ExitRecord): EndedOutcome {
  const { status, couldNotStart, counters, cpuNs } = record;
  const { peakBytes, limitBytes } = counters;
  const usage = { cpuNs, memoryPeakBytes: peakBytes };
  const fault = START_FAULTS.find((one) => one === couldNotStart);
  if (fault !== undefined) return { state: 'couldNotStart', fault, usage };
  // A task that outlived the death of one of its processes, or the refusal of another, and says 0 has finished.
  if (status === 0) return { state: 'exited', code: 0, usage };
  const death = memoryDeath(counters);
  if (death !== undefined) {
    const state = death === 'limit' ? 'memoryLimit' : 'hostMemory';
    return { state, limitMib: toMib(limitBytes), peakMib: toMib(peakBytes), usage };
  }
  const met = metPidsLimit(counters);
  const pids = met && { pids: met };
  // A shell's convention, which a command that exits with 128 + n by itself follows too (POSIX, `$?`).
  const signal = SIGNALS.get(status - 128);
  if (signal !== undefined) return { state: 'signaled', signal, ...pids, usage };
  return { state: 'exited', code: status, ...pids, usage };
}

function toMib(bytes: number | undefined): number | undefined {
  return bytes === undefined ? undefined : Math.ceil(bytes / MIB);
}
