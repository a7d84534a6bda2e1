// Owns the agent's standing with the leader: the highest epoch heard of, when to register (again), the one open
// register request, heartbeats, and what the agent lends. What the agent has and runs is told to it.
import { OutstandingRequests, type RetryPolicy } from '@parley/actor/outstanding-requests';
import { standingOf } from '@parley/protocol/agent-standing';
import type { RegisterRequest } from '@parley/protocol/agents';
import type { LeaderPresence } from '@parley/protocol/broadcasts';
import { compareEpochs, type Epoch, NO_EPOCH } from '@parley/protocol/epoch';
import { isRetryable } from '@parley/protocol/errors';
import type { Resources } from '@parley/protocol/resources';
import { equals, isEmpty, normalise } from '@parley/resources/resources';
import type { RegisterAnswer, SupervisorEffect } from './supervisor-messages.ts';

type RegisterAgain = { readonly epoch: Epoch; readonly standing?: true | undefined };

export type RegistrationOptions = {
  /** Random, new for each process. */
  readonly session: string;
  /** Random, from 0 to 1: when to register within the time that all agents of a cluster have for it. */
  readonly jitter: number;
  /** Heard of by an earlier process of this agent. */
  readonly epoch?: Epoch;
  /** What may be offered as revocable, as far as it is known at the start. */
  readonly revocable?: Resources | undefined;
};

/** Having heard nothing from a leader for this long, it may have taken us for lost: register again. */
const LEADER_SILENCE_MS = 30_000;
/** Repairs what no message has told; from once to twice that, so that those which registered at once do not again. */
const REFRESH_MS = 300_000;
/**
 * Back on the bus, of a leader that knows it and was heard until a moment ago: within this time. What either has said meanwhile
 * both repeat until it is answered, so nothing waits for it, and all agents of a server that was restarted are back at once.
 */
const RETURN_WITHIN_MS = 120_000;
/** The time that all agents have, where the leader does not say: it knows how many there are. */
const REPORT_WITHIN_MS = 1000;
const AFTER_REFUSAL_MS = 5000;
/** When no answer comes: at first as soon as one can be late, then rarely. What thousands ask again and again nobody gets through. */
const RETRY: RetryPolicy = { firstMs: 2000, maxMs: 20_000 };
/** Each agent's own times lie within so much of that, around it, so that they do not all ask at once again. */
const RETRY_SPREAD = 0.5;

export class Registration {
  readonly #jitter: number;
  readonly #requests: OutstandingRequests<RegisterRequest>;
  #epoch: Epoch;
  #hasHeard = false;
  #isConnected = false;
  #isRetired = false;
  #open: number | undefined;
  #plannedMs: number | undefined;
  #heardMs = 0;
  #revocable: Resources | undefined;
  /** The leader may believe otherwise: it is told soon, and then with each heartbeat. */
  #isEstimateNews = false;
  /** The leader of this epoch has said so. */
  #takesStandings = false;
  /** When to tell the leader of a new epoch. */
  #reportMs: number | undefined;
  #heartbeat: { readonly intervalMs: number; dueMs: number } | undefined;

