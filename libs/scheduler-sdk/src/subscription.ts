// Owns a framework's subscription: the session in force, the leader that it is with, whether messages of that one are
// missing, when heartbeats are due. What becomes of calls is in session.ts, the numbered messages are in offer-book.ts.
import { compareEpochs, type Epoch, NO_EPOCH } from '@parley/protocol/epoch';
import type {
  LeaderHeartbeat,
  ResyncResult,
  SubscribeResult,
  UpdateFrameworkRequest,
} from '@parley/protocol/frameworks';
import type { CallWindow, PendingCall } from './call-window.ts';
import type { EffectBuffer } from './effect-buffer.ts';
import { type FrameworkFacts, withChange } from './framework-facts.ts';
import type { ReportBook } from './framework-report.ts';
import type { Heard, NumberedMessage, OfferBook } from './offer-book.ts';
import type { OwnCalls } from './own-calls.ts';
import { Pulse } from './pulse.ts';

export type SessionPhase = 'idle' | 'subscribing' | 'subscribed' | 'stopped';

export type SubscriptionParts = {
  readonly book: OfferBook;
  readonly window: CallWindow;
  readonly own: OwnCalls;
  readonly out: EffectBuffer;
  readonly reports: ReportBook;
  /** Random, of this process. */
  readonly token: string;
};

export class Subscription {
  readonly #parts: SubscriptionParts;
  readonly #pulse = new Pulse();
  readonly #jitter: number;
  #facts: FrameworkFacts;
  #phase: SessionPhase = 'idle';
  #session = 0;
  #epoch: Epoch = NO_EPOCH;

  constructor(facts: FrameworkFacts, parts: SubscriptionParts) {
    this.#facts = facts;
    this.#parts = parts;
    this.#jitter = fractionOf(parts.token);
  }

  get phase(): SessionPhase {
    return this.#phase;
  }

  get isOpen(): boolean {
    return this.#phase === 'subscribed';
  }

  /** The session in force; undefined while there is none. */
  get session(): number | undefined {
    return this.isOpen ? this.#session : undefined;
  }

  /** When, while it is open, a heartbeat is due or the leader has been silent for too long. */
  get nextMs(): number {
    return this.#pulse.nextMs;
  }

  /** Asks for a new session; the offers of the one before are void. */
  subscribe(nowMs: number): void {
    const { book, window, own, out } = this.#parts;
    this.#phase = 'subscribing';
    for (const event of book.restart()) out.deliver(event);
    const body = { ...this.#facts, ...own.stateBySubscribing() };
    window.open({ call: { name: 'subscribe', body } }, nowMs);
  }

  subscribed(result: SubscribeResult, nowMs: number): void {
    const { book, window, own, out } = this.#parts;
    if (this.#session !== 0) out.push({ kind: 'closeConsumer', remove: false });
    this.#phase = 'subscribed';
    this.#session = result.session;
    this.#pulse.begin(result.heartbeatIntervalMs, nowMs);
    window.retryAll(nowMs);
    out.push({ kind: 'openConsumer', session: result.session });
    out.deliver({ kind: 'subscribed', session: result.session });
    own.reconciliation?.begin(nowMs);
    this.#heard(book.resume(result.lastNumber), nowMs);
  }

  /** The leader has taken a change of what the framework says of itself: it is what the next subscription states. */
  factsChanged(change: UpdateFrameworkRequest): FrameworkFacts {
    this.#facts = withChange(this.#facts, change);
    return this.#facts;
  }

  /** Nothing follows any more. `remove`: the framework is gone for good, and nobody reads its updates again. */
  stop(remove: boolean): void {
    this.#phase = 'stopped';
    this.#parts.out.push({ kind: 'closeConsumer', remove });
  }

  /**
   * False for an earlier term. A later one: what the old leader left unanswered is sent to the new one, and it is told
   * that this framework is there, at a moment of its own within the time that all have for that.
   */
  observe(epoch: Epoch, nowMs: number, reportWithinMs = 0): boolean {
    const comparison = compareEpochs(epoch, this.#epoch);
    if (comparison > 0) {
      this.#epoch = epoch;
      this.#pulse.beatSoon(nowMs + Math.floor(this.#jitter * reportWithinMs));
      this.#parts.window.retryAll(nowMs);
    }
    return comparison >= 0;
  }

  /** Every try of this call was made under the session in force. */
  isCurrent(pending: PendingCall): boolean {
    return this.isOpen && pending.firstSession === this.#session;
  }

  receive(message: NumberedMessage, nowMs: number): void {
    this.#pulse.heard(nowMs);
    this.#heard(this.#parts.book.receive(message), nowMs);
  }

  leaderHeartbeat(body: LeaderHeartbeat, nowMs: number): void {
    if (!this.isOpen) return;
    // Of another session: a resync tells for certain what became of this one.
    const other = body.session !== this.#session;
    if (!other) this.#pulse.heard(nowMs);
    if (other || body.lastNumber > this.#parts.book.lastNumber) this.resync(nowMs);
    if (!other && body.wantsRoles === true) this.#nameRoles();
  }

  /** The books say otherwise of them. Where a call about them is under way, that one settles it. */
  #nameRoles(): void {
    const { own, reports, window } = this.#parts;
    if (reports.areRolesUnderWay) return;
    own.interest.tellAgain();
    window.enqueue({ call: { name: 'updateFramework', body: { roles: this.#facts.roles } } });
  }

  /** The bus is there again after a loss: nothing that was sent meanwhile arrived. */
  reconnected(nowMs: number): void {
    this.#parts.window.retryAll(nowMs);
    this.#pulse.beatSoon(nowMs);
    this.resync(nowMs);
  }

  tick(nowMs: number): void {
    if (this.isOpen && this.#pulse.isLeaderSilent(nowMs)) this.resync(nowMs);
  }

  /** Asks the leader what is outstanding, unless that is asked already. */
  resync(nowMs: number): void {
    const { book } = this.#parts;
    if (!this.isOpen || book.waiting) return;
    book.wait();
    this.#askResync(nowMs);
  }

  resynced(result: ResyncResult, nowMs: number): void {
    this.#heard(this.#parts.book.resynced(result), nowMs);
  }

  /** Sends a heartbeat when one is due. */
  beat(nowMs: number): void {
    if (!this.isOpen || !this.#pulse.beat(nowMs)) return;
    const { book, out, own, reports } = this.#parts;
    const { roles } = this.#facts;
    const report = reports.now({ epoch: this.#epoch, roles, suppressed: own.interest.told });
    const confirmed = book.lastNumber;
    const body = { session: this.#session, confirmed, ...(report !== undefined && { report }) };
    const call = { name: 'frameworkHeartbeat', body } as const;
    out.push({ kind: 'publish', call, header: { frameworkSession: this.#session } });
  }

  #heard(heard: Heard, nowMs: number): void {
    for (const event of heard.events) this.#parts.out.deliver(event);
    if (heard.gap) this.#askResync(nowMs);
  }

  #askResync(nowMs: number): void {
    this.#parts.window.open({ call: { name: 'resync', body: {} } }, nowMs);
  }
}

/** From 0 to 1, always the same for a text and different for most of them. FNV-1a, 32 bits. */
function fractionOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193) >>> 0;
  }
  return hash / 2 ** 32;
}
