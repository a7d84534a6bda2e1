// Owns the decisions of a framework's side of the bus: session, numbers and gaps, offers, calls retried
// until answered, which updates count. Sans-IO: time and messages come in, effects go out; it reads no clock.
import { compareEpochs, type Epoch, NO_EPOCH } from '@parley/protocol/epoch';
import { type Failure, fail, isRetryable, type Outcome } from '@parley/protocol/errors';
import {
  type Demand,
  type LeaderHeartbeat,
  ResyncResult,
  SubscribeResult,
} from '@parley/protocol/frameworks';
import type { FrameworkRef, OfferId, RoleName, TaskId } from '@parley/protocol/ids';
import type { ReceivedAnswer } from '@parley/protocol/message';
import { AcceptResult, type Filter, type Offer } from '@parley/protocol/offers';
import type { StatusUpdate, TaskDescription } from '@parley/protocol/tasks';
import { assert, unreachable } from '@parley/protocol/unreachable';
import { CallWindow, type PendingCall } from './call-window.ts';
import { DemandStatement } from './demand-statement.ts';
import { type Heard, OfferBook } from './offer-book.ts';
import { Pulse } from './pulse.ts';
import { droppedUpdates, reactionTo } from './refusal.ts';
import type {
  SchedulerEvent,
  SchedulerMessage,
  SessionEffect,
  StopReason,
} from './session-vocabulary.ts';
import { UpdateLedger } from './update-ledger.ts';

export type SessionOptions = {
  readonly framework: FrameworkRef;
  readonly name: string;
  readonly role: RoleName;
  readonly demand: Demand;
  readonly failoverTimeoutMs: number;
  /** Random token, new for each process: the session part of its request ids. */
  readonly callerSession: string;
};

const DEFAULT_FILTER: Filter = { refuseMs: 5000 };
const MAX_OFFERS_A_DECLINE = 1024;
const NO_SESSION = fail('invalidOffers', 'the session is not open: its offers are void').failure;

export type AcceptOrder = {
  /** All of one agent and role; at least one. */
  readonly offers: readonly Offer[];
  readonly launches: readonly TaskDescription[];
  readonly filter?: Filter;
};

