// Owns a framework's work from what is desired to what is launched: who waits, what runs, what is tried again, what is killed.
// Pure: desired lists, offers, updates, answers and ticks come in, decisions come out. It knows no bus and no clock.
import type { RoleName, TaskId } from '@parley/protocol/ids';
import type { Offer } from '@parley/protocol/offers';
import { isTerminal, type StatusUpdate, type TaskStatus } from '@parley/protocol/tasks';
import {
  type DesiredTask,
  type ExpectedWork,
  type PreparedTask,
  prepareExpected,
  prepareTask,
} from './desired-task.ts';
import type {
  AcceptAnswer,
  Explanation,
  FrameworkCounts,
  PlanDecision,
} from './framework-decisions.ts';
import { isCountedDown } from './framework-demand.ts';
import { type Attempt, endOfAttempt, type FrameworkEntry } from './framework-entry.ts';
import { FrameworkEtiquette } from './framework-etiquette.ts';
import { countEntries, explainEntry } from './framework-explanation.ts';
import { FrameworkMembers } from './framework-members.ts';
import { FrameworkPlacement } from './framework-placement.ts';
import { FrameworkRoster } from './framework-roster.ts';
import { keyToken } from './framework-task-id.ts';
import type { FrameworkUpdate } from './framework-update.ts';
import type { Strategy } from './placement/strategy.ts';

export type FrameworkPlanOptions = {
  /** 1 to 12 of 0-9 a-z, different at each start of the scheduler. */
  readonly incarnation: string;
  readonly roles: readonly RoleName[];
  readonly strategies: readonly Strategy[];
};

export type UpdateResult = {
  readonly decisions: readonly PlanDecision[];
  /** Undefined for what is not this framework's, or tells nothing new. */
  readonly update: FrameworkUpdate | undefined;
};

/** Until it is known what runs, nothing is launched; it takes a moment. */
const NOT_READY_MS = 1000;
/** Keys in one list; what is beyond is left out and told. */
const MAX_KEYS = 50_000;

export class FrameworkPlan {
  readonly #roster: FrameworkRoster;
  readonly #members: FrameworkMembers;
  readonly #placement: FrameworkPlacement;
  readonly #etiquette: FrameworkEtiquette;
  readonly #accepts = new Map<number, readonly Launch[]>();
  /** Ends that were heard before it was known what runs. */
  readonly #endedEarly = new Set<TaskId>();
  #isDesiredKnown = false;
  #isMoreExpected = false;
  #isRunningKnown = false;
  #nextAccept = 1;

  constructor(options: FrameworkPlanOptions) {
    this.#roster = new FrameworkRoster();
    this.#members = new FrameworkMembers(this.#roster);
    this.#placement = new FrameworkPlacement(options.strategies, options.incarnation);
    this.#etiquette = new FrameworkEtiquette(options.roles);
  }

