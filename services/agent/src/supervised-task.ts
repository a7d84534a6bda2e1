// Owns one task on an agent: from the accepted order to the last journalled update. It decides by itself what
// follows from what happened to it; which tasks there are, and who may launch now, is in supervisor.ts.
//
//   accepting -> (gathering ->) preparing -> ready -> launching -> running -> collecting -> ended
//   (any phase before `launching` ends at once when killed; `running` is told to stop first; a task of a group waits
//   in `gathering` until all its group is recorded, and in `ready` until all of it is prepared: group-book.ts)
import { type AgentId, type TaskKey, type TaskRef, taskKey } from '@parley/protocol/ids';
import { isTerminal, type TaskState } from '@parley/protocol/tasks';
import { unreachable } from '@parley/protocol/unreachable';
import type { RecordProgress } from './record-progress.ts';
import { StopClock } from './stop-clock.ts';
import { type Kill, type StopWish, stopOrderOf } from './stop-wish.ts';
import type { Instant, StepFailure, SupervisorEffect } from './supervisor-messages.ts';
import { type CheckFinding, type ProbeAim, type ProbeAnswer, TaskChecks } from './task-checks.ts';
import { type RecordDetails, TaskLedger } from './task-ledger.ts';
import {
  endedBeforeStart,
  endedByItself,
  endedByKill,
  failedStep,
  type ObservedOutcome,
  type Status,
} from './task-outcome.ts';
import type { TaskOrder, TaskRecord } from './task-record.ts';
import { TaskTimes } from './task-times.ts';
import type { UpdateOutbox } from './update-outbox.ts';

export type Phase =
  | 'accepting'
  | 'gathering'
  | 'preparing'
  | 'ready'
  | 'launching'
  | 'running'
  | 'collecting'
  | 'ended';

type Out = SupervisorEffect[];

export class SupervisedTask {
  readonly ref: TaskRef;
  readonly key: TaskKey;
  /** Missing when the kill order came before the run order. */
  readonly order: TaskOrder | undefined;
  readonly #ledger: TaskLedger;
  readonly #checks: TaskChecks;
  readonly #clock = new StopClock();
  readonly #times: TaskTimes;
  #phase: Phase = 'accepting';
  #kill: Kill | undefined;
  /** A check whose value changes faster than updates are journalled tells its last value when there is room again. */
  #owedReport: Status | undefined;

  constructor(agentId: AgentId, ref: TaskRef, order: TaskOrder | undefined) {
    this.ref = ref;
    this.key = taskKey(ref);
    this.order = order;
    this.#ledger = new TaskLedger(agentId, ref, () => this.#details());
    this.#times = new TaskTimes(order?.description.maxCompletionMs);
    this.#checks = new TaskChecks(order?.description ?? {});
  }

