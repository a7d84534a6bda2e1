// Owns one task of a custom executor on an agent: from the accepted order to the last journalled update. What the
// executor says about it becomes its status updates; the executor itself is in supervised-executor.ts.
//
//   accepting -> preparing -> queued -> handed -> collecting -> ended
//   (`handed`: the executor has it, or may have it; before that a kill ends it at once)
import { nextTaskState } from '@parley/lifecycle/transitions';
import type { ExecutorDescription } from '@parley/protocol/executor-description';
import type { ExecutorUpdate } from '@parley/protocol/executors';
import { type AgentId, type TaskKey, type TaskRef, taskKey } from '@parley/protocol/ids';
import { isTerminal, type TaskDescription, type TaskState } from '@parley/protocol/tasks';
import { unreachable } from '@parley/protocol/unreachable';
import type { RecordProgress } from '../record-progress.ts';
import { type Kill, type StopWish, stopOrderOf } from '../stop-wish.ts';
import type { Instant, StepFailure, SupervisorEffect, TaskInput } from '../supervisor-messages.ts';
import { type RecordDetails, type ReportedStatus, TaskLedger } from '../task-ledger.ts';
import { endedBeforeStart, endedByKill, failedStep, type Status } from '../task-outcome.ts';
import type { TaskOrder, TaskRecord } from '../task-record.ts';
import { TaskTimes } from '../task-times.ts';
import type { UpdateOutbox } from '../update-outbox.ts';
import type { ExecutorPlace } from './executor-messages.ts';

export type ExecutorTaskPhase =
  | 'accepting'
  | 'preparing'
  | 'queued'
  | 'handed'
  | 'collecting'
  | 'ended';

/** To a task whose resources are taken back, or that they are not any more. */
export type StopQuestion =
  | { readonly kind: 'asked'; readonly byMs: number; readonly count: number }
  | { readonly kind: 'calledOff'; readonly count: number };

type Out = SupervisorEffect[];

/** `known`: said before, and it is on the way to the disk or there. `refused`: the task does not take it any more. */
export type Reception = 'taken' | 'known' | 'refused';

/** The executor of a task that is not the agent itself. */
export function customExecutorOf(
  order: { readonly description?: TaskDescription | undefined } | undefined,
): ExecutorDescription | undefined {
  const executor = order?.description?.executor;
  return executor?.kind === 'custom' ? executor : undefined;
}

export class ExecutorTask {
  readonly ref: TaskRef;
  readonly key: TaskKey;
  readonly order: TaskOrder;
  readonly executor: ExecutorDescription;
  readonly #ledger: TaskLedger;
  readonly #times: TaskTimes;
  /** Whose sandbox it has; set while it belongs to an executor. */
  place: ExecutorPlace | undefined;
  #phase: ExecutorTaskPhase = 'accepting';
  #kill: Kill | undefined;
  #killCount = 0;
  #question: StopQuestion | undefined;
  #questionCount = 0;
  /** The last update of the executor that is in the record. */
  #takenSequence = 0;
  /** The update that ends it, while its outputs are copied. */
  #final: { readonly sequence: number; readonly status: ReportedStatus } | undefined;

  constructor(agentId: AgentId, ref: TaskRef, order: TaskOrder, executor: ExecutorDescription) {
    this.ref = ref;
    this.key = taskKey(ref);
    this.order = order;
    this.executor = executor;
    this.#ledger = new TaskLedger(agentId, ref, () => this.#details());
    this.#times = new TaskTimes(order.description.maxCompletionMs);
  }

  get phase(): ExecutorTaskPhase {
    return this.#phase;
  }
  get state(): TaskState {
    return this.#ledger.state;
  }
  get lastSequence(): number {
    return this.#ledger.lastSequence;
  }
  get outbox(): UpdateOutbox {
    return this.#ledger.outbox;
  }
  get record(): RecordProgress {
    return this.#ledger.record;
  }
  get isStopping(): boolean {
    return this.#kill !== undefined;
  }
  /** Everything about it is over: it ended, and the leader has journalled all its updates. */
  get isOver(): boolean {
    return this.#phase === 'ended' && this.outbox.isEmpty;
  }
  /** No executor can have heard of it. */
  get isBeforeHandOver(): boolean {
    return this.#phase === 'accepting' || this.#phase === 'preparing' || this.#phase === 'queued';
  }
  /** The executor has it and nothing that it said of it was taken yet. */
  get isUnheardOf(): boolean {
    return this.#phase === 'handed' && this.#takenSequence === 0;
  }
  /** The last update of the executor that was taken, be it on the disk or not. */
  get heardUpTo(): number {
    return this.#final?.sequence ?? this.#takenSequence;
  }
  /** What the executor is to be asked before it is told to end it; `byMs` on the monotonic clock. The count goes up with every order, since each is passed on. */
  get stopQuestion(): StopQuestion | undefined {
    return this.#phase === 'handed' && this.#kill === undefined ? this.#question : undefined;
  }
  /** What the executor is to be told; counted likewise. */
  get killWish(): (Kill & { readonly count: number }) | undefined {
    return this.#kill && { ...this.#kill, count: this.#killCount };
  }

