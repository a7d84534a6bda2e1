// Owns what an agent makes of orders and inputs about tasks of custom executors: it makes the tasks, alone or as
// groups, and answers when they are on the disk. What becomes of them then, the roster and its executors decide.
import type { RunGroupOrder, RunOrder, ShutdownExecutorOrder } from '@parley/protocol/agents';
import { type Failure, fail, succeed } from '@parley/protocol/errors';
import type { ExecutorDescription } from '@parley/protocol/executor-description';
import { encodeFrame } from '@parley/protocol/executor-frames';
import type { ToExecutor } from '@parley/protocol/executors';
import { type AgentId, type FrameworkRef, type TaskKey, taskKey } from '@parley/protocol/ids';
import type { AgentTask } from '../agent-task.ts';
import type { HeldAnswers } from '../held-answers.ts';
import type { Instant, ReplyHandle, SupervisorEffect, TaskInput } from '../supervisor-messages.ts';
import { recordedOrder, type TaskOrder, type TaskRecord, taskOrder } from '../task-record.ts';
import type { TaskTable } from '../task-table.ts';
import type { RecoveredExecutor } from './executor-messages.ts';
import { ExecutorRoster, type ExecutorRosterOptions } from './executor-roster.ts';
import { customExecutorOf, ExecutorTask } from './executor-task.ts';

type Out = SupervisorEffect[];

export type ExecutorDeskOptions = Omit<ExecutorRosterOptions, 'tasks'> & {
  readonly table: TaskTable;
  readonly answers: HeldAnswers;
  /** To be called after anything happened to a task. */
  readonly settle: (task: AgentTask, now: Instant, out: Out) => void;
  /** For a task that was never accepted. */
  readonly drop: (task: AgentTask, out: Out) => void;
};

/** A group whose order is not answered yet. */
type OpenGroup = {
  readonly keys: readonly TaskKey[];
  /** An order is repeated while its answer waits: the newest repetitions are the ones still listened for. */
  replies: ReplyHandle[];
  /** Tasks that this order made; dropped if it is refused. */
  readonly news: readonly ExecutorTask[];
  refusal: Failure | undefined;
};

const MAX_ANSWERS_A_GROUP = 16;

export class ExecutorDesk {
  readonly roster: ExecutorRoster;
  readonly #agentId: AgentId;
  readonly #options: ExecutorDeskOptions;
  readonly #openGroups = new Map<TaskKey, OpenGroup>();

  constructor(options: ExecutorDeskOptions) {
    this.#options = options;
    this.#agentId = options.agentId;
    const { agentId, hostname, session, timing, table, settle, saidToStop } = options;
    this.roster = new ExecutorRoster({
      agentId,
      hostname,
      session,
      timing,
      saidToStop,
      tasks: {
        find: (key) => this.#find(key),
        wasForgotten: (key) => table.isForgotten(key),
        all: () => [...table.all()].filter((task) => task instanceof ExecutorTask),
        changed: settle,
      },
    });
  }

  /** A task that is not known here. */
  run(
    order: RunOrder,
    executor: ExecutorDescription,
    reply: ReplyHandle,
    now: Instant,
    out: Out,
  ): void {
    const { framework, description } = order;
    const launch = { kind: 'launch', task: description } as const;
    const fault = this.#fault(framework, executor, launch);
    if (fault !== undefined) {
      out.push({ kind: 'answer', reply, answer: { ok: false, failure: fault } });
      return;
    }
    const task = this.#make(framework, taskOrder(order, description), executor, now);
    task.accept(out);
    this.#options.answers.acceptWhenRecorded(task, reply, out);
  }

