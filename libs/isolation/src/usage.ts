// Reads what tasks use from the files of their cgroups, v1 and v2: no process is started for it. Where the
// groups are, shim.sh recorded at the start of the task; what the task used in all, it records at the end.
//
// The reads are synchronous: the kernel answers each from memory in some microseconds, and an asynchronous one costs
// a multiple of that. Whoever reads many groups yields between them (usage-sampling.ts of the agent).

import { closeSync, existsSync, openSync, readSync } from 'node:fs';
import path from 'node:path';
import { errorCode } from './file-failure.ts';

export type CgroupPaths = {
  readonly memoryGroup: string;
  readonly cpuGroup: string;
};

/** Counted from the making of the group on, but for memory and processes, which are those of now. */
export type GroupUsage = {
  readonly cpuNs: bigint;
  readonly memoryBytes: number;
};

/** Undefined: the host does not count it for this group. */
export type GroupDetails = {
  /** V2 keeps it from Linux 5.19 on. */
  readonly memoryPeakBytes: number | undefined;
  /** Processes and threads. */
  readonly pids: number | undefined;
  /** How long it was kept from running by its CPU quota, summed over the CPUs. */
  readonly throttledUs: number | undefined;
  readonly ioReadBytes: number | undefined;
  readonly ioWriteBytes: number | undefined;
};

/**
 * The usage of one group; undefined when it is gone, or was never there. `rootPath` leads to the files when the
 * reader is outside a private systemd (`PrivateSystemd.rootPath`).
 */
