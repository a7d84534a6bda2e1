// Tests of how counters of tasks become a usage report.
import { expect, test } from 'vitest';
import { UsageMeter } from './usage-meter.ts';

const SECOND_NS = 1_000_000_000n;
const MIB = 1024 * 1024;
const at = (nowMs: number) => ({ nowMs, wallTimeMs: 7 });

test('CPU time is counted since the report before, memory as it is now', () => {
  const meter = new UsageMeter(0);
  meter.report([{ unit: 'a', cpuNs: SECOND_NS, memoryBytes: MIB }], at(1000));
  const readings = [
    { unit: 'a', cpuNs: 2n * SECOND_NS, memoryBytes: 3 * MIB },
    { unit: 'b', cpuNs: SECOND_NS, memoryBytes: 2 * MIB },
  ];
  expect(meter.report(readings, at(3000)).totals).toEqual({
    wallTimeMs: 7,
    cpuMillis: 1000,
    memoryMib: 5,
  });
});

test('what a task used after it was last seen counts once it has ended', () => {
  const meter = new UsageMeter(0);
  meter.report([{ unit: 'a', cpuNs: SECOND_NS, memoryBytes: MIB }], at(1000));
  meter.ended('a', 2n * SECOND_NS);
  meter.ended('short', SECOND_NS);
  expect(meter.report([], at(2000)).totals).toMatchObject({ cpuMillis: 2000, memoryMib: 0 });
  expect(meter.report([], at(3000)).totals).toMatchObject({ cpuMillis: 0 });
});

test('a task that an earlier process of the agent started counts from its being taken up', () => {
  const meter = new UsageMeter(0);
  meter.adopt(['old', 'gone']);
  const reading = (seconds: bigint) => [
    { unit: 'old', cpuNs: seconds * SECOND_NS, memoryBytes: MIB },
  ];
  expect(meter.report(reading(3600n), at(1000)).totals).toMatchObject({ cpuMillis: 0 });
  expect(meter.report(reading(3601n), at(2000)).totals).toMatchObject({ cpuMillis: 1000 });
  meter.ended('gone', 3600n * SECOND_NS);
  expect(meter.report(reading(3601n), at(3000)).totals).toMatchObject({ cpuMillis: 0 });
});

test('a task that ends while it is read is counted once', () => {
  const meter = new UsageMeter(0);
  const readings = [{ unit: 'a', cpuNs: 2n * SECOND_NS, memoryBytes: MIB }];
  meter.report(readings, at(1000));
  // Read, and then it ended before the report was made.
  meter.ended('a', 3n * SECOND_NS);
  meter.ended('a', 3n * SECOND_NS);
  const expected = { cpuMillis: 1000, memoryMib: 0 };
  expect(meter.report(readings, at(2000)).totals).toMatchObject(expected);
  // Its scope lingers.
  expect(meter.report(readings, at(3000)).totals).toMatchObject({ cpuMillis: 0, memoryMib: 0 });
});

test('what the units used, and those that ended, is the total', () => {
  const meter = new UsageMeter(0);
  meter.ended('c', SECOND_NS / 4n);
  const readings = [
    { unit: 'a', cpuNs: SECOND_NS / 3n, memoryBytes: MIB },
    { unit: 'b', cpuNs: SECOND_NS / 7n, memoryBytes: 2 * MIB },
  ];
  const { totals, units, endedCpuUs, intervalMs } = meter.report(readings, at(2000));
  const usedUs = units.reduce((sum, { cpuUs }) => sum + cpuUs, endedCpuUs);
  expect(Math.round(usedUs / intervalMs)).toBe(totals.cpuMillis);
  expect(totals.cpuMillis).toBe(363);
  expect(units.map(({ unit }) => unit)).toEqual(['a', 'b']);
});
