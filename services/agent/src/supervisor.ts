// Owns which tasks an agent has and what happens to each: the deciding part of an agent, without I/O, clock or
// randomness. It checkpoints before it answers, launches a task id at most once, and forgets a task only after the
// leader has journalled its end (design 3 and 6). Effects are for effects.ts, or the simulator, to carry out.
import type { KillOrder, RegisterRequest, RunOrder } from '@parley/protocol/agents';
import type { Watermarks } from '@parley/protocol/broadcasts';
import type { Epoch } from '@parley/protocol/epoch';
import { type Failure, fail, succeed } from '@parley/protocol/errors';
import { type AgentId, type PrincipalName, type TaskKey, taskKey } from '@parley/protocol/ids';
import { unreachable } from '@parley/protocol/unreachable';
import { Registration } from './registration.ts';
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

const MAX_ANSWERS_A_TASK = 16;

type Out = SupervisorEffect[];
type WaitingAnswer = { readonly reply: ReplyHandle; readonly revision: number };

export class Supervisor {
  readonly #agentId: AgentId;
  readonly #host: SupervisorOptions['host'];
  readonly #limits: SupervisorLimits;
  readonly #registration: Registration;
  readonly #tasks = new Map<TaskKey, SupervisedTask>();
  readonly #forgotten = new Set<TaskKey>();
  readonly #ready = new Set<SupervisedTask>();
  readonly #launching = new Set<TaskKey>();
  readonly #streamCreatedMs = new Map<PrincipalName, number>();
  /** Answers that wait until a revision of the task's record is on the disk. */
  readonly #unrecorded = new Map<TaskKey, WaitingAnswer[]>();
  /** Answers that wait until the register request under way, which does not name their tasks, is answered. */
  #afterRegister: ReplyHandle[] = [];
  #isConnected = false;
  /** No task has anything due before this time. */
  #quietUntilMs = Number.POSITIVE_INFINITY;

  constructor(options: SupervisorOptions) {
    this.#agentId = options.agentId;
    this.#host = options.host;
    this.#limits = { ...DEFAULT_SUPERVISOR_LIMITS, ...options.limits };
    this.#registration = new Registration(options.registration);
  }

  get epoch(): Epoch {
    return this.#registration.epoch;
  }

  get isRegistered(): boolean {
    return this.#registration.isRegistered;
  }

  task(key: TaskKey): SupervisedTask | undefined {
    return this.#tasks.get(key);
  }

  tasks(): IterableIterator<SupervisedTask> {
    return this.#tasks.values();
  }

  /** When to send `tick`; undefined when only another input can make anything due. */
  nextWakeMs(): number | undefined {
    const next = Math.min(
      this.#quietUntilMs,
      this.#registration.nextDueMs() ?? Number.POSITIVE_INFINITY,
    );
    return next === Number.POSITIVE_INFINITY ? undefined : next;
  }

  /** Takes one input; the effects are to be carried out in this order. */
  handle(input: SupervisorInput, now: Instant): SupervisorEffect[] {
    const out: Out = [];
    this.#take(input, now, out);
    this.#runDue(now, out);
    return out;
  }

