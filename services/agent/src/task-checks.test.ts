// Tests of when probes are due and what their results mean.
import type { CheckResult } from '@parley/protocol/checks';
import { TaskDescription, type TaskDescriptionInput } from '@parley/protocol/tasks';
import { describe, expect, test } from 'vitest';
import { type CheckFinding, type ProbeAim, TaskChecks } from './task-checks.ts';

const TCP = { kind: 'tcp', port: 80 } as const;
const WELL: CheckResult = { kind: 'tcp', succeeded: true };
const ILL: CheckResult = { kind: 'tcp', succeeded: false };

function checksOf(changes: Partial<TaskDescriptionInput>): TaskChecks {
  const description = { taskId: 't', resources: {}, command: { argv: ['true'] }, ...changes };
  return new TaskChecks(TaskDescription.parse(description));
}

/** Answers the probe that is due at that time; gives what was found. */
function answer(
  checks: TaskChecks,
  atMs: number,
  result: CheckResult,
  aim: ProbeAim = 'health',
): string[] {
  expect(checks.takeDue(atMs)).toEqual([aim]);
  return checks.answered(aim, { result, detail: 'so it was' }, atMs).map(nameOf);
}
const nameOf = (finding: CheckFinding): string =>
  finding.kind === 'report' ? finding.reason : finding.kind;

describe('when probes are made', () => {
  test('by default the first comes 15 s after running, the next 10 s after the end of the one before', () => {
    const checks = checksOf({ healthCheck: { probe: TCP } });
    checks.start(1000);
    expect(checks.nextDueMs()).toBe(16_000);
    expect(checks.takeDue(15_999)).toEqual([]);
    expect(checks.takeDue(16_000)).toEqual(['health']);
    expect(checks.takeDue(60_000)).toEqual([]);
    checks.answered('health', { result: WELL, detail: '' }, 20_000);
    expect(checks.nextDueMs()).toBe(30_000);
    expect(checks.probe('health')).toMatchObject({ timeoutMs: 20_000 });
  });

  test('none is made, and no result means anything, once the task is told to stop', () => {
    const checks = checksOf({
      healthCheck: { probe: TCP, delayMs: 0, failures: 1, gracePeriodMs: 0 },
    });
    checks.start(0);
    expect(checks.takeDue(0)).toEqual(['health']);
    checks.stop();
    expect(checks.probe('health')).toBeUndefined();
    expect(checks.answered('health', { result: ILL, detail: '' }, 5)).toEqual([]);
    expect(checks.takeDue(1e9)).toEqual([]);
  });
});

