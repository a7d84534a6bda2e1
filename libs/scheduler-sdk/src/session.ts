// Owns the decisions of a framework's side of the bus: what its user asks for, what each answer of the leader means.
// The session itself, with gaps and heartbeats, is in subscription.ts, the way of a call in session-calls.ts.
// Sans-IO: time and messages come in, effects go out; it reads no clock.
import { type Failure, fail, isRetryable } from '@parley/protocol/errors';
import { type Demand, ResyncResult, SubscribeResult } from '@parley/protocol/frameworks';
import type { FrameworkRef, OfferId, RoleName, TaskId } from '@parley/protocol/ids';
import type { ReceivedAnswer } from '@parley/protocol/message';
import { AcceptResult, type Offer } from '@parley/protocol/offers';
import { ReconcileResult, type StatusUpdate } from '@parley/protocol/tasks';
import { assert, unreachable } from '@parley/protocol/unreachable';
import type { AcceptOrder } from './accept-order.ts';
import type { PendingCall } from './call-window.ts';
import { EffectBuffer } from './effect-buffer.ts';
import { type FrameworkFacts, withChange } from './framework-facts.ts';
import { ReportBook } from './framework-report.ts';
import { OfferBook } from './offer-book.ts';
import { OwnCalls } from './own-calls.ts';
import type { ReconcileTimes } from './reconciliation.ts';
import { reactionTo, tookOffersBack } from './refusal.ts';
import type { StreamPosition } from './scheduler-ports.ts';
import { type Declining, SessionCalls } from './session-calls.ts';
import type {
  SchedulerMessage,
  SessionEffect,
  StopReason,
  UserCall,
} from './session-vocabulary.ts';
import { type SessionPhase, Subscription } from './subscription.ts';
import { TaskBook } from './task-book.ts';

export type SessionOptions = FrameworkFacts & {
  readonly framework: FrameworkRef;
  /** Roles in which no offers are wanted until they are revived. */
  readonly suppressed?: RoleName[];
  /** Left out: the framework states none. */
  readonly demand?: Demand | undefined;
  /** False: the user reconciles himself. */
  readonly reconcile?: ReconcileTimes | false;
  /** Random token, new for each process: the session part of its request ids. */
  readonly callerSession: string;
};

export class SchedulerSession {
  readonly #out = new EffectBuffer();
  readonly #tasks: TaskBook;
  readonly #own: OwnCalls;
  readonly #book: OfferBook;
  readonly #calls: SessionCalls;
  readonly #reports: ReportBook;
  readonly #subscription: Subscription;