  /** Accepted, or refused, as a whole. One task of it that has ended already takes the others with it. */
  runGroup(order: RunGroupOrder, reply: ReplyHandle, now: Instant, out: Out): void {
    const { framework, executor, descriptions } = order;
    const { table } = this.#options;
    const taskIds = descriptions.map(({ taskId }) => taskId);
    const keys = taskIds.map((taskId) => taskKey({ ...framework, taskId }));
    const isGone = (key: TaskKey): boolean => table.isForgotten(key);
    const missing = descriptions.filter(({ taskId }) => {
      const key = taskKey({ ...framework, taskId });
      return table.get(key) === undefined && !isGone(key);
    });
    const fault =
      groupFault(order) ??
      (missing.length > 0 ? this.#groupFault(order, missing.length) : undefined);
    if (fault !== undefined || keys.every(isGone)) {
      const answer = fault === undefined ? succeed({}) : { ok: false as const, failure: fault };
      out.push({ kind: 'answer', reply, answer });
      return;
    }
    const group = { executorId: executor.executorId, taskIds };
    const news = missing.map((each) => {
      const made = taskOrder(order, { ...each, executor }, group);
      return this.#make(framework, made, executor, now);
    });
    this.#await(keys, reply, news);
    for (const task of news) task.accept(out);
    const ended = keys.find((key) => isGone(key) || table.get(key)?.phase === 'ended');
    if (ended !== undefined) this.#endGroup(news, ended, now, out);
    this.#advance(keys[0], out);
  }

  shutDown(order: ShutdownExecutorOrder, reply: ReplyHandle, now: Instant, out: Out): void {
    const isThere = this.roster.shutDown(order, now, out);
    const { executorId } = order.executor;
    const answer = isThere ? succeed({}) : fail('unknownTask', `no executor ${executorId} is here`);
    out.push({ kind: 'answer', reply, answer });
  }

  /** What happened to one of the tasks here. */
  take(task: ExecutorTask, input: TaskInput, now: Instant, out: Out): void {
    const { answers, settle } = this.#options;
    const group = this.#groupOf(task);
    task.take(input, now, out);
    if (input.kind === 'recordFailed') this.#recordFailed(task, group, input.failure, out);
    if (input.kind === 'recorded') answers.recorded(task.key, input.revision, out);
    if (group !== undefined) this.#advance(group.keys[0], out);
    if (this.#find(task.key) === task) settle(task, now, out);
  }

  #recordFailed(
    task: ExecutorTask,
    group: OpenGroup | undefined,
    failure: Failure,
    out: Out,
  ): void {
    const { answers } = this.#options;
    if (task.phase !== 'accepting') answers.drop(task.key);
    else if (group !== undefined) {
      answers.drop(task.key);
      group.refusal ??= failure;
    } else if (!task.record.isWriting) {
      // Not before: the next task of this id would take a later record of this one, which a kill asked for, for its own.
      answers.refuse(task.key, failure, out);
      this.#drop(task, out);
    }
  }

  /** Before `recover`. The task as an earlier process left it; undefined when it is none of a custom executor. */
  adopt(record: TaskRecord, now: Instant): ExecutorTask | undefined {
    const order = recordedOrder(record);
    const executor = customExecutorOf(order);
    if (order === undefined || executor === undefined) return undefined;
    const task = new ExecutorTask(this.#agentId, record.task, order, executor);
    this.#options.table.add(task);
    task.recover(record, now);
    return task;
  }

  recover(recovered: readonly RecoveredExecutor[], now: Instant, out: Out): void {
    this.roster.adopt(recovered);
    this.roster.recover(recovered, now, out);
  }

  #find(key: TaskKey): ExecutorTask | undefined {
    const task = this.#options.table.get(key);
    return task instanceof ExecutorTask ? task : undefined;
  }

  #fault(
    framework: FrameworkRef,
    executor: ExecutorDescription,
    launch: ToExecutor,
  ): Failure | undefined {
    const frame = encodeFrame(launch);
    if (!frame.ok)
      return fail('invalidTask', `too large for its executor: ${frame.failure.message}`).failure;
    if (executor.command === undefined) {
      return fail('invalidTask', 'executor.command: a custom executor needs one').failure;
    }
    return this.roster.refusal({ ...framework, executorId: executor.executorId }, executor);
  }

  #groupFault(
    { framework, executor, descriptions }: RunGroupOrder,
    more: number,
  ): Failure | undefined {
    const { table } = this.#options;
    if (!table.hasRoomFor(more)) {
      const message = `this agent has ${table.size} tasks and no room for ${more} more`;
      return fail('overloaded', message).failure;
    }
    return this.#fault(framework, executor, { kind: 'launchGroup', tasks: descriptions });
  }

  #make(
    framework: FrameworkRef,
    order: TaskOrder,
    executor: ExecutorDescription,
    now: Instant,
  ): ExecutorTask {
    const ref = { ...framework, taskId: order.description.taskId };
    const task = new ExecutorTask(this.#agentId, ref, order, executor);
    this.#options.table.add(task);
    this.roster.attach(task, now);
    return task;
  }

  #drop(task: ExecutorTask, out: Out): void {
    this.roster.forsake(task);
    this.#options.drop(task, out);
  }

  #await(keys: readonly TaskKey[], reply: ReplyHandle, news: readonly ExecutorTask[]): void {
    const [first] = keys;
    if (first === undefined) return;
    const known = this.#openGroups.get(first);
    const replies = [...(known?.replies ?? []).slice(1 - MAX_ANSWERS_A_GROUP), reply];
    const all = [...(known?.news ?? []), ...news];
    this.#openGroups.set(first, { keys, replies, news: all, refusal: known?.refusal });
  }

  #groupOf(task: ExecutorTask): OpenGroup | undefined {
    const [first] = task.order.group?.taskIds ?? [];
    return first && this.#openGroups.get(taskKey({ ...task.ref, taskId: first }));
  }

  /** Answers the order of a group when every task is on the disk; or refuses it, when no writing is under way any more. */
  #advance(first: TaskKey | undefined, out: Out): void {
    const group = first && this.#openGroups.get(first);
    if (first === undefined || group === undefined) return;
    const tasks = group.keys.map((key) => this.#options.table.get(key));
    const { refusal } = group;
    if (refusal === undefined) {
      if (!tasks.every((task) => task === undefined || task.record.isOnDisk)) return;
      for (const reply of group.replies) this.#options.answers.accept(reply, out);
    } else {
      if (tasks.some((task) => task?.record.isWriting === true)) return;
      for (const task of group.news) this.#drop(task, out);
      for (const reply of group.replies) {
        out.push({ kind: 'answer', reply, answer: { ok: false, failure: refusal } });
      }
    }
    this.#openGroups.delete(first);
  }

  #endGroup(tasks: readonly ExecutorTask[], ended: TaskKey, now: Instant, out: Out): void {
    const message = `task ${ended} of its group ended before the group was ordered`;
    for (const task of tasks) {
      task.endedByExecutor({ state: 'killed', reason: 'groupMemberEnded', message }, now, out);
      this.#options.settle(task, now, out);
    }
  }
}

/** What is wrong with a group for a custom executor, in itself. */
function groupFault({ descriptions }: RunGroupOrder): Failure | undefined {
  const named = descriptions.find(({ executor }) => executor !== undefined);
  if (named !== undefined) {
    const what = `executor: task ${named.taskId} names one, which its group does`;
    return fail('invalidTask', what).failure;
  }
  const ids = new Set(descriptions.map(({ taskId }) => taskId));
  return ids.size === descriptions.length
    ? undefined
    : fail('invalidTask', 'descriptions: two name the same task').failure;
}