  /** The whole of what is wanted now: what is missing in it is killed. `expected`: what is to come beside it. */
  desired(
    list: readonly DesiredTask[],
    nowMs: number,
    expected: readonly ExpectedWork[] = [],
  ): PlanDecision[] {
    const toCome = expected.map(prepareExpected);
    this.#isMoreExpected = toCome.some(({ count }) => count > 0);
    this.#etiquette.expect(toCome);
    const decisions: PlanDecision[] = [];
    const named = new Set<string>();
    for (const [rank, desired] of list.entries()) {
      const token = keyToken(desired.key);
      const entry = this.#roster.entryOf(desired.key, token);
      try {
        if (named.has(token)) throw new TypeError('key: is in the list twice');
        if (rank >= MAX_KEYS) throw new TypeError(`key: a list has at most ${MAX_KEYS}`);
        entry.want(prepareTask(desired), rank, nowMs);
      } catch (error) {
        const isNews = !named.has(token) && entry.refuse(messageOf(error), rank, nowMs);
        if (isNews) decisions.push(tell(entry, 'description', desired.payload));
      }
      named.add(token);
    }
    for (const entry of this.#roster.entries()) {
      if (!named.has(entry.token)) entry.unlist();
    }
    this.#isDesiredKnown = true;
    this.#roster.mayKill = true;
    decisions.push(...this.#refreshAll(nowMs));
    this.#etiquette.forgetDemand();
    return [...decisions, ...this.#settle(nowMs)];
  }

  offers(offers: readonly Offer[], nowMs: number): PlanDecision[] {
    this.#roster.see(offers);
    if (!this.#isReady) {
      const filter = { refuseMs: NOT_READY_MS };
      return [{ kind: 'decline', offers, filter, reason: 'other' }];
    }
    const waiting = this.#roster.waiting(nowMs);
    const before = wantedOf(waiting);
    const running = this.#roster.running();
    const answered = this.#placement.answer(offers, waiting, running, nowMs, this.#isMoreExpected);
    const decisions: PlanDecision[] = [...answered.declines];
    for (const { entry, problem } of answered.failed) {
      const { willRetry } = entry.descriptionFailed(problem, nowMs);
      decisions.push(tell(entry, 'description', entry.wanted?.payload, willRetry));
      decisions.push(...this.#roster.refresh(entry, nowMs));
    }
    for (const { launches, ...accept } of answered.accepts) {
      const acceptId = this.#nextAccept;
      this.#nextAccept += 1;
      this.#accepts.set(acceptId, launches);
      decisions.push({ kind: 'accept', acceptId, ...accept });
      for (const { entry } of launches) decisions.push(...this.#roster.refresh(entry, nowMs));
    }
    this.#count(
      answered.accepts.flatMap(({ launches }) => launches),
      before,
      nowMs,
    );
    if (answered.isAnyRefusalLong) this.#etiquette.refusedForLong();
    return [...decisions, ...this.#settle(nowMs)];
  }

  /** Of a task that was not launched an update tells, too; here it only ends what is under way. */
  accepted({ acceptId, outcome }: AcceptAnswer, nowMs: number): PlanDecision[] {
    const launches = this.#accepts.get(acceptId) ?? [];
    this.#accepts.delete(acceptId);
    const isAllLaunched = outcome.ok && outcome.value.rejected.length === 0;
    if (launches.length > 0 && !isAllLaunched) this.#etiquette.forgetDemand();
    return this.#settle(nowMs);
  }

  update(update: StatusUpdate, nowMs: number): UpdateResult {
    const { task, agentId } = update;
    const isLive = !isTerminal(update.state);
    if (!isLive && !this.#isRunningKnown) this.#endedEarly.add(task.taskId);
    const found = this.#isOld(update)
      ? undefined
      : this.#roster.attemptOf(task.taskId, isLive, agentId);
    if (found === undefined) return { decisions: [], update: undefined };
    const told = this.#taskChanged(found, update, nowMs);
    const decisions = [...this.#roster.refresh(found.entry, nowMs), ...this.#settle(nowMs)];
    const { cause } = update;
    return { decisions, update: told && { ...told, update, ...(cause && { cause }) } };
  }

  /**
   * All tasks that the leader holds, told once all updates that it knew of were handed in: from now on it is known what
   * runs, and the framework begins. What has ended since the leader was asked was heard meanwhile, and stays ended.
   */
  recovered(statuses: readonly TaskStatus[], nowMs: number): PlanDecision[] {
    for (const { taskId, agentId, state } of statuses) {
      // What has ended was told by an update, or belongs to another time.
      if (state === 'unknown' || isTerminal(state) || this.#endedEarly.has(taskId)) continue;
      const found = this.#roster.attemptOf(taskId, true, agentId);
      // An update may have told something newer.
      if (found !== undefined && !found.attempt.tasks.has(taskId))
        this.#roster.taskLives(found.attempt, taskId, state, nowMs);
    }
    this.#isRunningKnown = true;
    this.#endedEarly.clear();
    this.#etiquette.forgetDemand();
    return [...this.#refreshAll(nowMs), ...this.#settle(nowMs)];
  }

  /** Members of its group that the leader is to be asked for before this update is given to `update`. */
  doubtfulMembers(update: StatusUpdate): TaskId[] {
    return this.#isOld(update) ? [] : this.#members.doubtful(update);
  }

  /** Members of groups that were taken up, of which nothing is known; to be asked for as long as the leader remembers them. */
  missingMembers(): TaskId[] {
    return this.#members.missing();
  }

  /** What the leader says of members that it was asked for; `before` this update, or of `missingMembers`. */
  membersTold(
    statuses: readonly TaskStatus[],
    nowMs: number,
    before?: StatusUpdate,
  ): PlanDecision[] {
    const changed = this.#members.told(statuses, nowMs, before);
    return [
      ...changed.flatMap((entry) => this.#roster.refresh(entry, nowMs)),
      ...this.#settle(nowMs),
    ];
  }

  tick(nowMs: number): PlanDecision[] {
    const decisions: PlanDecision[] = [];
    for (const entry of this.#roster.due(nowMs)) {
      if (entry.isLate(nowMs)) {
        entry.quarantine('its deadline is over');
        if (entry.attempts.size === 0)
          decisions.push(tell(entry, 'deadline', entry.wanted?.payload));
      }
      decisions.push(...this.#roster.refresh(entry, nowMs));
    }
    return [...decisions, ...this.#settle(nowMs)];
  }

  /** When `tick` has something to do. */
  nextWakeMs(): number | undefined {
    const times = [this.#roster.nextDueMs(), this.#etiquette.wakeMs].filter(
      (at) => at !== undefined,
    );
    return times.length === 0 ? undefined : Math.min(...times);
  }

  explain(key: string, nowMs: number): Explanation {
    return explainEntry(key, this.#roster.find(keyToken(key)), { nowMs, isReady: this.#isReady });
  }

  /** How many keys are in which state; a key that is not desired and of which nothing lives is in none. */
  counts(nowMs: number): FrameworkCounts {
    return countEntries(this.#roster.entries(), { nowMs, isReady: this.#isReady });
  }

  /** Everything of it that lives. */
  liveTasks(): TaskId[] {
    return this.#roster.liveTasks();
  }

  get #isReady(): boolean {
    return this.#isDesiredKnown && this.#isRunningKnown;
  }

  /**
   * What a reconciliation says of the end of a task that was never heard of may be about another time; that it lives, an end
   * that an earlier scheduler heard may have overtaken: before it is known what runs, `recovered` knows better.
   */
  #isOld({ task, state, reason }: StatusUpdate): boolean {
    if (reason !== 'reconciliation' || this.#roster.knows(task.taskId)) return false;
    return isTerminal(state) || !this.#isRunningKnown;
  }

  /** `attempt` loses the task when the state is terminal, and ends with its last one. */
  #taskChanged(
    { entry, attempt, taskId }: { entry: FrameworkEntry; attempt: Attempt; taskId: TaskId },
    change: StatusUpdate,
    nowMs: number,
  ): FrameworkUpdate | undefined {
    const { state, reason, message, exitCode } = change;
    const told = { ...ownerOf(entry), attempt: attempt.number, message, exitCode, state };
    const isKnown = entry.prepared !== undefined;
    if (!isTerminal(state)) {
      this.#roster.taskLives(attempt, taskId, state, nowMs);
      return isKnown ? { ...told, reason, terminal: false, willRetry: false } : undefined;
    }
    this.#roster.taskEnded(attempt, taskId, state);
    if (reason === 'revoked' || reason === 'agentDraining') attempt.isRevoked = true;
    if (attempt.tasks.size > 0)
      return isKnown ? { ...told, reason, terminal: false, willRetry: false } : undefined;
    const { willRetry } = entry.attemptEnded(attempt, endOfAttempt(attempt), nowMs, reason);
    const why = entry.isLate(nowMs) && state !== 'finished' ? 'deadline' : reason;
    return isKnown ? { ...told, reason: why, terminal: true, willRetry } : undefined;
  }

  #count(launches: readonly Launch[], before: readonly PreparedTask[], nowMs: number): void {
    if (launches.length === 0) return;
    const isCounted = launches.every(({ entry }) => entry.wanted && isCountedDown(entry.wanted));
    if (isCounted) this.#etiquette.countedDown(before, wantedOf(this.#roster.waiting(nowMs)));
    else this.#etiquette.forgetDemand();
  }

  #refreshAll(nowMs: number): PlanDecision[] {
    return [...this.#roster.entries()].flatMap((entry) => this.#roster.refresh(entry, nowMs));
  }

  /** While an accept is under way the leader's count is not known: what is said then might be counted down twice. */
  #settle(nowMs: number): PlanDecision[] {
    if (!this.#isReady || this.#accepts.size > 0) return [];
    return this.#etiquette.settle(wantedOf(this.#roster.waiting(nowMs)), nowMs);
  }
}

type Launch = { readonly entry: FrameworkEntry; readonly attempt: Attempt };

const ownerOf = (entry: FrameworkEntry): { key: string; payload: unknown } => ({
  key: entry.key,
  payload: entry.prepared?.payload,
});

function tell(
  entry: FrameworkEntry,
  reason: 'description' | 'deadline',
  payload: unknown,
  willRetry = false,
): PlanDecision {
  const attempt = Math.max(entry.nextAttempt - 1, 0);
  const update = {
    key: entry.key,
    payload,
    attempt,
    reason,
    message: entry.refused ?? entry.problem,
    willRetry,
  };
  const state = reason === 'deadline' ? 'failed' : 'error';
  return { kind: 'tell', update: { ...update, state, terminal: true } };
}

const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error);

const wantedOf = (entries: readonly FrameworkEntry[]): PreparedTask[] =>
  entries.map(({ wanted }) => wanted).filter((wanted) => wanted !== undefined);
