// Decides by which systemd properties a task's limits are kept, on cgroup v2 and on v1: pure. How they are asked for is the
// launchers'; both take them from here, so a task has the same limits whichever started it.
// Sources: systemd.resource-control(5), and its 252, which on v1 ignores what v1 has no file for.

import type { CgroupLayout } from './cgroup-mounts.ts';
import type { DBusProperty } from './dbus-wire.ts';
import type { TaskLimits } from './launcher.ts';

/** Where the controllers are: `hybrid` has them in v1 hierarchies. */
export type CgroupMode = 'v1' | 'v2';

/** A value as systemd takes it over its socket; undefined is "no limit" or "none". */
export type UnitProperty = { readonly name: PropertyName; readonly value: bigint | undefined };
type PropertyName =
  | 'CPUWeight'
  | 'CPUShares'
  | 'CPUQuotaPerSecUSec'
  | 'MemoryLow'
  | 'MemoryMax'
  | 'MemoryLimit'
  | 'MemorySwapMax'
  | 'TasksMax'
  | 'IOWeight'
  | 'BlockIOWeight';

/** What is requested in a scope or slice. What a slice weighs beside others than slices of tasks is not ours to say. */
export type SliceShare = { readonly cpuMillis: number | undefined; readonly memoryMib: number };

const MIB = 1024n * 1024n;
const US_PER_CPU_MILLI = 1000n;
/** The type of the properties could carry twice as much, whose largest value means no limit. */
const MAX_BYTES = 2n ** 63n - 1n;
const INFINITY = 2n ** 64n - 1n;
/** The shim that waits for the task is in the scope too, and the two of what confines it. */
export const SHIM_PROCESSES = 3;

/** systemd's default weight is 100, here that of one whole CPU; the kernel takes 1 to 10,000. */
const WEIGHT = { perCpu: 100, least: 1, most: 10_000 };
/** The same on v1, where the default is 1024 (cpu.shares). */
const SHARES = { perCpu: 1024, least: 2, most: 262_144 };

export function cgroupModeOf(layout: CgroupLayout): CgroupMode {
  return layout === 'unified' ? 'v2' : 'v1';
}

/** What a scope has from its beginning, and what `setLimits` changes. Throws a RangeError when an amount is too large. */
export function limitProperties(limits: TaskLimits, mode: CgroupMode): UnitProperty[] {
  const { cpuLimitMillis, memoryMib, memoryLimitMib = memoryMib, pidsMax } = limits;
  const memory = memoryLimitMib === 'infinity' ? undefined : bytesOf(memoryLimitMib);
  return [
    cpuShareOf(shareMillisOf(limits), mode),
    {
      name: 'CPUQuotaPerSecUSec',
      value: cpuLimitMillis === undefined ? undefined : BigInt(cpuLimitMillis) * US_PER_CPU_MILLI,
    },
    ...(mode === 'v1'
      ? [property('MemoryLimit', memory)]
      : [property('MemoryLow', bytesOf(memoryMib)), property('MemoryMax', memory)]),
    ...(pidsMax === undefined ? [] : [property('TasksMax', BigInt(pidsMax + SHIM_PROCESSES))]),
    ...(limits.isBestEffort ? [leastInputOutput(mode)] : []),
  ];
}

/** What a scope has besides for its whole life. On v1 no property keeps a task from swapping: its shim does. */
export function fixedProperties(mode: CgroupMode): UnitProperty[] {
  return mode === 'v1' ? [] : [property('MemorySwapMax', 0n)];
}

/** Of a slice, for what is in it together: CPU time and protected memory pass to it through the slice. */
export function sliceProperties(
  { cpuMillis, memoryMib }: SliceShare,
  mode: CgroupMode,
): UnitProperty[] {
  return [
    ...(cpuMillis === undefined ? [] : [cpuShareOf(cpuMillis, mode)]),
    ...(mode === 'v1' ? [] : [property('MemoryLow', bytesOf(memoryMib))]),
  ];
}

/** What weighs in the division of CPU time, in thousandths of a CPU: next to nothing for best effort. */
export function shareMillisOf({
  cpuMillis,
  isBestEffort,
}: Pick<TaskLimits, 'cpuMillis' | 'isBestEffort'>): number {
  return isBestEffort ? 1 : cpuMillis;
}

/** What was requested of a unit that has this share of CPU time. */
export function millisOfShare(share: number, mode: CgroupMode): number {
  const { perCpu } = mode === 'v1' ? SHARES : WEIGHT;
  return Math.round((share * 1000) / perCpu);
}

/** As `StartTransientUnit` and `SetUnitProperties` take it. */
export function toWire({ name, value = INFINITY }: UnitProperty): DBusProperty {
  return [name, { type: 't', value }];
}

/** As `systemd-run -p` and `systemctl set-property` take it. */
export function toArgument({ name, value }: UnitProperty): string {
  if (name === 'CPUQuotaPerSecUSec') {
    return value === undefined ? 'CPUQuota=' : `CPUQuota=${Number(value) / 10_000}%`;
  }
  return `${name}=${value ?? 'infinity'}`;
}

function property(name: PropertyName, value: bigint | undefined): UnitProperty {
  return { name, value };
}

function cpuShareOf(cpuMillis: number, mode: CgroupMode): UnitProperty {
  const { perCpu, least, most } = mode === 'v1' ? SHARES : WEIGHT;
  const share = Math.min(most, Math.max(least, Math.round((cpuMillis * perCpu) / 1000)));
  return property(mode === 'v1' ? 'CPUShares' : 'CPUWeight', BigInt(share));
}

/** Only where its devices have a scheduler that weighs. */
function leastInputOutput(mode: CgroupMode): UnitProperty {
  return mode === 'v1' ? property('BlockIOWeight', 10n) : property('IOWeight', 1n);
}

function bytesOf(mib: number): bigint {
  const bytes = BigInt(mib) * MIB;
  if (bytes > MAX_BYTES) throw new RangeError(`a memory limit of ${mib} MiB is out of range`);
  return bytes;
}
