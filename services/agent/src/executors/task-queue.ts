// Owns the tasks that wait until their executor can be given them, in order of coming; a group waits for all of it.
import type { ToExecutor } from '@parley/protocol/executors';
import type { TaskId, TaskKey } from '@parley/protocol/ids';
import type { Status } from '../task-outcome.ts';
import type { ExecutorTask } from './executor-task.ts';

/** One task, or all of a group. */
type Together = readonly [ExecutorTask, ...ExecutorTask[]];

/** How the executor is given them. */
export function launchOf(tasks: Together): ToExecutor {
  const [{ order }] = tasks;
  return order.group === undefined
    ? { kind: 'launch', task: order.description }
    : { kind: 'launchGroup', tasks: tasks.map((task) => task.order.description) };
}

/** The end of a task that was not handed over, with another of its group. */
export function endedWithGroup(taskId: TaskId): Status {
  const message = `task ${taskId} of its group ended before the group was started`;
  return { state: 'killed', reason: 'groupMemberEnded', message };
}

export class TaskQueue {
  readonly #waiting = new Map<TaskKey, ExecutorTask>();

  add(task: ExecutorTask): void {
    this.#waiting.set(task.key, task);
  }

  remove(task: ExecutorTask): void {
    this.#waiting.delete(task.key);
  }

  tasks(): ExecutorTask[] {
    return [...this.#waiting.values()];
  }

  /** What can be handed over now, taken out: single tasks, and whole groups. */
  takeReady(hasRoom: (task: ExecutorTask) => boolean): Together[] {
    const ready: Together[] = [];
    for (const task of this.tasks()) {
      if (!this.#waiting.has(task.key)) continue;
      const group = task.order.group;
      const others = group === undefined ? [] : this.#othersOf(group.taskIds, task);
      const tasks: Together = [task, ...others];
      const isWhole = tasks.length === (group?.taskIds.length ?? 1);
      if (!isWhole || !tasks.every(hasRoom)) continue;
      for (const each of tasks) this.remove(each);
      ready.push(tasks);
    }
    return ready;
  }

  // The queue is one executor's, so a task id is that of one task.
  #othersOf(taskIds: readonly TaskId[], one: ExecutorTask): ExecutorTask[] {
    const ids = new Set(taskIds);
    return this.tasks().filter((task) => task !== one && ids.has(task.ref.taskId));
  }
}
