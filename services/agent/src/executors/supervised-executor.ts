// Owns one custom executor from its first task to its exit: when its program is started and when it is given up, what
// is sent to it, and what its words and its end mean for its tasks, which are in executor-tasks.ts. Which executors there are is
// in executor-roster.ts.
//
//   new -> recording -> launching -> registering -> live <-> returning -> shuttingDown -> destroying -> exited
//   (`returning`: it has been live, and has no connection; any phase with processes can end in `exited`)
import type { ExecutorDescription } from '@parley/protocol/executor-description';
import type { FromExecutor } from '@parley/protocol/executors';
import type { ExecutorMessage } from '@parley/protocol/frameworks';
import {
  type AgentId,
  type ExecutorKey,
  type ExecutorRef,
  executorKey,
} from '@parley/protocol/ids';
import { unreachable } from '@parley/protocol/unreachable';
import { overDisk } from '../disk-excess.ts';
import type { Instant, StepFailure } from '../supervisor-messages.ts';
import { type ObservedOutcome, type Stop, stepCause } from '../task-outcome.ts';
import { ExecutorConversation } from './executor-conversation.ts';
import { type ExecutorEnding, executorWasLeaving, exitOf, taskEndOf } from './executor-ends.ts';
import type {
  ConnectionNumber,
  ExecutorPhase,
  ExecutorPlace,
  PlacedExecutorInput,
  RecoveredExecutor,
} from './executor-messages.ts';
import {
  EXECUTOR_RECORD_VERSION,
  type ExecutorExit,
  type ExecutorRecord,
} from './executor-record.ts';
import type { ExecutorTask } from './executor-task.ts';
import { ExecutorTasks } from './executor-tasks.ts';
import type { ExecutorTiming } from './executor-timing.ts';
import type { Turn } from './executor-turn.ts';

export type ExecutorHost = {
  readonly agentId: AgentId;
  readonly hostname: string;
  readonly timing: ExecutorTiming;
};

type Subscription = Extract<FromExecutor, { kind: 'subscribe' }>;

export class SupervisedExecutor {
  readonly place: ExecutorPlace;
  readonly key: ExecutorKey;
  readonly description: ExecutorDescription;
  readonly #host: ExecutorHost;
  readonly #tasks: ExecutorTasks;
  readonly #talk: ExecutorConversation;
  #phase: ExecutorPhase = 'new';
  #hasRegistered = false;
  #ending: ExecutorExit['end'] | undefined;
  #exit: ExecutorExit | undefined;
  #stop: Stop | undefined;
  #revision = 0;
  /** When the phase is given up. */
  #dueMs: number | undefined;
  #recordDueMs: number | undefined;

  constructor(place: ExecutorPlace, description: ExecutorDescription, host: ExecutorHost) {
    this.place = place;
    this.key = executorKey(place.executor);
    this.description = description;
    this.#host = host;
    this.#tasks = new ExecutorTasks(place, description);
    this.#talk = new ExecutorConversation(place, this.#tasks.byKey);
  }

