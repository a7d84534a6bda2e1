// Owns what the counters of a task's scope say about its end: which limit it met. The counters are the kernel's, read by
// scope-events.sh when the task has ended, since the scope goes then. Usage while it runs is in usage.ts.

import { SHIM_PROCESSES } from './unit-properties.ts';

export type ScopeCounters = {
  /** Processes that the kernel killed for want of memory. */
  readonly oomKills: number;
  /** How often the scope's own memory limit was met. */
  readonly memoryHits: number;
  readonly peakBytes: number | undefined;
  readonly limitBytes: number | undefined;
  /** How often a process or thread could not be made because of the limit. */
  readonly pidsHits: number;
  readonly pidsPeak: number | undefined;
  readonly pidsLimit: number | undefined;
};

export type PidsLimit = { readonly limit: number; readonly peak: number };

/** From the fields that scope-events.sh has set. */
export function countersOf(fields: ReadonlyMap<string, string>): ScopeCounters {
  return {
    oomKills: quantity(fields.get('oomKills')) ?? 0,
    // An end that an older release recorded says nothing of it: then it counts as met.
    memoryHits: quantity(fields.get('memoryHits') ?? fields.get('oomKills')) ?? 0,
    peakBytes: quantity(fields.get('peakBytes')),
    limitBytes: quantity(fields.get('limitBytes')),
    pidsHits: quantity(fields.get('pidsHits')) ?? 0,
    pidsPeak: quantity(fields.get('pidsPeak')),
    pidsLimit: quantity(fields.get('pidsLimit')),
  };
}

/**
 * Whether the kernel killed for want of memory: at the scope's own limit, or because the host, or a group above the
 * scope, had none left.
 */
export function memoryDeath({ oomKills, memoryHits }: ScopeCounters): 'limit' | 'host' | undefined {
  if (oomKills === 0) return undefined;
  return memoryHits > 0 ? 'limit' : 'host';
}

/** The limit on processes and threads, when it was met: without the shim, as the task was given it. */
export function metPidsLimit(counters: ScopeCounters): PidsLimit | undefined {
  const { pidsHits, pidsLimit, pidsPeak = pidsLimit } = counters;
  if (pidsHits === 0 || pidsLimit === undefined || pidsPeak === undefined) return undefined;
  return { limit: pidsLimit - SHIM_PROCESSES, peak: Math.max(0, pidsPeak - SHIM_PROCESSES) };
}

// v1 writes "no limit" as a huge number and v2 as `max`: both are no limit here.
function quantity(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d+$/.test(text)) return undefined;
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : undefined;
}
