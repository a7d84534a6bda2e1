// Owns the sum of what an agent's tasks use: CPU time over an interval, memory now. Pure; reading the counters of the
// cgroups is in task-host.ts.
import type { UsageReport } from '@parley/protocol/agents';
import type { Instant } from './supervisor-messages.ts';

export type UsageReading = {
  readonly unit: string;
  /** CPU time since the task began. */
  readonly cpuNs: bigint;
  readonly memoryBytes: number;
};

const MIB = 1024 * 1024;
const NS_PER_MS = 1_000_000;

export class UsageMeter {
  #lastMs: number;
  #seen = new Map<string, bigint>();
  /** What ended tasks used after they were last seen. */
  #tailNs = 0n;

  constructor(nowMs: number) {
    this.#lastMs = nowMs;
  }

  /** A task has ended and used this much CPU time in all. */
  ended(unit: string, totalNs: bigint): void {
    const lastNs = this.#seen.get(unit) ?? 0n;
    if (totalNs > lastNs) this.#tailNs += totalNs - lastNs;
    this.#seen.delete(unit);
  }

  /** What was used since the call before. A task that is seen for the first time counts from its beginning. */
  report(readings: readonly UsageReading[], now: Instant): UsageReport {
    const elapsedMs = Math.max(1, now.nowMs - this.#lastMs);
    let usedNs = this.#tailNs;
    const seen = new Map<string, bigint>();
    for (const { unit, cpuNs } of readings) {
      const lastNs = this.#seen.get(unit) ?? 0n;
      if (cpuNs > lastNs) usedNs += cpuNs - lastNs;
      seen.set(unit, cpuNs);
    }
    this.#seen = seen;
    this.#tailNs = 0n;
    this.#lastMs = now.nowMs;
    const memoryBytes = readings.reduce((sum, reading) => sum + reading.memoryBytes, 0);
    return {
      wallTimeMs: now.wallTimeMs,
      cpuMillis: Math.round((Number(usedNs) / (elapsedMs * NS_PER_MS)) * 1000),
      memoryMib: Math.ceil(memoryBytes / MIB),
    };
  }
}
