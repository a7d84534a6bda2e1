// Names one process of this boot by pid and start time, so that a reused pid is never taken for it, and the boot itself,
// as both may come again after the next one. Reads /proc only.

import { readFile } from 'node:fs/promises';
import { errorCode } from './file-failure.ts';

export type ProcessIdentity = {
  readonly pid: number;
  /** Field 22 of /proc/PID/stat, in clock ticks since boot. */
  readonly startTicks: string;
};

export async function identifyProcess(pid: number): Promise<ProcessIdentity | undefined> {
  const stat = await readStat(pid);
  return stat === undefined ? undefined : parseStat(stat)?.identity;
}

/** A zombie does not count: it runs nothing any more. */
export async function isProcessAlive(identity: ProcessIdentity): Promise<boolean> {
  const stat = await readStat(identity.pid);
  const found = stat === undefined ? undefined : parseStat(stat);
  if (found === undefined || found.state === 'Z' || found.state === 'X') return false;
  return found.identity.startTicks === identity.startTicks;
}

/** A line of /proc/PID/stat; the name in parentheses may itself contain spaces and parentheses. */
export function parseStat(
  line: string,
): { readonly identity: ProcessIdentity; readonly state: string } | undefined {
  const fields = line.slice(line.lastIndexOf(')') + 2).split(' ');
  const [state] = fields;
  const startTicks = fields[19];
  const pid = Number.parseInt(line, 10);
  if (state === undefined || startTicks === undefined || Number.isNaN(pid)) return undefined;
  return { identity: { pid, startTicks }, state };
}

/** Of the host, other after each boot. */
export async function readBootId(): Promise<string> {
  return (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
}

async function readStat(pid: number): Promise<string | undefined> {
  try {
    return await readFile(`/proc/${pid}/stat`, 'utf8');
  } catch (error) {
    const code = errorCode(error);
    if (code === 'ENOENT' || code === 'ESRCH') return undefined;
    throw error;
  }
}
