// Owns what is known of one key: what is wanted, its live attempts, and when it may be launched (again). Pure; it decides
// nothing about offers.
import type { AgentId, TaskId } from '@parley/protocol/ids';
import type { TaskReason, TaskState } from '@parley/protocol/tasks';
import type { PreparedTask } from './desired-task.ts';
import type { ReasonCount } from './placement/placement-reason.ts';
import { retryPolicy } from './retry-policy.ts';

export type AttemptTask = { state: TaskState; agentId?: AgentId | undefined };

export type Attempt = {
  readonly id: string;
  readonly number: number;
  /** An earlier scheduler launched it: how many tasks it has is not known from it. */
  readonly isTakenUp: boolean;
  readonly tasks: Map<TaskId, AttemptTask>;
  /** Terminal states of tasks that have ended already. */
  readonly ended: Map<TaskId, TaskState>;
  /** Of a group: tasks of which the leader knows nothing any more. */
  readonly forgotten: Set<TaskId>;
  /** One of them was taken back for somebody else, or because its agent is emptied. */
  isRevoked: boolean;
  readonly group: string;
  agentId: AgentId | undefined;
  unreachableSinceMs: number | undefined;
  isKillSent: boolean;
};

export type Ending = { readonly willRetry: boolean };

/** A task that was never started, or was lost with its agent, or taken back for somebody else: no fault of its own, tried again without end but slowly. */
const LOSSES: ReadonlySet<TaskState> = new Set(['dropped', 'gone']);
const AFTER_LOSS = retryPolicy({ backoff: { firstMs: 100, factor: 2, maxMs: 30_000 } });
/** Another attempt would end the same. */
const HOPELESS: ReadonlySet<TaskReason> = new Set(['invalidTask', 'invalidGroup']);
const MAX_ENDED = 16;

export class FrameworkEntry {
  key: string;
  readonly token: string;
  /** Undefined when it is not desired (any more). */
  wanted: PreparedTask | undefined;
  /** The last one that was: what belongs to attempts that still live. */
  prepared: PreparedTask | undefined;
  rank = 0;
  firstWantedMs = 0;
  /** It is in the list of what is desired, readable or not. */
  isListed = false;
  /** Why what the list says of it cannot be read. */
  refused: string | undefined;
  phase: 'open' | 'done' | 'quarantined' = 'open';
  readonly attempts = new Map<string, Attempt>();
  readonly #endedAttempts = new Set<string>();
  nextAttempt = 1;
  dueMs = 0;
  waitUntilMs: number | undefined;
  reasons: readonly ReasonCount[] = [];
  /** Why it is quarantined or waits to be tried again. */
  problem: string | undefined;
  #failures = 0;
  #losses = 0;

  constructor(key: string, token: string) {
    this.key = key;
    this.token = token;
  }

  get failures(): number {
    return this.#failures;
  }

  want(prepared: PreparedTask, rank: number, nowMs: number): void {
    const isChanged = this.prepared?.fingerprint !== prepared.fingerprint;
    if (!this.isListed) this.firstWantedMs = nowMs;
    if (!this.isListed || (this.phase === 'quarantined' && isChanged)) this.#reopen();
    this.isListed = true;
    this.refused = undefined;
    this.wanted = prepared;
    this.prepared = prepared;
    this.rank = rank;
  }

  /** What cannot be read is not launched until it can; what runs of it goes on. True when this is news. */
  refuse(problem: string, rank: number, nowMs: number): boolean {
    const isNews = this.refused !== problem;
    if (!this.isListed) {
      this.firstWantedMs = nowMs;
      this.#reopen();
    }
    this.isListed = true;
    this.rank = rank;
    this.refused = problem;
    return isNews;
  }

  unlist(): void {
    this.isListed = false;
    this.wanted = undefined;
    this.refused = undefined;
  }

  /** Its time is over, and it is not done. */
  isLate(nowMs: number): boolean {
    const deadlineMs = this.wanted?.deadlineMs;
    if (deadlineMs === undefined || this.phase === 'done') return false;
    return nowMs >= this.firstWantedMs + deadlineMs;
  }

  /** What lives of it is to be killed: all of it, or all but the best. */
  superfluous(nowMs: number): Attempt[] {
    const live = [...this.attempts.values()].filter(({ isKillSent }) => !isKillSent);
    if (!this.isListed || this.phase === 'done' || this.isLate(nowMs)) return live;
    const here = live.filter(({ unreachableSinceMs }) => unreachableSinceMs === undefined);
    if (here.length < 2) return [];
    // A stable sort: among equals the one that was known first stays.
    return here.sort((a, b) => rankOfAttempt(a) - rankOfAttempt(b)).slice(1);
  }

