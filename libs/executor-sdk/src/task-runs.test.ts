import { TaskDescription } from '@parley/protocol/tasks';
import { expect, test } from 'vitest';
import type { TaskReport } from './executor-session.ts';
import { type LaunchTask, TaskFailed, TaskKilled, TaskRuns } from './task-runs.ts';

const TASK = TaskDescription.parse({ taskId: 't1', resources: {} });

/** Starts one task and gives all that is told of it, once `count` words are. */
function run(launch: LaunchTask, count: number): { runs: TaskRuns; told: Promise<TaskReport[]> } {
  const reports: TaskReport[] = [];
  const told = Promise.withResolvers<TaskReport[]>();
  const runs = new TaskRuns(launch, (report) => {
    reports.push(report);
    if (reports.length === count) told.resolve(reports);
    return true;
  });
  runs.start(TASK);
  return { runs, told: told.promise };
}

test('a function that returns has finished its task, with what it says at last', async () => {
  const { told } = run(async () => ({ message: 'done' }), 2);
  expect(await told).toMatchObject([{ state: 'running' }, { state: 'finished', message: 'done' }]);
});

test('a function that throws has failed its task, with its message and exit code', async () => {
  const { told } = run(async () => {
    throw new TaskFailed('no input', 3);
  }, 2);
  expect(await told).toMatchObject([
    { state: 'running' },
    { state: 'failed', message: 'no input', exitCode: 3 },
  ]);
});

test('a function that throws before it is asynchronous has failed its task too', async () => {
  const { told } = run(() => {
    throw new Error('at once');
  }, 2);
  expect(await told).toMatchObject([{ state: 'running' }, { state: 'failed', message: 'at once' }]);
});

test('what a task says while it runs is told as its progress', async () => {
  const { told } = run(async (_, { update }) => {
    update({ healthy: true });
  }, 3);
  expect(await told).toMatchObject([
    {},
    { state: 'running', healthy: true },
    { state: 'finished' },
  ]);
});

test('a task that is to end has its signal aborted, and ends as killed whether it returns or throws', async () => {
  for (const isThrown of [false, true]) {
    const { runs, told } = run(async (_, { signal }) => {
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      if (isThrown) throw signal.reason;
    }, 2);
    await Promise.resolve();
    await Promise.resolve();
    runs.stop(TASK.taskId, 60_000);
    expect(await told).toMatchObject([{ state: 'running' }, { state: 'killed' }]);
  }
});

test('a task that does not end counts as killed when its grace is over, and a later grace can be shorter', async () => {
  const { runs, told } = run(() => new Promise(() => undefined), 2);
  runs.stop(TASK.taskId, 3_600_000);
  runs.stop(TASK.taskId, 1);
  expect(await told).toMatchObject([{ state: 'running' }, { state: 'killed' }]);
});

test('a task knows the grace that it is given, and what it returns after that says nothing any more', async () => {
  const late = Promise.withResolvers<undefined>();
  let reason: unknown;
  const { runs, told } = run((_, { signal }) => {
    signal.addEventListener('abort', () => {
      reason = signal.reason;
    });
    return late.promise;
  }, 2);
  await Promise.resolve();
  runs.stop(TASK.taskId, 1);
  const reports = await told;
  late.resolve(undefined);
  await late.promise;
  await Promise.resolve();
  expect(reports).toHaveLength(2);
  expect(reason instanceof TaskKilled && reason.graceMs).toBe(1);
});

test('a result that no update can say fails its task, and says why', async () => {
  const { told } = run(async () => ({ data: new Uint8Array(32 * 1024 + 1) }), 2);
  expect(await told).toEqual([
    { taskId: 't1', state: 'running' },
    { taskId: 't1', state: 'failed', message: 'update: data: must be at most 32 KiB' },
  ]);
});

test('progress that no update can say is thrown back at the task', async () => {
  const { told } = run(async (_, { update }) => {
    update({ data: new Uint8Array(32 * 1024 + 1) });
  }, 2);
  expect(await told).toMatchObject([
    { state: 'running' },
    { state: 'failed', message: 'update: data: must be at most 32 KiB' },
  ]);
});
