// Owns two moments of one task, whoever runs it: when its preparation has lasted so long that it is told as starting, and
// when it has run for as long as it may.
import type { KnownCause } from '@parley/protocol/task-causes';
import type { TaskReason } from '@parley/protocol/tasks';
import type { StopWish } from './stop-wish.ts';
import type { Instant } from './supervisor-messages.ts';

/** `starting` is told only when preparation lasts longer: most tasks run at once. */
const STARTING_AFTER_MS = 1000;

export class TaskTimes {
  readonly #maxCompletionMs: number | undefined;
  #startingDueMs: number | undefined;
  #completionDueMs: number | undefined;
  /** Wall clock. */
  #runningSinceMs: number | undefined;

  constructor(maxCompletionMs: number | undefined) {
    this.#maxCompletionMs = maxCompletionMs;
  }

  get runningSinceMs(): number | undefined {
    return this.#runningSinceMs;
  }

  /** Goes on from the record of an earlier process. */
  recover(runningSinceMs: number | undefined): void {
    this.#runningSinceMs = runningSinceMs;
  }

  preparationBegins(nowMs: number): void {
    this.#startingDueMs = nowMs + STARTING_AFTER_MS;
  }

  preparationEnds(): void {
    this.#startingDueMs = undefined;
  }

  /**
   * Since when it runs, in monotonic time. That begins anew with each process, so across a restart the wall clock
   * counts. One that was set back gives the task its whole time again at most; one that was set forward takes it away.
   */
  runs(now: Instant): number {
    this.#startingDueMs = undefined;
    this.#runningSinceMs ??= now.wallTimeMs;
    return now.nowMs - Math.max(0, now.wallTimeMs - this.#runningSinceMs);
  }

  limitFrom(sinceMs: number): void {
    if (this.#maxCompletionMs !== undefined)
      this.#completionDueMs = sinceMs + this.#maxCompletionMs;
  }

  /** It is being stopped: how long it runs does not matter any more. */
  endLimit(): void {
    this.#completionDueMs = undefined;
  }

  end(): void {
    this.#startingDueMs = undefined;
    this.#completionDueMs = undefined;
  }

  /** Whether it is to be told as starting now. */
  takeStarting(nowMs: number): boolean {
    if (!isDue(this.#startingDueMs, nowMs)) return false;
    this.#startingDueMs = undefined;
    return true;
  }

  /** The wish that it stops, once it has run for too long. */
  takeOverrun(nowMs: number): StopWish | undefined {
    if (!isDue(this.#completionDueMs, nowMs)) return undefined;
    this.#completionDueMs = undefined;
    const message = `it ran for the ${this.#maxCompletionMs} ms that it may run at most`;
    return { reason: 'maxCompletionTime', message };
  }

  /** Beside the reason, of a task that was stopped because it ran for too long. */
  causeOf(reason: TaskReason | undefined, now: Instant): KnownCause | undefined {
    if (reason !== 'maxCompletionTime' || this.#maxCompletionMs === undefined) return undefined;
    const since = this.#runningSinceMs ?? now.wallTimeMs;
    const peak = Math.max(this.#maxCompletionMs, now.wallTimeMs - since);
    return { kind: 'timeLimit', limit: this.#maxCompletionMs, peak };
  }

  nextDueMs(): number {
    return Math.min(
      this.#startingDueMs ?? Number.POSITIVE_INFINITY,
      this.#completionDueMs ?? Number.POSITIVE_INFINITY,
    );
  }
}

function isDue(dueMs: number | undefined, nowMs: number): boolean {
  return dueMs !== undefined && dueMs <= nowMs;
}
