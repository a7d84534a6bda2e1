// How the result of a stage is read and said. What matters most: nothing that went wrong is ever counted as passed.
import { describe, expect, test } from 'vitest';
import {
  closingLine,
  outcomeOfCheck,
  outcomeOfVitest,
  type StageResult,
  stageLines,
} from './test-report.ts';

function aReport(statuses: readonly string[]): string {
  return JSON.stringify({
    numPassedTests: statuses.filter((status) => status === 'passed').length,
    numFailedTests: statuses.filter((status) => status === 'failed').length,
    testResults: [
      {
        assertionResults: statuses.map((status, index) => ({ status, fullName: `test ${index}` })),
      },
    ],
  });
}

function aResult(changes: Partial<StageResult>): StageResult {
  return { name: 'unit', passed: 1, failed: 0, skipped: [], elapsedMs: 1234, ...changes };
}

describe('the outcome of a vitest stage', () => {
  test('is the counts of its report', () => {
    expect(outcomeOfVitest(aReport(['passed', 'passed', 'failed']), 1)).toEqual({
      passed: 2,
      failed: 1,
      skipped: [],
    });
  });

  test('names the tests that did not run', () => {
    expect(outcomeOfVitest(aReport(['passed', 'skipped', 'todo']), 0)).toEqual({
      passed: 1,
      failed: 0,
      skipped: ['test 1', 'test 2'],
    });
  });

  test('is a failure when the run failed although no test did', () => {
    expect(outcomeOfVitest(aReport(['passed']), 1)).toMatchObject({ passed: 1, failed: 1 });
  });

  test.each([undefined, '', 'not JSON', '{}'])('is a failure when the report is %j', (report) => {
    expect(outcomeOfVitest(report, 0)).toEqual({ passed: 0, failed: 1, skipped: [] });
  });
});

test('a check counts as one', () => {
  expect(outcomeOfCheck(0)).toEqual({ passed: 1, failed: 0, skipped: [] });
  expect(outcomeOfCheck(2)).toEqual({ passed: 0, failed: 1, skipped: [] });
});

describe('what is printed', () => {
  test('a stage is one line with its name, time and count', () => {
    const [line, ...more] = stageLines(aResult({ passed: 12 }));
    expect(line).toMatch(/^ok +unit +1\.2 s +12$/);
    expect(more).toEqual([]);
  });

  test('a failed stage says so, and tests that did not run are named', () => {
    const lines = stageLines(aResult({ failed: 2, skipped: ['scopes › as a user'] }));
    expect(lines[0]).toMatch(/^FAILED unit +1\.2 s +1, 2 failed$/);
    expect(lines[1]).toContain('not run here: scopes › as a user');
  });

  test('the closing line sums the stages', () => {
    expect(closingLine([aResult({ passed: 3 }), aResult({ passed: 4, failed: 2 })])).toBe(
      '7 passed, 2 failed',
    );
    expect(closingLine([])).toBe('0 passed, 0 failed');
  });
});
