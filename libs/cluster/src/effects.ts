// Owns the effects of the master's core: plain data that the leading master's shell carries out after the
// commit. Hot standbys drop all but the events; followers read only the events.
import type { Fact } from '@parley/protocol/allocation';
import type { RequestId } from '@parley/protocol/envelope';
import type { EventsMessage } from '@parley/protocol/frameworks';
import type { FrameworkRef } from '@parley/protocol/ids';
import type { Answer } from '@parley/protocol/message';
import type { OffersMessage, RescindMessage } from '@parley/protocol/offers';
import type { StatusUpdate } from '@parley/protocol/tasks';
import type { ClusterEvent } from './events.ts';
import type { Caller, Order } from './inputs.ts';

export type Effect =
  | {
      readonly kind: 'answer';
      readonly caller: Caller;
      readonly request: RequestId;
      readonly answer: Answer;
    }
  | { readonly kind: 'offers'; readonly framework: FrameworkRef; readonly message: OffersMessage }
  | { readonly kind: 'rescind'; readonly framework: FrameworkRef; readonly message: RescindMessage }
  | { readonly kind: 'events'; readonly framework: FrameworkRef; readonly message: EventsMessage }
  /** Send until answered; `orderAnswered` comes back as an input. */
  | { readonly kind: 'order'; readonly order: Order }
  /** The leader's own status update: write to the principal's stream until acknowledged; in force when read back. */
  | { readonly kind: 'writeUpdate'; readonly update: StatusUpdate }
  /** One a journal entry at most, made by `finish`. */
  | {
      readonly kind: 'facts';
      readonly sequence: number;
      readonly previous: number;
      readonly facts: readonly Fact[];
    }
  | { readonly kind: 'event'; readonly event: ClusterEvent };
