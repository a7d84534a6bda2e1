// Owns what an executor has to keep in its conversation with its agent, whatever becomes of the connection: its tasks,
// the updates that the agent has not acknowledged, when to connect again and when to give up. No socket, no clock:
// what happened comes in, what to do goes out. The socket is in run-executor.ts. Mesos docs, "Executor HTTP API".
import type { ExecutorUpdate, FromExecutor, ToExecutor } from '@parley/protocol/executors';
import type { ExecutorRef, TaskId } from '@parley/protocol/ids';
import type { StopAnswer } from '@parley/protocol/revocations';
import { isTerminal, type TaskDescription } from '@parley/protocol/tasks';
import { unreachable } from '@parley/protocol/unreachable';

/** What an executor says of a task, but for its place in the order. */
export type TaskReport = Omit<ExecutorUpdate, 'sequence'>;

export type SessionEffect =
  | { readonly kind: 'connect' }
  | { readonly kind: 'send'; readonly message: FromExecutor }
  /** Together, when they are of a group. */
  | { readonly kind: 'start'; readonly tasks: readonly TaskDescription[] }
  /** Ask a task to end, by then without asking. Repeated when the grace got shorter. */
  | { readonly kind: 'stop'; readonly taskId: TaskId; readonly graceMs: number }
  /** Its resources are taken back: it is to end within the grace by itself, or say how much longer it needs. */
  | { readonly kind: 'askToStop'; readonly taskId: TaskId; readonly graceMs: number }
  /** It may go on after all. */
  | { readonly kind: 'stopCalledOff'; readonly taskId: TaskId }
  | { readonly kind: 'deliver'; readonly data: Extract<ToExecutor, { kind: 'message' }>['data'] }
  /** The agent has told the executor who and where it is; once a connection. */
  | { readonly kind: 'subscribed'; readonly about: Extract<ToExecutor, { kind: 'subscribed' }> }
  /** Every task is asked to end; the process ends when it can, and after the grace at the latest. */
  | { readonly kind: 'shutDown'; readonly graceMs: number; readonly why: string }
  /** Nothing is left to do: the process ends. */
  | { readonly kind: 'exit'; readonly why: string };

export type SessionOptions = {
  readonly executor: ExecutorRef;
  /** How long to look for an agent that is away before ending the tasks. */
  readonly recoveryTimeoutMs: number;
};

type Task = { hasAcknowledgedUpdate: boolean; killGraceMs: number | undefined; hasEnded: boolean };

const FIRST_RETRY_MS = 50;
const MAX_RETRY_MS = 2000;
/** As many as a subscription can name. The ends of tasks go beyond it, one for each task. */
const MAX_UNACKNOWLEDGED_UPDATES = 10_000;
/** Beyond, reports that change no state are left out: newer ones follow. */
const MAX_WAITING_PROGRESS = 1000;
/** Of the updates in one subscription, estimated; the others follow by themselves. */
const SUBSCRIPTION_BYTES = 256 * 1024;
/** Grace of the tasks when the agent is given up: nobody is there to say another. */
const GIVE_UP_GRACE_MS = 5000;
/** Before the grace is over, so that the process goes by itself. */
const EXIT_MARGIN_MS = 200;

export class ExecutorSession {
  readonly #executor: ExecutorRef;
  readonly #recoveryTimeoutMs: number;
  readonly #tasks = new Map<TaskId, Task>();
  readonly #updates = new Map<number, ExecutorUpdate>();
  /** Those of the updates that change no state: they give way to ends. */
  readonly #progress = new Set<number>();
  #sequence = 0;
  /** The last update that the subscription under way repeats; what is newer follows it. */
  #listedUpTo = 0;
  #isSubscribed = false;
  #retryMs = FIRST_RETRY_MS;
  #connectDueMs: number | undefined;
  #giveUpDueMs: number | undefined;
  #exitDueMs: number | undefined;
  #ending: string | undefined;
  #hasExited = false;

  constructor(options: SessionOptions) {
    this.#executor = options.executor;
    this.#recoveryTimeoutMs = options.recoveryTimeoutMs;
  }