  constructor(options: SessionOptions) {
    const { framework, suppressed = [], demand, reconcile = {}, callerSession } = options;
    this.#tasks = new TaskBook(framework, reconcile === false ? undefined : reconcile, this.#out);
    const { roles } = options;
    const { reconciliation } = this.#tasks;
    this.#own = new OwnCalls({ roles, suppressed, demand, reconciliation });
    this.#book = new OfferBook(this.#own.events);
    this.#calls = new SessionCalls(callerSession, {
      offers: this.#book.ledger,
      tasks: this.#tasks,
      own: this.#own,
      out: this.#out,
    });
    this.#reports = new ReportBook(this.#calls.window, callerSession);
    this.#subscription = new Subscription(withChange(options, {}), {
      book: this.#book,
      window: this.#calls.window,
      own: this.#own,
      out: this.#out,
      reports: this.#reports,
      token: callerSession,
    });
  }

  get phase(): SessionPhase {
    return this.#subscription.phase;
  }

  /** For checks and progress: what is held and what waits. */
  get figures(): { outstanding: number; answering: number; openCalls: number; waiting: number } {
    return {
      outstanding: this.#book.ledger.outstandingCount,
      answering: this.#book.ledger.answeringCount,
      openCalls: this.#calls.window.openCount,
      waiting: this.#calls.window.waitingCount,
    };
  }

  /** Subscribes. Once only. */
  start(nowMs: number): SessionEffect[] {
    assert(this.phase === 'idle', 'a session is started once');
    this.#subscription.subscribe(nowMs);
    return this.#take(nowMs);
  }

  /** A message of the leader, or of an executor. Lower epochs are dropped. */
  message(message: SchedulerMessage, nowMs: number): SessionEffect[] {
    if (this.phase === 'stopped') return [];
    if (message.kind === 'executorMessage') {
      this.#out.deliver(message);
      return this.#take(nowMs);
    }
    const withinMs = message.kind === 'presence' ? message.body.reportWithinMs : undefined;
    if (!this.#subscription.observe(message.epoch, nowMs, withinMs)) return [];
    switch (message.kind) {
      case 'presence':
        break;
      case 'leaderHeartbeat':
        this.#subscription.leaderHeartbeat(message.body, nowMs);
        break;
      case 'offers':
      case 'rescind':
      case 'events':
        this.#subscription.receive(message, nowMs);
        break;
      default:
        unreachable(message);
    }
    return this.#take(nowMs);
  }

  /** The answer to the request of this counter. An answer that came before has no effect. */
  answered(counter: number, received: ReceivedAnswer, nowMs: number): SessionEffect[] {
    if (this.phase === 'stopped') return [];
    if (received.epoch !== undefined && !this.#subscription.observe(received.epoch, nowMs))
      return [];
    const pending = this.#calls.window.peek(counter);
    if (pending === undefined) return this.#take(nowMs);
    const { answer } = received;
    if (!answer.ok && isRetryable(answer.failure.code)) {
      // Given before the journal and not remembered, so the same id is sent again.
      const { retryAfterMs } = answer.failure;
      if (retryAfterMs !== undefined) this.#calls.window.postpone(counter, nowMs + retryAfterMs);
      return this.#take(nowMs);
    }
    this.#calls.window.close(counter);
    if (answer.ok) {
      this.#reports.acknowledged(counter, pending.call.name);
      this.#succeeded(pending, answer.value, nowMs);
    } else this.#failed(pending, answer.failure, nowMs);
    return this.#take(nowMs);
  }

  /** The bus is there again after a loss: nothing that was sent meanwhile arrived. */
  reconnected(nowMs: number): SessionEffect[] {
    if (this.phase === 'idle' || this.phase === 'stopped') return [];
    this.#subscription.reconnected(nowMs);
    return this.#take(nowMs);
  }

  tick(nowMs: number): SessionEffect[] {
    this.#subscription.tick(nowMs);
    return this.#take(nowMs);
  }

  /** When `tick` has to be called at the latest; undefined when nothing is due. */
  nextWakeMs(): number | undefined {
    if (this.phase === 'idle' || this.phase === 'stopped') return undefined;
    const due = this.#calls.window.nextDueMs() ?? Number.POSITIVE_INFINITY;
    const { isOpen, nextMs } = this.#subscription;
    const next = isOpen ? Math.min(due, nextMs, this.#own.nextMs()) : due;
    return Number.isFinite(next) ? next : undefined;
  }

  /**
   * Carries out operations on offers; what they leave goes back with the filter. Exactly one `accepted` event with
   * this id follows. When the whole call fails, each task in it also ends with a `dropped` update.
   */
  accept(order: AcceptOrder, nowMs: number): { acceptId: number; effects: SessionEffect[] } {
    const acceptId = this.#calls.accept(order, this.#subscription.isOpen);
    return { acceptId, effects: this.#take(nowMs) };
  }

  /** Gives offers back. Those that are not outstanding any more are left out. */
  decline(offerIds: readonly OfferId[], nowMs: number, how: Declining = {}): SessionEffect[] {
    this.#calls.decline(offerIds, how);
    return this.#take(nowMs);
  }

  /** The user's handler has ended: what it neither used nor declined is declined, by default as `unused`. */
  offersHandled(
    offers: readonly Offer[],
    nowMs: number,
    how: Declining = { reason: 'unused' },
  ): SessionEffect[] {
    const ids = offers.map(({ offerId }) => offerId);
    return this.decline(ids, nowMs, how);
  }

  /** An update read from the stream. */
  updateRead(streamSequence: number, update: StatusUpdate, nowMs: number): SessionEffect[] {
    this.#tasks.read(streamSequence, update);
    return this.#take(nowMs);
  }

  /** The user's handler has done with an update: only now is it acknowledged. */
  updateHandled(streamSequence: number, nowMs: number): SessionEffect[] {
    this.#tasks.handled(streamSequence);
    return this.#take(nowMs);
  }

  /** The update stream has been read as far as `catchUp` asked, so that what the leader knows can be compared. */
  caughtUp(position: StreamPosition, nowMs: number): SessionEffect[] {
    this.#tasks.caughtUp(position, nowMs);
    return this.#take(nowMs);
  }

  /** The user's handler has done with an event, and with all before it: only now is it acknowledged. */
  eventHandled(eventId: number, nowMs: number): SessionEffect[] {
    this.#own.events.handled(eventId);
    return this.#take(nowMs);
  }

  /** Repeated until answered. Exactly one `answered` event with this id follows. */
  call(call: UserCall, nowMs: number): { callId: number; effects: SessionEffect[] } {
    const callId = this.#calls.call(call);
    return { callId, effects: this.#take(nowMs) };
  }

  /** Repeated until answered; the task's end comes as an update. */
  kill(taskId: TaskId, nowMs: number, graceMs?: number): SessionEffect[] {
    const body = graceMs === undefined ? { taskId } : { taskId, graceMs };
    this.#calls.enqueue({ call: { name: 'killTask', body } });
    return this.#take(nowMs);
  }

  /** States the demand, or that none is stated; of several statements in a row the last one counts. */
  setDemand(demand: Demand | undefined, nowMs: number): SessionEffect[] {
    this.#own.demand.state(demand, this.#calls.lastCallId);
    return this.#take(nowMs);
  }

  /** Exactly in these roles offers are wanted; the leader is told of a change once. */
  want(roles: readonly RoleName[] | 'all', nowMs: number): SessionEffect[] {
    this.#own.interest.want(roles);
    return this.#take(nowMs);
  }

  /** None named means all. What changes the leader is told once, and revives are kept apart in time. */
  setInterest(
    interest: 'suppress' | 'revive',
    roles: readonly RoleName[],
    nowMs: number,
  ): SessionEffect[] {
    this.#own.interest[interest](roles);
    return this.#take(nowMs);
  }

  /** Ends the framework for good: its tasks are killed, its id is not used again. `stopped` follows. */
  teardown(nowMs: number): SessionEffect[] {
    this.#calls.enqueue({ call: { name: 'teardown', body: {} } });
    return this.#take(nowMs);
  }

  #succeeded(pending: PendingCall, value: unknown, nowMs: number): void {
    const { call, callId } = pending;
    switch (call.name) {
      case 'subscribe':
        this.#subscription.subscribed(SubscribeResult.parse(value), nowMs);
        break;
      case 'resync':
        if (!this.#subscription.isCurrent(pending)) break;
        this.#subscription.resynced(ResyncResult.parse(value), nowMs);
        break;
      case 'accept':
        this.#calls.acceptSucceeded(pending, AcceptResult.parse(value), nowMs);
        return;
      case 'decline':
        this.#book.ledger.endAnswer(call.body.offerIds);
        break;
      case 'reconcile':
        this.#reconciled(pending, ReconcileResult.parse(value), nowMs);
        break;
      case 'teardown':
        this.#stop({ kind: 'teardown' });
        break;
      case 'updateFramework':
        this.#own.interest.setRoles(this.#subscription.factsChanged(call.body).roles);
        break;
      case 'suppress':
      case 'revive':
        if (callId === undefined) this.#own.ended(call, 'done', nowMs);
        else this.#own.interest.wasTold(call);
        break;
      case 'demand':
      case 'acknowledgeEvents':
        this.#own.ended(call, 'done', nowMs);
        break;
      case 'killTask':
      case 'shutdownExecutor':
      case 'answerInverseOffer':
        break;
      default:
        unreachable(call);
    }
    this.#calls.answered(callId, { ok: true, value });
  }

  #reconciled(pending: PendingCall, result: ReconcileResult, nowMs: number): void {
    const { call, callId } = pending;
    if (call.name !== 'reconcile') return;
    if (this.#subscription.isCurrent(pending))
      this.#tasks.answered(call.body, result, callId === undefined ? 'own' : 'user');
    else if (callId === undefined) this.#own.ended(call, 'repeat', nowMs);
  }

  #failed(pending: PendingCall, failure: Failure, nowMs: number): void {
    const reaction = reactionTo(pending.call, failure, this.#subscription.isCurrent(pending));
    switch (reaction) {
      case 'stop':
        this.#stop({ kind: 'refused', failure });
        break;
      case 'tornDown':
        this.#stop({ kind: 'teardown' });
        break;
      case 'subscribeAgain':
        this.#subscription.subscribe(nowMs);
        this.#calls.sessionOver(pending, failure, nowMs);
        break;
      case 'sessionOver':
        this.#calls.sessionOver(pending, failure, nowMs);
        break;
      case 'refused':
        this.#refused(pending, failure, nowMs);
        break;
      default:
        unreachable(reaction);
    }
  }

  #refused(pending: PendingCall, failure: Failure, nowMs: number): void {
    const { call, callId } = pending;
    if (call.name === 'accept' || call.name === 'decline') {
      const { ledger } = this.#book;
      if (tookOffersBack(failure)) ledger.endAnswer(call.body.offerIds);
      else ledger.forgetAnswer(call.body.offerIds);
      this.#calls.failed(pending, failure);
      // What is outstanding only the leader knows: it was believed to be something else.
      this.#subscription.resync(nowMs);
      return;
    }
    // Not asked again at once, which could go on for ever: the next message that shows a gap does.
    if (call.name === 'resync') this.#book.giveUpWaiting();
    if (callId === undefined) this.#own.ended(call, 'done', nowMs);
    this.#calls.failed(pending, failure);
  }

  #stop(reason: StopReason): void {
    const failure =
      reason.kind === 'refused'
        ? reason.failure
        : fail('frameworkRemoved', 'the framework was torn down').failure;
    this.#subscription.stop(failure.code === 'frameworkRemoved');
    this.#calls.stop(failure);
    this.#out.deliver({ kind: 'stopped', reason });
  }

  /** What has gathered, and everything that is due to be sent. */
  #take(nowMs: number): SessionEffect[] {
    const { isOpen, session } = this.#subscription;
    if (isOpen) {
      const { lowestOpenAccept } = this.#calls;
      const around = { running: () => this.#tasks.running(), lowestOpenAccept };
      for (const call of this.#own.takeDue(nowMs, around)) this.#calls.enqueue({ call });
      this.#calls.window.advance(nowMs);
    }
    this.#out.push(...this.#calls.window.takeDue(nowMs, session));
    this.#subscription.beat(nowMs);
    return this.#out.take();
  }
}
