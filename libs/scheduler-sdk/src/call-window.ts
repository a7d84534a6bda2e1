// Owns which calls of a session are open and which wait: the leader keeps the answers of 1,024 counters
// from the caller's lowest unanswered one on, so no call may run further ahead than that.
import { OutstandingRequests } from '@parley/actor/outstanding-requests';
import type { LaunchedTask } from './accept-order.ts';
import type { SchedulerRequest, SessionEffect } from './session-vocabulary.ts';

/** Half of what the leader keeps for a caller (answersPerCaller). */
const MAX_AHEAD = 512;
/** Calls that may wait for a place or for a session. */
const MAX_WAITING = 100_000;

export type PendingCall = {
  readonly call: SchedulerRequest;
  /** The user's handle, who waits for the outcome; the session's own calls have none. */
  readonly callId?: number;
  /** Of an accept: the tasks that it launches. */
  readonly tasks?: readonly LaunchedTask[];
  /** The session number under which it was first sent. */
  firstSession?: number;
};

/** A new leader or connection is asked at once; one that has more to do than it can do is not asked again and again. */
const RETRY = { firstMs: 1000, maxMs: 20_000 };

export class CallWindow {
  readonly #requests: OutstandingRequests<PendingCall>;
  /** Counters that are not answered, ascending. */
  readonly #open = new Map<number, PendingCall>();
  readonly #waiting: PendingCall[] = [];
  #highest = 0;

  constructor(callerSession: string) {
    this.#requests = new OutstandingRequests(callerSession, RETRY);
  }

  get openCount(): number {
    return this.#open.size;
  }

  get waitingCount(): number {
    return this.#waiting.length;
  }

  /** The last counter that was given; 0 before the first. */
  get highest(): number {
    return this.#highest;
  }

  /** Counters that are not answered, ascending. */
  get openCounters(): number[] {
    return [...this.#open.keys()];
  }

  /** Whether one of these calls is open or waits. */
  holds(names: ReadonlySet<SchedulerRequest['name']>): boolean {
    for (const { call } of this.#open.values()) if (names.has(call.name)) return true;
    return this.#waiting.some(({ call }) => names.has(call.name));
  }

  /** Puts a call in line; false when the line is full. */
  enqueue(pending: PendingCall): boolean {
    if (this.#waiting.length >= MAX_WAITING) return false;
    this.#waiting.push(pending);
    return true;
  }

  /** Opens a call at once: subscribe, which goes before all that wait. */
  open(pending: PendingCall, nowMs: number): void {
    this.#highest = this.#requests.open(pending, nowMs);
    this.#open.set(this.#highest, pending);
  }

  /** Opens waiting calls as far as the window allows. */
  advance(nowMs: number): void {
    let taken = 0;
    while (taken < this.#waiting.length && this.#hasPlace()) {
      const pending = this.#waiting[taken];
      if (pending) this.open(pending, nowMs);
      taken += 1;
    }
    this.#waiting.splice(0, taken);
  }

  /** What to send now. Without a session only subscribe goes out; the rest is due again later. */
  takeDue(nowMs: number, session: number | undefined): SessionEffect[] {
    return this.#requests.takeDue(nowMs).flatMap(({ counter, request, payload }) => {
      const { call } = payload;
      if (call.name === 'subscribe') return { kind: 'request', counter, call, header: { request } };
      if (session === undefined) return [];
      payload.firstSession ??= session;
      const header = { request, frameworkSession: session };
      return { kind: 'request', counter, call, header };
    });
  }

  /** The call that this answers; undefined for an answer that came before. */
  peek(counter: number): PendingCall | undefined {
    return this.#open.get(counter);
  }

  close(counter: number): void {
    this.#requests.answered(counter);
    this.#open.delete(counter);
  }

  /** The leader asked not to be asked again before then. */
  postpone(counter: number, untilMs: number): void {
    this.#requests.postpone(counter, untilMs);
  }

  retryAll(nowMs: number): void {
    this.#requests.retryAll(nowMs);
  }

  nextDueMs(): number | undefined {
    return this.#requests.nextDueMs();
  }

  /** Everything that will not be answered any more. */
  drain(): PendingCall[] {
    const rest = [...this.#open.values(), ...this.#waiting];
    for (const counter of [...this.#open.keys()]) this.close(counter);
    this.#waiting.length = 0;
    return rest;
  }

  #hasPlace(): boolean {
    const lowest = this.#open.keys().next().value;
    return lowest === undefined || this.#highest - lowest < MAX_AHEAD;
  }
}