  #take(input: SupervisorInput, now: Instant, out: Out): void {
    switch (input.kind) {
      case 'recovered':
        for (const recovered of input.tasks) this.#recover(recovered, now, out);
        return;
      case 'run':
        if (this.#admits(input, now, out)) this.#takeRun(input.order, input.reply, out);
        return;
      case 'kill':
        if (this.#admits(input, now, out)) this.#takeKill(input.order, input.reply, now, out);
        return;
      case 'watermarks':
        if (this.#registration.heard(input.epoch, now.nowMs)) this.#cover(input.body, out);
        return;
      case 'presence':
        this.#registration.heard(input.epoch, now.nowMs);
        return;
      case 'registerAnswered':
        this.#registerAnswered(input, now, out);
        return;
      case 'connected':
        this.#isConnected = true;
        this.#registration.connected(now.nowMs);
        for (const task of this.#tasks.values()) task.outbox.retryNow();
        this.#quietUntilMs = now.nowMs;
        return;
      case 'disconnected':
        this.#isConnected = false;
        this.#registration.disconnected();
        return;
      case 'tick':
        return;
      default:
        this.#takeTaskInput(input, now, out);
    }
  }

  #takeTaskInput(
    input: Extract<SupervisorInput, { readonly task: TaskKey }>,
    now: Instant,
    out: Out,
  ): void {
    const task = this.#tasks.get(input.task);
    if (task === undefined) return;
    switch (input.kind) {
      case 'recorded':
        task.recorded(input.revision, now, out);
        this.#answerRecorded(task, input.revision, out);
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
      case 'updateAcked':
        task.outbox.acknowledge(input.sequence, input.streamSequence);
        break;
      default:
        unreachable(input);
    }
    this.#settle(task, now, out);
  }

  /** After anything happened to a task: its place in the launch queue, its next update, its next deadline. */
  #settle(task: SupervisedTask, now: Instant, out: Out): void {
    if (task.phase === 'ready') this.#ready.add(task);
    else this.#ready.delete(task);
    if (task.phase !== 'launching') this.#launching.delete(task.key);
    if (this.#isConnected) {
      task.publish(now, this.#streamCreatedMs.get(task.ref.principal), out);
    }
    this.#quietUntilMs = Math.min(this.#quietUntilMs, task.nextDueMs(this.#isConnected));
  }

  #admits(
    input: { readonly epoch: Epoch; readonly reply: ReplyHandle },
    now: Instant,
    out: Out,
  ): boolean {
    if (this.#registration.heard(input.epoch, now.nowMs)) return true;
    const { bucketCreatedMs, revision } = this.epoch;
    const answer = fail(
      'staleEpoch',
      `a leader of the later term ${bucketCreatedMs}/${revision} has been heard`,
    );
    out.push({ kind: 'answer', reply: input.reply, answer });
    return false;
  }

  #takeRun(order: RunOrder, reply: ReplyHandle, out: Out): void {
    const ref = { ...order.framework, taskId: order.description.taskId };
    const key = taskKey(ref);
    const known = this.#tasks.get(key);
    if (known !== undefined) {
      this.#answerWhenRecorded(known, reply, out);
      return;
    }
    if (this.#forgotten.has(key)) {
      out.push({ kind: 'answer', reply, answer: succeed({}) });
      return;
    }
    if (this.#isFull(reply, out)) return;
    const task = new SupervisedTask(this.#agentId, ref, order.description);
    this.#tasks.set(key, task);
    task.accept(out);
    this.#answerWhenRecorded(task, reply, out);
  }

  #takeKill(order: KillOrder, reply: ReplyHandle, now: Instant, out: Out): void {
    const key = taskKey(order.task);
    let task = this.#tasks.get(key);
    if (task !== undefined) task.kill(order, now, out);
    else if (this.#forgotten.has(key)) {
      out.push({ kind: 'answer', reply, answer: succeed({}) });
      return;
    } else {
      if (this.#isFull(reply, out)) return;
      task = new SupervisedTask(this.#agentId, order.task, undefined);
      this.#tasks.set(key, task);
      task.acceptKilled(order, now, out);
    }
    this.#answerWhenRecorded(task, reply, out);
    this.#settle(task, now, out);
  }

  #isFull(reply: ReplyHandle, out: Out): boolean {
    if (this.#tasks.size < this.#limits.tasks) return false;
    const answer = fail('overloaded', `this agent has ${this.#tasks.size} tasks, its limit`);
    out.push({ kind: 'answer', reply, answer });
    return true;
  }

  #answerWhenRecorded(task: SupervisedTask, reply: ReplyHandle, out: Out): void {
    if (task.isRecorded) {
      this.#answerOk(reply, out);
      return;
    }
    const waiting = this.#unrecorded.get(task.key) ?? [];
    // An order is repeated while its answer waits: the newest repetitions are the ones still listened for.
    const newest = waiting.slice(1 - MAX_ANSWERS_A_TASK);
    this.#unrecorded.set(task.key, [...newest, { reply, revision: task.revision }]);
  }

  #answerRecorded(task: SupervisedTask, revision: number, out: Out): void {
    const waiting = this.#unrecorded.get(task.key);
    if (waiting === undefined) return;
    const left = waiting.filter((answer) => answer.revision > revision);
    if (left.length > 0) this.#unrecorded.set(task.key, left);
    else this.#unrecorded.delete(task.key);
    for (const { reply, revision: awaited } of waiting) {
      if (awaited <= revision) this.#answerOk(reply, out);
    }
  }

  // Otherwise the leader could read "accepted" first, then a register request that was made before and does not
  // name the task, and take it for forgotten.
  #answerOk(reply: ReplyHandle, out: Out): void {
    if (this.#registration.isUnderWay) {
      this.#afterRegister.push(reply);
      if (this.#afterRegister.length > this.#limits.heldAnswers) this.#afterRegister.shift();
    } else out.push({ kind: 'answer', reply, answer: succeed({}) });
  }

  #recordFailed(
    task: SupervisedTask,
    input: { readonly revision: number; readonly failure: Failure },
    now: Instant,
    out: Out,
  ): void {
    if (task.phase !== 'accepting') {
      // An order that could not be recorded is not answered: its sender asks again.
      this.#unrecorded.delete(task.key);
      task.recordFailed(input.revision, now);
      return;
    }
    for (const { reply } of this.#unrecorded.get(task.key) ?? []) {
      out.push({ kind: 'answer', reply, answer: { ok: false, failure: input.failure } });
    }
    this.#drop(task, out);
  }

  #drop(task: SupervisedTask, out: Out): void {
    this.#tasks.delete(task.key);
    this.#unrecorded.delete(task.key);
    out.push({ kind: 'forget', task: task.key, ref: task.ref });
  }