  /** Whether the executor may forget this update: it is on the disk, or can change nothing any more. */
  isSettled(sequence: number): boolean {
    if (!this.record.isCurrent) return false;
    return this.#phase === 'ended' || this.#takenSequence >= sequence;
  }

  accept(out: Out): void {
    this.#ledger.write(out);
  }

  take(input: TaskInput, now: Instant, out: Out): void {
    switch (input.kind) {
      case 'recorded':
        this.recorded(input.revision, now, out);
        return;
      case 'recordFailed':
        // The record on the disk is out of date: only the task's end goes out nevertheless. It is written again later.
        this.record.failed(input.revision, now.nowMs);
        return;
      case 'inputsCopied':
        this.inputsCopied();
        return;
      case 'inputsFailed':
        this.inputsFailed(input.failure, now, out);
        return;
      case 'outputsCopied':
        this.outputsCopied(now, out);
        return;
      case 'outputsFailed':
        this.outputsFailed(input.failure, now, out);
        return;
      case 'updateAcked':
        this.outbox.acknowledge(input.sequence, input.streamSequence);
        return;
      case 'launched':
      case 'launchFailed':
      case 'ended':
      case 'probed':
        // The agent does none of this for it.
        return;
      default:
        unreachable(input);
    }
  }

  recorded(revision: number, now: Instant, out: Out): void {
    this.record.succeeded(revision);
    if (this.#phase === 'accepting') this.#prepare(now, out);
  }

  inputsCopied(): void {
    if (this.#phase === 'preparing') this.#phase = 'queued';
  }

  inputsFailed(failure: StepFailure, now: Instant, out: Out): void {
    if (this.#phase === 'preparing') this.#end(failedStep('inputsFailed', failure), now, out);
  }

  /** The executor is sent it now. */
  handOver(): void {
    if (this.#phase === 'queued') this.#phase = 'handed';
  }

  /** The executor says that it does not have it: what was sent was lost, so it is sent again. */
  takeBack(now: Instant, out: Out): void {
    if (this.#phase === 'handed') this.#prepare(now, out);
  }

  /** Takes the executor's word. */
  reported(update: ExecutorUpdate, now: Instant, out: Out): Reception {
    if (update.sequence <= this.heardUpTo) return 'known';
    if (this.#phase !== 'handed') return 'refused';
    const next = nextTaskState(this.state, `agent.${update.state}`);
    if (next === undefined) return 'refused';
    this.#times.preparationEnds();
    const status = this.#statusOf(update, next);
    if (status.state === 'finished' && this.order.description.outputs.length > 0) {
      this.#phase = 'collecting';
      this.#final = { sequence: update.sequence, status };
      const { outputs } = this.order.description;
      const { place: executor } = this;
      out.push({ kind: 'copyOutputs', task: this.key, ref: this.ref, outputs, executor });
      return 'taken';
    }
    const isNews = next !== this.state;
    this.#takenSequence = update.sequence;
    if (isTerminal(next)) this.#end(status, now, out);
    else {
      if (next === 'running') this.#run(now);
      // What is beside a change of state (data, health) waits for room.
      if (isNews || this.#ledger.hasRoom) this.#update(status, now, out);
      else this.#ledger.write(out);
    }
    return 'taken';
  }

  outputsCopied(now: Instant, out: Out): void {
    if (this.#phase !== 'collecting' || this.#final === undefined) return;
    this.#takenSequence = this.#final.sequence;
    this.#end(this.#final.status, now, out);
  }

  outputsFailed(failure: StepFailure, now: Instant, out: Out): void {
    if (this.#phase !== 'collecting' || this.#final === undefined) return;
    this.#takenSequence = this.#final.sequence;
    this.#end(failedStep('outputsFailed', failure), now, out);
  }

  /**
   * Asks for its end; once the executor has it, that one alone can bring it about (as in Mesos): the agent passes every
   * order on and does no more, until the executor is shut down. A repeated order can only shorten the grace.
   */
  stop(wish: StopWish, now: Instant, out: Out): void {
    if (this.#phase === 'ended') return;
    const { kill, isNews } = stopOrderOf(wish, this.#kill, this.order.description);
    this.#kill = kill;
    this.#killCount += 1;
    this.#times.endLimit();
    if (this.#phase === 'preparing' || this.#phase === 'queued') {
      this.#end(endedBeforeStart(kill), now, out);
    } else if (isNews) this.#ledger.write(out);
  }

  /** A repeated question asks anew. */
  askToStop(graceMs: number, now: Instant): void {
    this.#questionCount += 1;
    const byMs = now.nowMs + graceMs;
    this.#question = { kind: 'asked', byMs, count: this.#questionCount };
  }

  /** Nothing where it was never asked, or by another process of the agent. */
  stopCalledOff(): void {
    if (this.#question === undefined) return;
    this.#questionCount += 1;
    this.#question = { kind: 'calledOff', count: this.#questionCount };
  }

  /** The executor is no more, or never takes it: it ends, as this says unless it was told to stop before. */
  endedByExecutor(status: Status, now: Instant, out: Out): void {
    // What the executor has finished is only being brought out of its sandbox.
    if (this.#phase === 'ended' || this.#phase === 'collecting') return;
    if (this.#kill === undefined) this.#end(status, now, out);
    else if (this.isBeforeHandOver) this.#end(endedBeforeStart(this.#kill), now, out);
    else this.#end(endedByKill({ state: 'unknown' }, this.#kill), now, out);
  }

  /** Goes on from the record of an earlier process: until the executor has come back, it may have the task. */
  recover(record: TaskRecord, now: Instant): void {
    this.#ledger.recover(record);
    this.#kill = record.kill;
    this.#killCount = record.kill === undefined ? 0 : 1;
    this.#takenSequence = record.executorSequence ?? 0;
    this.#times.recover(record.runningSinceMs);
    this.#phase = isTerminal(record.state) ? 'ended' : 'handed';
    if (record.state === 'running') this.#run(now);
  }

  tick(now: Instant, out: Out): void {
    if (this.#times.takeStarting(now.nowMs)) this.#update({ state: 'starting' }, now, out);
    const overrun = this.#times.takeOverrun(now.nowMs);
    if (overrun !== undefined) this.stop(overrun, now, out);
    this.#ledger.tick(now.nowMs, out);
  }

  /** The next update that may be sent, given the creation time of the principal's stream as far as known. */
  publish(now: Instant, streamCreatedMs: number | undefined, out: Out): void {
    this.#ledger.publish(now.nowMs, streamCreatedMs, out);
  }

  nextDueMs(isConnected: boolean): number {
    return Math.min(this.#times.nextDueMs(), this.#ledger.nextDueMs(isConnected));
  }

  #prepare(now: Instant, out: Out): void {
    if (this.#kill !== undefined) {
      this.#end(endedBeforeStart(this.#kill), now, out);
      return;
    }
    this.#phase = 'preparing';
    if (this.state === 'staging') this.#times.preparationBegins(now.nowMs);
    const { key: task, ref, order, place: executor } = this;
    out.push({ kind: 'copyInputs', task, ref, order, executor });
  }

  #run(now: Instant): void {
    const sinceMs = this.#times.runs(now);
    if (this.#kill === undefined) this.#times.limitFrom(sinceMs);
  }

  #statusOf(update: ExecutorUpdate, next: TaskState): ReportedStatus {
    const { message, exitCode, healthy, data } = update;
    const said = {
      ...(message !== undefined && { message }),
      ...(exitCode !== undefined && { exitCode }),
      ...(healthy !== undefined && { healthy }),
      ...(data !== undefined && { data }),
    };
    // It was told to end it, and says that it did: why, the agent knows.
    const asked = this.#question?.kind === 'asked' ? ({ reason: 'revoked' } as const) : undefined;
    const stop = this.#kill ?? asked;
    return next === 'killed' && stop !== undefined
      ? { ...said, ...endedByKill({ state: 'unknown' }, stop) }
      : { ...said, state: next, reason: 'executorReported' };
  }

  #end(status: ReportedStatus, now: Instant, out: Out): void {
    this.#phase = 'ended';
    this.#times.end();
    const cause = this.#times.causeOf(status.reason, now);
    this.#update({ ...status, ...(cause && { cause }) }, now, out);
  }

  #update(status: ReportedStatus, now: Instant, out: Out): void {
    this.#ledger.say({ ...status, executorId: this.executor.executorId }, now, out);
  }

  #details(): RecordDetails {
    const { runningSinceMs } = this.#times;
    return {
      ...this.order,
      ...(this.#kill && { kill: this.#kill }),
      ...(runningSinceMs !== undefined && { runningSinceMs }),
      executorSequence: this.#takenSequence,
    };
  }
}
