// Owns one task on an agent: from the accepted order to the last journalled update. It decides by itself what
// follows from what happened to it; which tasks there are, and who may launch now, is in supervisor.ts.
//
//   accepting -> preparing -> ready -> launching -> running -> collecting -> ended
//   (any phase before `launching` ends at once when killed; `running` is told to stop first)
import { nextTaskState } from '@parley/lifecycle/transitions';
import type { KillOrder } from '@parley/protocol/agents';
import { type AgentId, type TaskKey, type TaskRef, taskKey } from '@parley/protocol/ids';
import {
  DEFAULT_KILL_GRACE_MS,
  isTerminal,
  type StatusUpdate,
  type TaskDescription,
  type TaskState,
} from '@parley/protocol/tasks';
import { unreachable } from '@parley/protocol/unreachable';
import type { Instant, StepFailure, SupervisorEffect } from './supervisor-messages.ts';
import {
  endedByItself,
  endedByKill,
  killedBeforeStart,
  type ObservedOutcome,
  type Status,
} from './task-outcome.ts';
import { TASK_RECORD_VERSION, type TaskRecord } from './task-record.ts';
import { type RecordProgress, UpdateOutbox } from './update-outbox.ts';

export type Phase =
  | 'accepting'
  | 'preparing'
  | 'ready'
  | 'launching'
  | 'running'
  | 'collecting'
  | 'ended';

/** `starting` is told only when preparation lasts longer: most tasks run at once. */
const STARTING_AFTER_MS = 1000;
/** A process in an uninterruptible sleep outlives SIGKILL for a while; it is sent again. */
const KILL_AGAIN_MS = 5000;
const RECORD_AGAIN_MS = 5000;
const MAX_MESSAGE_LENGTH = 4096;

type Out = SupervisorEffect[];

export class SupervisedTask {
  readonly ref: TaskRef;
  readonly key: TaskKey;
  readonly #agentId: AgentId;
  readonly #description: TaskDescription | undefined;
  readonly outbox = new UpdateOutbox();
  #phase: Phase = 'accepting';
  #state: TaskState = 'staging';
  #lastSequence = 0;
  #kill: TaskRecord['kill'];
  #killDueMs: number | undefined;
  #isTold = false;
  #startingDueMs: number | undefined;
  #revision = 0;
  #recorded = 0;
  #settled = 0;
  #recordDueMs: number | undefined;

  constructor(agentId: AgentId, ref: TaskRef, description: TaskDescription | undefined) {
    this.#agentId = agentId;
    this.ref = ref;
    this.key = taskKey(ref);
    this.#description = description;
  }

  get phase(): Phase {
    return this.#phase;
  }
  get state(): TaskState {
    return this.#state;
  }
  get lastSequence(): number {
    return this.#lastSequence;
  }
  /** The newest revision of the record that was asked to be written. */
  get revision(): number {
    return this.#revision;
  }
  get isRecorded(): boolean {
    return this.#recorded === this.#revision;
  }
  /** Everything about it is over: it ended, and the leader has journalled all its updates. */
  get isOver(): boolean {
    return this.#phase === 'ended' && this.outbox.isEmpty;
  }

  get #progress(): RecordProgress {
    return { recorded: this.#recorded, settled: this.#settled };
  }

  accept(out: Out): void {
    this.#record(out);
  }

  /** A kill order for a task that is not known: it ends here, and a later run order will find it ended. */
  acceptKilled(kill: KillOrder, now: Instant, out: Out): void {
    this.#kill = { reason: kill.reason, graceMs: kill.graceMs ?? DEFAULT_KILL_GRACE_MS };
    this.#end(killedBeforeStart, now, out);
  }

