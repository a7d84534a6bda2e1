// Decides by which systemd properties a task's limits are kept, on cgroup v2 and on v1: pure. How they are asked for is the
// launchers'; both take them from here, so a task has the same limits whichever started it.
// Sources: systemd.resource-control(5), and its 252, which on v1 ignores what v1 has no file for.

import type { CgroupLayout } from './cgroup-mounts.ts';
import type { Confinement } from './confinement.ts';
import { cpuMask, formatCpuList } from './cpu-list.ts';
import type { DBusProperty } from './dbus-wire.ts';
import { type DeviceLimit, deviceLimits, type IoHost, ioFault, ioWeight } from './io-limits.ts';
import type { LaunchRequest, TaskLimits } from './launcher.ts';

/** Where the controllers are: `hybrid` has them in v1 hierarchies. */
export type CgroupMode = 'v1' | 'v2';

/** A value as systemd takes it over its socket; undefined is "no limit" or "none". */
type AmountProperty = { readonly name: AmountName; readonly value: bigint | undefined };
type CpusProperty = { readonly name: 'AllowedCPUs'; readonly cpus: readonly number[] };
/** `closed`: what every program needs (null, zero, full, random, urandom, tty, ptmx, pts), and what is allowed. */
type DeviceProperty =
  | { readonly name: 'DevicePolicy'; readonly policy: 'closed' }
  | { readonly name: 'DeviceAllow'; readonly node: string };
/** That bytes and requests are counted for the scope; systemd leaves it where it has no controller for it. */
type AccountingProperty = {
  readonly name: 'IOAccounting' | 'BlockIOAccounting';
  readonly isOn: true;
};
export type UnitProperty =
  | AccountingProperty
  | AmountProperty
  | CpusProperty
  | DeviceLimit
  | DeviceProperty;
type AmountName =
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

/** What limits are kept by on a host. */
export type LimitsHost = { readonly cgroupMode: CgroupMode; readonly io: IoHost };

/** What is requested in a scope or slice. What a slice weighs beside others than slices of tasks is not ours to say. */
export type SliceShare = { readonly cpuMillis: number | undefined; readonly memoryMib: number };

const MIB = 1024n * 1024n;
const US_PER_CPU_MILLI = 1000n;
/** The type of the properties could carry twice as much, whose largest value means no limit. */
const MAX_BYTES = 2n ** 63n - 1n;
/** Of a device: not to make nodes of it. */
const RIGHTS = 'rw';
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
export function limitProperties(limits: TaskLimits, mode: CgroupMode): AmountProperty[] {
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

/** All that a scope is started with. */
export function launchProperties(
  { limits, pinned, confinement }: Pick<LaunchRequest, 'limits' | 'pinned' | 'confinement'>,
  host: LimitsHost,
): UnitProperty[] {
  const { cgroupMode } = host;
  return [
    ...limitProperties(limits, cgroupMode),
    ...(limits.io === undefined ? [] : ioProperties(limits, host)),
    ...(pinned === undefined || cgroupMode === 'v1'
      ? []
      : [{ name: 'AllowedCPUs', cpus: pinned.cpus } as const]),
    ...(confinement === undefined ? [] : deviceProperties(confinement)),
    ...fixedProperties(cgroupMode),
    // On v1 systemd passes over every `BlockIO` limit of a unit that has any `IO` property.
    { name: cgroupMode === 'v1' ? 'BlockIOAccounting' : 'IOAccounting', isOn: true },
  ];
}

function deviceProperties({ devices = [] }: Confinement): DeviceProperty[] {
  const allowed = devices.map(({ path: node }) => ({ name: 'DeviceAllow', node }) as const);
  return [{ name: 'DevicePolicy', policy: 'closed' }, ...allowed];
}

/** For `setLimits`: what is limited no more is said too. */
export function changedProperties(limits: TaskLimits, host: LimitsHost): UnitProperty[] {
  return [...limitProperties(limits, host.cgroupMode), ...ioProperties(limits, host)];
}

/** Why these cannot be the limits of a scope here, or undefined when they can. */
export function unkeptLimits({ io }: TaskLimits, host: LimitsHost): string | undefined {
  return ioFault(io, host.cgroupMode, host.io);
}

/** Best effort weighs what it does by itself. */
function ioProperties(limits: TaskLimits, { cgroupMode, io: host }: LimitsHost): UnitProperty[] {
  if ('lacks' in host) return [];
  const name = cgroupMode === 'v1' ? 'BlockIOWeight' : 'IOWeight';
  return [
    ...(limits.isBestEffort ? [] : [property(name, ioWeight(limits.io, cgroupMode))]),
    ...deviceLimits(limits.io, cgroupMode, host.device),
  ];
}

/** What a scope has besides for its whole life. On v1 no property keeps a task from swapping: its shim does. */
export function fixedProperties(mode: CgroupMode): AmountProperty[] {
  return mode === 'v1' ? [] : [property('MemorySwapMax', 0n)];
}

/** Of a slice, for what is in it together: CPU time and protected memory pass to it through the slice. */
export function sliceProperties(
  { cpuMillis, memoryMib }: SliceShare,
  mode: CgroupMode,
): AmountProperty[] {
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
export function toWire(given: UnitProperty): DBusProperty {
  if ('isOn' in given) return [given.name, { type: 'b', value: given.isOn }];
  if ('devices' in given) return [given.name, { type: 'a(st)', value: given.devices }];
  if ('cpus' in given) return [given.name, { type: 'ay', value: cpuMask(given.cpus) }];
  if ('policy' in given) return [given.name, { type: 's', value: given.policy }];
  if ('node' in given) return [given.name, { type: 'a(ss)', value: [[given.node, RIGHTS]] }];
  return [given.name, { type: 't', value: given.value ?? INFINITY }];
}

/** As `systemd-run -p` and `systemctl set-property` take it. */
export function toArgument(given: UnitProperty): string {
  if ('isOn' in given) return `${given.name}=yes`;
  if ('devices' in given) {
    return `${given.name}=${given.devices.map(([path, amount]) => `${path} ${amount}`).join(' ')}`;
  }
  if ('cpus' in given) return `${given.name}=${formatCpuList(given.cpus)}`;
  if ('policy' in given) return `${given.name}=${given.policy}`;
  if ('node' in given) return `${given.name}=${given.node} ${RIGHTS}`;
  const { name, value } = given;
  if (name === 'CPUQuotaPerSecUSec') {
    return value === undefined ? 'CPUQuota=' : `CPUQuota=${Number(value) / 10_000}%`;
  }
  if (name === 'IOWeight' || name === 'BlockIOWeight') return `${name}=${value ?? ''}`;
  return `${name}=${value ?? 'infinity'}`;
}

function property(name: AmountName, value: bigint | undefined): AmountProperty {
  return { name, value };
}

function cpuShareOf(cpuMillis: number, mode: CgroupMode): AmountProperty {
  const { perCpu, least, most } = mode === 'v1' ? SHARES : WEIGHT;
  const share = Math.min(most, Math.max(least, Math.round((cpuMillis * perCpu) / 1000)));
  return property(mode === 'v1' ? 'CPUShares' : 'CPUWeight', BigInt(share));
}

/** Only where its devices have a scheduler that weighs. */
function leastInputOutput(mode: CgroupMode): AmountProperty {
  return mode === 'v1' ? property('BlockIOWeight', 10n) : property('IOWeight', 1n);
}

function bytesOf(mib: number): bigint {
  const bytes = BigInt(mib) * MIB;
  if (bytes > MAX_BYTES) throw new RangeError(`a memory limit of ${mib} MiB is out of range`);
  return bytes;
}