export function readGroupUsage(
  groups: CgroupPaths,
  rootPath = '/',
): (GroupUsage & GroupDetails) | undefined {
  const reader = new GroupReader(groups, rootPath);
  const usage = reader.read();
  return usage && { ...usage, ...reader.readDetails() };
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

/** Files of v1 and v2 with the same number in them, told apart by which is there. */
const MEMORY_NOW = { v1: 'memory.usage_in_bytes', v2: 'memory.current' };
const MEMORY_PEAK = { v1: 'memory.max_usage_in_bytes', v2: 'memory.peak' };
const CPU = { v1: 'cpuacct.usage', v2: 'cpu.stat' };
type Version = keyof typeof CPU;

/**
 * Reads one group again and again; asks no more for a file that the host does not have. A hybrid host may limit memory
 * in v1 and count CPU time in v2.
 */
export class GroupReader {
  readonly #memory: string;
  readonly #cpu: string;
  readonly #isThere: boolean;
  readonly #memoryVersion: Version;
  readonly #cpuVersion: Version;
  readonly #absent = new Set<string>();

  constructor({ memoryGroup, cpuGroup }: CgroupPaths, rootPath = '/') {
    this.#isThere = memoryGroup !== '' && cpuGroup !== '';
    this.#memory = path.join(rootPath, memoryGroup);
    this.#memoryVersion = existsSync(`${this.#memory}/${MEMORY_NOW.v1}`) ? 'v1' : 'v2';
    // Where v1 counts as well it is the cheaper one: for v2's `cpu.stat` the kernel first sums up over its CPUs.
    const own = path.join(rootPath, cpuGroup);
    const candidates = [own, this.#groupOf('cpuacct')];
    const inV1 = candidates.find((group) => existsSync(`${group}/${CPU.v1}`));
    this.#cpu = inV1 ?? own;
    this.#cpuVersion = inV1 === undefined ? 'v2' : 'v1';
  }

  /** Undefined when the group is gone, or was never there. */
  read(): GroupUsage | undefined {
    if (!this.#isThere) return undefined;
    const cpuNs = this.#cpuNs();
    if (cpuNs === undefined) return undefined;
    const memoryBytes = numberIn(readText(`${this.#memory}/${MEMORY_NOW[this.#memoryVersion]}`));
    if (memoryBytes === undefined) return undefined;
    return { cpuNs, memoryBytes };
  }

  /** What is worth reading only while somebody looks. */
  readDetails(): GroupDetails {
    const isV2 = this.#memoryVersion === 'v2';
    const peak = this.#optional(this.#memory, MEMORY_PEAK[this.#memoryVersion]);
    const pids = numberIn(this.#optional(this.#groupOf('pids'), 'pids.current'));
    const io = isV2
      ? ioOfV2(this.#optional(this.#memory, 'io.stat'))
      : ioOfV1(this.#optional(this.#groupOf('blkio'), 'blkio.throttle.io_service_bytes'));
    const cpuStat = this.#optional(isV2 ? this.#cpu : this.#groupOf('cpu'), 'cpu.stat');
    return { memoryPeakBytes: numberIn(peak), pids, throttledUs: throttledIn(cpuStat), ...io };
  }

  // v1 counts nanoseconds, v2 microseconds.
  #cpuNs(): bigint | undefined {
    const text = readText(`${this.#cpu}/${CPU[this.#cpuVersion]}`);
    if (text === undefined) return undefined;
    if (this.#cpuVersion === 'v1') return BigInt(text.trim());
    const microseconds = fieldIn(text, 'usage_usec');
    return microseconds === undefined ? undefined : BigInt(microseconds) * 1000n;
  }

  /** The group of the same scope in another hierarchy of v1. */
  #groupOf(controller: string): string {
    return this.#memoryVersion === 'v2'
      ? this.#memory
      : this.#memory.replace('/memory/', `/${controller}/`);
  }

  #optional(group: string, file: string): string | undefined {
    if (this.#absent.has(file)) return undefined;
    const text = readText(`${group}/${file}`);
    if (text === undefined) this.#absent.add(file);
    return text;
  }
}

function numberIn(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Number(text);
}

function fieldIn(text: string | undefined, name: string): string | undefined {
  return text === undefined ? undefined : new RegExp(`^${name} (\\d+)$`, 'm').exec(text)?.[1];
}

/** `cpu.stat`: nanoseconds in v1, microseconds in v2. */
function throttledIn(text: string | undefined): number | undefined {
  const microseconds = fieldIn(text, 'throttled_usec');
  if (microseconds !== undefined) return Number(microseconds);
  const nanoseconds = fieldIn(text, 'throttled_time');
  return nanoseconds === undefined ? undefined : Math.round(Number(nanoseconds) / 1000);
}

type IoBytes = Pick<GroupDetails, 'ioReadBytes' | 'ioWriteBytes'>;
const NO_IO: IoBytes = { ioReadBytes: undefined, ioWriteBytes: undefined };

/** Lines `8:0 rbytes=1 wbytes=2 ...` (Documentation/admin-guide/cgroup-v2.rst). */
function ioOfV2(text: string | undefined): IoBytes {
  if (text === undefined) return NO_IO;
  return {
    ioReadBytes: sumOf(text, /\brbytes=(\d+)/g),
    ioWriteBytes: sumOf(text, /\bwbytes=(\d+)/g),
  };
}

/** Lines `8:0 Read 1` (Documentation/admin-guide/cgroup-v1/blkio-controller.rst). */
function ioOfV1(text: string | undefined): IoBytes {
  if (text === undefined) return NO_IO;
  return {
    ioReadBytes: sumOf(text, /^\d+:\d+ Read (\d+)$/gm),
    ioWriteBytes: sumOf(text, /^\d+:\d+ Write (\d+)$/gm),
  };
}

function sumOf(text: string, pattern: RegExp): number {
  let sum = 0;
  for (const [, amount] of text.matchAll(pattern)) sum += Number(amount);
  return sum;
}

/** The kernel breaks a read off no earlier than a page less one line: what is shorter was all. */
const WHOLE_BYTES = 2048;
const buffer = Buffer.allocUnsafe(64 * 1024);

/** Undefined when the file is not there. */
function readText(file: string): string | undefined {
  let opened: number | undefined;
  try {
    opened = openSync(file, 'r');
    let length = 0;
    for (;;) {
      const read = readSync(opened, buffer, length, buffer.length - length, null);
      length += read;
      if (read < WHOLE_BYTES || length === buffer.length)
        return buffer.toString('latin1', 0, length);
    }
  } catch (error) {
    // A group that goes while its open file is read answers ENODEV.
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENODEV') return undefined;
    throw error;
  } finally {
    if (opened !== undefined) closeSync(opened);
  }
}
