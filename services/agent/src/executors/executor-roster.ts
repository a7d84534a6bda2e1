// Owns which custom executors an agent has: one a framework and id, started with its first task, known until the
// leader has been told of its exit. What one of them does is in supervised-executor.ts.
//
// A task that comes for an executor that is ending, or whose exit the leader has not confirmed, is not taken yet: the
// order stays unanswered for now (`unavailable`) and comes again, and after the confirmation it starts a new executor.
// So nothing is lost (Mesos drops such a task, EXECUTOR_TERMINATED), and the leader, which frees what the old executor
// held when it confirms, keeps what the new one needs: it knows that the order is open.
import { OutstandingRequests } from '@parley/actor/outstanding-requests';
import type { ExecutorExited, ShutdownExecutorOrder } from '@parley/protocol/agents';
import { type Failure, fail, isRetryable } from '@parley/protocol/errors';
import type { ExecutorDescription } from '@parley/protocol/executor-description';
import {
  type ExecutorKey,
  type ExecutorRef,
  executorKey,
  type TaskRef,
} from '@parley/protocol/ids';
import type { Answer } from '@parley/protocol/message';
import type { StopAnswer } from '@parley/protocol/revocations';
import type { Instant, SupervisorEffect } from '../supervisor-messages.ts';
import { executorWasLeaving } from './executor-ends.ts';
import type { ExecutorInput, RecoveredExecutor } from './executor-messages.ts';
import type { ExecutorTask } from './executor-task.ts';
import { DEFAULT_EXECUTOR_TIMING, type ExecutorTiming } from './executor-timing.ts';
import { type ExecutorTasks, Turn } from './executor-turn.ts';
import { sameDescription } from './same-description.ts';
import { type ExecutorHost, SupervisedExecutor } from './supervised-executor.ts';

export type ExecutorRosterOptions = Omit<ExecutorHost, 'timing'> & {
  /** Random, new for each process: of the requests that tell exits. */
  readonly session: string;
  readonly timing?: Partial<ExecutorTiming> | undefined;
  readonly tasks: ExecutorTasks;
  /** What an executor says to the question to stop a task. */
  readonly saidToStop: (task: TaskRef, answer: StopAnswer, now: Instant) => void;
};

/** Executors known at a time; a register request has room for all of them. */
const MAX_EXECUTORS = 1000;
/** After the leader refused an exit: it does not know this agent yet, or has a defect. */
const AFTER_REFUSAL_MS = 5000;

type Out = SupervisorEffect[];

export class ExecutorRoster {
  readonly #host: ExecutorHost;
  readonly #tasks: ExecutorTasks;
  readonly #saidToStop: ExecutorRosterOptions['saidToStop'];
  readonly #executors = new Map<ExecutorKey, SupervisedExecutor>();
  /** Exits that the leader has not confirmed, by the counter of the request. */
  readonly #exits: OutstandingRequests<ExecutorExited>;
  readonly #toldOf = new Map<number, SupervisedExecutor>();
  readonly #tellAgain = new Map<SupervisedExecutor, number>();
  /** Executors that the last register request named: it says nothing about those that came after it was made. */
  #named: ReadonlySet<SupervisedExecutor> = new Set();
  #namedIn: readonly ExecutorRef[] | undefined;
  #droppedMessages = 0;
  #isConnected = false;

  constructor({ session, timing, tasks, saidToStop, ...host }: ExecutorRosterOptions) {
    this.#saidToStop = saidToStop;
    this.#host = { ...host, timing: { ...DEFAULT_EXECUTOR_TIMING, ...timing } };
    this.#tasks = tasks;
    this.#exits = new OutstandingRequests(`${session}-executors`.slice(-64));
  }

  /** Messages from schedulers that no executor was there to take. */
  get droppedMessages(): number {
    return this.#droppedMessages;
  }

  executor(key: ExecutorKey): SupervisedExecutor | undefined {
    return this.#executors.get(key);
  }

