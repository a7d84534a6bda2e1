// Owns how the order to run a group becomes tasks: what is wrong with one, which of its tasks are new here, and what
// those that came too late end as. What holds for a group afterwards is in group-book.ts.
import type { RunGroupOrder } from '@parley/protocol/agents';
import { type AgentId, type TaskId, type TaskKey, taskKey } from '@parley/protocol/ids';
import type { TaskDescription } from '@parley/protocol/tasks';
import { SupervisedTask } from './supervised-task.ts';
import type { Instant, SupervisorEffect } from './supervisor-messages.ts';
import { type GroupPlace, taskOrder } from './task-record.ts';
import type { TaskTable } from './task-table.ts';

/** Why the agent itself cannot run this group; undefined when it can. */
export function groupFault({ descriptions, executor }: RunGroupOrder): string | undefined {
  if (executor.kind !== 'default') return `executor.kind: ${executor.kind} is no default executor`;
  for (const { taskId, command, executor: own } of descriptions) {
    if (command === undefined) return `command: task ${taskId} has none`;
    if (own !== undefined) return `executor: task ${taskId} names one, which its group does`;
  }
  const ids = new Set(descriptions.map(({ taskId }) => taskId));
  return ids.size === descriptions.length ? undefined : 'descriptions: two name the same task';
}

export class GroupOrder {
  readonly place: GroupPlace;
  /** Of the tasks that are not known here. */
  readonly news: readonly TaskDescription[];
  readonly #order: RunGroupOrder;
  readonly #forgotten: readonly TaskId[];

  constructor(order: RunGroupOrder, table: TaskTable) {
    const { framework, descriptions, executor } = order;
    const taskIds = descriptions.map(({ taskId }) => taskId);
    const keyOf = (taskId: TaskId): TaskKey => taskKey({ ...framework, taskId });
    this.#order = order;
    this.place = { executorId: executor.executorId, taskIds };
    this.#forgotten = taskIds.filter((taskId) => table.isForgotten(keyOf(taskId)));
    this.news = descriptions.filter(
      ({ taskId }) => table.get(keyOf(taskId)) === undefined && !table.isForgotten(keyOf(taskId)),
    );
  }

  get taskKeys(): TaskKey[] {
    return this.place.taskIds.map((taskId) => taskKey({ ...this.#order.framework, taskId }));
  }

  /** All of its tasks have ended long ago. */
  get isForgotten(): boolean {
    return this.#forgotten.length === this.place.taskIds.length;
  }

  create(agentId: AgentId): SupervisedTask[] {
    const { framework } = this.#order;
    return this.news.map((description) => {
      const ref = { ...framework, taskId: description.taskId };
      return new SupervisedTask(agentId, ref, taskOrder(this.#order, description, this.place));
    });
  }

  /** One that was killed before the order came, and is forgotten already, takes the others with it. */
  accept(task: SupervisedTask, now: Instant, out: SupervisorEffect[]): void {
    const [forgotten] = this.#forgotten;
    if (forgotten === undefined) {
      task.accept(out);
      return;
    }
    const message = `task ${forgotten} of its group ended before the group was ordered`;
    task.acceptStopped({ reason: 'groupMemberEnded', message }, now, out);
  }
}
