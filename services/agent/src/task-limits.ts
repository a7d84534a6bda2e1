// Owns how resources that were asked for become limits of a scope: units and least values. Setting them is in
// @parley/isolation.
import { MILLI, type Resources } from '@parley/protocol/resources';

/** The least that the kernel enforces sensibly; what asks for less gets this. */
const LEAST_CPU_MILLIS = 10;
const LEAST_MEMORY_MIB = 4;

/** Processes and threads a scope. */
export const PIDS_MAX = 2048;

/** The limits for all of these together. */
export function limitsOf(parts: readonly Resources[]): {
  readonly cpuMillis: number;
  readonly memoryMib: number;
} {
  const sumOf = (name: string): number =>
    parts.reduce((sum, { scalars }) => sum + (scalars[name] ?? 0), 0);
  return {
    cpuMillis: Math.max(LEAST_CPU_MILLIS, sumOf('cpus')),
    memoryMib: Math.max(LEAST_MEMORY_MIB, Math.ceil(sumOf('mem') / MILLI)),
  };
}
