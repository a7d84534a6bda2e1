// Tests of what the end of a task is told as: one that was told to stop, and one that met a limit or could not start.
import { isTerminal, TaskDescription } from '@parley/protocol/tasks';
import { expect, test } from 'vitest';
import {
  endedBeforeStart,
  endedByItself,
  endedByKill,
  failedStep,
  type ObservedOutcome,
} from './task-outcome.ts';

const stop = { reason: 'revoked', message: 'others use it now' } as const;

test('a task whose resources were taken back is killed as revoked, with why, whether it had started or not', () => {
  const told = { state: 'killed', reason: 'revoked', message: 'others use it now' };
  expect(endedByKill({ state: 'signaled', signal: 'SIGTERM' }, stop)).toEqual({
    ...told,
    signal: 'SIGTERM',
  });
  expect(endedBeforeStart(stop)).toEqual(told);
});

test('a task that its framework killed before it started never ran, which is why it ends', () => {
  expect(endedBeforeStart({ reason: 'framework' })).toMatchObject({
    state: 'killed',
    reason: 'killedBeforeStart',
  });
});

const aTask = TaskDescription.parse({
  taskId: 't1',
  resources: { scalars: { cpus: 100, mem: 32_000 } },
  limits: { mem: 64_000 },
  command: { argv: ['no-such-program'] },
});
const ended = (outcome: ObservedOutcome) => endedByItself(outcome, aTask);
const pids = { limit: 20, peak: 20 };

test('a death at the memory limit has its reason and cause, with limit and peak', () => {
  const status = ended({ state: 'memoryLimit', limitMib: 64, peakMib: 63 });
  expect(status).toMatchObject({
    reason: 'memoryLimit',
    memory: { limitMib: 64, peakMib: 63 },
    cause: { kind: 'memoryLimit', limit: 64, peak: 63 },
  });
  // What the kernel did not tell is what the task was given.
  expect(ended({ state: 'memoryLimit', limitMib: undefined, peakMib: undefined })).toMatchObject({
    cause: { limit: 64, peak: 64 },
  });
});

test('a task that the kernel killed because the host had no memory is not told to have met its limit', () => {
  expect(ended({ state: 'hostMemory', limitMib: 64, peakMib: 10 })).toMatchObject({
    ...{ reason: 'commandSignaled', signal: 'SIGKILL' },
    cause: { kind: 'hostMemory', limit: 64, peak: 10 },
    message: expect.stringContaining('its host had no memory left'),
  });
});

test('a failure after the limit on processes was met names it, and keeps its exit code or signal', () => {
  const cause = { kind: 'pidsLimit', ...pids };
  expect(ended({ state: 'exited', code: 2, pids })).toEqual({
    ...{ state: 'failed', reason: 'commandExited', exitCode: 2, cause },
    message: 'the command exited with 2, after it had met its limit of 20 processes and threads',
  });
  expect(ended({ state: 'signaled', signal: 'SIGABRT', pids })).toMatchObject({
    ...{ reason: 'commandSignaled', signal: 'SIGABRT', cause },
  });
});

test('a signal is its own cause', () => {
  expect(ended({ state: 'signaled', signal: 'SIGSEGV' })).toMatchObject({
    cause: { kind: 'signal' },
    message: 'the command was ended by SIGSEGV',
  });
});

test('a command that could not be started is a failed launch, which its own exit with 127 is not', () => {
  expect(ended({ state: 'couldNotStart', fault: 'commandNotFound' })).toMatchObject({
    ...{ reason: 'launchFailed', exitCode: 127, cause: { kind: 'commandNotFound' } },
    message: expect.stringContaining('"no-such-program"'),
  });
  expect(ended({ state: 'couldNotStart', fault: 'commandNotPermitted' })).toMatchObject({
    ...{ reason: 'launchFailed', exitCode: 126, cause: { kind: 'commandNotPermitted' } },
  });
  const own = ended({ state: 'exited', code: 127 });
  expect(own).toMatchObject({ reason: 'commandExited', exitCode: 127 });
  expect(own).not.toHaveProperty('cause');
});

test('a full disk is told as one, whatever it kept from being done', () => {
  const status = failedStep('inputsFailed', { code: 'diskFull', message: 'no space' });
  expect(status).toMatchObject({ reason: 'diskFull', cause: { kind: 'diskFull' } });
  expect(isTerminal(status.state)).toBe(true);
});
