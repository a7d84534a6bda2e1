// Tests of what is said of one task.
import { expect, it } from 'vitest';
import { describeTask } from './task-page.ts';
import type { ShownTask } from './task-table.ts';

const task: ShownTask = {
  task: 'batch/run-1/t1',
  name: '',
  state: 'running',
  agent: 'a1',
  cpus: '0.5',
  memory: '32 MiB',
  isRevocable: false,
  reason: '',
  cause: undefined,
  message: '',
  exitCode: undefined,
  signal: undefined,
  ended: false,
};

it('a task that runs is told without what is not known of it', () => {
  expect(describeTask(task)).toBe(
    [
      'task       batch/run-1/t1',
      'state      running',
      'agent      a1',
      'requested  0.5 CPUs, 32 MiB\n',
    ].join('\n'),
  );
});

it('why it ended is told with the limit that it met, in words, and with what helps', () => {
  const ended = {
    ...{ state: 'failed', reason: 'commandExited', exitCode: 2 },
    cause: { kind: 'pidsLimit', limit: 20, peak: 20 },
    message: 'the command exited with 2',
  };
  const page = describeTask({ ...task, ...ended });
  expect(page).toContain(
    'cause           pidsLimit: It had met its limit of processes and threads before it failed. (limit 20 processes and threads, highest 20 processes and threads)\n',
  );
  expect(page).toContain('what helps      Start fewer at a time');
  expect(page).toContain('exit code       2\n');
  expect(page).toContain('its agent says  the command exited with 2\n');
});

it('a cause of a newer release is told by its name', () => {
  const cause = { kind: 'somethingOfTomorrow', limit: 3 };
  expect(describeTask({ ...task, state: 'failed', cause })).toContain(
    'cause      somethingOfTomorrow (limit 3)\n',
  );
});
