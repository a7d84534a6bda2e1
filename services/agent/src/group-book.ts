// Owns what the tasks of a group have in common: they are accepted together or not at all, none starts before all are
// prepared, they end together, and they are forgotten together. Each task by itself is in supervised-task.ts.
//
// What a group is stands in the record of each of its tasks. A record that is missing after a restart was never
// written (then the order was not answered and comes again), or is that of a group that is over: since all go
// together, it cannot be that of a task that ran.
import type { Failure } from '@parley/protocol/errors';
import {
  executorKey,
  type FrameworkRef,
  type TaskId,
  type TaskKey,
  taskKey,
} from '@parley/protocol/ids';
import type { AgentTask } from './agent-task.ts';
import { SupervisedTask } from './supervised-task.ts';
import type { Instant, ReplyHandle, SupervisorEffect } from './supervisor-messages.ts';
import type { GroupPlace } from './task-record.ts';

const MAX_ANSWERS_A_GROUP = 16;

type Out = SupervisorEffect[];

type Group = {
  readonly key: string;
  readonly members: readonly TaskKey[];
  /** Answers that wait until every task is on the disk. */
  replies: ReplyHandle[];
  /** Its tasks may be prepared. */
  isGathered: boolean;
  /** Why it is not accepted; told when no writing is under way any more. */
  refusal: Failure | undefined;
};

/** `answers`: requests that are accepted now. `refused`: tasks that were none, to be dropped. */
export type GroupStep = {
  readonly answers: readonly ReplyHandle[];
  readonly refused: readonly SupervisedTask[];
  readonly refusal: Failure | undefined;
};

const NOTHING: GroupStep = { answers: [], refused: [], refusal: undefined };

export class GroupBook {
  readonly #tasks: ReadonlyMap<TaskKey, AgentTask>;
  readonly #groups = new Map<string, Group>();
  /** Also of members that are not known, or not as such: one that was killed before its order came. */
  readonly #groupsOfTasks = new Map<TaskKey, Group>();

  constructor(tasks: ReadonlyMap<TaskKey, AgentTask>) {
    this.#tasks = tasks;
  }

  /** A group is known from now on; its tasks are in the table already. One that is known stays as it is. */
  open(framework: FrameworkRef, place: GroupPlace): void {
    const key = keyOf(framework, place);
    if (this.#groups.has(key)) return;
    const members = place.taskIds.map((taskId) => taskKey({ ...framework, taskId }));
    const group = { key, members, replies: [], isGathered: false, refusal: undefined };
    this.#groups.set(key, group);
    for (const member of members) this.#groupsOfTasks.set(member, group);
  }

  /** An order is repeated while its answer waits: the newest repetitions are the ones still listened for. */
  addReply(framework: FrameworkRef, place: GroupPlace, reply: ReplyHandle): void {
    const group = this.#groups.get(keyOf(framework, place));
    if (group === undefined) return;
    group.replies = [...group.replies.slice(1 - MAX_ANSWERS_A_GROUP), reply];
  }

  /** Every task of the group of this one that is known here, itself among them. */
  membersOf(task: SupervisedTask): SupervisedTask[] {
    const group = this.#groupOf(task);
    return group === undefined ? [task] : this.#present(group);
  }

  /** What follows for the group from what happened to one of its tasks. */
  advance(task: SupervisedTask, now: Instant, out: Out): GroupStep {
    const group = this.#groupOf(task);
    if (group === undefined) return NOTHING;
    const members = this.#present(group);
    if (group.refusal !== undefined) return this.#refuse(group, members);
    const doomed = members.find(isDoomed);
    if (doomed !== undefined) endAll(doomed, members, now, out);
    const isComplete = members.length === group.members.length;
    if (!group.isGathered && isComplete && members.every(hasRecord)) {
      group.isGathered = true;
      for (const member of members) member.gathered(now, out);
    }
    if (!isComplete || !members.every(hasRecord)) return NOTHING;
    const answers = group.replies;
    group.replies = [];
    return { ...NOTHING, answers };
  }

  /** The first record of this task cannot be written: then its group is not accepted. False when that is not so. */
  recordRefused(task: SupervisedTask, failure: Failure): boolean {
    const group = this.#groupOf(task);
    if (group === undefined || group.isGathered || task.phase !== 'accepting') return false;
    group.refusal ??= failure;
    return true;
  }

  /** All of its group is prepared, or has gone further. */
  mayLaunch(task: SupervisedTask): boolean {
    const group = this.#groupOf(task);
    if (group === undefined) return true;
    return this.#present(group).every(
      ({ phase }) => phase !== 'accepting' && phase !== 'gathering' && phase !== 'preparing',
    );
  }

  /** Everything about it and its group is over. */
  isOver(task: SupervisedTask): boolean {
    return this.membersOf(task).every((member) => member.isOver);
  }

  /** The task is in the table no more. */
  forget(task: SupervisedTask): void {
    const group = this.#groupOf(task);
    if (group === undefined || this.#present(group).length > 0) return;
    this.#groups.delete(group.key);
    for (const member of group.members) this.#groupsOfTasks.delete(member);
  }

  #refuse(group: Group, members: readonly SupervisedTask[]): GroupStep {
    const { refusal } = group;
    if (members.some(({ record }) => record.isWriting)) return NOTHING;
    const answers = group.replies;
    group.replies = [];
    group.refusal = undefined;
    const refused = members.filter(({ phase }) => phase === 'accepting' || phase === 'gathering');
    return { answers, refused, refusal };
  }

  #groupOf(task: SupervisedTask): Group | undefined {
    return this.#groupsOfTasks.get(task.key);
  }

  #present(group: Group): SupervisedTask[] {
    return group.members
      .map((key) => this.#tasks.get(key))
      .filter((member) => member instanceof SupervisedTask);
  }
}

function hasRecord({ record }: SupervisedTask): boolean {
  return record.isOnDisk;
}

/** It ends the others: it is being stopped, or has ended otherwise than well. */
function isDoomed(task: SupervisedTask): boolean {
  return task.phase === 'ended' ? task.state !== 'finished' : task.isStopping;
}

function endAll(
  doomed: SupervisedTask,
  members: readonly SupervisedTask[],
  now: Instant,
  out: Out,
): void {
  const message = `task ${doomed.ref.taskId} of its group ended or was told to stop`;
  for (const member of members) {
    if (!member.isStopping) member.stop({ reason: 'groupMemberEnded', message }, now, out);
  }
}

// The first task tells apart two groups that name the same executor: a task id is used once.
function keyOf(framework: FrameworkRef, { executorId, taskIds }: GroupPlace): string {
  const first: TaskId | undefined = taskIds[0];
  return `${executorKey({ ...framework, executorId })} ${first ?? ''}`;
}
