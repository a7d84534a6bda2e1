// Owns what processes use of the machine: CPU time and memory, from /proc (proc(5)).
import { readFileSync } from 'node:fs';

/** sysconf(_SC_CLK_TCK) of every Linux. */
const TICKS_PER_SECOND = 100;

export type Usage = {
  /** User and system, without children. */
  readonly cpuSeconds: number;
  readonly rssMib: number;
};

/** Of some processes together. Throws when one does not run. */
export function usageOfAll(pids: readonly number[]): Usage {
  let [cpuSeconds, rssMib] = [0, 0];
  for (const each of pids.map(usageOf)) {
    cpuSeconds += each.cpuSeconds;
    rssMib += each.rssMib;
  }
  return { cpuSeconds, rssMib };
}

function usageOf(pid: number): Usage {
  const status = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = status.slice(status.lastIndexOf(') ') + 2).split(' ');
  const ticks = Number(fields[11]) + Number(fields[12]);
  const memory = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return { cpuSeconds: ticks / TICKS_PER_SECOND, rssMib: Number(memory) / 1024 };
}

export type UsageShare = { readonly cpuPercent: number; readonly rssMib: number };

/** Of one core, between two looks. */
export function shareBetween(before: Usage, after: Usage, seconds: number): UsageShare {
  const cpuPercent = ((after.cpuSeconds - before.cpuSeconds) / seconds) * 100;
  return { cpuPercent, rssMib: after.rssMib };
}
