// Reads what tasks use from the files of their cgroups, v1 and v2: no process is started for it. Where the
// groups are, shim.sh recorded at the start of the task; what the task used in all, it records at the end.
// How the files are read is in counter-file.ts.

import { existsSync } from 'node:fs';
import path from 'node:path';
import { CounterFile } from './counter-file.ts';

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
  /** Requests to block devices. */
  readonly ioReadOperations: number | undefined;
  readonly ioWriteOperations: number | undefined;
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
  const all = usage && { ...usage, ...reader.readDetails() };
  reader.close();
  return all;
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
 * in v1 and count CPU time in v2. `close` it: it keeps files open.
 */
export class GroupReader {
  readonly #memory: string;
  readonly #cpu: string;
  readonly #isThere: boolean;
  readonly #memoryVersion: Version;
  readonly #cpuVersion: Version;
  #lastRead: GroupUsage | undefined;
  #kept: KeptDetails | undefined;
  /** By their paths; undefined: the host does not have it. */
  readonly #files = new Map<string, CounterFile | undefined>();

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
    const memoryBytes = this.#file(this.#memory, MEMORY_NOW[this.#memoryVersion])?.number();
    if (memoryBytes === undefined) return undefined;
    this.#lastRead = { cpuNs, memoryBytes };
    return this.#lastRead;
  }

  /**
   * What is worth reading only while somebody looks. Those of the look before stand as long as `read` finds neither CPU
   * time nor memory changed since: who starts, ends, reads or writes runs for it. What the kernel does for a group
   * without that (writing its cache out, which v2 counts) is seen with the look after `KEPT_LOOKS` others at the latest.
   */
  readDetails(): GroupDetails {
    const now = this.#lastRead;
    const kept = this.#kept;
    if (now && kept && kept.looks < KEPT_LOOKS && isSame(now, kept.usage)) {
      kept.looks += 1;
      return kept.details;
    }
    const details = this.#readDetails();
    // The usage was read before: what changes in between shows in the next one.
    this.#kept = now && { usage: now, details, looks: 0 };
    return details;
  }

  #readDetails(): GroupDetails {
    const isV2 = this.#memoryVersion === 'v2';
    const memoryPeakBytes = this.#number(this.#memory, MEMORY_PEAK[this.#memoryVersion]);
    const pids = this.#number(this.#groupOf('pids'), 'pids.current');
    const cpuStat = this.#text(isV2 ? this.#cpu : this.#groupOf('cpu'), 'cpu.stat');
    return {
      memoryPeakBytes,
      pids,
      throttledUs: throttledIn(cpuStat),
      ...(isV2 ? this.#ioOfV2() : this.#ioOfV1()),
    };
  }

  close(): void {
    for (const file of this.#files.values()) file?.close();
    this.#files.clear();
  }

  // v1 counts nanoseconds, v2 microseconds.
  #cpuNs(): bigint | undefined {
    const text = this.#file(this.#cpu, CPU[this.#cpuVersion])?.text();
    if (text === undefined) return undefined;
    if (text === '') return undefined;
    if (this.#cpuVersion === 'v1') return BigInt(text);
    const microseconds = fieldIn(text, 'usage_usec');
    return microseconds === undefined ? undefined : BigInt(microseconds) * 1000n;
  }

  /** Lines `8:0 rbytes=1 wbytes=2 rios=3 wios=4 ...` (Documentation/admin-guide/cgroup-v2.rst). */
  #ioOfV2(): InputOutput {
    const text = this.#text(this.#memory, 'io.stat');
    return {
      ioReadBytes: sumAfter(text, ' rbytes='),
      ioWriteBytes: sumAfter(text, ' wbytes='),
      ioReadOperations: sumAfter(text, ' rios='),
      ioWriteOperations: sumAfter(text, ' wios='),
    };
  }

  /** Lines `8:0 Read 1` (Documentation/admin-guide/cgroup-v1/blkio-controller.rst). */
  #ioOfV1(): InputOutput {
    const group = this.#groupOf('blkio');
    const bytes = this.#text(group, 'blkio.throttle.io_service_bytes');
    const operations = this.#text(group, 'blkio.throttle.io_serviced');
    return {
      ioReadBytes: sumAfter(bytes, ' Read '),
      ioWriteBytes: sumAfter(bytes, ' Write '),
      ioReadOperations: sumAfter(operations, ' Read '),
      ioWriteOperations: sumAfter(operations, ' Write '),
    };
  }

  /** The group of the same scope in another hierarchy of v1. */
  #groupOf(controller: string): string {
    return this.#memoryVersion === 'v2'
      ? this.#memory
      : this.#memory.replace('/memory/', `/${controller}/`);
  }

  #file(group: string, name: string): CounterFile | undefined {
    const file = `${group}/${name}`;
    if (!this.#files.has(file)) this.#files.set(file, new CounterFile(file));
    return this.#files.get(file);
  }

  #text(group: string, name: string): string | undefined {
    const text = this.#file(group, name)?.text();
    if (text === undefined) this.#files.set(`${group}/${name}`, undefined);
    return text;
  }

  #number(group: string, name: string): number | undefined {
    const number = this.#file(group, name)?.number();
    if (number === undefined) this.#files.set(`${group}/${name}`, undefined);
    return number;
  }
}

/** Details, the usage that was read just before them, and how often they were told again. */
type KeptDetails = {
  readonly usage: GroupUsage;
  readonly details: GroupDetails;
  looks: number;
};

/** At five seconds from look to look: nothing is older than half a minute. */
const KEPT_LOOKS = 5;

const isSame = (one: GroupUsage, other: GroupUsage): boolean =>
  one.cpuNs === other.cpuNs && one.memoryBytes === other.memoryBytes;

type InputOutput = Pick<
  GroupDetails,
  'ioReadBytes' | 'ioWriteBytes' | 'ioReadOperations' | 'ioWriteOperations'
>;

/** The digits of a line `name 123`. */
function fieldIn(text: string, name: string): string | undefined {
  const isFirst = text.startsWith(`${name} `);
  const line = isFirst ? 0 : text.indexOf(`\n${name} `) + 1;
  if (!isFirst && line === 0) return undefined;
  const from = line + name.length + 1;
  const to = text.indexOf('\n', from);
  return text.slice(from, to === -1 ? undefined : to);
}

/** `cpu.stat`: nanoseconds in v1, microseconds in v2. */
function throttledIn(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const microseconds = fieldIn(text, 'throttled_usec');
  if (microseconds !== undefined) return Number(microseconds);
  const nanoseconds = fieldIn(text, 'throttled_time');
  return nanoseconds === undefined ? undefined : Math.round(Number(nanoseconds) / 1000);
}

/** Of the numbers that follow the mark. */
function sumAfter(text: string | undefined, mark: string): number | undefined {
  if (text === undefined) return undefined;
  let sum = 0;
  for (let at = text.indexOf(mark); at !== -1; at = text.indexOf(mark, at + 1)) {
    sum += Number.parseInt(text.slice(at + mark.length, at + mark.length + DIGITS), 10);
  }
  return sum;
}

/** Of the largest counter of 64 bits. */
const DIGITS = 20;
