// Owns when an agent measures what its units use and what it publishes of it: totals always, each unit only while
// somebody watches. It asks for no more than a hundredth of a core: the longer a sample takes, the rarer they are.
import type { UsageReport } from '@parley/protocol/agents';
import { UNITS_A_PART, type UnitsUsage, type UnitUsage } from '@parley/protocol/usage';
import type { MeterReport } from './usage-meter.ts';
import type { UnitReading } from './usage-sampling.ts';

export type MeasuredUsage = MeterReport<UnitReading> & { readonly busyMs: number };

export type UsageReportsOptions = {
  readonly measure: (isDetailed: boolean) => Promise<MeasuredUsage>;
  readonly publishTotals: (totals: UsageReport) => void;
  readonly publishUnits: (part: UnitsUsage) => void;
  /** Never goes back. */
  readonly nowMs: () => number;
  readonly onFailure: (error: unknown) => void;
};

const LEAST_PAUSE_MS = 2000;
const MOST_PAUSE_MS = 10_000;
const PAUSE_FOR_BUSY = 100;

export class UsageReports {
  readonly #options: UsageReportsOptions;
  #timer: NodeJS.Timeout | undefined;
  #watchedUntilMs = Number.NEGATIVE_INFINITY;
  #isMeasuring = false;
  /** Somebody began to watch while a sample was taken. */
  #isAsked = false;
  #isOpen = false;

  constructor(options: UsageReportsOptions) {
    this.#options = options;
  }

  begin(): void {
    if (this.#isOpen) return;
    this.#isOpen = true;
    this.#plan(LEAST_PAUSE_MS);
  }

  close(): void {
    this.#isOpen = false;
    clearTimeout(this.#timer);
  }

  /** Who begins to watch gets a sample at once. */
  watch(leaseMs: number): void {
    const isNew = !this.#isWatched;
    this.#watchedUntilMs = Math.max(this.#watchedUntilMs, this.#options.nowMs() + leaseMs);
    if (!isNew || !this.#isOpen) return;
    if (this.#isMeasuring) this.#isAsked = true;
    else this.#plan(0);
  }

  get #isWatched(): boolean {
    return this.#options.nowMs() < this.#watchedUntilMs;
  }

  #plan(inMs: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#report(), inMs);
  }

  async #report(): Promise<void> {
    this.#isMeasuring = true;
    let pauseMs = LEAST_PAUSE_MS;
    try {
      const isDetailed = this.#isWatched;
      const usage = await this.#options.measure(isDetailed);
      if (!this.#isOpen) return;
      const beganMs = this.#options.nowMs();
      this.#options.publishTotals(usage.totals);
      if (isDetailed) for (const part of partsOf(usage)) this.#options.publishUnits(part);
      const busyMs = usage.busyMs + this.#options.nowMs() - beganMs;
      pauseMs = Math.min(MOST_PAUSE_MS, Math.max(LEAST_PAUSE_MS, PAUSE_FOR_BUSY * busyMs));
    } catch (error) {
      this.#options.onFailure(error);
    } finally {
      this.#isMeasuring = false;
      if (this.#isOpen) this.#plan(this.#isAsked ? 0 : pauseMs);
      this.#isAsked = false;
    }
  }
}

export function partsOf(usage: MeterReport<UnitReading>): UnitsUsage[] {
  const { totals, intervalMs, endedCpuUs, units } = usage;
  const parts = Math.max(1, Math.ceil(units.length / UNITS_A_PART));
  return Array.from({ length: parts }, (_, part) => ({
    wallTimeMs: totals.wallTimeMs,
    intervalMs: Math.max(1, Math.round(intervalMs)),
    part,
    parts,
    endedCpuUs,
    units: units.slice(part * UNITS_A_PART, (part + 1) * UNITS_A_PART).map(toldOf),
  }));
}

function toldOf(reading: MeterReport<UnitReading>['units'][number]): UnitUsage {
  const { task, executor, cpuUs, cpuNs, memoryBytes } = reading;
  const { memoryPeakBytes, pids, throttledUs, ioReadBytes, ioWriteBytes, network } = reading;
  const { ioReadOperations, ioWriteOperations } = reading;
  return {
    ...(task && { task }),
    ...(executor && { executor }),
    cpuUs,
    cpuTotalUs: Number(cpuNs / 1000n),
    memoryBytes,
    ...(memoryPeakBytes !== undefined && { memoryPeakBytes }),
    ...(pids !== undefined && { pids }),
    ...(throttledUs !== undefined && { throttledUs }),
    ...(ioReadBytes !== undefined && { ioReadBytes }),
    ...(ioWriteBytes !== undefined && { ioWriteBytes }),
    ...(ioReadOperations !== undefined && { ioReadOperations }),
    ...(ioWriteOperations !== undefined && { ioWriteOperations }),
    ...(network && { network }),
  };
}