export class SchedulerSession {
  readonly #options: SessionOptions;
  readonly #calls: CallWindow;
  readonly #demand: DemandStatement;
  readonly #updates = new UpdateLedger();
  readonly #book = new OfferBook();
  #phase: 'idle' | 'subscribing' | 'subscribed' | 'stopped' = 'idle';
  #session = 0;
  #epoch: Epoch = NO_EPOCH;
  readonly #pulse = new Pulse();
  #nextAcceptId = 1;
  #effects: SessionEffect[] = [];

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#demand = new DemandStatement(options.demand);
    this.#calls = new CallWindow(options.callerSession);
  }

  get phase(): 'idle' | 'subscribing' | 'subscribed' | 'stopped' {
    return this.#phase;
  }

  /** For checks and progress: what is held and what waits. */
  get figures(): { outstanding: number; answering: number; openCalls: number; waiting: number } {
    return {
      outstanding: this.#book.ledger.outstandingCount,
      answering: this.#book.ledger.answeringCount,
      openCalls: this.#calls.openCount,
      waiting: this.#calls.waitingCount,
    };
  }

  /** Subscribes. Once only. */
  start(nowMs: number): SessionEffect[] {
    assert(this.#phase === 'idle', 'a session is started once');
    this.#subscribe(nowMs);
    return this.#take(nowMs);
  }

  /** A message of the leader. Lower epochs are dropped. */
  message(message: SchedulerMessage, nowMs: number): SessionEffect[] {
    if (this.#phase === 'stopped' || !this.#observe(message.epoch, nowMs)) return [];
    switch (message.kind) {
      case 'presence':
        break;
      case 'leaderHeartbeat':
        this.#leaderHeartbeat(message.body, nowMs);
        break;
      case 'offers':
      case 'rescind':
        this.#pulse.heard(nowMs);
        this.#takeOffers(this.#book.receive(message), nowMs);
        break;
    }
    return this.#take(nowMs);
  }

  /** The answer to the request of this counter. An answer that came before has no effect. */
  answered(counter: number, received: ReceivedAnswer, nowMs: number): SessionEffect[] {
    if (this.#phase === 'stopped') return [];
    if (received.epoch !== undefined && !this.#observe(received.epoch, nowMs)) return [];
    const pending = this.#calls.peek(counter);
    if (pending === undefined) return this.#take(nowMs);
    const { answer } = received;
    // `overloaded`, `unavailable`: given before the journal and not remembered, so the same id is sent again.
    if (!answer.ok && isRetryable(answer.failure.code)) return this.#take(nowMs);
    this.#calls.close(counter);
    if (answer.ok) this.#succeeded(pending, answer.value, nowMs);
    else this.#failed(pending, answer.failure, nowMs);
    return this.#take(nowMs);
  }

  /** The bus is there again after a loss: nothing that was sent meanwhile arrived. */
  reconnected(nowMs: number): SessionEffect[] {
    if (this.#phase === 'idle' || this.#phase === 'stopped') return [];
    this.#calls.retryAll(nowMs);
    this.#pulse.beatSoon(nowMs);
    if (this.#phase === 'subscribed') this.#resync(nowMs);
    return this.#take(nowMs);
  }

  tick(nowMs: number): SessionEffect[] {
    if (this.#phase === 'subscribed' && this.#pulse.isLeaderSilent(nowMs)) this.#resync(nowMs);
    return this.#take(nowMs);
  }

  /** When `tick` has to be called at the latest; undefined when nothing is due. */
  nextWakeMs(): number | undefined {
    if (this.#phase === 'idle' || this.#phase === 'stopped') return undefined;
    const due = this.#calls.nextDueMs() ?? Number.POSITIVE_INFINITY;
    const next = this.#phase === 'subscribed' ? Math.min(due, this.#pulse.nextMs) : due;
    return Number.isFinite(next) ? next : undefined;
  }

  /**
   * Launches tasks on offers; what they leave goes back with the filter. Exactly one `accepted` event with
   * this id follows. When the whole call fails, each task also ends with a `dropped` update.
   */
  accept(order: AcceptOrder, nowMs: number): { acceptId: number; effects: SessionEffect[] } {
    const first = order.offers[0];
    assert(first !== undefined, 'accept names at least one offer');
    const acceptId = this.#nextAcceptId++;
    const offerIds = order.offers.map((offer) => offer.offerId);
    const filter = order.filter ?? DEFAULT_FILTER;
    const body = { offerIds, launches: [...order.launches], filter };
    const pending: PendingCall = {
      call: { name: 'accept', offerId: first.offerId, body },
      accept: { acceptId, agentId: first.agentId },
    };
    const failure =
      this.#phase === 'subscribed' ? this.#book.ledger.checkUse(order.offers) : NO_SESSION;
    if (failure) {
      this.#acceptFailed(pending, failure);
    } else {
      for (const { taskId } of order.launches) this.#updates.launched(taskId, first.agentId);
      this.#book.ledger.beginAnswer(offerIds);
      this.#enqueue(pending);
    }
    return { acceptId, effects: this.#take(nowMs) };
  }

  /** Gives offers back. Those that are not outstanding any more are left out. */
  decline(
    offerIds: readonly OfferId[],
    nowMs: number,
    filter: Filter = DEFAULT_FILTER,
  ): SessionEffect[] {
    const held = this.#book.ledger.stillOutstanding(offerIds);
    this.#book.ledger.beginAnswer(held);
    for (let from = 0; from < held.length; from += MAX_OFFERS_A_DECLINE) {
      const part = held.slice(from, from + MAX_OFFERS_A_DECLINE);
      const [offerId] = part;
      if (offerId === undefined) continue;
      this.#enqueue({ call: { name: 'decline', offerId, body: { offerIds: part, filter } } });
    }
    return this.#take(nowMs);
  }

  /** The user's handler has ended: what it neither used nor declined is declined. */
  offersHandled(offers: readonly Offer[], nowMs: number): SessionEffect[] {
    return this.decline(
      offers.map((offer) => offer.offerId),
      nowMs,
    );
  }

  /** An update read from the stream. */
  updateRead(streamSequence: number, update: StatusUpdate, nowMs: number): SessionEffect[] {
    switch (this.#updates.decide(streamSequence, update)) {
      case 'deliver':
        this.#deliver({ kind: 'update', update, streamSequence });
        break;
      case 'foreign':
        this.#deliver({ kind: 'foreignUpdate', update, agentId: update.agentId });
        this.#effects.push({ kind: 'acknowledge', streamSequence });
        break;
      case 'drop':
        this.#effects.push({ kind: 'acknowledge', streamSequence });
        break;
      case 'inHand':
        break;
    }
    return this.#take(nowMs);
  }

  /** The user's handler has done with an update: only now is it acknowledged. */
  updateHandled(streamSequence: number, nowMs: number): SessionEffect[] {
    if (this.#updates.handled(streamSequence)) {
      this.#effects.push({ kind: 'acknowledge', streamSequence });
    }
    return this.#take(nowMs);
  }

  /** Repeated until answered; the task's end comes as an update. */
  kill(taskId: TaskId, nowMs: number, graceMs?: number): SessionEffect[] {
    const body = graceMs === undefined ? { taskId } : { taskId, graceMs };
    this.#enqueue({ call: { name: 'killTask', body } });
    return this.#take(nowMs);
  }

  /** States the demand; of several statements in a row the last one counts. */
  setDemand(demand: Demand, nowMs: number): SessionEffect[] {
    this.#demand.state(demand);
    return this.#take(nowMs);
  }

  /** Ends the framework for good: its tasks are killed, its id is not used again. `stopped` follows. */
  teardown(nowMs: number): SessionEffect[] {
    this.#enqueue({ call: { name: 'teardown', body: {} } });
    return this.#take(nowMs);
  }

  #subscribe(nowMs: number): void {
    this.#phase = 'subscribing';
    for (const event of this.#book.restart()) this.#deliver(event);
    this.#demand.statedBySubscribing();
    const { name, role, failoverTimeoutMs } = this.#options;
    const body = { name, role, failoverTimeoutMs, demand: this.#demand.current };
    this.#calls.open({ call: { name: 'subscribe', body } }, nowMs);
  }

  #subscribed(result: SubscribeResult, nowMs: number): void {
    if (this.#session !== 0) this.#effects.push({ kind: 'closeConsumer', remove: false });
    this.#phase = 'subscribed';
    this.#session = result.session;
    this.#pulse.begin(result.heartbeatIntervalMs, nowMs);
    this.#calls.retryAll(nowMs);
    this.#effects.push({ kind: 'openConsumer', session: result.session });
    this.#deliver({ kind: 'subscribed', session: result.session });
    this.#takeOffers(this.#book.resume(result.lastNumber), nowMs);
  }

  #takeOffers(heard: Heard, nowMs: number): void {
    for (const event of heard.events) this.#deliver(event);
    if (heard.gap) this.#askResync(nowMs);
  }

  #resync(nowMs: number): void {
    if (this.#phase !== 'subscribed' || this.#book.waiting) return;
    this.#book.wait();
    this.#askResync(nowMs);
  }

  #askResync(nowMs: number): void {
    this.#calls.open({ call: { name: 'resync', body: {} } }, nowMs);
  }

  #leaderHeartbeat(body: LeaderHeartbeat, nowMs: number): void {
    if (this.#phase !== 'subscribed') return;
    // Of another session: a resync tells for certain what became of this one.
    const other = body.session !== this.#session;
    if (!other) this.#pulse.heard(nowMs);
    if (other || body.lastNumber > this.#book.lastNumber) this.#resync(nowMs);
  }

  #succeeded(pending: PendingCall, value: unknown, nowMs: number): void {
    const { call } = pending;
    switch (call.name) {
      case 'subscribe':
        this.#subscribed(SubscribeResult.parse(value), nowMs);
        break;
      case 'resync':
        if (!this.#isCurrent(pending)) break;
        this.#takeOffers(this.#book.resynced(ResyncResult.parse(value)), nowMs);
        break;
      case 'accept':
        this.#book.ledger.endAnswer(call.body.offerIds);
        this.#accepted(pending, { ok: true, value: AcceptResult.parse(value) });
        break;
      case 'decline':
        this.#book.ledger.endAnswer(call.body.offerIds);
        break;
      case 'demand':
        this.#demand.callEnded('done');
        break;
      case 'teardown':
        this.#stop({ kind: 'teardown' });
        break;
      case 'killTask':
        break;
      default:
        unreachable(call);
    }
  }

  #failed(pending: PendingCall, failure: Failure, nowMs: number): void {
    const reaction = reactionTo(pending.call, failure, this.#isCurrent(pending));
    switch (reaction) {
      case 'stop':
        this.#stop({ kind: 'refused', failure });
        break;
      case 'tornDown':
        this.#stop({ kind: 'teardown' });
        break;
      case 'subscribeAgain':
        this.#subscribe(nowMs);
        this.#sessionOver(pending, failure);
        break;
      case 'sessionOver':
        this.#sessionOver(pending, failure);
        break;
      case 'refused':
        this.#refused(pending, failure, nowMs);
        break;
      default:
        unreachable(reaction);
    }
  }

  /** Under a session that is no more, offers were void; what still makes sense is asked again. */
  #sessionOver(pending: PendingCall, failure: Failure): void {
    const { call } = pending;
    if (call.name === 'killTask' || call.name === 'teardown') this.#enqueue({ call });
    else if (call.name === 'demand') this.#demand.callEnded('repeat');
    else if (call.name === 'accept' || call.name === 'decline') {
      this.#book.ledger.forgetAnswer(call.body.offerIds);
      this.#acceptFailed(pending, failure);
    }
  }

  #refused(pending: PendingCall, failure: Failure, nowMs: number): void {
    const { call } = pending;
    if (call.name === 'accept' || call.name === 'decline') {
      // What became of the offers only the leader knows.
      this.#book.ledger.forgetAnswer(call.body.offerIds);
      this.#acceptFailed(pending, failure);
      this.#resync(nowMs);
      return;
    }
    if (call.name === 'demand') this.#demand.callEnded('done');
    // Not asked again at once, which could go on for ever: the next message that shows a gap does.
    if (call.name === 'resync') this.#book.giveUpWaiting();
    this.#deliver({ kind: 'refused', call, failure });
  }

  /** Every try of this call was made under the session in force. */
  #isCurrent(pending: PendingCall): boolean {
    return this.#phase === 'subscribed' && pending.firstSession === this.#session;
  }

  #accepted(pending: PendingCall, outcome: Outcome<AcceptResult>): void {
    if (pending.accept === undefined) return;
    this.#deliver({ kind: 'accepted', acceptId: pending.accept.acceptId, outcome });
  }

  #acceptFailed(pending: PendingCall, failure: Failure): void {
    this.#accepted(pending, { ok: false, failure });
    for (const update of droppedUpdates(this.#options.framework, pending, failure)) {
      if (this.#updates.decide(undefined, update) !== 'deliver') continue;
      this.#deliver({ kind: 'update', update, streamSequence: undefined });
    }
  }

  #enqueue(pending: PendingCall): void {
    if (this.#phase !== 'stopped' && this.#calls.enqueue(pending)) return;
    const { failure } = fail('overloaded', 'too many calls wait for the leader; try again later');
    if (pending.call.name === 'accept') this.#acceptFailed(pending, failure);
    else this.#deliver({ kind: 'refused', call: pending.call, failure });
  }

  #stop(reason: StopReason): void {
    const failure =
      reason.kind === 'refused'
        ? reason.failure
        : fail('frameworkRemoved', 'the framework was torn down').failure;
    this.#phase = 'stopped';
    const remove = failure.code === 'frameworkRemoved';
    this.#effects.push({ kind: 'closeConsumer', remove });
    for (const pending of this.#calls.drain()) this.#accepted(pending, { ok: false, failure });
    this.#deliver({ kind: 'stopped', reason });
  }

  /** False for an earlier term. A later one: what the old leader left unanswered is sent to the new one. */
  #observe(epoch: Epoch, nowMs: number): boolean {
    const comparison = compareEpochs(epoch, this.#epoch);
    if (comparison > 0) {
      this.#epoch = epoch;
      this.#calls.retryAll(nowMs);
    }
    return comparison >= 0;
  }

  #deliver(event: SchedulerEvent): void {
    this.#effects.push({ kind: 'deliver', event });
  }

  /** What has gathered, and everything that is due to be sent. */
  #take(nowMs: number): SessionEffect[] {
    if (this.#phase === 'subscribed') {
      const demand = this.#demand.takeDue();
      if (demand) this.#enqueue({ call: { name: 'demand', body: { demand } } });
      this.#calls.advance(nowMs);
    }
    const session = this.#phase === 'subscribed' ? this.#session : undefined;
    this.#effects.push(...this.#calls.takeDue(nowMs, session));
    if (session !== undefined && this.#pulse.beat(nowMs)) this.#heartbeat();
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  #heartbeat(): void {
    const body = { session: this.#session, confirmed: this.#book.lastNumber };
    const call = { name: 'frameworkHeartbeat', body } as const;
    this.#effects.push({ kind: 'publish', call, header: { frameworkSession: this.#session } });
  }
}
