// Tests of how many lines the log gets about those who speak nonsense.
import { expect, test } from 'vitest';
import { ReportLog } from './report-log.ts';

const written = (log: ReportLog, about: string, nowMs: number, times: number): number => {
  let count = 0;
  for (let index = 0; index < times; index += 1) if (log.add(about, nowMs).isWritten) count += 1;
  return count;
};

test('a flood about one executor becomes ten lines, and others are still written about', () => {
  const log = new ReportLog();
  expect(written(log, 'loud', 0, 100_000)).toBe(10);
  expect(written(log, 'quiet', 1, 3)).toBe(3);
});

test('a minute later lines are written again, and how many were left out', () => {
  const log = new ReportLog();
  written(log, 'loud', 0, 25);
  written(log, 'quiet', 0, 10);
  expect(log.add('loud', 59_999)).toEqual({ isWritten: false, before: [] });
  const before = [{ about: 'loud', leftOut: 16 }];
  expect(log.add('quiet', 60_000)).toEqual({ isWritten: true, before });
  expect(written(log, 'loud', 60_001, 25)).toBe(10);
});

test('a flood about ever new ones is bounded, too', () => {
  const log = new ReportLog();
  let count = 0;
  for (let index = 0; index < 5000; index += 1) count += written(log, `task-${index}`, 0, 1);
  expect(count).toBe(1010);
});
