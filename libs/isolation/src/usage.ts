// Reads what tasks use from the files of their cgroups, v1 and v2: no process is started for it. Where the
// groups are, shim.sh recorded at the start of the task; what the task used in all, it records at the end.

import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { errorCode } from './file-failure.ts';

export type CgroupPaths = {
  readonly memoryGroup: string;
  readonly cpuGroup: string;
};

export type GroupUsage = {
  /** CPU time since the group was made. */
  readonly cpuNs: bigint;
  readonly memoryBytes: number;
  /** Undefined where the kernel does not keep it (v2 before 5.19). */
  readonly memoryPeakBytes: number | undefined;
};

/**
 * The usage of one group; undefined when it is gone, or was never there. `rootPath` leads to the files when the
 * reader is outside a private systemd (`PrivateSystemd.rootPath`).
 */
export async function readGroupUsage(
  groups: CgroupPaths,
  rootPath = '/',
): Promise<GroupUsage | undefined> {
  if (groups.memoryGroup === '' || groups.cpuGroup === '') return undefined;
  const memoryGroup = path.join(rootPath, groups.memoryGroup);
  const cpuGroup = path.join(rootPath, groups.cpuGroup);
  const cpuNs = await readCpuNs(cpuGroup);
  const memory =
    (await readNumber(memoryGroup, 'memory.current')) ??
    (await readNumber(memoryGroup, 'memory.usage_in_bytes'));
  if (cpuNs === undefined || memory === undefined) return undefined;
  const memoryPeakBytes =
    (await readNumber(memoryGroup, 'memory.peak')) ??
    (await readNumber(memoryGroup, 'memory.max_usage_in_bytes'));
  return { cpuNs, memoryBytes: memory, memoryPeakBytes };
}

/**
 * The groups of the slice that holds all slices of tasks: its usage is the sum over everything that runs in it,
 * and of what ran since the slice was made.
 */
export function sliceGroupsOf(task: CgroupPaths): CgroupPaths {
  return {
    memoryGroup: path.dirname(path.dirname(task.memoryGroup)),
    cpuGroup: path.dirname(path.dirname(task.cpuGroup)),
  };
}

/** Sums what lives now; peaks at different times do not add up, so the sum has none. */
export function sumUsage(usages: readonly GroupUsage[]): Pick<GroupUsage, 'cpuNs' | 'memoryBytes'> {
  return usages.reduce(
    (sum, usage) => ({
      cpuNs: sum.cpuNs + usage.cpuNs,
      memoryBytes: sum.memoryBytes + usage.memoryBytes,
    }),
    { cpuNs: 0n, memoryBytes: 0 },
  );
}

// v1 counts nanoseconds, v2 microseconds.
async function readCpuNs(group: string): Promise<bigint | undefined> {
  const nanoseconds = await readText(group, 'cpuacct.usage');
  if (nanoseconds !== undefined) return BigInt(nanoseconds.trim());
  const [, microseconds] =
    /^usage_usec (\d+)$/m.exec((await readText(group, 'cpu.stat')) ?? '') ?? [];
  return microseconds === undefined ? undefined : BigInt(microseconds) * 1000n;
}

async function readNumber(group: string, file: string): Promise<number | undefined> {
  const text = await readText(group, file);
  return text === undefined ? undefined : Number(text);
}

async function readText(group: string, file: string): Promise<string | undefined> {
  try {
    return await readFile(path.join(group, file), 'utf8');
  } catch (error) {
    // A group that goes while its open file is read answers ENODEV.
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENODEV') return undefined;
    throw error;
  }
}