  get ref(): ExecutorRef {
    return this.place.executor;
  }
  get phase(): ExecutorPhase {
    return this.#phase;
  }
  /** How it ended; undefined before. */
  get exit(): ExecutorExit | undefined {
    return this.#exit;
  }
  /** New tasks may come to it. */
  get isOpen(): boolean {
    return !['shuttingDown', 'destroying', 'exited'].includes(this.#phase);
  }
  /** The highest number of its updates that was taken for a task that has not ended. */
  get lastSequence(): number {
    return Math.max(0, ...[...this.#tasks.byKey.values()].map((task) => task.heardUpTo));
  }
  /** Nothing of it is on the disk or runs. */
  get isUntouched(): boolean {
    return this.#phase === 'new' && this.#tasks.byKey.size === 0;
  }

  has(task: ExecutorTask): boolean {
    return this.#tasks.has(task);
  }

  /** From now on the scope has room for the task. */
  attach(task: ExecutorTask): void {
    this.#tasks.add(task);
  }

  /** The task is no more its own, for it was never accepted. */
  detach(task: ExecutorTask): void {
    this.#tasks.remove(task);
  }

  /** After anything happened to one of its tasks. */
  settle(task: ExecutorTask, turn: Turn): void {
    this.#talk.acknowledge(turn);
    if (!this.has(task)) return;
    if (task.phase === 'ended') this.#tasks.ended(task, this.#talk, turn);
    else if (task.phase === 'queued') this.#tasks.enqueue(task, turn);
    else if (task.phase === 'preparing' && this.#phase === 'new') {
      this.#phase = 'recording';
      this.#write(turn);
    }
    const reason = task.killWish?.reason;
    // Its framework is gone for good, or this agent: the executor has nothing left to do.
    if (reason === 'frameworkRemoved' || reason === 'agentGone') this.shutDown(undefined, turn);
    this.#talk.passOn(task, turn);
    this.#changeLimits(turn);
    this.#handOver(turn);
  }

  take(input: PlacedExecutorInput, turn: Turn): void {
    switch (input.kind) {
      case 'recorded':
        if (input.revision === this.#revision) this.#recordDueMs = undefined;
        if (this.#phase === 'recording') this.#launch(turn);
        return;
      case 'recordFailed':
        if (this.#phase === 'recording') this.#launchFailed(input.failure, turn);
        else this.#recordDueMs = turn.now.nowMs + this.#host.timing.recordAgainMs;
        return;
      case 'started':
        this.#started(turn);
        return;
      case 'launchFailed':
        if (this.#hasProcesses()) this.#launchFailed(input.failure, turn);
        return;
      case 'ended':
        this.#ended(input.outcome, turn);
        return;
      case 'overDisk':
        this.#stop = overDisk(input);
        if (this.#hasProcesses()) this.#destroy(this.#ending ?? 'signaled', turn);
        return;
      case 'limitsSet':
        this.#tasks.limitsSet(input.revision);
        this.#changeLimits(turn);
        this.#handOver(turn);
        return;
      case 'limitsNotSet':
        turn.report(this.key, `the limits of its scope could not be changed: ${input.reason}`);
        this.#tasks.limitsNotSet(input.revision, input.reason, turn);
        return;
      case 'said':
        this.#hear(input.connection, input.message, turn);
        return;
      case 'connectionClosed':
        this.#connectionClosed(input.connection, turn);
        return;
      default:
        unreachable(input);
    }
  }

  /** False when it is not connected: the message is lost, as messages may be. */
  tell(data: ExecutorMessage['data'], turn: Turn): boolean {
    if (this.#phase !== 'live') return false;
    this.#talk.send({ kind: 'message', data }, turn);
    return true;
  }

  /** Asks it to end its tasks and itself; by then it is destroyed. A repetition can only shorten the grace. */
  shutDown(graceMs: number | undefined, turn: Turn): void {
    if (!this.isOpen && this.#phase !== 'shuttingDown') return;
    const dueMs = turn.now.nowMs + (graceMs ?? this.description.shutdownGraceMs);
    if (this.#phase === 'shuttingDown') {
      if (this.#dueMs === undefined || dueMs >= this.#dueMs) return;
      this.#dueMs = dueMs;
      this.#sendShutdown(turn);
      return;
    }
    this.#ending = 'shutDown';
    if (this.#phase === 'new' || this.#phase === 'recording') {
      this.#finish({ end: 'shutDown' }, undefined, turn);
      return;
    }
    this.#phase = 'shuttingDown';
    this.#dueMs = dueMs;
    this.#write(turn);
    this.#sendShutdown(turn);
    this.#tasks.endBeforeHandOver(executorWasLeaving, turn);
  }

  /** Goes on from the record of an earlier process; its tasks are attached already. */
  recover({ record, outcome }: RecoveredExecutor, turn: Turn): void {
    this.#hasRegistered = record.hasRegistered;
    this.#ending = record.ending;
    if (record.exit !== undefined) {
      this.#finish(record.exit, outcome, turn);
      return;
    }
    const { registrationMs, returnMs } = this.#host.timing;
    if (outcome.state === 'notStarted' && this.#ending === undefined) {
      this.#launch(turn);
      return;
    }
    this.#phase = record.hasRegistered ? 'returning' : 'registering';
    this.#dueMs = turn.now.nowMs + (record.hasRegistered ? returnMs : registrationMs);
    if (outcome.state === 'notStarted')
      this.#finish({ end: this.#ending ?? 'unknown' }, outcome, turn);
    else if (outcome.state !== 'running') this.#ended(outcome, turn);
    else if (this.#ending === 'shutDown') this.shutDown(undefined, turn);
    else if (this.#ending !== undefined) this.#destroy(this.#ending, turn);
  }

  tick(turn: Turn): void {
    const { now } = turn;
    if (isDue(this.#recordDueMs, now)) this.#write(turn);
    if (!isDue(this.#dueMs, now)) return;
    this.#dueMs = undefined;
    switch (this.#phase) {
      case 'launching':
      case 'registering':
        this.#destroy('notRegistered', turn);
        return;
      case 'returning':
        this.#destroy('notReturned', turn);
        return;
      case 'shuttingDown':
      case 'destroying':
        this.#destroy(this.#ending ?? 'shutDown', turn);
        return;
      case 'new':
      case 'recording':
      case 'live':
      case 'exited':
        return;
      default:
        unreachable(this.#phase);
    }
  }

  nextDueMs(): number {
    return Math.min(
      this.#dueMs ?? Number.POSITIVE_INFINITY,
      this.#recordDueMs ?? Number.POSITIVE_INFINITY,
    );
  }

  #hasProcesses(): boolean {
    return !['new', 'recording', 'exited'].includes(this.#phase);
  }

  #launch(turn: Turn): void {
    this.#phase = 'launching';
    this.#dueMs = turn.now.nowMs + this.#host.timing.registrationMs;
    const limits = this.#tasks.launch();
    turn.push({ kind: 'launch', ...this.place, description: this.description, limits });
  }

  #started(turn: Turn): void {
    if (!this.#hasProcesses()) return;
    this.#tasks.launched();
    if (this.#phase === 'launching') this.#phase = 'registering';
    // It was asked to end before there was anything to kill.
    if (this.#phase === 'destroying') this.#destroy(this.#ending ?? 'unknown', turn);
    this.#changeLimits(turn);
    this.#handOver(turn);
  }

  #launchFailed({ code, message }: StepFailure, turn: Turn): void {
    const end = this.#ending ?? 'launchFailed';
    this.#finish({ end, message, ...stepCause(code) }, undefined, turn);
  }

  #ended(outcome: ObservedOutcome, turn: Turn): void {
    if (!this.#hasProcesses() || outcome.state === 'running' || outcome.state === 'notStarted')
      return;
    this.#finish(exitOf(outcome, this.#ending, this.#stop), outcome, turn);
  }

  #destroy(ending: ExecutorExit['end'], turn: Turn): void {
    this.#ending = ending;
    if (this.#phase !== 'destroying') {
      this.#phase = 'destroying';
      this.#write(turn);
    }
    this.#dueMs = turn.now.nowMs + this.#host.timing.destroyAgainMs;
    turn.push({ kind: 'destroy', ...this.place });
  }

  /** Nothing of it runs any more. */
  #finish(exit: ExecutorEnding, outcome: ObservedOutcome | undefined, turn: Turn): void {
    this.#phase = 'exited';
    this.#exit = { tasks: turn.tasksOf(this.place), ...exit };
    this.#dueMs = undefined;
    this.#talk.drop(turn);
    this.#write(turn);
    this.#tasks.endAll(taskEndOf(exit, outcome, this.#stop), turn);
    turn.exited(this);
  }

  #changeLimits(turn: Turn): void {
    if (!this.#hasProcesses() || this.#phase === 'launching' || this.#phase === 'destroying')
      return;
    this.#tasks.changeLimits(turn);
  }

  #handOver(turn: Turn): void {
    if (this.#phase === 'live') this.#tasks.handOver(this.#talk, turn);
  }

  #hear(connection: ConnectionNumber, message: FromExecutor, turn: Turn): void {
    if (message.kind === 'subscribe') this.#subscribe(connection, message, turn);
    else if (this.#talk.isOn(connection)) this.#talk.hear(message, turn);
    else this.#talk.refuse(connection, 'the first message of a connection is `subscribe`', turn);
  }

  #subscribe(connection: ConnectionNumber, message: Subscription, turn: Turn): void {
    if (executorKey(message.executor) !== this.key) {
      this.#talk.refuse(connection, `this is the socket of executor ${this.ref.executorId}`, turn);
      return;
    }
    if (!this.#hasProcesses() || this.#phase === 'destroying') {
      this.#talk.refuse(connection, 'this executor is being ended', turn);
      return;
    }
    this.#talk.begin(connection, turn);
    const { agentId, hostname } = this.#host;
    const { data } = this.description;
    const place = { executor: this.ref, agentId, hostname, labels: {} };
    this.#talk.send({ kind: 'subscribed', ...place, ...(data && { data }) }, turn);
    if (this.#phase === 'shuttingDown') this.#sendShutdown(turn);
    else this.#goLive(turn);
    this.#talk.compare(message, turn);
    this.#changeLimits(turn);
    this.#handOver(turn);
  }

  #goLive(turn: Turn): void {
    this.#phase = 'live';
    this.#dueMs = undefined;
    if (this.#hasRegistered) return;
    this.#hasRegistered = true;
    this.#write(turn);
  }

  #connectionClosed(connection: ConnectionNumber, turn: Turn): void {
    if (!this.#talk.closed(connection) || this.#phase !== 'live') return;
    this.#phase = 'returning';
    this.#dueMs = turn.now.nowMs + this.#host.timing.returnMs;
  }

  #sendShutdown(turn: Turn): void {
    // Monotonic time has fractions, what is sent has none.
    const graceMs = Math.max(0, Math.round((this.#dueMs ?? turn.now.nowMs) - turn.now.nowMs));
    this.#talk.send({ kind: 'shutdown', graceMs }, turn);
  }

  #write(turn: Turn): void {
    this.#revision += 1;
    this.#recordDueMs = undefined;
    const record: ExecutorRecord = {
      version: EXECUTOR_RECORD_VERSION,
      executor: this.ref,
      description: this.description,
      incarnation: this.place.incarnation,
      hasRegistered: this.#hasRegistered,
      ...(this.#ending && { ending: this.#ending }),
      ...(this.#exit && { exit: this.#exit }),
    };
    turn.push({ kind: 'persist', ...this.place, revision: this.#revision, record });
  }
}

function isDue(dueMs: number | undefined, now: Instant): boolean {
  return dueMs !== undefined && dueMs <= now.nowMs;
}
