// Owns what a simulated framework keeps on its disk, or in a database that its processes share: what it wants done, and
// every attempt at it, written before the accept that makes it. It outlives the processes.
import {
  FrameworkId,
  type FrameworkRef,
  type TaskId,
  type TaskKey,
  taskKey,
} from '@parley/protocol/ids';
import { isTerminal, type StatusUpdate, type TaskState } from '@parley/protocol/tasks';
import type { FrameworkPlan, WishPlan } from './plan.ts';

/** One thing to get done; each attempt has a task id of its own. */
export type Wish = WishPlan & { attempt: number; done: boolean };
export type Attempt = {
  readonly wish: number;
  state: TaskState;
  sinceMs: number;
  /** Last update that counted, by source: what is told again after a crash says nothing new. */
  readonly sequences: { agent: number; master: number };
  /** Taken for lost, so that what became of it is not followed. */
  givenUp?: boolean;
};

export class FrameworkDisk {
  readonly plan: FrameworkPlan;
  readonly wishes: readonly Wish[];
  readonly attempts = new Map<TaskId, Attempt>();
  ref: FrameworkRef;
  removed = false;
  #lives = 1;
  #names = 0;

  constructor(plan: FrameworkPlan) {
    this.plan = plan;
    this.ref = plan.ref;
    this.wishes = plan.wishes.map((wish) => ({ ...wish, attempt: 0, done: false }));
  }

  /** Every wish came true, or runs as long as it is let; no other attempt is open. */
  get finished(): boolean {
    const lasting = new Set<number>();
    for (const { wish, state } of this.attempts.values()) {
      if (isTerminal(state)) continue;
      if (state !== 'running' || this.wishes[wish]?.kind !== 'lasts') return false;
      lasting.add(wish);
    }
    return this.wishes.every((wish, index) => wish.done || lasting.has(index));
  }

  /** Neither done nor under way. */
  open(): { readonly wish: Wish; readonly index: number }[] {
    const underWay = new Set<number>();
    for (const { wish, state } of this.attempts.values())
      if (!isTerminal(state)) underWay.add(wish);
    return this.wishes
      .map((wish, index) => ({ wish, index }))
      .filter(({ wish, index }) => !wish.done && !underWay.has(index));
  }

  begin(taskId: TaskId, wish: number, nowMs: number): void {
    this.attempts.set(taskId, {
      wish,
      state: 'staging',
      sequences: { agent: 0, master: 0 },
      sinceMs: nowMs,
    });
  }

  /** False when it says nothing new. */
  take({ task, state, source, sequence, reason }: StatusUpdate, nowMs: number): boolean {
    const attempt = this.attempts.get(task.taskId);
    if (attempt === undefined || isTerminal(attempt.state)) return false;
    // What a reconciliation tells has no place in the stream: it may be older than what a twin has acknowledged since, and
    // no task goes back to before it ran.
    if (reason === 'reconciliation') {
      if (isBeforeRunning(state) && !isBeforeRunning(attempt.state)) return false;
    } else {
      if (sequence <= attempt.sequences[source]) return false;
      attempt.sequences[source] = sequence;
    }
    attempt.state = state;
    attempt.sinceMs = nowMs;
    const wish = this.wishes[attempt.wish];
    if (wish && state === 'finished') wish.done = true;
    return true;
  }

  /** What it believes of each task that it has not given up, in its present life. */
  views(): Map<TaskKey, TaskState> {
    const followed = [...this.attempts].filter(([, { givenUp }]) => givenUp !== true);
    return new Map(
      followed.map(([taskId, { state }]) => [taskKey({ ...this.ref, taskId }), state]),
    );
  }

  /** A name that it has never given. */
  name(kind: string): string {
    this.#names += 1;
    return `${kind}-${this.ref.frameworkId}-${this.#names}`;
  }

  /** Its id is used up, its tasks are killed. It wants the same under a new one. */
  beginAnew(): void {
    this.#lives += 1;
    const { principal, frameworkId } = this.plan.ref;
    this.ref = { principal, frameworkId: FrameworkId.parse(`${frameworkId}-${this.#lives}`) };
    this.attempts.clear();
  }
}

function isBeforeRunning(state: TaskState): boolean {
  return state === 'staging' || state === 'starting';
}