  #cover(watermarks: Watermarks, out: Out): void {
    const sequences = new Map<PrincipalName, { createdMs: number; sequence: number }>();
    for (const stream of watermarks.streams) {
      sequences.set(stream.principal, stream);
      this.#streamCreatedMs.set(stream.principal, stream.createdMs);
    }
    keepNewest(this.#streamCreatedMs, this.#limits.principals);
    for (const task of this.#tasks.values()) {
      const stream = sequences.get(task.ref.principal);
      if (stream === undefined) continue;
      task.outbox.cover(stream.createdMs, stream.sequence);
      if (!task.isOver) continue;
      this.#drop(task, out);
      this.#forgotten.add(task.key);
    }
    keepNewest(this.#forgotten, this.#limits.forgottenTasks);
    this.#quietUntilMs = Number.NEGATIVE_INFINITY;
  }

  #registerAnswered(
    input: Extract<SupervisorInput, { kind: 'registerAnswered' }>,
    now: Instant,
    out: Out,
  ): void {
    const { counter, epoch, answer } = input;
    if (epoch !== undefined && !this.#registration.heard(epoch, now.nowMs)) return;
    if (!answer.ok) {
      const { code, message } = answer.failure;
      out.push({ kind: 'report', about: 'register', what: `${code}: ${message}` });
    }
    if (!this.#registration.answered(counter, answer, now.nowMs) || !answer.ok) return;
    for (const reply of this.#afterRegister) {
      out.push({ kind: 'answer', reply, answer: succeed({}) });
    }
    this.#afterRegister = [];
    for (const ref of answer.value.unknownTasks) {
      const task = this.#tasks.get(taskKey(ref));
      if (task === undefined) continue;
      task.kill({ task: ref, reason: 'unknownToMaster' }, now, out);
      this.#settle(task, now, out);
    }
  }

  #recover(recovered: RecoveredTask, now: Instant, out: Out): void {
    const { record, outcome } = recovered;
    const task = new SupervisedTask(this.#agentId, record.task, record.description);
    this.#tasks.set(task.key, task);
    task.recover(record, outcome, now, out);
    this.#settle(task, now, out);
  }

  #runDue(now: Instant, out: Out): void {
    if (this.#quietUntilMs <= now.nowMs) {
      this.#quietUntilMs = Number.POSITIVE_INFINITY;
      for (const task of this.#tasks.values()) {
        task.tick(now, out);
        this.#settle(task, now, out);
      }
    }
    for (const task of this.#ready) {
      if (this.#launching.size >= this.#limits.launchesInFlight) break;
      this.#ready.delete(task);
      this.#launching.add(task.key);
      task.launch(out);
    }
    out.push(...this.#registration.takeDue(now.nowMs, () => this.#describe()));
  }

  #describe(): { body: RegisterRequest; runningTasks: number } {
    // What is not on the disk yet may still be refused: it is no task.
    const tasks = [...this.#tasks.values()].filter((task) => task.phase !== 'accepting');
    return {
      runningTasks: tasks.filter((task) => task.phase === 'running').length,
      body: {
        ...this.#host,
        tasks: tasks.map(({ ref, state, lastSequence }) => ({ task: ref, state, lastSequence })),
      },
    };
  }
}

/** Maps and sets keep the order of insertion: the oldest come first. */
function keepNewest<Key>(
  table: { readonly size: number; keys(): Iterator<Key>; delete(key: Key): boolean },
  limit: number,
): void {
  const keys = table.keys();
  while (table.size > limit) {
    const oldest = keys.next();
    if (oldest.done === true) return;
    table.delete(oldest.value);
  }
}
