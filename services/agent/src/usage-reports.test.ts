// When an agent measures, and what of it goes out: with a clock of the test.
import type { UsageReport } from '@parley/protocol/agents';
import { ExecutorId, FrameworkId, PrincipalName, TaskId } from '@parley/protocol/ids';
import { UnitsUsage } from '@parley/protocol/usage';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { UsageMeter } from './usage-meter.ts';
import { type MeasuredUsage, partsOf, UsageReports } from './usage-reports.ts';
import type { UnitReading } from './usage-sampling.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const framework = {
  principal: PrincipalName.parse('alice'),
  frameworkId: FrameworkId.parse('f'),
};
const readingOf = (number: number): UnitReading => ({
  unit: `u${number}`,
  task: { ...framework, taskId: TaskId.parse(`t${number}`) },
  cpuNs: 5_000_000n,
  memoryBytes: 4096,
});

function measured(units: number, busyMs = 1): MeasuredUsage {
  const readings = Array.from({ length: units }, (_, number) => readingOf(number));
  const now = { nowMs: 1000, wallTimeMs: 7 };
  return { ...new UsageMeter(0).report(readings, now), busyMs };
}

class Bench {
  readonly totals: UsageReport[] = [];
  readonly parts: UnitsUsage[] = [];
  readonly failures: unknown[] = [];
  measure = (): Promise<MeasuredUsage> => Promise.resolve(measured(1));
  readonly reports = new UsageReports({
    measure: () => this.measure(),
    publishTotals: (totals) => this.totals.push(totals),
    publishUnits: (part) => this.parts.push(part),
    nowMs: () => Date.now(),
    onFailure: (error) => this.failures.push(error),
  });
}

test('totals are published all the time, units only while somebody watches', async () => {
  const bench = new Bench();
  bench.reports.begin();
  await vi.advanceTimersByTimeAsync(10_000);
  expect(bench.totals).toHaveLength(5);
  expect(bench.parts).toEqual([]);
  bench.reports.watch(5000);
  await vi.advanceTimersByTimeAsync(0);
  expect(bench.parts).toHaveLength(1);
  await vi.advanceTimersByTimeAsync(4999);
  const watched = bench.parts.length;
  expect(watched).toBe(3);
  await vi.advanceTimersByTimeAsync(20_000);
  expect(bench.parts).toHaveLength(watched);
  bench.reports.close();
});

test('a lease that is repeated goes on, and a shorter one takes nothing from a longer', async () => {
  const bench = new Bench();
  bench.reports.begin();
  bench.reports.watch(10_000);
  bench.reports.watch(1000);
  await vi.advanceTimersByTimeAsync(9000);
  bench.reports.watch(10_000);
  await vi.advanceTimersByTimeAsync(9000);
  expect(bench.parts.length).toBeGreaterThanOrEqual(9);
  bench.reports.close();
});

test('who begins to watch while a sample is taken gets the next one at once', async () => {
  const bench = new Bench();
  const slow = Promise.withResolvers<MeasuredUsage>();
  bench.measure = () => slow.promise;
  bench.reports.begin();
  await vi.advanceTimersByTimeAsync(2000);
  bench.reports.watch(5000);
  slow.resolve(measured(1));
  await vi.advanceTimersByTimeAsync(1);
  expect(bench.parts).toHaveLength(1);
  bench.reports.close();
});

test('the longer a sample takes, the rarer they are', async () => {
  const bench = new Bench();
  bench.measure = () => Promise.resolve(measured(1, 40));
  bench.reports.begin();
  await vi.advanceTimersByTimeAsync(2000);
  expect(bench.totals).toHaveLength(1);
  await vi.advanceTimersByTimeAsync(3999);
  expect(bench.totals).toHaveLength(1);
  await vi.advanceTimersByTimeAsync(1);
  expect(bench.totals).toHaveLength(2);
  bench.reports.close();
});

test('a sample that fails is told, and the next one is taken', async () => {
  const bench = new Bench();
  bench.measure = () => Promise.reject(new Error('EIO'));
  bench.reports.begin();
  await vi.advanceTimersByTimeAsync(2000);
  bench.measure = () => Promise.resolve(measured(1));
  await vi.advanceTimersByTimeAsync(2000);
  expect(bench.failures).toHaveLength(1);
  expect(bench.totals).toHaveLength(1);
  bench.reports.close();
});

test('units go out in parts of at most 500, and an agent without units says so', () => {
  const parts = partsOf(measured(1001));
  expect(parts.map(({ part, parts: all, units }) => [part, all, units.length])).toEqual([
    [0, 3, 500],
    [1, 3, 500],
    [2, 3, 1],
  ]);
  for (const part of parts) expect(UnitsUsage.parse(part)).toEqual(part);
  expect(partsOf(measured(0))).toMatchObject([{ part: 0, parts: 1, units: [] }]);
});

test('a unit is told without what its host does not count, and by whose it is', () => {
  const executor = { ...framework, executorId: ExecutorId.parse('e') };
  const readings = [{ unit: 'e', executor, cpuNs: 3000n, memoryBytes: 1, memoryPeakBytes: 2 }];
  const report = new UsageMeter(0).report<UnitReading>(readings, { nowMs: 1000, wallTimeMs: 7 });
  expect(partsOf(report)[0]?.units).toEqual([
    { executor, cpuUs: 3, cpuTotalUs: 3, memoryBytes: 1, memoryPeakBytes: 2 },
  ]);
});