describe('health checks', () => {
  const healthCheck = { probe: TCP, delayMs: 0, intervalMs: 1000, gracePeriodMs: 0 };

  test('the third failure in a row ends the task, and every failure is told', () => {
    const checks = checksOf({ healthCheck });
    checks.start(0);
    expect(answer(checks, 0, ILL)).toEqual(['healthChanged']);
    expect(answer(checks, 1000, ILL)).toEqual(['healthChanged']);
    expect(checks.findings).toEqual({ healthy: false });
    expect(answer(checks, 2000, ILL)).toEqual(['healthChanged', 'unhealthy']);
  });

  test('a success between failures starts the count again, and only the first success is told', () => {
    const checks = checksOf({ healthCheck });
    checks.start(0);
    expect(answer(checks, 0, WELL)).toEqual(['healthChanged']);
    expect(answer(checks, 1000, WELL)).toEqual([]);
    expect(answer(checks, 2000, ILL)).toEqual(['healthChanged']);
    expect(answer(checks, 3000, ILL)).toEqual(['healthChanged']);
    expect(answer(checks, 4000, WELL)).toEqual(['healthChanged']);
    expect(answer(checks, 5000, ILL)).toEqual(['healthChanged']);
    expect(answer(checks, 6000, ILL)).toEqual(['healthChanged']);
    expect(answer(checks, 7000, ILL)).toEqual(['healthChanged', 'unhealthy']);
  });

  test('failures within the grace period and before the first success do not count', () => {
    const checks = checksOf({ healthCheck: { ...healthCheck, gracePeriodMs: 2000, failures: 1 } });
    checks.start(0);
    expect(answer(checks, 0, ILL)).toEqual([]);
    expect(answer(checks, 1999, ILL)).toEqual([]);
    expect(checks.findings).toEqual({});
    expect(answer(checks, 2999, ILL)).toEqual(['healthChanged', 'unhealthy']);
  });

  test('the grace period is over with the first success', () => {
    const checks = checksOf({
      healthCheck: { ...healthCheck, gracePeriodMs: 60_000, failures: 1 },
    });
    checks.start(0);
    expect(answer(checks, 0, WELL)).toEqual(['healthChanged']);
    expect(answer(checks, 1000, ILL)).toEqual(['healthChanged', 'unhealthy']);
  });

  test('a probe without a result is a failure', () => {
    const checks = checksOf({ healthCheck: { ...healthCheck, failures: 1 } });
    checks.start(0);
    expect(answer(checks, 0, { kind: 'tcp' })).toEqual(['healthChanged', 'unhealthy']);
  });

  test('the message of the end names the probe and the last result', () => {
    const checks = checksOf({ healthCheck: { ...healthCheck, failures: 1 } });
    checks.start(0);
    checks.takeDue(0);
    const findings = checks.answered('health', { result: ILL, detail: 'it was refused' }, 0);
    expect(findings.at(-1)).toMatchObject({
      message: 'the health check (tcp port 80) failed once; the last result: it was refused',
    });
  });

  test.each([
    [199, false],
    [200, true],
    [399, true],
    [400, false],
    [undefined, false],
  ])('an HTTP status of %s is well: %s', (statusCode, isWell) => {
    const probe = { kind: 'http', port: 80 } as const;
    const checks = checksOf({ healthCheck: { ...healthCheck, probe } });
    checks.start(0);
    answer(checks, 0, { kind: 'http', ...(statusCode !== undefined && { statusCode }) });
    expect(checks.findings.healthy).toBe(isWell);
  });

  test('exit code 0 of a command is well, another is not', () => {
    const probe = { kind: 'command' as const, command: { argv: ['true'] } };
    const checks = checksOf({ healthCheck: { ...healthCheck, probe } });
    checks.start(0);
    answer(checks, 0, { kind: 'command', exitCode: 0 });
    expect(checks.findings.healthy).toBe(true);
    answer(checks, 1000, { kind: 'command', exitCode: 1 });
    expect(checks.findings.healthy).toBe(false);
  });

  test('after a restart of the agent failures count on and nothing is told twice', () => {
    const first = checksOf({ healthCheck });
    first.start(0);
    answer(first, 0, ILL);
    answer(first, 1000, ILL);
    const next = checksOf({ healthCheck });
    next.recover(first.memory ?? { failures: 0 });
    next.start(0);
    expect(answer(next, 2000, ILL)).toEqual(['healthChanged', 'unhealthy']);
  });
});

describe('checks', () => {
  const probe = { kind: 'http', port: 80 } as const;
  const check = { probe, delayMs: 0, intervalMs: 1000 };

  test('a check tells a value only when it has changed, and ends nothing', () => {
    const checks = checksOf({ check });
    checks.start(0);
    const found = [500, 500, 200, undefined, undefined].map((statusCode, index) => {
      const result = { kind: 'http', ...(statusCode !== undefined && { statusCode }) } as const;
      return answer(checks, index * 1000, result, 'check').length;
    });
    expect(found).toEqual([1, 0, 1, 1, 0]);
  });

  test('a first probe without a result tells nothing', () => {
    const checks = checksOf({ check });
    checks.start(0);
    expect(answer(checks, 0, { kind: 'http' }, 'check')).toEqual([]);
    expect(checks.findings).toEqual({});
  });

  test('a value that was told before a restart of the agent is not told again', () => {
    const first = checksOf({ check });
    first.start(0);
    answer(first, 0, { kind: 'http', statusCode: 200 }, 'check');
    const next = checksOf({ check });
    next.recover(first.memory ?? { failures: 0 });
    next.start(0);
    expect(answer(next, 0, { kind: 'http', statusCode: 200 }, 'check')).toEqual([]);
  });
});
