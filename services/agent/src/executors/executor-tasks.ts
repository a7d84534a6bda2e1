// Owns the tasks of one custom executor: which have not ended, which wait for room in its scope, when they are handed over,
// and that the rest of a group ends with one of it. What the executor itself goes through is in supervised-executor.ts.
import { type TaskKey, taskKey } from '@parley/protocol/ids';
import type { Status } from '../task-outcome.ts';
import type { ExecutorConversation } from './executor-conversation.ts';
import { LimitsOfExecutor } from './executor-limits.ts';
import type { ExecutorLimits, ExecutorPlace } from './executor-messages.ts';
import type { ExecutorTask } from './executor-task.ts';
import type { Turn } from './executor-turn.ts';
import { endedWithGroup, launchOf, TaskQueue } from './task-queue.ts';

export class ExecutorTasks {
  readonly #place: ExecutorPlace;
  readonly #tasks = new Map<TaskKey, ExecutorTask>();
  readonly #queue = new TaskQueue();
  readonly #limits: LimitsOfExecutor;
  #launchedWith = 0;

  /** `own`: what the executor asks for itself. */
  constructor(place: ExecutorPlace, own: ConstructorParameters<typeof LimitsOfExecutor>[0]) {
    this.#place = place;
    this.#limits = new LimitsOfExecutor(own);
  }

  /** Those that have not ended; it changes with them. */
  get byKey(): ReadonlyMap<TaskKey, ExecutorTask> {
    return this.#tasks;
  }

  has(task: ExecutorTask): boolean {
    return this.#tasks.get(task.key) === task;
  }

  /** From now on the scope has room for the task, or will have. */
  add(task: ExecutorTask): void {
    this.#tasks.set(task.key, task);
    task.place = this.#place;
    this.#limits.add(task.key, task.order.description);
  }

  /** Of a task that was never accepted. */
  remove(task: ExecutorTask): void {
    this.#tasks.delete(task.key);
    this.#limits.remove(task.key);
  }

  /** Of its group one may have ended before a restart of the agent, and that alone have got to the disk. */
  enqueue(task: ExecutorTask, turn: Turn): void {
    const ended = turn.endedInGroupOf(task);
    if (ended === undefined) this.#queue.add(task);
    else this.#end(task, endedWithGroup(ended), turn);
  }

  /** Of a group of which no part was handed over, the rest ends with it (Mesos: all or nothing). */
  ended(task: ExecutorTask, talk: ExecutorConversation, turn: Turn): void {
    if (!this.#tasks.delete(task.key)) return;
    this.#limits.remove(task.key);
    talk.taskEnded(task);
    this.#queue.remove(task);
    for (const taskId of task.order.group?.taskIds ?? []) {
      const other = this.#tasks.get(taskKey({ ...this.#place.executor, taskId }));
      if (other?.isBeforeHandOver !== true) continue;
      this.#end(other, endedWithGroup(task.ref.taskId), turn);
    }
  }

  /** Nothing of them runs any more. */
  endAll(status: Status, turn: Turn): void {
    for (const task of [...this.#tasks.values()]) this.#end(task, status, turn);
  }

  /** Those that the executor was never given. */
  endBeforeHandOver(status: Status, turn: Turn): void {
    for (const task of [...this.#tasks.values()].filter((each) => each.isBeforeHandOver)) {
      this.#end(task, status, turn);
    }
  }

  /** The limits that the scope begins with. */
  launch(): ExecutorLimits {
    const { revision, limits } = this.#limits.begin();
    this.#launchedWith = revision;
    return limits;
  }

  launched(): void {
    this.#limits.started(this.#launchedWith);
  }

  limitsSet(revision: number): void {
    this.#limits.settled(revision, true);
  }

  /** What waits for more room has none. */
  limitsNotSet(revision: number, reason: string, turn: Turn): void {
    this.#limits.settled(revision, false);
    const message = `the limits of its executor could not be raised: ${reason}`;
    for (const task of this.#queue.tasks()) {
      if (this.#limits.hasRoomFor(task.key)) continue;
      this.#end(task, { state: 'failed', reason: 'launchFailed', message }, turn);
    }
  }

  changeLimits(turn: Turn): void {
    const change = this.#limits.takeChange();
    if (change !== undefined) turn.push({ kind: 'setLimits', ...this.#place, ...change });
  }

  handOver(talk: ExecutorConversation, turn: Turn): void {
    for (const tasks of this.#queue.takeReady((task) => this.#limits.hasRoomFor(task.key))) {
      for (const task of tasks) task.handOver();
      talk.send(launchOf(tasks), turn);
    }
  }

  #end(task: ExecutorTask, status: Status, turn: Turn): void {
    task.endedByExecutor(status, turn.now, turn.out);
    turn.changed(task);
  }
}
