// Owns the caller's side of "retried with one id until answered": ids, the lowest unanswered counter,
// and when to send again. It knows no clock and no bus: time comes in, what is due comes out.
import type { RequestId } from '@parley/protocol/envelope';

export type RetryPolicy = { readonly firstMs: number; readonly maxMs: number };
/**
 * So long an answer is listened for, milliseconds: longer than any wait before the request goes out again. A leader that is
 * later than the first repetition would otherwise never be heard, and asked for good.
 */
export const ANSWER_WITHIN_MS = 30_000;
/** What a busy leader has not looked at yet is not asked again and again, or it never catches up; a new leader or connection is asked at once. */
const DEFAULT_RETRY: RetryPolicy = { firstMs: 500, maxMs: 20_000 };

type Outstanding<Payload> = {
  readonly payload: Payload;
  dueMs: number;
  waitMs: number;
  /** The one who answers does not want it sooner. */
  notBeforeMs: number;
};

export class OutstandingRequests<Payload> {
  readonly #session: string;
  readonly #policy: RetryPolicy;
  readonly #open = new Map<number, Outstanding<Payload>>();
  #counter = 0;

  /** `session`: random, new for each process or connection of the caller. */
  constructor(session: string, policy: RetryPolicy = DEFAULT_RETRY) {
    this.#session = session;
    this.#policy = policy;
  }

  get size(): number {
    return this.#open.size;
  }

  /** Registers a request; it is due at once. */
  open(payload: Payload, nowMs: number): number {
    this.#counter += 1;
    const { firstMs } = this.#policy;
    this.#open.set(this.#counter, { payload, dueMs: nowMs, waitMs: firstMs, notBeforeMs: nowMs });
    return this.#counter;
  }

  /** Ends a request; undefined when it was answered before (a duplicate answer). */
  answered(counter: number): Payload | undefined {
    const request = this.#open.get(counter);
    this.#open.delete(counter);
    return request?.payload;
  }

  /** Requests to send now, oldest first; each is due again after a doubling wait. */
  takeDue(nowMs: number): { counter: number; request: RequestId; payload: Payload }[] {
    const due = [];
    for (const [counter, request] of this.#open) {
      if (request.dueMs > nowMs) continue;
      request.dueMs = nowMs + request.waitMs;
      request.waitMs = Math.min(request.waitMs * 2, this.#policy.maxMs);
      due.push({ counter, request: this.#id(counter), payload: request.payload });
    }
    return due;
  }

  /** It was asked not to come again before then. */
  postpone(counter: number, untilMs: number): void {
    const request = this.#open.get(counter);
    if (request === undefined) return;
    request.notBeforeMs = Math.max(request.notBeforeMs, untilMs);
    request.dueMs = request.notBeforeMs;
  }

  /** Makes everything due at once, for a new leader or a new connection; what was postponed waits its time. */
  retryAll(nowMs: number): void {
    for (const request of this.#open.values()) {
      request.dueMs = Math.max(nowMs, request.notBeforeMs);
      request.waitMs = this.#policy.firstMs;
    }
  }

  nextDueMs(): number | undefined {
    let next: number | undefined;
    for (const { dueMs } of this.#open.values()) {
      if (next === undefined || dueMs < next) next = dueMs;
    }
    return next;
  }

  #id(counter: number): RequestId {
    const lowest = this.#open.keys().next().value ?? counter;
    return { session: this.#session, counter, lowest };
  }
}
