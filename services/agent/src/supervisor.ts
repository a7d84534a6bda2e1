// Owns which tasks an agent has and what happens to each: the deciding part of an agent, without I/O, clock or
// randomness. It checkpoints before it answers, launches a task id at most once, and forgets a task only after the
// leader has journalled its end (design 3 and 6). Effects are for effects.ts, or the simulator, to carry out.
import { compareEpochs, type Epoch } from '@parley/protocol/epoch';
import type { Failure } from '@parley/protocol/errors';
import type { AgentId, ExecutorKey, TaskKey } from '@parley/protocol/ids';
import { unreachable } from '@parley/protocol/unreachable';
import type { AgentTask } from './agent-task.ts';
import { Departure } from './departure.ts';
import { ExecutorDesk } from './executors/executor-desk.ts';
import type { RecoveredExecutor } from './executors/executor-messages.ts';
import { ExecutorTask } from './executors/executor-task.ts';
import { HeldAnswers } from './held-answers.ts';
import { LaunchQueue } from './launch-queue.ts';
import { LeaderDesk } from './leader-desk.ts';
import { type AdmissionDesk, admits } from './order-admission.ts';
import { OrderDesk } from './order-desk.ts';
import { ProbeQueue } from './probe-queue.ts';
import { Registration } from './registration.ts';
import { StopDesk } from './stop-desk.ts';
import { SupervisedTask } from './supervised-task.ts';
import type {
  Instant,
  RecoveredTask,
  ReplyHandle,
  SupervisorEffect,
  SupervisorInput,
} from './supervisor-messages.ts';
import {
  DEFAULT_SUPERVISOR_LIMITS,
  type SupervisorLimits,
  type SupervisorOptions,
} from './supervisor-options.ts';
import { byBegin, recordedOrder } from './task-record.ts';
import { TaskTable } from './task-table.ts';
import { ToldTasks } from './told-tasks.ts';

type Out = SupervisorEffect[];

export class Supervisor {
  readonly #agentId: AgentId;
  readonly #registration: Registration;
  readonly #table: TaskTable;
  readonly #desk: OrderDesk;
  readonly #leader: LeaderDesk;
  readonly #executors: ExecutorDesk;
  readonly #stops: StopDesk;
  readonly #probes: ProbeQueue;
  readonly #launches: LaunchQueue;
  readonly #answers: HeldAnswers;
  #isConnected = false;
  readonly #departure = new Departure();
  readonly #told: ToldTasks;
  readonly #admission: AdmissionDesk;
  /** No task has anything due before this time. */
  #quietUntilMs = Number.POSITIVE_INFINITY;