  executors(): IterableIterator<SupervisedExecutor> {
    return this.#executors.values();
  }

  /** Why no task may come for this executor; undefined when one may. */
  refusal(executor: ExecutorRef, description: ExecutorDescription): Failure | undefined {
    const known = this.#executors.get(executorKey(executor));
    if (known === undefined) {
      return this.#executors.size < MAX_EXECUTORS
        ? undefined
        : fail('overloaded', `this agent has ${MAX_EXECUTORS} executors, its limit`).failure;
    }
    if (!known.isOpen) {
      const what = `executor ${executor.executorId} is ending: the next one starts after its exit`;
      return fail('unavailable', what).failure;
    }
    if (sameDescription(known.description, description)) return undefined;
    const what = `executor: ${executor.executorId} runs on this agent as another description says`;
    return fail('invalidTask', what).failure;
  }

  /** A new task, not on the disk yet; its executor is made when it is the first. */
  attach(task: ExecutorTask, now: Instant): void {
    const executor = { ...task.ref, executorId: task.executor.executorId };
    const ref: ExecutorRef = {
      principal: executor.principal,
      frameworkId: executor.frameworkId,
      executorId: executor.executorId,
    };
    const key = executorKey(ref);
    const known = this.#executors.get(key);
    if (known !== undefined) {
      if (known.isOpen) known.attach(task);
      return;
    }
    const place = { executor: ref, incarnation: now.wallTimeMs };
    const made = new SupervisedExecutor(place, task.executor, this.#host);
    this.#executors.set(key, made);
    made.attach(task);
  }

  /** The task could not be put on the disk: it never was one. */
  forsake(task: ExecutorTask): void {
    const executor = this.#executorOf(task);
    executor?.detach(task);
    if (executor?.isUntouched === true) this.#executors.delete(executor.key);
  }

  /** After anything happened to a task. */
  settle(task: ExecutorTask, now: Instant, out: Out): void {
    const executor = this.#executorOf(task);
    const turn = this.#turn(now, out);
    const isOwn = executor?.has(task) === true;
    if (isOwn || task.phase === 'ended') {
      executor?.settle(task, turn);
      return;
    }
    if (task.phase === 'accepting' || task.phase === 'collecting') return;
    task.endedByExecutor(executorWasLeaving, now, out);
    turn.changed(task);
  }

  handle(input: ExecutorInput, now: Instant, out: Out): void {
    const turn = this.#turn(now, out);
    switch (input.kind) {
      case 'message': {
        const executor = this.#executors.get(executorKey(input.executor));
        if (executor?.tell(input.data, turn) !== true) this.#droppedMessages += 1;
        return;
      }
      case 'exitAnswered':
        this.#exitAnswered(input.counter, input.answer, now, turn);
        return;
      default: {
        const executor = this.#executors.get(executorKey(input.executor));
        if (executor?.place.incarnation === input.incarnation) executor.take(input, turn);
      }
    }
  }

  /** False when there is none: it was never begun, or is over. */
  shutDown({ executor, graceMs }: ShutdownExecutorOrder, now: Instant, out: Out): boolean {
    const known = this.#executors.get(executorKey(executor));
    known?.shutDown(graceMs, this.#turn(now, out));
    return known !== undefined;
  }

  /** The leader knows nothing of these, though the register request named them. */
  unknownToMaster(refs: readonly ExecutorRef[], now: Instant, out: Out): void {
    for (const ref of refs) {
      const executor = this.#executors.get(executorKey(ref));
      if (executor === undefined || !this.#named.has(executor)) continue;
      executor.shutDown(undefined, this.#turn(now, out));
    }
  }

  /** For a register request: what holds resources, which is also what ended and the leader has not confirmed. */
  describe(): ExecutorRef[] {
    return this.held().map(({ ref }) => ref);
  }

  /** A register request goes out with this list, for the first time or again. */
  named(list: readonly ExecutorRef[]): void {
    if (list === this.#namedIn) return;
    this.#namedIn = list;
    this.#named = new Set(this.held());
  }

  /** Before the tasks are taken up. */
  adopt(recovered: readonly RecoveredExecutor[]): void {
    for (const { record } of recovered) {
      const { executor, incarnation, description } = record;
      const place = { executor, incarnation };
      const made = new SupervisedExecutor(place, description, this.#host);
      this.#executors.set(made.key, made);
    }
  }

  /** After the tasks were taken up: each belongs to the executor of its name. */
  recover(recovered: readonly RecoveredExecutor[], now: Instant, out: Out): void {
    const turn = this.#turn(now, out);
    for (const task of this.#tasks.all()) {
      if (task.phase === 'ended') continue;
      const executor = this.#executorOf(task);
      if (executor !== undefined) executor.attach(task);
      else if (task.isUnheardOf) {
        // It was accepted, and its executor was not begun.
        this.attach(task, now);
        task.takeBack(now, out);
        turn.changed(task);
      } else {
        const message = 'nothing is known of its executor any more';
        task.endedByExecutor({ state: 'failed', reason: 'executorExited', message }, now, out);
        turn.changed(task);
      }
    }
    for (const each of recovered) {
      this.#executors.get(executorKey(each.record.executor))?.recover(each, turn);
    }
  }

  connected(nowMs: number): void {
    this.#isConnected = true;
    this.#exits.retryAll(nowMs);
  }

  disconnected(): void {
    this.#isConnected = false;
  }

  tick(now: Instant, out: Out): void {
    const turn = this.#turn(now, out);
    for (const executor of [...this.#executors.values()]) executor.tick(turn);
    for (const [executor, dueMs] of this.#tellAgain) {
      if (dueMs > now.nowMs) continue;
      this.#tellAgain.delete(executor);
      this.#tellExit(executor, now.nowMs);
    }
    if (!this.#isConnected) return;
    for (const { counter, request, payload } of this.#exits.takeDue(now.nowMs)) {
      turn.push({ kind: 'tellExited', counter, request, body: payload });
    }
  }

  nextDueMs(): number {
    const dues = [...this.#executors.values()].map((executor) => executor.nextDueMs());
    const exits = this.#isConnected ? this.#exits.nextDueMs() : undefined;
    return Math.min(exits ?? Number.POSITIVE_INFINITY, ...this.#tellAgain.values(), ...dues);
  }

  /** What holds resources, as far as it was begun at all. */
  held(): SupervisedExecutor[] {
    return [...this.#executors.values()].filter(({ phase }) => phase !== 'new');
  }

  #turn(now: Instant, out: Out): Turn {
    return new Turn(now, out, this.#tasks, {
      exited: (executor) => this.#tellExit(executor, now.nowMs),
      saidToStop: (task, answer) => this.#saidToStop(task, answer, now),
    });
  }

  #executorOf(task: ExecutorTask): SupervisedExecutor | undefined {
    return this.#executors.get(executorKey({ ...task.ref, executorId: task.executor.executorId }));
  }

  #tellExit(executor: SupervisedExecutor, nowMs: number): void {
    const exit = executor.exit ?? { end: 'unknown' as const, tasks: [] };
    const counter = this.#exits.open({ executor: executor.ref, ...exit }, nowMs);
    this.#toldOf.set(counter, executor);
  }

  #exitAnswered(counter: number, answer: Answer, now: Instant, turn: Turn): void {
    if (!answer.ok && isRetryable(answer.failure.code)) return;
    const executor = this.#toldOf.get(counter);
    this.#exits.answered(counter);
    this.#toldOf.delete(counter);
    if (executor === undefined) return;
    if (!answer.ok) {
      turn.report(executor.key, `its exit was refused: ${answer.failure.message}`);
      this.#tellAgain.set(executor, now.nowMs + AFTER_REFUSAL_MS);
      return;
    }
    if (this.#executors.get(executor.key) === executor) this.#executors.delete(executor.key);
    turn.push({ kind: 'forget', ...executor.place });
  }
}
