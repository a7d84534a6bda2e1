// Owns what becomes of the leader's question to a task to stop, and of the answer: a command is told to end, a custom
// executor is asked (executors/executor-conversation.ts), and what is said is told to the leader until it has it. What
// an agent has asked it forgets with its process: the leader kills the task in time. How long that is, the leader knows.
import { OutstandingRequests } from '@parley/actor/outstanding-requests';
import { fail, isRetryable } from '@parley/protocol/errors';
import { type TaskRef, taskKey } from '@parley/protocol/ids';
import type { Answer } from '@parley/protocol/message';
import type { AskToStopOrder, StopAnswer, StopAnswered } from '@parley/protocol/revocations';
import { REVOCABLE_KILL_GRACE_MS } from '@parley/protocol/tasks';
import type { AgentTask } from './agent-task.ts';
import { overDisk } from './disk-excess.ts';
import { ExecutorTask } from './executors/executor-task.ts';
import type { HeldAnswers } from './held-answers.ts';
import { spareTask } from './spare-task.ts';
import type { StopWish } from './stop-wish.ts';
import type {
  Instant,
  ReplyHandle,
  SupervisorEffect,
  SupervisorInput,
} from './supervisor-messages.ts';
import type { TaskTable } from './task-table.ts';

type Out = SupervisorEffect[];
/** What the host says of its own accord. */
type HostInput = Extract<SupervisorInput, { kind: 'pressed' | 'overDisk' }>;

export type StopDeskOptions = {
  /** Random, new for each process. */
  readonly session: string;
  readonly table: TaskTable;
  readonly answers: HeldAnswers;
  /** To be called after anything happened to a task. */
  readonly settle: (task: AgentTask, now: Instant, out: Out) => void;
};

/** Answers on their way at a time: what comes beyond counts as silence. */
const MAX_OPEN_ANSWERS = 10_000;

export class StopDesk {
  readonly #options: StopDeskOptions;
  readonly #open: OutstandingRequests<StopAnswered>;
  #isConnected = false;

  constructor(options: StopDeskOptions) {
    this.#options = options;
    this.#open = new OutstandingRequests(`${options.session}-stops`.slice(-64));
  }

  ask(order: AskToStopOrder, reply: ReplyHandle, now: Instant, out: Out): void {
    const { table, answers, settle } = this.#options;
    const task = table.get(taskKey(order.task));
    if (task === undefined) {
      const message = `no task ${order.task.taskId} is here`;
      out.push({ kind: 'answer', reply, answer: fail('unknownTask', message) });
      return;
    }
    if (task instanceof ExecutorTask) this.#askExecutor(task, order, now, out);
    else if (!order.isCalledOff) this.#stop(task, order.graceMs, now, out);
    answers.acceptWhenRecorded(task, reply, out);
    settle(task, now, out);
  }

  /** The host is short of something: of what is lent one task goes, at once or nearly so. Or a task takes too much of it. */
  take(input: HostInput, now: Instant, out: Out): void {
    if (input.kind === 'pressed') {
      const wish = { message: input.why, graceMs: REVOCABLE_KILL_GRACE_MS };
      this.#end(spareTask(this.#options.table.all()), { reason: 'revoked', ...wish }, now, out);
      return;
    }
    const task = this.#options.table.get(taskKey(input.ref));
    if (task?.phase === 'running') this.#end(task, overDisk(input), now, out);
  }

  /** What a task says to the question. */
  said(task: TaskRef, answer: StopAnswer, now: Instant): void {
    if (this.#open.size < MAX_OPEN_ANSWERS) this.#open.open({ task, answer }, now.nowMs);
  }

  /** The leader has it, or does not want it. */
  told(counter: number, answer: Answer): void {
    if (answer.ok || !isRetryable(answer.failure.code)) this.#open.answered(counter);
  }

  connected(nowMs: number): void {
    this.#isConnected = true;
    this.#open.retryAll(nowMs);
  }

  disconnected(): void {
    this.#isConnected = false;
  }

  tick(now: Instant, out: Out): void {
    if (!this.#isConnected) return;
    for (const { counter, request, payload } of this.#open.takeDue(now.nowMs)) {
      out.push({ kind: 'tellStop', counter, request, body: payload });
    }
  }

  nextDueMs(): number {
    return (this.#isConnected ? this.#open.nextDueMs() : undefined) ?? Number.POSITIVE_INFINITY;
  }

  /** An executor that has never heard of the task need not be asked. */
  #askExecutor(task: ExecutorTask, order: AskToStopOrder, now: Instant, out: Out): void {
    if (order.isCalledOff) task.stopCalledOff();
    else if (task.isBeforeHandOver) this.#stop(task, order.graceMs, now, out);
    else task.askToStop(order.graceMs, now);
  }

  #end(task: AgentTask | undefined, wish: StopWish, now: Instant, out: Out): void {
    if (task === undefined) return;
    task.stop(wish, now, out);
    this.#options.settle(task, now, out);
  }

  #stop(task: AgentTask, graceMs: number, now: Instant, out: Out): void {
    if (task.phase === 'ended') return;
    task.stop({ reason: 'revoked', graceMs }, now, out);
    this.said(task.ref, { kind: 'stopping' }, now);
  }
}
