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
  expect(meter.report(readings, at(3000))).toEqual({
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
  expect(meter.report([], at(2000))).toMatchObject({ cpuMillis: 2000, memoryMib: 0 });
  expect(meter.report([], at(3000))).toMatchObject({ cpuMillis: 0 });
});
