// Owns the calls of a session from being asked for to being told of: offers that they hold, tasks in them, who waits for
// their outcome. Which answer means what for the session itself is in session.ts.
import { type Failure, fail, type Outcome } from '@parley/protocol/errors';
import type { OfferId } from '@parley/protocol/ids';
import type { AcceptResult, DeclineReason, DeclineRequest, Filter } from '@parley/protocol/offers';
import { assert, unreachable } from '@parley/protocol/unreachable';
import { type AcceptOrder, acceptRequest } from './accept-order.ts';
import { CallWindow, type PendingCall } from './call-window.ts';
import type { EffectBuffer } from './effect-buffer.ts';
import type { OfferLedger } from './offer-ledger.ts';
import type { OwnCalls } from './own-calls.ts';
import type { UserCall } from './session-vocabulary.ts';
import type { TaskBook } from './task-book.ts';

/** What goes with a decline beside the offers. */
export type Declining = {
  readonly filter?: Filter;
  readonly reason?: DeclineReason;
  /** For people. */
  readonly text?: string;
};

const DEFAULT_FILTER: Filter = { refuseMs: 5000 };
const MAX_OFFERS_A_DECLINE = 1024;
const NO_SESSION = fail('invalidOffers', 'the session is not open: its offers are void').failure;

export type SessionCallsParts = {
  readonly offers: OfferLedger;
  readonly tasks: TaskBook;
  readonly own: OwnCalls;
  readonly out: EffectBuffer;
};

export class SessionCalls {
  readonly window: CallWindow;
  readonly #parts: SessionCallsParts;
  #nextCallId = 1;
  /** Ascending. */
  readonly #openAccepts = new Set<number>();
  #isStopped = false;

  constructor(callerSession: string, parts: SessionCallsParts) {
    this.window = new CallWindow(callerSession);
    this.#parts = parts;
  }

  /** The last call of the user that was made; 0 before the first. */
  get lastCallId(): number {
    return this.#nextCallId - 1;
  }

  /** Of the accepts whose outcome is not known. */
  get lowestOpenAccept(): number | undefined {
    return this.#openAccepts.values().next().value;
  }

  /** The id of the `accepted` event that follows. */
  accept(order: AcceptOrder, isOpen: boolean): number {
    const { offers, tasks } = this.#parts;
    const [first] = order.offers;
    assert(first !== undefined, 'accept names at least one offer');
    const callId = this.#nextCallId++;
    const request = acceptRequest(order, first);
    if (!request.ok) {
      this.#parts.out.deliver({ kind: 'accepted', acceptId: callId, outcome: request });
      return callId;
    }
    const { body, tasks: launched } = request.value;
    const { offerId } = first;
    const call = { name: 'accept', offerId, body } as const;
    const pending: PendingCall = { call, callId, tasks: launched };
    const failure = isOpen ? offers.checkUse(order.offers) : NO_SESSION;
    if (failure) {
      this.failed(pending, failure);
    } else {
      tasks.launching(launched);
      offers.beginAnswer(body.offerIds);
      this.#openAccepts.add(callId);
      this.enqueue(pending);
    }
    return callId;
  }

  decline(offerIds: readonly OfferId[], how: Declining): void {
    const { filter = DEFAULT_FILTER, reason, text } = how;
    const why = { ...(reason !== undefined && { reason }), ...(text !== undefined && { text }) };
    const held = this.#parts.offers.stillOutstanding(offerIds);
    this.#parts.offers.beginAnswer(held);
    for (let from = 0; from < held.length; from += MAX_OFFERS_A_DECLINE) {
      const part = held.slice(from, from + MAX_OFFERS_A_DECLINE);
      const [offerId] = part;
      if (offerId === undefined) continue;
      const body: DeclineRequest = { offerIds: part, filter, ...why };
      this.enqueue({ call: { name: 'decline', offerId, body } });
    }
  }

  /** The id of the `answered` event that follows. */
  call(call: UserCall): number {
    const callId = this.#nextCallId++;
    this.enqueue({ call, callId });
    return callId;
  }

  enqueue(pending: PendingCall): void {
    if (!this.#isStopped && this.window.enqueue(pending)) return;
    const { failure } = fail('overloaded', 'too many calls wait for the leader; try again later');
    this.failed(pending, failure);
  }

  acceptSucceeded(pending: PendingCall, value: AcceptResult, nowMs: number): void {
    const { call, callId, tasks = [] } = pending;
    if (call.name === 'accept') this.#parts.offers.endAnswer(call.body.offerIds);
    this.#parts.tasks.launchAnswered(tasks, value.launched, nowMs);
    if (value.launched.length > 0) this.#parts.own.demand.lowered();
    if (callId === undefined) return;
    this.#openAccepts.delete(callId);
    this.#parts.out.deliver({ kind: 'accepted', acceptId: callId, outcome: { ok: true, value } });
  }

  /** Tells whoever waits for it, if anybody does. */
  answered(callId: number | undefined, outcome: Outcome<unknown>): void {
    if (callId !== undefined) this.#parts.out.deliver({ kind: 'answered', callId, outcome });
  }

  /** Tells whoever waits for it; the tasks of an accept end as dropped. */
  failed({ call, callId, tasks = [] }: PendingCall, failure: Failure): void {
    const { out } = this.#parts;
    const outcome = { ok: false, failure } as const;
    if (call.name !== 'accept') {
      this.answered(callId, outcome);
      if (callId === undefined && call.name !== 'decline')
        out.deliver({ kind: 'refused', call, failure });
      return;
    }
    if (callId !== undefined) {
      this.#openAccepts.delete(callId);
      out.deliver({ kind: 'accepted', acceptId: callId, outcome });
    }
    this.#parts.tasks.launchFailed(tasks, failure);
  }

  /** Under a session that is no more, offers were void; what still makes sense is asked again. */
  sessionOver(pending: PendingCall, failure: Failure, nowMs: number): void {
    const { call, callId } = pending;
    const again: PendingCall = callId === undefined ? { call } : { call, callId };
    switch (call.name) {
      case 'accept':
      case 'decline':
        this.#parts.offers.forgetAnswer(call.body.offerIds);
        this.failed(pending, failure);
        break;
      case 'subscribe':
      case 'resync':
        break;
      case 'demand':
      case 'suppress':
      case 'revive':
      case 'acknowledgeEvents':
      case 'reconcile':
        if (callId === undefined) this.#parts.own.ended(call, 'repeat', nowMs);
        else this.enqueue(again);
        break;
      case 'killTask':
      case 'teardown':
      case 'updateFramework':
      case 'shutdownExecutor':
      case 'answerInverseOffer':
        this.enqueue(again);
        break;
      default:
        unreachable(call);
    }
  }

  /** Nothing is sent any more; whoever waits is told. What became of the tasks of an open accept nobody knows. */
  stop(failure: Failure): void {
    this.#isStopped = true;
    const outcome = { ok: false, failure } as const;
    for (const { call, callId } of this.window.drain()) {
      if (call.name !== 'accept') this.answered(callId, outcome);
      else if (callId !== undefined)
        this.#parts.out.deliver({ kind: 'accepted', acceptId: callId, outcome });
    }
  }
}
