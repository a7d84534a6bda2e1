// Owns which tasks an agent knows, which it has forgotten lately, and which belong together as groups. A task goes only
// when the leader has journalled its end. What happens to a task is in supervised-task.ts.
import type { Watermarks } from '@parley/protocol/broadcasts';
import type { PrincipalName, TaskKey } from '@parley/protocol/ids';
import type { AgentTask } from './agent-task.ts';
import { ExecutorTask } from './executors/executor-task.ts';
import { GroupBook } from './group-book.ts';
import type { Instant, SupervisorEffect } from './supervisor-messages.ts';
import type { SupervisorLimits } from './supervisor-options.ts';

type Out = SupervisorEffect[];

export class TaskTable {
  readonly #limits: SupervisorLimits;
  readonly #tasks = new Map<TaskKey, AgentTask>();
  readonly #forgotten = new Set<TaskKey>();
  readonly #streamCreatedMs = new Map<PrincipalName, number>();
  readonly groups = new GroupBook(this.#tasks);

  constructor(limits: SupervisorLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#tasks.size;
  }

  get(key: TaskKey): AgentTask | undefined {
    return this.#tasks.get(key);
  }

  all(): IterableIterator<AgentTask> {
    return this.#tasks.values();
  }

  /** It was known, and its end is journalled. */
  isForgotten(key: TaskKey): boolean {
    return this.#forgotten.has(key);
  }

  hasRoomFor(more: number): boolean {
    return this.#tasks.size + more <= this.#limits.tasks;
  }

  add(task: AgentTask): void {
    this.#tasks.set(task.key, task);
  }

  drop(task: AgentTask, out: Out): void {
    this.#tasks.delete(task.key);
    if (!(task instanceof ExecutorTask)) this.groups.forget(task);
    out.push({ kind: 'forget', task: task.key, ref: task.ref });
  }

  /** Creation time of the principal's stream of updates, as far as a watermark has told it. */
  streamCreatedMs(principal: PrincipalName): number | undefined {
    return this.#streamCreatedMs.get(principal);
  }

  /** The leader has journalled so much: what is over goes. */
  cover(watermarks: Watermarks, now: Instant, out: Out): void {
    const streams = new Map<PrincipalName, Watermarks['streams'][number]>();
    for (const stream of watermarks.streams) {
      streams.set(stream.principal, stream);
      this.#streamCreatedMs.set(stream.principal, stream.createdMs);
    }
    keepNewest(this.#streamCreatedMs, this.#limits.principals);
    for (const task of this.#tasks.values()) {
      const stream = streams.get(task.ref.principal);
      if (stream !== undefined) task.outbox.cover(stream, now.nowMs);
    }
    const over = [...this.#tasks.values()].filter((task) =>
      task instanceof ExecutorTask ? task.isOver : this.groups.isOver(task),
    );
    for (const task of over) {
      this.drop(task, out);
      this.#forgotten.add(task.key);
    }
    keepNewest(this.#forgotten, this.#limits.forgottenTasks);
  }
}

/** Maps and sets keep the order of insertion: the oldest come first. */
function keepNewest<Key>(
  table: { readonly size: number; keys(): Iterator<Key>; delete(key: Key): boolean },
  limit: number,
): void {
  const keys = table.keys();
  while (table.size > limit) {
    const oldest = keys.next();
    if (oldest.done === true) return;
    table.delete(oldest.value);
  }
}