  constructor(options: RegistrationOptions) {
    this.#jitter = options.jitter;
    this.#epoch = options.epoch ?? NO_EPOCH;
    this.#revocable = options.revocable;
    const spread = 1 + (options.jitter - 0.5) * RETRY_SPREAD;
    this.#requests = new OutstandingRequests(options.session, {
      firstMs: Math.floor(RETRY.firstMs * spread),
      maxMs: Math.floor(RETRY.maxMs * spread),
    });
  }

  get epoch(): Epoch {
    return this.#epoch;
  }

  /** A register request is under way: what is accepted meanwhile does not stand in it. */
  get isUnderWay(): boolean {
    return this.#open !== undefined;
  }

  get isRegistered(): boolean {
    return this.#heartbeat !== undefined && this.#open === undefined && this.#isConnected;
  }

  /**
   * Takes note of a message of a master. False when its epoch is lower than one heard before: drop it. `withinMs`: the
   * time that all have to report in.
   */
  heard(epoch: Epoch, nowMs: number, withinMs = REPORT_WITHIN_MS): boolean {
    const order = compareEpochs(epoch, this.#epoch);
    if (order < 0) return false;
    if (order > 0) this.#takesStandings = false;
    const silentMs = nowMs - this.#heardMs;
    this.#heardMs = nowMs;
    const isFirst = !this.#hasHeard;
    this.#hasHeard = true;
    this.#epoch = epoch;
    // The request under way at the start serves any leader.
    if (isFirst && this.#open !== undefined) this.#requests.retryAll(nowMs);
    else if (silentMs > LEADER_SILENCE_MS) this.#plan(nowMs + this.#share(withinMs));
    else if (order > 0 && !isFirst) {
      const dueMs = nowMs + this.#share(withinMs);
      this.#reportMs = Math.min(this.#reportMs ?? dueMs, dueMs);
    }
    return true;
  }

  /** As `heard`: what a leader says of itself. */
  heardPresence(
    epoch: Epoch,
    { reportWithinMs, takesStandings }: Pick<LeaderPresence, 'reportWithinMs' | 'takesStandings'>,
    nowMs: number,
  ): void {
    if (this.heard(epoch, nowMs, reportWithinMs)) this.#takesStandings = takesStandings === true;
  }

  /**
   * A leader has taken us for lost while we heard it well; or (`standing`) its books say otherwise: perhaps not any more, or what
   * was under way is known here by now. A request that is under way serves it.
   */
  askedAgain({ epoch, standing }: RegisterAgain, nowMs: number): void {
    if (!this.heard(epoch, nowMs) || this.#open !== undefined) return;
    if (standing) this.#reportMs = nowMs;
    else this.#plan(nowMs + this.#share(REPORT_WITHIN_MS));
  }

  /** The leader does not know this agent any more. */
  again(nowMs: number): void {
    this.#plan(nowMs);
  }

  connected(nowMs: number): void {
    const isKnown = this.#heartbeat !== undefined && this.#open === undefined;
    const isOwed = this.#reportMs !== undefined || nowMs - this.#heardMs > LEADER_SILENCE_MS;
    this.#isConnected = true;
    this.#heardMs = nowMs;
    this.#reportMs = undefined;
    this.#plan(nowMs + (isKnown && !isOwed ? this.#share(RETURN_WITHIN_MS) : 0));
  }

  /** From now on so much may be offered as revocable. */
  estimated(revocable: Resources): void {
    if (this.#revocable !== undefined && equals(this.#revocable, revocable)) return;
    this.#revocable = revocable;
    this.#isEstimateNews = true;
  }

  /** No more requests and no more signs of life: the leader wants none. */
  retire(): void {
    this.#isRetired = true;
    this.#heartbeat = undefined;
  }

  disconnected(): void {
    this.#isConnected = false;
  }

  /** True when it was the answer to the open request and the leader has registered us. */
  answered(counter: number, answer: RegisterAnswer, nowMs: number): boolean {
    if (counter !== this.#open) return false;
    if (!answer.ok && isRetryable(answer.failure.code)) return false;
    this.#requests.answered(counter);
    this.#open = undefined;
    if (!answer.ok) {
      this.#plan(nowMs + AFTER_REFUSAL_MS);
      return false;
    }
    const intervalMs = answer.value.heartbeatIntervalMs;
    this.#heartbeat = { intervalMs, dueMs: nowMs + intervalMs };
    this.#plan(nowMs + REFRESH_MS + this.#share(REFRESH_MS));
    return true;
  }

  /** What is due now; `describe` is asked for only when a new request is made. */
  takeDue(
    nowMs: number,
    describe: () => { readonly body: RegisterRequest; readonly runningTasks: number },
  ): SupervisorEffect[] {
    if (!this.#isConnected || this.#isRetired) return [];
    const effects: SupervisorEffect[] = [];
    this.#report(nowMs);
    if (this.#plannedMs !== undefined && this.#plannedMs <= nowMs) {
      if (this.#open !== undefined) this.#requests.answered(this.#open);
      const lent = this.#revocable && { revocable: this.#revocable };
      this.#open = this.#requests.open({ ...describe().body, ...lent }, nowMs);
      this.#isEstimateNews = false;
      this.#plannedMs = undefined;
    }
    for (const { counter, request, payload } of this.#requests.takeDue(nowMs)) {
      effects.push({ kind: 'register', counter, request, body: payload });
    }
    const heartbeat = this.#heartbeat;
    if (heartbeat !== undefined && heartbeat.dueMs <= nowMs) {
      heartbeat.dueMs = nowMs + heartbeat.intervalMs;
      const described = describe();
      const { runningTasks } = described;
      const standing = this.#takesStandings && {
        standing: standingIn(described.body, this.#revocable),
      };
      effects.push({ kind: 'heartbeat', body: { runningTasks, ...standing } });
      this.#isEstimateNews ||= this.#revocable !== undefined && !isEmpty(this.#revocable);
    }
    if (this.#isEstimateNews && this.isRegistered && this.#revocable !== undefined) {
      this.#isEstimateNews = false;
      effects.push({ kind: 'oversubscribed', body: { revocable: this.#revocable } });
    }
    return effects;
  }

  nextDueMs(): number | undefined {
    if (!this.#isConnected || this.#isRetired) return undefined;
    const dues = [
      this.#reportMs,
      this.#plannedMs,
      this.#requests.nextDueMs(),
      this.#heartbeat?.dueMs,
    ];
    const known = dues.filter((due) => due !== undefined);
    return known.length === 0 ? undefined : Math.min(...known);
  }

  /** To a leader that it is registered with in the books: by a heartbeat, where it takes that. */
  #report(nowMs: number): void {
    if (this.#reportMs === undefined || this.#reportMs > nowMs) return;
    this.#reportMs = undefined;
    if (this.#takesStandings && this.#heartbeat !== undefined && this.isRegistered) {
      this.#heartbeat.dueMs = nowMs;
    } else this.#plan(nowMs);
  }

  /** Whole milliseconds: whoever wakes at a time of that kind finds something due. */
  #share(withinMs: number): number {
    return Math.floor(this.#jitter * withinMs);
  }

  #plan(atMs: number): void {
    if (this.#plannedMs === undefined || this.#plannedMs > atMs) this.#plannedMs = atMs;
  }
}

function standingIn(
  { total, free, tasks, executors }: RegisterRequest,
  revocable: Resources | undefined,
): string {
  const has = { total: normalise(total), free: free && normalise(free), revocable };
  return standingOf({ ...has, tasks, executors });
}
