// Owns what an agent makes of the leader's orders: a task, the end of one, a refusal. Orders are repeated until they
// are answered, so each is carried out once and answered as often as it comes. Who may give one is in supervisor.ts.
import type {
  DestroyVolumeOrder,
  KillOrder,
  RunGroupOrder,
  RunOrder,
} from '@parley/protocol/agents';
import { type ErrorCode, fail, succeed } from '@parley/protocol/errors';
import { type AgentId, taskKey } from '@parley/protocol/ids';
import type { AgentTask } from './agent-task.ts';
import type { ExecutorDesk } from './executors/executor-desk.ts';
import { GroupOrder, groupFault } from './group-order.ts';
import type { HeldAnswers } from './held-answers.ts';
import { SupervisedTask } from './supervised-task.ts';
import type { Instant, ReplyHandle, SupervisorEffect } from './supervisor-messages.ts';
import { taskOrder } from './task-record.ts';
import type { TaskTable } from './task-table.ts';

type Out = SupervisorEffect[];

export type OrderDeskOptions = {
  readonly agentId: AgentId;
  readonly table: TaskTable;
  readonly answers: HeldAnswers;
  /** To be called after anything happened to a task. */
  readonly settle: (task: AgentTask, now: Instant, out: Out) => void;
  readonly executors: ExecutorDesk;
};

export class OrderDesk {
  readonly #agentId: AgentId;
  readonly #table: TaskTable;
  readonly #answers: HeldAnswers;
  readonly #settle: OrderDeskOptions['settle'];
  readonly #executors: ExecutorDesk;

  constructor({ agentId, table, answers, settle, executors }: OrderDeskOptions) {
    this.#agentId = agentId;
    this.#table = table;
    this.#answers = answers;
    this.#settle = settle;
    this.#executors = executors;
  }

  run(order: RunOrder, reply: ReplyHandle, now: Instant, out: Out): void {
    const { framework, description } = order;
    const ref = { ...framework, taskId: description.taskId };
    const key = taskKey(ref);
    const known = this.#table.get(key);
    if (known !== undefined) {
      this.#answers.acceptWhenRecorded(known, reply, out);
      return;
    }
    if (this.#table.isForgotten(key)) {
      out.push({ kind: 'answer', reply, answer: succeed({}) });
      return;
    }
    if (description.executor?.kind === 'custom') {
      if (this.#isFull(1, reply, out)) return;
      this.#executors.run(order, description.executor, reply, now, out);
      return;
    }
    if (description.command === undefined) {
      refuse(reply, 'invalidTask', 'command: a task without an executor needs one', out);
      return;
    }
    if (this.#isFull(1, reply, out)) return;
    const task = new SupervisedTask(this.#agentId, ref, taskOrder(order, description));
    this.#table.add(task);
    task.accept(out);
    this.#answers.acceptWhenRecorded(task, reply, out);
  }

  runGroup(order: RunGroupOrder, reply: ReplyHandle, now: Instant, out: Out): void {
    if (order.executor.kind === 'custom') {
      this.#executors.runGroup(order, reply, now, out);
      return;
    }
    const fault = groupFault(order);
    if (fault !== undefined) {
      refuse(reply, 'invalidTask', fault, out);
      return;
    }
    const group = new GroupOrder(order, this.#table);
    if (group.isForgotten) {
      out.push({ kind: 'answer', reply, answer: succeed({}) });
      return;
    }
    if (this.#isFull(group.news.length, reply, out)) return;
    const tasks = group.create(this.#agentId);
    for (const task of tasks) this.#table.add(task);
    const { groups } = this.#table;
    groups.open(order.framework, group.place);
    groups.addReply(order.framework, group.place, reply);
    for (const task of tasks) group.accept(task, now, out);
    for (const key of group.taskKeys) {
      const task = this.#table.get(key);
      if (task !== undefined) this.#settle(task, now, out);
    }
  }

  kill(order: KillOrder, reply: ReplyHandle, now: Instant, out: Out): void {
    const key = taskKey(order.task);
    let task = this.#table.get(key);
    if (task !== undefined) task.stop(order, now, out);
    else if (this.#table.isForgotten(key)) {
      out.push({ kind: 'answer', reply, answer: succeed({}) });
      return;
    } else {
      if (this.#isFull(1, reply, out)) return;
      task = new SupervisedTask(this.#agentId, order.task, undefined);
      this.#table.add(task);
      task.acceptStopped(order, now, out);
    }
    this.#answers.acceptWhenRecorded(task, reply, out);
    this.#settle(task, now, out);
  }

  destroyVolume({ role, volumeId }: DestroyVolumeOrder, reply: ReplyHandle, out: Out): void {
    for (const { phase, order, ref } of this.#table.all()) {
      if (phase === 'ended' || order?.role !== role) continue;
      if (!order.description.volumes.some((volume) => volume.volumeId === volumeId)) continue;
      const message = `volumeId: task ${ref.taskId} uses the volume ${volumeId}`;
      refuse(reply, 'invalidOperation', message, out);
      return;
    }
    out.push({ kind: 'destroyVolume', role, volumeId, reply });
  }

  #isFull(more: number, reply: ReplyHandle, out: Out): boolean {
    if (more === 0 || this.#table.hasRoomFor(more)) return false;
    const message = `this agent has ${this.#table.size} tasks and no room for ${more} more`;
    refuse(reply, 'overloaded', message, out);
    return true;
  }
}

export function refuse(reply: ReplyHandle, code: ErrorCode, message: string, out: Out): void {
  out.push({ kind: 'answer', reply, answer: fail(code, message) });
}