  /** When something changes by itself: its backoff or its deadline is over, or what is away is replaced. */
  wakeMs(nowMs: number): number | undefined {
    if (this.wanted === undefined || this.phase !== 'open') return undefined;
    const { deadlineMs, replaceUnreachableAfterMs } = this.wanted;
    const times = [this.dueMs];
    if (deadlineMs !== undefined) times.push(this.firstWantedMs + deadlineMs);
    for (const { unreachableSinceMs } of this.attempts.values())
      if (unreachableSinceMs !== undefined)
        times.push(unreachableSinceMs + replaceUnreachableAfterMs);
    const toCome = times.filter((at) => at > nowMs);
    return toCome.length === 0 ? undefined : Math.min(...toCome);
  }

  isForgettable(): boolean {
    return !this.isListed && this.attempts.size === 0;
  }

  /** It is to be launched once its backoff is over. */
  isOpen(nowMs: number): boolean {
    if (this.wanted === undefined || this.phase !== 'open' || this.isLate(nowMs)) return false;
    if (this.refused !== undefined) return false;
    for (const attempt of this.attempts.values())
      if (!this.isReplaceable(attempt, nowMs)) return false;
    return true;
  }

  isReplaceable({ unreachableSinceMs, isKillSent }: Attempt, nowMs: number): boolean {
    if (unreachableSinceMs === undefined || this.wanted === undefined || isKillSent) return false;
    return nowMs >= unreachableSinceMs + this.wanted.replaceUnreachableAfterMs;
  }

  wasEnded(attemptId: string): boolean {
    return this.#endedAttempts.has(attemptId);
  }

  /** The attempt's last task has ended. */
  attemptEnded(attempt: Attempt, state: TaskState, nowMs: number, why?: TaskReason): Ending {
    this.attempts.delete(attempt.id);
    this.#remember(attempt.id);
    if (!this.isListed || this.wanted === undefined || this.phase === 'done')
      return { willRetry: false };
    if (state === 'finished' && !this.wanted.restartsAlways) {
      this.phase = 'done';
      return { willRetry: false };
    }
    if (this.isLate(nowMs)) this.quarantine('its deadline is over');
    if (this.phase === 'quarantined' || this.refused !== undefined) return { willRetry: false };
    // Another of its attempts goes on.
    if (this.attempts.size > 0 && !this.isOpen(nowMs)) return { willRetry: true };
    return this.#retry(attempt, state, nowMs, why);
  }

  /** Not tried again: neither by itself, nor because it is still desired. */
  quarantine(problem: string): void {
    this.phase = 'quarantined';
    this.problem = problem;
  }

  /** `run` threw, or what it made is not valid: as a failed attempt, so that what mends itself is tried again. */
  descriptionFailed(problem: string, nowMs: number): Ending {
    return this.#failed(`its description: ${problem}`, nowMs);
  }

  #retry(attempt: Attempt, state: TaskState, nowMs: number, why?: TaskReason): Ending {
    if (attempt.isKillSent) {
      this.dueMs = nowMs;
      return { willRetry: true };
    }
    if (LOSSES.has(state) || attempt.isRevoked) {
      this.#losses += 1;
      this.problem = `its last attempt ended as ${attempt.isRevoked ? 'taken back' : state}`;
      const next = AFTER_LOSS.next(this.key, this.#losses);
      this.dueMs = nowMs + (next.kind === 'retry' ? next.delayMs : 0);
      return { willRetry: true };
    }
    this.#losses = 0;
    if (state === 'finished') {
      this.#failures = 0;
      this.dueMs = nowMs;
      return { willRetry: true };
    }
    if (why !== undefined && HOPELESS.has(why)) {
      this.quarantine(`the leader refused it: ${why}`);
      return { willRetry: false };
    }
    return this.#failed(`its last attempt ended as ${state}`, nowMs);
  }

  #failed(problem: string, nowMs: number): Ending {
    this.#failures += 1;
    this.problem = problem;
    const next = this.wanted?.retry.next(this.key, this.#failures);
    if (next?.kind !== 'retry') {
      this.quarantine(`${problem}, after ${this.#failures} attempts`);
      return { willRetry: false };
    }
    this.dueMs = nowMs + next.delayMs;
    return { willRetry: true };
  }

  #reopen(): void {
    this.phase = 'open';
    this.problem = undefined;
    this.#failures = 0;
    this.#losses = 0;
    this.dueMs = 0;
  }

  #remember(attemptId: string): void {
    this.#endedAttempts.add(attemptId);
    const [oldest] = this.#endedAttempts;
    if (this.#endedAttempts.size > MAX_ENDED && oldest !== undefined)
      this.#endedAttempts.delete(oldest);
  }
}

/** Of a group: the worst of its tasks' ends decides. One of which nobody knows how it ended may have done nothing. */
export function endOfAttempt({ ended, forgotten }: Attempt): TaskState {
  const worst = [...ended.values()].find((state) => state !== 'finished');
  return worst ?? (forgotten.size > 0 ? 'gone' : 'finished');
}

/** Best first: what runs, then what was launched first. The others of a key are killed. */
function rankOfAttempt(attempt: Attempt): number {
  const states = [...attempt.tasks.values()].map(({ state }) => state);
  if (states.includes('unreachable')) return 2;
  return states.some((state) => state === 'running') ? 0 : 1;
}