  /** Tasks that it has and that have not ended. */
  get liveTasks(): number {
    return [...this.#tasks.values()].filter(({ hasEnded }) => !hasEnded).length;
  }

  get isSubscribed(): boolean {
    return this.#isSubscribed;
  }

  /** When to call `tick`. */
  nextDueMs(): number | undefined {
    const dues = [this.#connectDueMs, this.#giveUpDueMs, this.#exitDueMs];
    const known = dues.filter((due) => due !== undefined);
    return known.length === 0 || this.#hasExited ? undefined : Math.min(...known);
  }

  begin(nowMs: number): SessionEffect[] {
    this.#giveUpDueMs = nowMs + this.#recoveryTimeoutMs;
    return [{ kind: 'connect' }];
  }

  connected(): SessionEffect[] {
    this.#connectDueMs = undefined;
    const unacknowledgedTasks = [...this.#tasks]
      .filter(([, { hasAcknowledgedUpdate }]) => !hasAcknowledgedUpdate)
      .map(([taskId]) => taskId);
    const unacknowledgedUpdates = this.#firstUpdates();
    this.#listedUpTo = unacknowledgedUpdates.at(-1)?.sequence ?? 0;
    const listed = { unacknowledgedTasks, unacknowledgedUpdates };
    return [{ kind: 'send', message: { kind: 'subscribe', executor: this.#executor, ...listed } }];
  }

  /** The connection is gone, or was never there. */
  disconnected(nowMs: number): SessionEffect[] {
    if (this.#isSubscribed) this.#retryMs = FIRST_RETRY_MS;
    this.#isSubscribed = false;
    if (this.#hasExited) return [];
    this.#giveUpDueMs ??= nowMs + this.#recoveryTimeoutMs;
    this.#connectDueMs = nowMs + this.#retryMs;
    this.#retryMs = Math.min(this.#retryMs * 2, MAX_RETRY_MS);
    return [];
  }

  received(message: ToExecutor, nowMs: number): SessionEffect[] {
    switch (message.kind) {
      case 'subscribed':
        return this.#subscribed(message);
      case 'launch':
        return this.#launch([message.task]);
      case 'launchGroup':
        return this.#launch(message.tasks);
      case 'kill':
        return this.#kill(message.taskId, message.graceMs);
      case 'stopAsked':
        return this.#stopAsked(message.taskId, message.graceMs);
      case 'stopCalledOff':
        return this.#isLive(message.taskId)
          ? [{ kind: 'stopCalledOff', taskId: message.taskId }]
          : [];
      case 'acknowledged':
        return this.#acknowledged(message.sequence);
      case 'message':
        return [{ kind: 'deliver', data: message.data }];
      case 'shutdown':
        return this.#shutDown(message.graceMs, 'the agent shuts it down', nowMs);
      case 'refused':
        return this.#shutDown(GIVE_UP_GRACE_MS, `the agent refuses it: ${message.message}`, nowMs);
      default:
        return unreachable(message);
    }
  }

  /** False when too much waits: then it is not told. An end always is, or its task would never end for the agent. */
  report(report: TaskReport): { readonly isTold: boolean; readonly effects: SessionEffect[] } {
    const task = this.#tasks.get(report.taskId);
    const isState = report.state !== 'running' || !this.#hasReported(report.taskId);
    if (task === undefined || task.hasEnded || !this.#hasRoom(isState, report)) {
      return { isTold: false, effects: [] };
    }
    this.#sequence += 1;
    const update: ExecutorUpdate = { ...report, sequence: this.#sequence };
    this.#updates.set(update.sequence, update);
    if (!isState) this.#progress.add(update.sequence);
    if (isTerminal(update.state)) task.hasEnded = true;
    return {
      isTold: true,
      effects: this.#isSubscribed ? [{ kind: 'send', message: { kind: 'update', update } }] : [],
    };
  }

  /** Makes room for an end. */
  #hasRoom(isState: boolean, { state }: TaskReport): boolean {
    const limit = isState ? MAX_UNACKNOWLEDGED_UPDATES : MAX_WAITING_PROGRESS;
    if (this.#updates.size < limit) return true;
    if (!isTerminal(state)) return false;
    const [oldest] = this.#progress;
    if (oldest !== undefined) this.#forget(oldest);
    return true;
  }

  #forget(sequence: number): void {
    this.#updates.delete(sequence);
    this.#progress.delete(sequence);
  }

  /** To the framework's scheduler; lost, and false, while there is no connection. */
  message(data: Extract<FromExecutor, { kind: 'message' }>['data']): SessionEffect[] | false {
    if (!this.#isSubscribed) return false;
    return [{ kind: 'send', message: { kind: 'message', data } }];
  }

  /** To `askToStop`; false when it is lost, which counts as silence. */
  answerStop(taskId: TaskId, answer: StopAnswer): SessionEffect[] | false {
    if (!this.#isSubscribed || !this.#isLive(taskId)) return false;
    return [{ kind: 'send', message: { kind: 'stopAnswered', taskId, answer } }];
  }

  /** Ends a task as a kill by the agent would. */
  stop(taskId: TaskId, graceMs: number): SessionEffect[] {
    return this.#kill(taskId, graceMs);
  }

  tick(nowMs: number): SessionEffect[] {
    if (isDue(this.#exitDueMs, nowMs)) return this.#exit();
    if (isDue(this.#giveUpDueMs, nowMs)) {
      this.#giveUpDueMs = undefined;
      return this.#shutDown(GIVE_UP_GRACE_MS, 'its agent did not come back', nowMs);
    }
    if (!isDue(this.#connectDueMs, nowMs)) return [];
    this.#connectDueMs = undefined;
    return [{ kind: 'connect' }];
  }

  #subscribed(about: Extract<ToExecutor, { kind: 'subscribed' }>): SessionEffect[] {
    this.#isSubscribed = true;
    this.#giveUpDueMs = undefined;
    this.#retryMs = FIRST_RETRY_MS;
    const rest = [...this.#updates.values()].filter(({ sequence }) => sequence > this.#listedUpTo);
    const sends = rest.map((update): SessionEffect => {
      return { kind: 'send', message: { kind: 'update', update } };
    });
    return [{ kind: 'subscribed', about }, ...sends];
  }

  /** One that it has, or has had and not yet been told to forget, is not started again. */
  #launch(descriptions: readonly TaskDescription[]): SessionEffect[] {
    // It is ending and starts nothing more: the agent ends what it was not told of.
    if (this.#ending !== undefined) return [];
    const tasks = descriptions.filter(({ taskId }) => !this.#tasks.has(taskId));
    for (const { taskId } of tasks) {
      const fresh = { hasAcknowledgedUpdate: false, killGraceMs: undefined, hasEnded: false };
      this.#tasks.set(taskId, fresh);
    }
    return tasks.length === 0 ? [] : [{ kind: 'start', tasks }];
  }

  #kill(taskId: TaskId, graceMs: number): SessionEffect[] {
    const task = this.#tasks.get(taskId);
    if (task === undefined || task.hasEnded) return [];
    if (task.killGraceMs !== undefined && task.killGraceMs <= graceMs) return [];
    const isFirst = task.killGraceMs === undefined;
    task.killGraceMs = graceMs;
    const told = isFirst ? this.report({ taskId, state: 'killing' }).effects : [];
    return [...told, { kind: 'stop', taskId, graceMs }];
  }

  /** A task that is to end already is not asked. */
  #stopAsked(taskId: TaskId, graceMs: number): SessionEffect[] {
    if (!this.#isLive(taskId) || this.#tasks.get(taskId)?.killGraceMs !== undefined) return [];
    return [{ kind: 'askToStop', taskId, graceMs }];
  }

  #isLive(taskId: TaskId): boolean {
    return this.#tasks.get(taskId)?.hasEnded === false;
  }

  #acknowledged(sequence: number): SessionEffect[] {
    const update = this.#updates.get(sequence);
    if (update === undefined) return [];
    this.#forget(sequence);
    const task = this.#tasks.get(update.taskId);
    if (task !== undefined) task.hasAcknowledgedUpdate = true;
    if (isTerminal(update.state)) this.#tasks.delete(update.taskId);
    return this.#isDone() ? this.#exit() : [];
  }

  #shutDown(graceMs: number, why: string, nowMs: number): SessionEffect[] {
    const dueMs = nowMs + Math.max(0, graceMs - EXIT_MARGIN_MS);
    if (this.#exitDueMs !== undefined && this.#exitDueMs <= dueMs) return [];
    this.#exitDueMs = dueMs;
    this.#ending ??= why;
    const stops = [...this.#tasks.keys()].flatMap((taskId) => this.#kill(taskId, graceMs));
    const effects: SessionEffect[] = [{ kind: 'shutDown', graceMs, why }, ...stops];
    return this.#isDone() ? [...effects, ...this.#exit()] : effects;
  }

  /** It is to end, and everything that it had to say is with the agent. */
  #isDone(): boolean {
    return this.#ending !== undefined && this.liveTasks === 0 && this.#updates.size === 0;
  }

  #exit(): SessionEffect[] {
    if (this.#hasExited) return [];
    this.#hasExited = true;
    return [{ kind: 'exit', why: this.#ending ?? 'it has nothing left to do' }];
  }

  #hasReported(taskId: TaskId): boolean {
    if (this.#tasks.get(taskId)?.hasAcknowledgedUpdate === true) return true;
    return [...this.#updates.values()].some((update) => update.taskId === taskId);
  }

  #firstUpdates(): ExecutorUpdate[] {
    const first: ExecutorUpdate[] = [];
    let bytes = 0;
    for (const update of this.#updates.values()) {
      bytes += 256 + (update.data?.length ?? 0) + 3 * (update.message?.length ?? 0);
      if (bytes > SUBSCRIPTION_BYTES) return first;
      first.push(update);
    }
    return first;
  }
}

function isDue(dueMs: number | undefined, nowMs: number): boolean {
  return dueMs !== undefined && dueMs <= nowMs;
}
