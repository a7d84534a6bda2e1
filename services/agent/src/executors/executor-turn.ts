// Owns what one step of an executor has at hand: the time, where effects go, and the tasks of the agent.
import {
  executorKey,
  type TaskId,
  type TaskKey,
  type TaskRef,
  taskKey,
} from '@parley/protocol/ids';
import type { StopAnswer } from '@parley/protocol/revocations';
import type { Instant, SupervisorEffect } from '../supervisor-messages.ts';
import type { ExecutorEffect, ExecutorPlace } from './executor-messages.ts';
import type { ExecutorTask } from './executor-task.ts';
import type { SupervisedExecutor } from './supervised-executor.ts';

/** The tasks of custom executors, as the supervisor keeps them. */
export interface ExecutorTasks {
  /** Also one that has ended and is still kept. */
  find(task: TaskKey): ExecutorTask | undefined;
  wasForgotten(task: TaskKey): boolean;
  all(): Iterable<ExecutorTask>;
  /** Something happened to the task: its next update, its next deadline and its executor follow. */
  changed(task: ExecutorTask, now: Instant, out: SupervisorEffect[]): void;
}

export type TurnListeners = {
  readonly exited: (executor: SupervisedExecutor) => void;
  /** To the question to stop a task. */
  readonly saidToStop: (task: TaskRef, answer: StopAnswer) => void;
};

export class Turn {
  readonly now: Instant;
  readonly out: SupervisorEffect[];
  readonly #tasks: ExecutorTasks;
  readonly exited: TurnListeners['exited'];
  readonly saidToStop: TurnListeners['saidToStop'];

  constructor(
    now: Instant,
    out: SupervisorEffect[],
    tasks: ExecutorTasks,
    { exited, saidToStop }: TurnListeners,
  ) {
    this.now = now;
    this.out = out;
    this.#tasks = tasks;
    this.exited = exited;
    this.saidToStop = saidToStop;
  }

  push(effect: ExecutorEffect): void {
    this.out.push({ kind: 'executor', effect });
  }

  report(about: string, what: string): void {
    this.out.push({ kind: 'report', about, what });
  }

  find(task: TaskKey): ExecutorTask | undefined {
    return this.#tasks.find(task);
  }

  wasForgotten(task: TaskKey): boolean {
    return this.#tasks.wasForgotten(task);
  }

  /** One of the task's group that has ended. */
  endedInGroupOf({ ref, order }: ExecutorTask): TaskId | undefined {
    return order.group?.taskIds.find((taskId) => {
      const key = taskKey({ ...ref, taskId });
      return this.find(key)?.phase === 'ended' || this.wasForgotten(key);
    });
  }

  /** Tasks that were given to this executor and are still kept, whether they have ended or not. */
  tasksOf({ executor, incarnation }: ExecutorPlace): TaskId[] {
    const key = executorKey(executor);
    return [...this.#tasks.all()]
      .filter(
        ({ place }) => place?.incarnation === incarnation && executorKey(place.executor) === key,
      )
      .map(({ ref }) => ref.taskId);
  }

  changed(task: ExecutorTask): void {
    this.#tasks.changed(task, this.now, this.out);
  }
}