  constructor(options: SupervisorOptions) {
    this.#agentId = options.agentId;
    const { host } = options;
    const limits: SupervisorLimits = { ...DEFAULT_SUPERVISOR_LIMITS, ...options.limits };
    this.#registration = new Registration(options.registration);
    this.#admission = { registration: this.#registration, departure: this.#departure };
    this.#probes = new ProbeQueue(limits.probesInFlight);
    this.#table = new TaskTable(limits);
    this.#launches = new LaunchQueue(limits.launchesInFlight, (task) =>
      this.#table.groups.mayLaunch(task),
    );
    this.#answers = new HeldAnswers(limits.heldAnswers, () => this.#registration.isUnderWay);
    this.#stops = new StopDesk({
      session: options.registration.session,
      table: this.#table,
      answers: this.#answers,
      settle: (task, now, out) => this.#settle(task, now, out),
    });
    this.#executors = new ExecutorDesk({
      agentId: this.#agentId,
      hostname: host.hostname,
      session: options.registration.session,
      timing: options.executorTiming,
      table: this.#table,
      answers: this.#answers,
      settle: (task, now, out) => this.#settle(task, now, out),
      drop: (task, out) => this.#drop(task, out),
      saidToStop: (task, answer, now) => this.#stops.said(task, answer, now),
    });
    this.#told = new ToldTasks({
      session: options.registration.session,
      table: this.#table,
      roster: this.#executors.roster,
      settle: (task, now, out) => this.#settle(task, now, out),
    });
    this.#leader = new LeaderDesk({
      host,
      registration: this.#registration,
      told: this.#told,
      departure: this.#departure,
      answers: this.#answers,
      table: this.#table,
      roster: this.#executors.roster,
      settleOne: (task, now, out) => {
        if (task instanceof ExecutorTask) this.#settle(task, now, out);
        else this.#settleOne(task, now, out);
      },
    });
    this.#desk = new OrderDesk({
      agentId: this.#agentId,
      table: this.#table,
      answers: this.#answers,
      settle: (task, now, out) => this.#settle(task, now, out),
      executors: this.#executors,
    });
  }

  get epoch(): Epoch {
    return this.#registration.epoch;
  }

  get isRegistered(): boolean {
    return this.#registration.isRegistered;
  }

  lastSequence = (key: ExecutorKey) => this.#executors.roster.executor(key)?.lastSequence ?? 0;

  task(key: TaskKey): AgentTask | undefined {
    return this.#table.get(key);
  }

  tasks(): IterableIterator<AgentTask> {
    return this.#table.all();
  }

  /** When to send `tick`; undefined when only another input can make anything due. */
  nextWakeMs(): number | undefined {
    const next = Math.min(
      this.#quietUntilMs,
      this.#executors.roster.nextDueMs(),
      this.#stops.nextDueMs(),
      this.#registration.nextDueMs() ?? Number.POSITIVE_INFINITY,
      this.#isConnected ? this.#told.nextDueMs() : Number.POSITIVE_INFINITY,
    );
    return next === Number.POSITIVE_INFINITY ? undefined : next;
  }

  /** Takes one input; the effects are to be carried out in this order. */
  handle(input: SupervisorInput, now: Instant): SupervisorEffect[] {
    const out: Out = [];
    const before = this.epoch;
    this.#take(input, now, out);
    this.#runDue(now, out);
    const { epoch } = this;
    if (compareEpochs(epoch, before) > 0) out.unshift({ kind: 'rememberEpoch', epoch });
    return out;
  }

  #take(input: SupervisorInput, now: Instant, out: Out): void {
    if (input.kind === 'tick') return;
    switch (input.kind) {
      case 'recovered':
        this.#recover(input.tasks, input.executors, now, out);
        return;
      case 'run':
      case 'runGroup':
      case 'destroyVolume':
      case 'kill':
      case 'shutdownExecutor':
      case 'askToStop':
        if (admits(this.#admission, input, now, out)) this.#takeOrder(input, now, out);
        return;
      case 'stopTold':
        this.#stops.told(input.counter, input.answer);
        return;
      case 'executor':
        this.#executors.roster.handle(input.input, now, out);
        return;
      case 'watermarks':
        if (!this.#registration.heard(input.epoch, now.nowMs)) return;
        this.#table.cover(input.body, now, out);
        this.#quietUntilMs = Number.NEGATIVE_INFINITY;
        return;
      case 'presence':
        this.#registration.heardPresence(input.epoch, input, now.nowMs);
        return;
      case 'estimated':
        this.#registration.estimated(input.revocable);
        return;
      case 'pressed':
      case 'overDisk':
        this.#stops.take(input, now, out);
        return;
      case 'registerAgain':
        this.#registration.askedAgain(input, now.nowMs);
        return;
      case 'registerAnswered':
      case 'tasksTold':
        if (this.#leader.answered(input, now, out)) this.#quietUntilMs = Number.NEGATIVE_INFINITY;
        return;
      case 'connected':
        this.#isConnected = true;
        this.#registration.connected(now.nowMs);
        this.#told.retrySoon(now.nowMs);
        this.#executors.roster.connected(now.nowMs);
        this.#stops.connected(now.nowMs);
        for (const task of this.#table.all()) task.outbox.retrySoon(now.nowMs);
        this.#quietUntilMs = now.nowMs;
        return;
      case 'disconnected':
        this.#isConnected = false;
        this.#registration.disconnected();
        this.#executors.roster.disconnected();
        this.#stops.disconnected();
        return;
      default:
        this.#takeTaskInput(input, now, out);
    }
  }

  /** Of a leader whose term may be the present one. */
  #takeOrder(
    input: Extract<SupervisorInput, { readonly reply: ReplyHandle }>,
    now: Instant,
    out: Out,
  ): void {
    switch (input.kind) {
      case 'run':
        this.#desk.run(input.order, input.reply, now, out);
        return;
      case 'runGroup':
        this.#desk.runGroup(input.order, input.reply, now, out);
        return;
      case 'destroyVolume':
        this.#desk.destroyVolume(input.order, input.reply, out);
        return;
      case 'kill':
        this.#desk.kill(input.order, input.reply, now, out);
        return;
      case 'shutdownExecutor':
        this.#executors.shutDown(input.order, input.reply, now, out);
        return;
      case 'askToStop':
        this.#stops.ask(input.order, input.reply, now, out);
        return;
      default:
        unreachable(input);
    }
  }

  #takeTaskInput(
    input: Extract<SupervisorInput, { readonly task: TaskKey }>,
    now: Instant,
    out: Out,
  ): void {
    if (input.kind === 'probed') this.#probes.answered(input.task, input.aim);
    const task = this.#table.get(input.task);
    if (task === undefined) return;
    if (task instanceof ExecutorTask) {
      this.#executors.take(task, input, now, out);
      return;
    }
    switch (input.kind) {
      case 'recorded':
        task.recorded(input.revision, now, out);
        this.#answers.recorded(task.key, input.revision, out);
        break;
      case 'recordFailed':
        this.#recordFailed(task, input, now, out);
        break;
      case 'inputsCopied':
        task.inputsCopied();
        break;
      case 'inputsFailed':
        task.inputsFailed(input.failure, now, out);
        break;
      case 'launched':
        task.launched(now, out);
        break;
      case 'launchFailed':
        task.launchFailed(input.failure, now, out);
        break;
      case 'ended':
        task.ended(input.outcome, now, out);
        break;
      case 'outputsCopied':
        task.outputsCopied(now, out);
        break;
      case 'outputsFailed':
        task.outputsFailed(input.failure, now, out);
        break;
      case 'probed':
        task.probed(input.aim, input.answer, now, out);
        break;
      case 'updateAcked':
        task.outbox.acknowledge(input.sequence, input.streamSequence);
        break;
      default:
        unreachable(input);
    }
    this.#settle(task, now, out);
  }

  /** After anything happened to a task: what it means for its group, and what is to be done for each of them. */
  #settle(task: AgentTask, now: Instant, out: Out): void {
    if (task instanceof ExecutorTask) {
      this.#executors.roster.settle(task, now, out);
      this.#publish(task, now, out);
      return;
    }
    const { answers, refused, refusal } = this.#table.groups.advance(task, now, out);
    for (const reply of answers) {
      if (refusal === undefined) this.#answers.accept(reply, out);
      else out.push({ kind: 'answer', reply, answer: { ok: false, failure: refusal } });
    }
    for (const member of refused) this.#drop(member, out);
    for (const member of this.#table.groups.membersOf(task)) {
      if (this.#table.get(member.key) === member) this.#settleOne(member, now, out);
    }
  }

  /** Its place in the launch queue, its next update, its next deadline. */
  #settleOne(task: SupervisedTask, now: Instant, out: Out): void {
    this.#launches.settle(task);
    this.#publish(task, now, out);
  }

  #publish(task: AgentTask, now: Instant, out: Out): void {
    const mayPublish = this.#isConnected && !this.#told.isUnderWay;
    if (mayPublish) task.publish(now, this.#table.streamCreatedMs(task.ref.principal), out);
    this.#quietUntilMs = Math.min(this.#quietUntilMs, task.nextDueMs(mayPublish));
  }

  #recordFailed(
    task: SupervisedTask,
    input: { readonly revision: number; readonly failure: Failure },
    now: Instant,
    out: Out,
  ): void {
    // Of a group the other tasks must not be on their way to the disk any more when it is refused.
    const isOfGroup = this.#table.groups.recordRefused(task, input.failure);
    task.recordFailed(input.revision, now);
    if (task.phase !== 'accepting' || isOfGroup) this.#answers.drop(task.key);
    else if (!task.record.isWriting) {
      // Not before: the next task of this id would take a later record of this one, which a kill asked for, for its own.
      this.#answers.refuse(task.key, input.failure, out);
      this.#drop(task, out);
    }
  }

  #drop(task: AgentTask, out: Out): void {
    if (!(task instanceof ExecutorTask)) this.#launches.remove(task);
    this.#answers.drop(task.key);
    this.#table.drop(task, out);
  }

  #recover(
    recovered: readonly RecoveredTask[],
    executors: readonly RecoveredExecutor[] | undefined,
    now: Instant,
    out: Out,
  ): void {
    const tasks = recovered.toSorted(byBegin).map(({ record, outcome }): AgentTask => {
      const ofExecutor = this.#executors.adopt(record, now);
      if (ofExecutor !== undefined) return ofExecutor;
      const { task: ref, group } = record;
      const task = new SupervisedTask(this.#agentId, ref, recordedOrder(record));
      this.#table.add(task);
      if (group !== undefined) this.#table.groups.open(ref, group);
      task.recover(record, outcome, now, out);
      return task;
    });
    this.#executors.recover(executors ?? [], now, out);
    for (const task of tasks) this.#settle(task, now, out);
  }

  #runDue(now: Instant, out: Out): void {
    if (this.#quietUntilMs <= now.nowMs) {
      this.#quietUntilMs = Number.POSITIVE_INFINITY;
      for (const task of this.#table.all()) {
        task.tick(now, out);
        if (!(task instanceof ExecutorTask)) this.#probes.add(task, now);
        this.#settle(task, now, out);
      }
    }
    if (this.#executors.roster.nextDueMs() <= now.nowMs) this.#executors.roster.tick(now, out);
    this.#stops.tick(now, out);
    if (this.#isConnected) out.push(...this.#told.takeDue(now.nowMs));
    this.#probes.start(out);
    this.#launches.start(out);
    out.push(...this.#leader.takeDue(now));
    this.#departure.leaveIfDone(this.#table.all(), out);
  }
}
