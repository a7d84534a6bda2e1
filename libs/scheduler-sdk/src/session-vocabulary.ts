// Owns the words between a scheduler session and its surroundings: calls it makes, messages it is told,
// effects it asks for, events it hands to the user. Types only.

import type { LeaderPresence } from '@parley/protocol/broadcasts';
import type { RequestId } from '@parley/protocol/envelope';
import type { Epoch } from '@parley/protocol/epoch';
import type { Failure, Outcome } from '@parley/protocol/errors';
import type {
  EventsMessage,
  FrameworkEvent,
  FrameworkHeartbeat,
  LeaderHeartbeat,
} from '@parley/protocol/frameworks';
import type { AgentId, ExecutorId, OfferId } from '@parley/protocol/ids';
import type { AcceptResult, Offer, OffersMessage, RescindMessage } from '@parley/protocol/offers';
import type { BodyOf } from '@parley/protocol/subject-entry';
import type { SUBJECTS } from '@parley/protocol/subjects';
import type { StatusUpdate } from '@parley/protocol/tasks';

type PlainCallName =
  | 'subscribe'
  | 'resync'
  | 'updateFramework'
  | 'suppress'
  | 'revive'
  | 'demand'
  | 'killTask'
  | 'reconcile'
  | 'shutdownExecutor'
  | 'answerInverseOffer'
  | 'acknowledgeEvents'
  | 'teardown';
type OfferCallName = 'accept' | 'decline';
type PlainCall = {
  [Name in PlainCallName]: { readonly name: Name; readonly body: BodyOf<(typeof SUBJECTS)[Name]> };
}[PlainCallName];
type OfferCall = {
  [Name in OfferCallName]: {
    readonly name: Name;
    /** The first of the offers: the subject names it. */
    readonly offerId: OfferId;
    readonly body: BodyOf<(typeof SUBJECTS)[Name]>;
  };
}[OfferCallName];

/** Calls of the user that may be made at any time and whose answer he may wait for. */
export type UserCall = Extract<
  PlainCall,
  { name: Exclude<PlainCallName, 'subscribe' | 'resync' | 'demand' | 'teardown'> }
>;
/** Calls that are answered. */
export type SchedulerRequest = PlainCall | OfferCall;
export type SchedulerCall =
  | SchedulerRequest
  | { readonly name: 'frameworkHeartbeat'; readonly body: FrameworkHeartbeat };

/** From one of the framework's executors, relayed by its agent; may be lost. */
export type MessageOfExecutor = {
  readonly kind: 'executorMessage';
  readonly agentId: AgentId;
  readonly executorId: ExecutorId;
  readonly data: Uint8Array;
};

/** What a scheduler is told unasked. */
export type SchedulerMessage =
  | MessageOfExecutor
  | { readonly kind: 'events'; readonly epoch: Epoch; readonly body: EventsMessage }
  | { readonly kind: 'offers'; readonly epoch: Epoch; readonly body: OffersMessage }
  | { readonly kind: 'rescind'; readonly epoch: Epoch; readonly body: RescindMessage }
  | { readonly kind: 'leaderHeartbeat'; readonly epoch: Epoch; readonly body: LeaderHeartbeat }
  | { readonly kind: 'presence'; readonly epoch: Epoch; readonly body: LeaderPresence };

export type StopReason =
  | { readonly kind: 'teardown' }
  /** A newer session of this framework exists, the framework was removed, or it may not subscribe. */
  | { readonly kind: 'refused'; readonly failure: Failure };

export type SchedulerEvent =
  | { readonly kind: 'subscribed'; readonly session: number }
  /** Answer with `offersHandled` when the user is through: what is then still unused is declined. */
  | { readonly kind: 'offers'; readonly offers: readonly Offer[] }
  | { readonly kind: 'rescinded'; readonly offerIds: readonly OfferId[] }
  /**
   * Answer with `updateHandled`. `streamSequence` is undefined for an update made by the session itself: of a failed
   * accept (`dropped`), or of a reconciliation (its reason says so). Such a one is no message of the stream.
   */
  | {
      readonly kind: 'update';
      readonly update: StatusUpdate;
      readonly streamSequence: number | undefined;
    }
  | {
      readonly kind: 'accepted';
      readonly acceptId: number;
      readonly outcome: Outcome<AcceptResult>;
    }
  /** The outcome of a call of the user other than accept; the value is as the call's schema has it. */
  | { readonly kind: 'answered'; readonly callId: number; readonly outcome: Outcome<unknown> }
  /** Answer with `eventHandled`. */
  | { readonly kind: 'event'; readonly event: FrameworkEvent }
  /** So many events were never acknowledged in time and are lost. */
  | { readonly kind: 'eventsDropped'; readonly count: number }
  | MessageOfExecutor
  /** A call for whose answer nobody waits and that will not be repeated. */
  | { readonly kind: 'refused'; readonly call: SchedulerRequest; readonly failure: Failure }
  /** An update from an agent that the task was not launched on; it was left out. */
  | { readonly kind: 'foreignUpdate'; readonly update: StatusUpdate; readonly agentId: AgentId }
  | { readonly kind: 'stopped'; readonly reason: StopReason };

export type SessionEffect =
  /** Send and hand the answer to `answered` with this counter; without an answer do nothing. */
  | {
      readonly kind: 'request';
      readonly counter: number;
      readonly call: SchedulerRequest;
      readonly header: { readonly request: RequestId; readonly frameworkSession?: number };
    }
  | {
      readonly kind: 'publish';
      readonly call: Extract<SchedulerCall, { name: 'frameworkHeartbeat' }>;
      readonly header: { readonly frameworkSession: number };
    }
  /** Read the updates through the consumer of this session, from the first one not acknowledged. */
  | { readonly kind: 'openConsumer'; readonly session: number }
  /** `remove`: the framework is gone for good. Otherwise a later session goes on from this consumer. */
  | { readonly kind: 'closeConsumer'; readonly remove: boolean }
  | { readonly kind: 'acknowledge'; readonly streamSequence: number }
  /** Answer with `caughtUp` when all updates up to this message have been read. */
  | { readonly kind: 'catchUp'; readonly streamSequence: number }
  | { readonly kind: 'deliver'; readonly event: SchedulerEvent };