  get phase(): Phase {
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
  /** It has been told, or will be as soon as there is anything to stop. */
  get isStopping(): boolean {
    return this.#kill !== undefined;
  }
  /** Everything about it is over: it ended, and the leader has journalled all its updates. */
  get isOver(): boolean {
    return this.#phase === 'ended' && this.outbox.isEmpty;
  }

  accept(out: Out): void {
    this.#ledger.write(out);
  }

  /** For a task that is to end before it was accepted: a later order will find it ended. */
  acceptStopped(wish: StopWish, now: Instant, out: Out): void {
    this.#kill = stopOrderOf(wish, undefined, undefined).kill;
    this.#end(endedBeforeStart(wish), now, out);
  }

  recorded(revision: number, now: Instant, out: Out): void {
    this.record.succeeded(revision);
    if (this.#phase !== 'accepting') return;
    if (this.order?.group === undefined || this.#kill !== undefined) this.#prepare(now, out);
    else this.#phase = 'gathering';
  }

  /** The record on the disk is out of date: only the task's end goes out nevertheless. It is written again later. */
  recordFailed(revision: number, now: Instant): void {
    this.record.failed(revision, now.nowMs);
  }

  /** All its group is on the disk. */
  gathered(now: Instant, out: Out): void {
    if (this.#phase === 'gathering') this.#prepare(now, out);
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
    if (this.#phase !== 'ready' || this.order === undefined) return;
    this.#phase = 'launching';
    const { description, group } = this.order;
    const place = { task: this.key, ref: this.ref, executorId: group?.executorId };
    out.push({ kind: 'launch', ...place, description });
  }

  launched(now: Instant, out: Out): void {
    if (this.#phase !== 'launching') return;
    this.#run(now, out);
    if (this.#kill !== undefined) this.#signal(this.#kill.graceMs, now, out);
  }

  launchFailed(failure: StepFailure, now: Instant, out: Out): void {
    if (this.#phase !== 'launching') return;
    const failed = failedStep('launchFailed', failure);
    this.#end(this.#kill === undefined ? failed : endedBeforeStart(this.#kill), now, out);
  }

  ended(outcome: ObservedOutcome, now: Instant, out: Out): void {
    if (outcome.state === 'running') return;
    // The end can be seen before the answer of the launch is.
    if (this.#phase === 'launching' && outcome.state !== 'notStarted') this.#run(now, out);
    if (this.#phase !== 'running' || this.order === undefined) return;
    if (this.#kill !== undefined) {
      this.#end(endedByKill(outcome, this.#kill), now, out);
      return;
    }
    const { description } = this.order;
    const status = endedByItself(outcome, description);
    const { outputs } = description;
    if (status.state === 'finished' && outputs.length > 0) {
      this.#leaveRunning('collecting');
      out.push({ kind: 'copyOutputs', task: this.key, ref: this.ref, outputs });
    } else this.#end(status, now, out);
  }

  outputsCopied(now: Instant, out: Out): void {
    if (this.#phase !== 'collecting' || this.order === undefined) return;
    this.#end(endedByItself({ state: 'exited', code: 0 }, this.order.description), now, out);
  }

  outputsFailed(failure: StepFailure, now: Instant, out: Out): void {
    if (this.#phase !== 'collecting') return;
    this.#end({ ...failedStep('outputsFailed', failure), exitCode: 0 }, now, out);
  }

  /** Stops by what the order says, else the task's own policy. A repeated order can only shorten the grace. */
  stop(wish: StopWish, now: Instant, out: Out): void {
    if (this.#phase === 'ended') return;
    const { kill, graceMs, isNews } = stopOrderOf(wish, this.#kill, this.order?.description);
    this.#kill = kill;
    const phase = this.#phase;
    switch (phase) {
      case 'accepting':
      case 'launching':
        // The answer that is awaited decides whether there is anything to stop.
        if (isNews) this.#ledger.write(out);
        return;
      case 'gathering':
      case 'preparing':
      case 'ready':
        this.#end(endedBeforeStart(kill), now, out);
        return;
      case 'collecting':
        this.#end(endedByKill({ state: 'exited', code: 0 }, kill), now, out);
        return;
      case 'running':
        if (isNews && this.#clock.isTold) this.#ledger.write(out);
        this.#signal(graceMs, now, out);
        return;
      default:
        unreachable(phase);
    }
  }

  /** A probe's result. One that comes late, after the task was told to stop, means nothing. */
  probed(aim: ProbeAim, answer: ProbeAnswer, now: Instant, out: Out): void {
    for (const finding of this.#checks.answered(aim, answer, now.nowMs)) {
      this.#found(finding, now, out);
    }
  }

  /** Goes on from the record of an earlier process, by what the host says about the task's processes. */
  recover(record: TaskRecord, outcome: ObservedOutcome, now: Instant, out: Out): void {
    this.#ledger.recover(record);
    this.#kill = record.kill;
    this.#times.recover(record.runningSinceMs);
    if (record.checks !== undefined) this.#checks.recover(record.checks);
    const { state } = record;
    if (isTerminal(state)) {
      this.#phase = 'ended';
      return;
    }
    const hasRun = state === 'running' || state === 'killing' || outcome.state !== 'notStarted';
    if (!hasRun) {
      if (this.order?.group === undefined || this.#kill !== undefined) this.#prepare(now, out);
      else this.#phase = 'gathering';
      return;
    }
    this.#run(now, out);
    if (outcome.state !== 'running') this.ended(outcome, now, out);
    else if (this.#kill !== undefined) this.#signal(this.#kill.graceMs, now, out);
  }

  tick(now: Instant, out: Out): void {
    if (this.#times.takeStarting(now.nowMs)) this.#update({ state: 'starting' }, now, out);
    const overrun = this.#times.takeOverrun(now.nowMs);
    if (overrun !== undefined) this.stop(overrun, now, out);
    if (this.#clock.takeDue(now.nowMs) !== undefined) {
      out.push({ kind: 'stop', task: this.key, ref: this.ref, signal: 'SIGKILL' });
    }
    if (this.#owedReport !== undefined) this.#report(this.#owedReport, now, out);
    this.#ledger.tick(now.nowMs, out);
  }

  /** The probes to make now; each is made when `probe` is called, which may be later. */
  takeDueProbes(now: Instant): ProbeAim[] {
    return this.#checks.takeDue(now.nowMs);
  }

  /** False when the probe is not wanted any more. */
  probe(aim: ProbeAim, out: Out): boolean {
    const how = this.#checks.probe(aim);
    if (how === undefined || this.order === undefined) return false;
    const { description, group } = this.order;
    const place = { task: this.key, ref: this.ref, executorId: group?.executorId };
    const { probe, timeoutMs } = how;
    out.push({ kind: 'probe', ...place, aim, probe, timeoutMs, description });
    return true;
  }

  /** The next update that may be sent, given the creation time of the principal's stream as far as known. */
  publish(now: Instant, streamCreatedMs: number | undefined, out: Out): void {
    this.#ledger.publish(now.nowMs, streamCreatedMs, out);
  }

  nextDueMs(isConnected: boolean): number {
    return Math.min(
      this.#times.nextDueMs(),
      this.#clock.nextDueMs(),
      this.#checks.nextDueMs(),
      this.#ledger.nextDueMs(isConnected),
    );
  }

  #prepare(now: Instant, out: Out): void {
    if (this.#kill !== undefined || this.order === undefined) {
      this.#end(endedBeforeStart(this.#kill ?? { reason: 'framework' }), now, out);
      return;
    }
    this.#phase = 'preparing';
    if (this.state === 'staging') this.#times.preparationBegins(now.nowMs);
    out.push({ kind: 'copyInputs', task: this.key, ref: this.ref, order: this.order });
  }

  #run(now: Instant, out: Out): void {
    this.#phase = 'running';
    const sinceMs = this.#times.runs(now);
    if (this.#kill === undefined) {
      this.#times.limitFrom(sinceMs);
      this.#checks.start(sinceMs);
    }
    if (this.state === 'staging' || this.state === 'starting') {
      this.#update({ state: 'running' }, now, out);
    }
  }

  #leaveRunning(phase: 'collecting' | 'ended'): void {
    this.#phase = phase;
    this.#times.end();
    this.#owedReport = undefined;
    this.#clock.end();
    this.#checks.stop();
  }

  #signal(graceMs: number, now: Instant, out: Out): void {
    this.#times.endLimit();
    this.#owedReport = undefined;
    this.#checks.stop();
    if (this.state === 'running') this.#update({ state: 'killing' }, now, out);
    const signal = this.#clock.begin(graceMs, now.nowMs);
    if (signal !== undefined) out.push({ kind: 'stop', task: this.key, ref: this.ref, signal });
  }

  #found(finding: CheckFinding, now: Instant, out: Out): void {
    switch (finding.kind) {
      case 'report':
        this.#report(
          { state: 'running', reason: finding.reason, message: finding.message },
          now,
          out,
        );
        return;
      case 'unhealthy':
        this.stop({ reason: 'unhealthy', message: finding.message }, now, out);
        return;
      default:
        unreachable(finding);
    }
  }

  #report(status: Status, now: Instant, out: Out): void {
    const { hasRoom } = this.#ledger;
    this.#owedReport = hasRoom ? undefined : status;
    if (hasRoom) this.#update(status, now, out);
  }

  #end(status: Status, now: Instant, out: Out): void {
    this.#leaveRunning('ended');
    const cause = this.#times.causeOf(status.reason, now);
    this.#update({ ...status, ...(cause && { cause }) }, now, out);
  }

  #update(status: Status, now: Instant, out: Out): void {
    const group = this.order?.group;
    const said = { ...status, ...(group && { executorId: group.executorId }) };
    this.#ledger.say({ ...said, ...this.#checks.findings }, now, out);
  }

  #details(): RecordDetails {
    const checks = this.#checks.memory;
    const { runningSinceMs } = this.#times;
    return {
      ...this.order,
      ...(this.#kill && { kill: this.#kill }),
      ...(runningSinceMs !== undefined && { runningSinceMs }),
      ...(checks && { checks }),
    };
  }
}
