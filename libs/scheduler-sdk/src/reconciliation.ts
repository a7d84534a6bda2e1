// Owns when a scheduler asks the leader what it knows of its tasks, and which answers wait until the update stream has
// been read as far as they hold. Mesos docs, "Task reconciliation". What is news is decided in update-ledger.ts.
import type { TaskId } from '@parley/protocol/ids';
import type { ReconcileRequest, ReconcileResult } from '@parley/protocol/tasks';
import type { LaunchedTask } from './accept-order.ts';
import type { StreamPosition } from './scheduler-ports.ts';

export type ReconcileTimes = {
  /** Between two questions for all tasks; 15 minutes when left out. */
  readonly intervalMs?: number;
  /** A launched task of which nothing was heard for so long is asked for; 60 s when left out, doubled at each try. */
  readonly overdueMs?: number;
};

const DEFAULT_INTERVAL_MS = 15 * 60_000;
const DEFAULT_OVERDUE_MS = 60_000;
const MAX_OVERDUE_MS = 10 * 60_000;
/** A question that was refused, or whose answer was about another stream, is put again then. */
const AGAIN_MS = 60_000;
const MAX_TASKS_A_CALL = 1024;
/** Pages of one answer, of 1,000 tasks or so each. */
const MAX_PAGES = 10_000;

/** One question for all tasks, page by page. */
type Round = {
  /** Tasks that ran as far as was known when it was begun: one that is not in any page is asked for by name. */
  readonly expected: readonly LaunchedTask[];
  readonly seen: Set<TaskId>;
  after: TaskId | undefined;
  pages: number;
};
type Overdue = { readonly task: LaunchedTask; dueMs: number; waitMs: number };

export class Reconciliation {
  readonly #intervalMs: number;
  readonly #overdueMs: number;
  #round: Round | undefined;
  #roundDueMs = Number.POSITIVE_INFINITY;
  readonly #toAsk = new Map<TaskId, LaunchedTask>();
  readonly #overdue = new Map<TaskId, Overdue>();
  /** None of them is due before. Looked up anew only then, as there may be very many. */
  #overdueDueMs = Number.POSITIVE_INFINITY;
  #open: ReconcileRequest | undefined;
  #held: ReconcileResult[] = [];

  constructor(times: ReconcileTimes = {}) {
    this.#intervalMs = times.intervalMs ?? DEFAULT_INTERVAL_MS;
    this.#overdueMs = times.overdueMs ?? DEFAULT_OVERDUE_MS;
  }

  /** A session begins: what became of the tasks meanwhile is asked at once. */
  begin(nowMs: number): void {
    this.#round = undefined;
    this.#roundDueMs = nowMs;
    this.#open = undefined;
    this.#held = [];
    // Neither went on while there was no session.
    for (const overdue of this.#overdue.values()) overdue.dueMs = nowMs + overdue.waitMs;
    this.#overdueDueMs = this.#firstOverdueMs();
  }

  /** The leader has confirmed a launch: from now on something has to be heard of the task. */
  launched(task: LaunchedTask, nowMs: number): void {
    const waitMs = this.#overdueMs;
    this.#overdue.set(task.taskId, { task, dueMs: nowMs + waitMs, waitMs });
    this.#overdueDueMs = Math.min(this.#overdueDueMs, nowMs + waitMs);
  }

  heard(taskId: TaskId): void {
    this.#overdue.delete(taskId);
    this.#toAsk.delete(taskId);
  }

  /** The question to ask now, one at a time. `running`: the tasks that have not ended as far as is known. */
  takeDue(nowMs: number, running: () => LaunchedTask[]): ReconcileRequest | undefined {
    if (this.#open !== undefined) return undefined;
    if (this.#round === undefined && nowMs >= this.#roundDueMs) {
      this.#roundDueMs = nowMs + this.#intervalMs;
      this.#round = { expected: running(), seen: new Set(), after: undefined, pages: 0 };
    }
    const { after } = this.#round ?? {};
    if (this.#round !== undefined) {
      this.#open = after === undefined ? { tasks: [] } : { tasks: [], after };
    } else {
      this.#takeOverdue(nowMs);
      const tasks = [...this.#toAsk.values()].slice(0, MAX_TASKS_A_CALL);
      for (const { taskId } of tasks) this.#toAsk.delete(taskId);
      if (tasks.length > 0) this.#open = { tasks };
    }
    return this.#open;
  }

  /** True when the answer is one that was waited for; it is held until `caughtUp`. */
  answered(request: ReconcileRequest, result: ReconcileResult): boolean {
    if (request !== this.#open) return false;
    this.#open = undefined;
    if (result.statuses.length > 0) this.#held.push(result);
    const round = this.#round;
    if (round === undefined || request.tasks.length > 0) return true;
    for (const { taskId } of result.statuses) round.seen.add(taskId);
    round.after = result.next;
    round.pages += 1;
    if (result.next === undefined || round.pages >= MAX_PAGES) this.#endRound(round);
    return true;
  }

  /** An answer to a question of the user's own. */
  hold(result: ReconcileResult): void {
    if (result.statuses.length > 0) this.#held.push(result);
  }

  failed(request: ReconcileRequest, nowMs: number): void {
    if (request !== this.#open) return;
    this.#open = undefined;
    if (this.#round === undefined) return;
    this.#round = undefined;
    this.#roundDueMs = Math.min(this.#roundDueMs, nowMs + AGAIN_MS);
  }

  /** The message of the stream that has to be read before the answers held can be used; undefined when none is held. */
  get heldUpTo(): number | undefined {
    if (this.#held.length === 0) return undefined;
    return Math.max(...this.#held.map(({ position }) => position.sequence));
  }

  /** The answers that can be compared with what was delivered, now that the stream is read up to there. */
  caughtUp(read: StreamPosition, nowMs: number): ReconcileResult[] {
    const isReached = ({ position }: ReconcileResult): boolean =>
      position.sequence === 0 || position.sequence <= read.sequence;
    const reached = this.#held.filter(isReached);
    this.#held = this.#held.filter((result) => !isReached(result));
    const usable = reached.filter(
      ({ position }) =>
        position.sequence === 0 || position.streamCreatedMs === read.streamCreatedMs,
    );
    // The stream was made anew: neither position says anything about the other.
    if (usable.length < reached.length) {
      this.#roundDueMs = Math.min(this.#roundDueMs, nowMs + AGAIN_MS);
    }
    return usable;
  }

  nextMs(): number {
    if (this.#open !== undefined) return Number.POSITIVE_INFINITY;
    return Math.min(this.#roundDueMs, this.#overdueDueMs);
  }

  #endRound(round: Round): void {
    this.#round = undefined;
    for (const task of round.expected) {
      if (!round.seen.has(task.taskId)) this.#toAsk.set(task.taskId, task);
    }
  }

  #firstOverdueMs(): number {
    let first = Number.POSITIVE_INFINITY;
    for (const { dueMs } of this.#overdue.values()) first = Math.min(first, dueMs);
    return first;
  }

  #takeOverdue(nowMs: number): void {
    if (nowMs < this.#overdueDueMs) return;
    for (const overdue of this.#overdue.values()) {
      if (overdue.dueMs > nowMs) continue;
      overdue.waitMs = Math.min(overdue.waitMs * 2, MAX_OVERDUE_MS);
      overdue.dueMs = nowMs + overdue.waitMs;
      this.#toAsk.set(overdue.task.taskId, overdue.task);
    }
    this.#overdueDueMs = this.#firstOverdueMs();
  }
}
