// Owns reading the counters of many cgroups: one after the other, in slices, so that the event loop is never held for
// long. What the numbers add up to is in usage-meter.ts.
import { setImmediate as yieldToOthers } from 'node:timers/promises';
import type { LinkTraffic } from '@parley/isolation/link-traffic';
import { readShimProcess } from '@parley/isolation/run-directory';
import { type GroupDetails, GroupReader, type GroupUsage } from '@parley/isolation/usage';
import type { ExecutorRef, TaskRef } from '@parley/protocol/ids';
import type { UsageReading } from './usage-meter.ts';

/** A unit, whose it is, and where its shim recorded the groups. */
export type SampledUnit = {
  readonly unit: string;
  readonly runDirectory: string;
  readonly task?: TaskRef;
  readonly executor?: ExecutorRef;
};

export type UnitReading = UsageReading &
  GroupUsage &
  Partial<GroupDetails> & { readonly network?: LinkTraffic | undefined } & Pick<
    SampledUnit,
    'task' | 'executor'
  >;

export type Sample = {
  /** Units that cannot be measured, because they have ended or are not there yet, are left out. */
  readonly readings: readonly UnitReading[];
  /** How long this took the process, without what others did between the slices. */
  readonly busyMs: number;
};

export type UsageSamplerOptions = {
  /** What passed the private networks of units, by unit; undefined where tasks have none. */
  readonly traffic?: (() => Promise<ReadonlyMap<string, LinkTraffic>>) | undefined;
  /** Leads to the cgroups' files as tasks see them: `/`, or the root of a private systemd. */
  readonly rootPath: string;
  readonly nowMs: () => number;
};

const SLICE_MS = 3;

export class UsageSampler {
  readonly #options: UsageSamplerOptions;
  #readers = new Map<string, GroupReader>();

  constructor(options: UsageSamplerOptions) {
    this.#options = options;
  }

  /** Rejects when a file cannot be read that is there. */
  async sample(units: readonly SampledUnit[], isDetailed: boolean): Promise<Sample> {
    const { nowMs } = this.#options;
    const readings: UnitReading[] = [];
    const readers = new Map<string, GroupReader>();
    let busyMs = 0;
    let sliceMs = nowMs();
    const traffic = isDetailed ? await this.#options.traffic?.() : undefined;
    for (const unit of units) {
      const reader = this.#readers.get(unit.unit) ?? (await this.#readerOf(unit));
      if (reader === undefined) continue;
      readers.set(unit.unit, reader);
      const reading = readOne(unit, reader, isDetailed);
      const network = traffic?.get(unit.unit);
      if (reading !== undefined) readings.push(network ? { ...reading, network } : reading);
      const spentMs = nowMs() - sliceMs;
      if (spentMs < SLICE_MS) continue;
      busyMs += spentMs;
      await yieldToOthers();
      sliceMs = nowMs();
    }
    for (const [unit, reader] of this.#readers) if (!readers.has(unit)) reader.close();
    this.#readers = readers;
    return { readings, busyMs: busyMs + nowMs() - sliceMs };
  }

  /** Undefined until the shim has recorded its groups. */
  async #readerOf({ runDirectory }: SampledUnit): Promise<GroupReader | undefined> {
    const groups = await readShimProcess(runDirectory);
    return groups && new GroupReader(groups, this.#options.rootPath);
  }
}

function readOne(
  { unit, task, executor }: SampledUnit,
  reader: GroupReader,
  isDetailed: boolean,
): UnitReading | undefined {
  const usage = reader.read();
  if (usage === undefined) return undefined;
  const details = isDetailed ? reader.readDetails() : {};
  return { unit, ...(task && { task }), ...(executor && { executor }), ...usage, ...details };
}
