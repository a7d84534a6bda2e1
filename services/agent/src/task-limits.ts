// Owns how what was asked for, and how far a task may go beyond it, become limits of a scope: units, what holds where nothing
// was said, and least values. Setting them is in @parley/isolation.
import type { IoLimits } from '@parley/isolation/io-limits';
import type { TaskLimits as ScopeLimits } from '@parley/isolation/launcher';
import { MILLI, type Resources } from '@parley/protocol/resources';
import type { TaskLimits } from '@parley/protocol/task-limits';

/** The least that the kernel enforces sensibly; what asks for less gets this. */
const LEAST_CPU_MILLIS = 10;
const LEAST_MEMORY_MIB = 4;

/** Processes and threads at a time, where a description says nothing. */
export const PIDS_MAX = 2048;

export type Limited = { readonly resources: Resources; readonly limits?: TaskLimits | undefined };
type Limit = number | 'infinity';

/**
 * The limits for all of these together, in the scope that they share. Without a limit on CPU time for each of them there is
 * none, nor one on a rate of input and output; without one on memory, what was requested counts.
 */
export function limitsOf(parts: readonly Limited[]): ScopeLimits {
  const requestOf = (name: string): number =>
    parts.reduce((sum, { resources }) => sum + (resources.scalars[name] ?? 0), 0);
  const cpuLimit = sumOf(parts.map(({ limits }) => limits?.cpus ?? 'infinity'));
  const memoryLimit = sumOf(
    parts.map(({ limits, resources }) => limits?.mem ?? resources.scalars['mem'] ?? 0),
  );
  const io = ioOf(parts.map(({ limits }) => limits?.io ?? {}));
  const [first, ...others] = parts.map(({ limits }) => limits?.pids);
  return {
    cpuMillis: Math.max(LEAST_CPU_MILLIS, requestOf('cpus')),
    memoryMib: memoryMibOf(requestOf('mem')),
    ...(cpuLimit !== 'infinity' && { cpuLimitMillis: Math.max(LEAST_CPU_MILLIS, cpuLimit) }),
    memoryLimitMib: memoryLimit === 'infinity' ? memoryLimit : memoryMibOf(memoryLimit),
    pidsMax: others.reduce<number>((sum, pids = 0) => sum + pids, first ?? PIDS_MAX),
    ...(io !== undefined && { io }),
  };
}

const IO_RATES = ['readBytes', 'writeBytes', 'readOperations', 'writeOperations'] as const;

/** One scope has one weight: the largest. */
function ioOf(parts: readonly NonNullable<TaskLimits['io']>[]): IoLimits | undefined {
  const weights = parts.flatMap(({ weight }) => weight ?? []);
  const rates = IO_RATES.flatMap((rate) => {
    const sum = sumOf(parts.map((part) => part[rate] ?? 'infinity'));
    return sum === 'infinity' ? [] : [[rate, Math.min(sum, Number.MAX_SAFE_INTEGER)]];
  });
  if (weights.length === 0 && rates.length === 0) return undefined;
  return {
    ...(weights.length > 0 && { weight: Math.max(...weights) }),
    ...Object.fromEntries(rates),
  };
}

/**
 * MiB that the sandbox of all of these together may hold; undefined where nothing is kept: no disk was asked for, or one of
 * them has no limit.
 */
export function diskLimitMibOf(parts: readonly Limited[]): number | undefined {
  const limit = sumOf(
    parts.map(({ limits, resources }) => limits?.disk ?? resources.scalars['disk'] ?? 0),
  );
  return limit === 'infinity' || limit === 0 ? undefined : Math.ceil(limit / MILLI);
}

function memoryMibOf(amount: number): number {
  return Math.max(LEAST_MEMORY_MIB, Math.ceil(amount / MILLI));
}

function sumOf(limits: readonly Limit[]): Limit {
  return limits.reduce<Limit>(
    (sum, limit) => (sum === 'infinity' || limit === 'infinity' ? 'infinity' : sum + limit),
    0,
  );
}