  recorded(revision: number, now: Instant, out: Out): void {
    this.#recorded = Math.max(this.#recorded, revision);
    this.#settled = Math.max(this.#settled, revision);
    if (this.isRecorded) this.#recordDueMs = undefined;
    if (this.#phase === 'accepting') this.#prepare(now, out);
  }

  /** The record on the disk is out of date: only the task's end goes out nevertheless. It is written again later. */
  recordFailed(revision: number, now: Instant): void {
    this.#settled = Math.max(this.#settled, revision);
    this.#recordDueMs = now.nowMs + RECORD_AGAIN_MS;
  }

  inputsCopied(): void {
    if (this.#phase === 'preparing') this.#phase = 'ready';
  }

  inputsFailed(failure: StepFailure, now: Instant, out: Out): void {
    if (this.#phase !== 'preparing') return;
    this.#end(failedStep('inputsFailed', failure), now, out);
  }

  /** Takes its place among the launches in flight. */
  launch(out: Out): void {
    if (this.#phase !== 'ready' || this.#description === undefined) return;
    this.#phase = 'launching';
    out.push({ kind: 'launch', task: this.key, ref: this.ref, description: this.#description });
  }

  launched(now: Instant, out: Out): void {
    if (this.#phase !== 'launching') return;
    this.#run(now, out);
    if (this.#kill !== undefined) this.#stop(this.#kill.graceMs, now, out);
  }

  launchFailed(failure: StepFailure, now: Instant, out: Out): void {
    if (this.#phase !== 'launching') return;
    const failed = failedStep('launchFailed', failure);
    this.#end(this.#kill === undefined ? failed : killedBeforeStart, now, out);
  }

  ended(outcome: ObservedOutcome, now: Instant, out: Out): void {
    if (outcome.state === 'running') return;
    // The end can be seen before the answer of the launch is.
    if (this.#phase === 'launching' && outcome.state !== 'notStarted') this.#run(now, out);
    if (this.#phase !== 'running' || this.#description === undefined) return;
    if (this.#kill !== undefined) {
      this.#end(endedByKill(outcome, this.#kill.reason), now, out);
      return;
    }
    const status = endedByItself(outcome, this.#description);
    const { outputs } = this.#description;
    if (status.state === 'finished' && outputs.length > 0) {
      this.#phase = 'collecting';
      out.push({ kind: 'copyOutputs', task: this.key, ref: this.ref, outputs });
    } else this.#end(status, now, out);
  }

  outputsCopied(now: Instant, out: Out): void {
    if (this.#phase !== 'collecting' || this.#description === undefined) return;
    this.#end(endedByItself({ state: 'exited', code: 0 }, this.#description), now, out);
  }

  outputsFailed(failure: StepFailure, now: Instant, out: Out): void {
    if (this.#phase !== 'collecting') return;
    this.#end({ ...failedStep('outputsFailed', failure), exitCode: 0 }, now, out);
  }

  /** Kills by what the order says, else the task's own policy. A repeated order can only shorten the grace. */
  kill(order: KillOrder, now: Instant, out: Out): void {
    if (this.#phase === 'ended') return;
    const policyMs = this.#description?.killGraceMs ?? DEFAULT_KILL_GRACE_MS;
    const graceMs = order.graceMs ?? this.#kill?.graceMs ?? policyMs;
    const isNews = this.#kill === undefined || graceMs < this.#kill.graceMs;
    if (isNews) this.#kill = { reason: this.#kill?.reason ?? order.reason, graceMs };
    const phase = this.#phase;
    switch (phase) {
      case 'accepting':
      case 'launching':
        // The answer that is awaited decides whether there is anything to stop.
        if (isNews) this.#record(out);
        return;
      case 'preparing':
      case 'ready':
        this.#end(killedBeforeStart, now, out);
        return;
      case 'collecting':
        this.#end(endedByKill({ state: 'exited', code: 0 }, order.reason), now, out);
        return;
      case 'running':
        if (isNews && this.#isTold) this.#record(out);
        this.#stop(graceMs, now, out);
        return;
      default:
        unreachable(phase);
    }
  }

  /** Goes on from the record of an earlier process, by what the host says about the task's processes. */
  recover(record: TaskRecord, outcome: ObservedOutcome, now: Instant, out: Out): void {
    this.#state = record.state;
    this.#lastSequence = record.lastSequence;
    this.#kill = record.kill;
    for (const update of record.updates) this.outbox.add(update, 0);
    if (isTerminal(record.state)) {
      this.#phase = 'ended';
      return;
    }
    const { state } = record;
    const hasRun = state === 'running' || state === 'killing' || outcome.state !== 'notStarted';
    if (!hasRun) {
      if (this.#kill === undefined) this.#prepare(now, out);
      else this.#end(killedBeforeStart, now, out);
      return;
    }
    this.#run(now, out);
    if (outcome.state !== 'running') this.ended(outcome, now, out);
    else if (this.#kill !== undefined) this.#stop(this.#kill.graceMs, now, out);
  }

  tick(now: Instant, out: Out): void {
    if (isDue(this.#startingDueMs, now)) {
      this.#startingDueMs = undefined;
      this.#update({ state: 'starting' }, now, out);
    }
    if (isDue(this.#killDueMs, now)) {
      this.#killDueMs = now.nowMs + KILL_AGAIN_MS;
      out.push({ kind: 'stop', task: this.key, ref: this.ref, signal: 'SIGKILL' });
    }
    if (isDue(this.#recordDueMs, now)) {
      this.#recordDueMs = undefined;
      this.#record(out);
    }
  }

  /** The next update that may be sent, given the creation time of the principal's stream as far as known. */
  publish(now: Instant, streamCreatedMs: number | undefined, out: Out): void {
    const update = this.outbox.takeDue(now.nowMs, this.#progress, streamCreatedMs);
    if (update !== undefined) out.push({ kind: 'publishUpdate', task: this.key, update });
  }

  nextDueMs(isConnected: boolean): number {
    return Math.min(
      this.#startingDueMs ?? Number.POSITIVE_INFINITY,
      this.#killDueMs ?? Number.POSITIVE_INFINITY,
      this.#recordDueMs ?? Number.POSITIVE_INFINITY,
      (isConnected ? this.outbox.nextDueMs(this.#progress) : undefined) ?? Number.POSITIVE_INFINITY,
    );
  }

  #prepare(now: Instant, out: Out): void {
    if (this.#kill !== undefined) {
      this.#end(killedBeforeStart, now, out);
      return;
    }
    this.#phase = 'preparing';
    if (this.#state === 'staging') this.#startingDueMs = now.nowMs + STARTING_AFTER_MS;
    const inputs = this.#description?.inputs ?? [];
    out.push({ kind: 'copyInputs', task: this.key, ref: this.ref, inputs });
  }

  #run(now: Instant, out: Out): void {
    this.#phase = 'running';
    this.#startingDueMs = undefined;
    if (this.#state === 'staging' || this.#state === 'starting') {
      this.#update({ state: 'running' }, now, out);
    }
  }

  #stop(graceMs: number, now: Instant, out: Out): void {
    if (this.#state === 'running') this.#update({ state: 'killing' }, now, out);
    const dueMs = now.nowMs + graceMs;
    this.#killDueMs = Math.min(this.#killDueMs ?? dueMs, dueMs);
    if (this.#killDueMs <= now.nowMs) {
      this.#killDueMs = now.nowMs + KILL_AGAIN_MS;
      out.push({ kind: 'stop', task: this.key, ref: this.ref, signal: 'SIGKILL' });
    } else if (!this.#isTold) {
      out.push({ kind: 'stop', task: this.key, ref: this.ref, signal: 'SIGTERM' });
    }
    this.#isTold = true;
  }

  #end(status: Status, now: Instant, out: Out): void {
    this.#phase = 'ended';
    this.#startingDueMs = undefined;
    this.#killDueMs = undefined;
    this.#update(status, now, out);
  }

  #update(status: Status, now: Instant, out: Out): void {
    const next = nextTaskState(this.#state, `agent.${status.state}`);
    if (next === undefined) {
      const what = `its lifecycle does not lead from ${this.#state} to ${status.state}`;
      out.push({ kind: 'report', about: this.key, what });
      return;
    }
    this.#state = next;
    this.#lastSequence += 1;
    const { message } = status;
    const update: StatusUpdate = {
      task: this.ref,
      agentId: this.#agentId,
      source: 'agent',
      sequence: this.#lastSequence,
      ...status,
      ...(message !== undefined && { message: message.slice(0, MAX_MESSAGE_LENGTH) }),
      wallTimeMs: now.wallTimeMs,
    };
    this.outbox.add(update, this.#revision + 1);
    this.#record(out);
  }

  #record(out: Out): void {
    this.#revision += 1;
    const record: TaskRecord = {
      version: TASK_RECORD_VERSION,
      task: this.ref,
      ...(this.#description && { description: this.#description }),
      ...(this.#kill && { kill: this.#kill }),
      state: this.#state,
      lastSequence: this.#lastSequence,
      updates: this.outbox.updates,
    };
    out.push({ kind: 'persist', task: this.key, revision: this.#revision, record });
  }
}

function isDue(dueMs: number | undefined, now: Instant): boolean {
  return dueMs !== undefined && dueMs <= now.nowMs;
}

function failedStep(
  reason: 'inputsFailed' | 'launchFailed' | 'outputsFailed',
  failure: StepFailure,
): Status {
  return {
    state: 'failed',
    reason: failure.code === 'diskFull' ? 'diskFull' : reason,
    message: failure.message,
  };
}
