// Owns the numbered messages of the leader and what they make of a scheduler's offers and events: nothing applies
// out of order; after a gap messages wait until a resync has told what is outstanding.
import type { ResyncResult } from '@parley/protocol/frameworks';
import type { Offer } from '@parley/protocol/offers';
import { unreachable } from '@parley/protocol/unreachable';
import type { EventInbox } from './event-inbox.ts';
import { OfferLedger } from './offer-ledger.ts';
import type { SchedulerEvent, SchedulerMessage } from './session-vocabulary.ts';

export type NumberedMessage = Extract<SchedulerMessage, { kind: 'offers' | 'rescind' | 'events' }>;

/** What the user has to be told, and whether a message is missing. */
export type Heard = { readonly events: readonly SchedulerEvent[]; readonly gap: boolean };

/** Messages kept while a resync is under way; what exceeds it shows as the next gap. */
const MAX_HELD = 256;

export class OfferBook {
  readonly ledger = new OfferLedger();
  readonly #inbox: EventInbox;
  #lastNumber = 0;
  #waiting = true;
  #held: NumberedMessage[] = [];

  constructor(inbox: EventInbox) {
    this.#inbox = inbox;
  }

  /** The last message seen without a gap. */
  get lastNumber(): number {
    return this.#lastNumber;
  }

  /** True until `resume` or `resynced` says where to go on. */
  get waiting(): boolean {
    return this.#waiting;
  }

  /** A new session begins: offers of the old one are void. */
  restart(): readonly SchedulerEvent[] {
    this.#waiting = true;
    this.#held = [];
    return eventsOf({ added: [], removed: this.ledger.replace([]).removed });
  }

  wait(): void {
    this.#waiting = true;
  }

  /** A resync was refused: goes on where it was; what waited is missing and shows as a gap again. */
  giveUpWaiting(): void {
    this.#waiting = false;
    this.#held = [];
  }

  receive(message: NumberedMessage): Heard {
    const { number } = message.body;
    if (!this.#waiting && number <= this.#lastNumber) return { events: [], gap: false };
    if (!this.#waiting && number === this.#lastNumber + 1) {
      this.#lastNumber = number;
      const heard = this.#apply(message);
      if (heard.gap) this.#waiting = true;
      return heard;
    }
    if (this.#held.length < MAX_HELD) this.#held.push(message);
    if (this.#waiting) return { events: [], gap: false };
    this.#waiting = true;
    return { events: [], gap: true };
  }

  /** Goes on after this number, with the messages that waited first. */
  resume(lastNumber: number): Heard {
    this.#lastNumber = lastNumber;
    this.#waiting = false;
    const held = this.#held.sort((a, b) => a.body.number - b.body.number);
    this.#held = [];
    const heard = held.map((message) => this.receive(message));
    return { events: heard.flatMap(({ events }) => events), gap: heard.some(({ gap }) => gap) };
  }

  /** The leader's list replaces what was believed. */
  resynced(result: ResyncResult): Heard {
    const offers = eventsOf(this.ledger.replace(result.offers));
    const told = this.#inbox.resynced(result.events);
    const later = this.resume(result.lastNumber);
    return { events: [...offers, ...told, ...later.events], gap: later.gap };
  }

  #apply(message: NumberedMessage): Heard {
    switch (message.kind) {
      case 'offers': {
        const added = this.ledger.add(message.body.offers);
        return { events: eventsOf({ added, removed: [] }), gap: false };
      }
      case 'rescind': {
        const removed = this.ledger.rescind(message.body.offerIds);
        return { events: eventsOf({ added: [], removed }), gap: false };
      }
      case 'events':
        return this.#inbox.receive(message.body);
      default:
        return unreachable(message);
    }
  }
}

function eventsOf(change: {
  readonly added: readonly Offer[];
  readonly removed: readonly Offer['offerId'][];
}): SchedulerEvent[] {
  const events: SchedulerEvent[] = [];
  if (change.removed.length > 0) events.push({ kind: 'rescinded', offerIds: change.removed });
  if (change.added.length > 0) events.push({ kind: 'offers', offers: change.added });
  return events;
}
