import { expect, it } from 'vitest';
import { BatchReport } from './batch-report.ts';

const counts = { waiting: 1, staging: 2, running: 3, finished: 4, failed: 0, retries: 0 };

function aReport(style: 'line' | 'plain' | 'json') {
  const written: string[] = [];
  return { written, report: new BatchReport(style, 10, (text) => written.push(text)) };
}

it('a terminal has one line that is written over', () => {
  const { written, report } = aReport('line');
  report.progress(counts, 0);
  report.progress(counts, 1);
  expect(written).toHaveLength(2);
  expect(written.join('')).not.toContain('\n');
});

it('elsewhere lines are plain and not more frequent than every two seconds', () => {
  const { written, report } = aReport('plain');
  for (const nowMs of [0, 100, 1999, 2000]) report.progress(counts, nowMs);
  expect(written).toEqual([
    '1 waiting, 2 starting, 3 running, 4 of 10 finished\n',
    '1 waiting, 2 starting, 3 running, 4 of 10 finished\n',
  ]);
});

it('JSON is one object a line, a summary last', () => {
  const { written, report } = aReport('json');
  report.progress(counts, 0);
  report.end({ ...counts, finished: 9, failed: 1 }, 1234.5);
  expect(written.map((line) => JSON.parse(line))).toEqual([
    { event: 'summary', instances: 10, finished: 9, failed: 1, retries: 0, tookMs: 1235 },
  ]);
});
