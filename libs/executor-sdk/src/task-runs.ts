// Owns the tasks that run in this process: one call of the framework's function each, what its result means, and its
// end when it does not end in time. What is told of them, and when, is in executor-session.ts.
import { setTimeout as wait } from 'node:timers/promises';
import { ExecutorUpdate } from '@parley/protocol/executors';
import type { TaskId } from '@parley/protocol/ids';
import { describeIssues } from '@parley/protocol/message';
import type { TaskDescription } from '@parley/protocol/tasks';
import type { TaskReport } from './executor-session.ts';

/** What a task may say while it runs. */
export type TaskProgress = Pick<ExecutorUpdate, 'message' | 'healthy' | 'data'>;

export type TaskContext = {
  /** Aborts when the task is to end; `signal.reason` is a `TaskKilled`. */
  readonly signal: AbortSignal;
  /**
   * Told to the framework as a status update, again until it is with the agent. False when too many wait already.
   * Throws a `TypeError` for what no update can say: data of more than 32 KiB.
   */
  update(progress: TaskProgress): boolean;
};

/** What a task that ended well may say; nothing is enough. */
export type TaskResult = Pick<ExecutorUpdate, 'message' | 'data'> | undefined;

export type LaunchTask = (
  task: TaskDescription,
  context: TaskContext,
  // biome-ignore lint/suspicious/noConfusingVoidType: a function that returns nothing is the usual one.
) => Promise<TaskResult | void>;

/** Why a task's signal is aborted, and how long it may take to end, in milliseconds. */
export class TaskKilled extends Error {
  readonly graceMs: number;

  constructor(graceMs: number) {
    super(`the task is to end within ${graceMs} ms`);
    this.name = 'TaskKilled';
    this.graceMs = graceMs;
  }
}

/** For a task that failed: its exit code is told beside the message. */
export class TaskFailed extends Error {
  readonly exitCode: number | undefined;

  constructor(message: string, exitCode?: number) {
    super(message);
    this.name = 'TaskFailed';
    this.exitCode = exitCode;
  }
}

type Run = { readonly stopping: AbortController; graceOver: AbortController | undefined };

const MAX_MESSAGE_LENGTH = 4096;

export class TaskRuns {
  readonly #launch: LaunchTask;
  readonly #report: (report: TaskReport) => boolean;
  readonly #runs = new Map<TaskId, Run>();

  /** `report`: false when it is not told. */
  constructor(launch: LaunchTask, report: (report: TaskReport) => boolean) {
    this.#launch = launch;
    this.#report = report;
  }

  start(task: TaskDescription): void {
    const { taskId } = task;
    const run: Run = { stopping: new AbortController(), graceOver: undefined };
    this.#runs.set(taskId, run);
    this.#report({ taskId, state: 'running' });
    const { signal } = run.stopping;
    const update = (progress: TaskProgress): boolean => {
      const report: TaskReport = { taskId, state: 'running', ...shortened(progress) };
      const fault = faultOf(report);
      if (fault !== undefined) throw new TypeError(fault);
      return this.#report(report);
    };
    // A function that is not async and throws counts as one that is.
    const result = Promise.resolve().then(() => this.#launch(task, { signal, update }));
    result.then(
      (value) => this.#end(taskId, run, signal.aborted ? 'killed' : 'finished', value ?? {}),
      (error: unknown) => this.#fail(taskId, run, error),
    );
  }

  /** A task that is still there when the grace is over counts as killed: nothing in a process can end it by force. */
  stop(taskId: TaskId, graceMs: number): void {
    const run = this.#runs.get(taskId);
    if (run === undefined) return;
    run.stopping.abort(new TaskKilled(graceMs));
    run.graceOver?.abort();
    const timer = new AbortController();
    run.graceOver = timer;
    wait(graceMs, undefined, { signal: timer.signal }).then(
      () => this.#end(taskId, run, 'killed', { message: 'it did not end within its grace' }),
      () => undefined,
    );
  }

  #fail(taskId: TaskId, run: Run, error: unknown): void {
    if (run.stopping.signal.aborted) {
      this.#end(taskId, run, 'killed', {});
      return;
    }
    const message = error instanceof Error ? error.message : String(error);
    const exitCode = error instanceof TaskFailed ? error.exitCode : undefined;
    const more = exitCode === undefined ? {} : { exitCode };
    this.#end(taskId, run, 'failed', { message, ...more });
  }

  #end(
    taskId: TaskId,
    run: Run,
    state: 'finished' | 'failed' | 'killed',
    said: Pick<ExecutorUpdate, 'message' | 'data' | 'exitCode'>,
  ): void {
    if (this.#runs.get(taskId) !== run) return;
    this.#runs.delete(taskId);
    run.graceOver?.abort();
    const report: TaskReport = { taskId, state, ...shortened(said) };
    const message = faultOf(report);
    if (message === undefined) this.#report(report);
    else this.#report({ taskId, state: state === 'finished' ? 'failed' : state, message });
  }
}

/** An update that the agent cannot read would end the connection, again each time that it is repeated. */
function faultOf(report: TaskReport): string | undefined {
  const parsed = ExecutorUpdate.safeParse({ ...report, sequence: 1 });
  return parsed.success ? undefined : describeIssues('update', parsed.error);
}

function shortened<Said extends { readonly message?: string | undefined }>(said: Said): Said {
  const { message } = said;
  return message === undefined ? said : { ...said, message: message.slice(0, MAX_MESSAGE_LENGTH) };
}
