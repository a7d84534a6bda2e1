// Owns the sum of what an agent's units use: CPU time over an interval, memory now. Pure; reading the counters of the
// cgroups is in usage-sampling.ts.
import type { UsageReport } from '@parley/protocol/agents';
import type { Instant } from './supervisor-messages.ts';

export type UsageReading = {
  readonly unit: string;
  /** CPU time since the unit began. */
  readonly cpuNs: bigint;
  readonly memoryBytes: number;
};

export type MeterReport<Reading extends UsageReading> = {
  readonly totals: UsageReport;
  readonly intervalMs: number;
  /** What units that have ended used after they were last seen. */
  readonly endedCpuUs: number;
  /** The readings of units that live, each with its CPU time in the interval; with `endedCpuUs` they are the total. */
  readonly units: readonly (Reading & { readonly cpuUs: number })[];
};

const MIB = 1024 * 1024;
const NS_PER_US = 1000;
const US_PER_MS = 1000;

export class UsageMeter {
  #lastMs: number;
  #seen = new Map<string, bigint>();
  /** What ended units used after they were last seen. */
  #tailNs = 0n;
  /** Taken up from an earlier process and not seen yet: what they used by then is not of this interval. */
  readonly #adopted = new Set<string>();
  /** Ended in this interval, and in the one before: a reading that was under way, or of a scope that lingers. */
  #ended = new Set<string>();
  #endedBefore = new Set<string>();

  constructor(nowMs: number) {
    this.#lastMs = nowMs;
  }

  /** Units that ran before this process did. */
  adopt(units: Iterable<string>): void {
    for (const unit of units) this.#adopted.add(unit);
  }

  /** A unit has ended and used this much CPU time in all. */
  ended(unit: string, totalNs: bigint): void {
    if (this.#hasEnded(unit)) return;
    this.#tailNs += this.#sinceLast(unit, totalNs);
    this.#seen.delete(unit);
    this.#ended.add(unit);
  }

  /** What was used since the call before. A unit that is seen for the first time counts from its beginning. */
  report<Reading extends UsageReading>(
    readings: readonly Reading[],
    now: Instant,
  ): MeterReport<Reading> {
    const intervalMs = Math.max(1, now.nowMs - this.#lastMs);
    const live = readings.filter(({ unit }) => !this.#hasEnded(unit));
    const units = live.map((reading) => ({
      ...reading,
      cpuUs: microseconds(this.#sinceLast(reading.unit, reading.cpuNs)),
    }));
    const endedCpuUs = microseconds(this.#tailNs);
    this.#begin(live, now);
    const usedUs = units.reduce((sum, { cpuUs }) => sum + cpuUs, endedCpuUs);
    const memoryBytes = live.reduce((sum, reading) => sum + reading.memoryBytes, 0);
    const totals = {
      wallTimeMs: now.wallTimeMs,
      cpuMillis: Math.round((usedUs / (intervalMs * US_PER_MS)) * 1000),
      memoryMib: Math.ceil(memoryBytes / MIB),
    };
    return { totals, intervalMs, endedCpuUs, units };
  }

  /** The next interval. */
  #begin(live: readonly UsageReading[], now: Instant): void {
    this.#seen = new Map(live.map(({ unit, cpuNs }) => [unit, cpuNs]));
    this.#tailNs = 0n;
    this.#endedBefore = this.#ended;
    this.#ended = new Set();
    this.#lastMs = now.nowMs;
  }

  #hasEnded(unit: string): boolean {
    return this.#ended.has(unit) || this.#endedBefore.has(unit);
  }

  #sinceLast(unit: string, nowNs: bigint): bigint {
    const lastNs = this.#adopted.delete(unit) ? nowNs : (this.#seen.get(unit) ?? 0n);
    return nowNs > lastNs ? nowNs - lastNs : 0n;
  }
}

const microseconds = (ns: bigint): number => Math.round(Number(ns) / NS_PER_US);
