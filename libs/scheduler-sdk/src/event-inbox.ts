// Owns which of the leader's events reach the user: each once, in the order of their ids, and what may be acknowledged.
// An event that seems to be missing is asked for by a resync, which lists all that are not acknowledged.
import type {
  AcknowledgeEventsRequest,
  EventsMessage,
  FrameworkEvent,
} from '@parley/protocol/frameworks';
import type { SchedulerEvent } from './session-vocabulary.ts';

type Told = { readonly events: readonly SchedulerEvent[]; readonly gap: boolean };

export class EventInbox {
  /** The last event that was delivered. */
  #highest = 0;
  #handled = 0;
  #droppedTold = 0;
  #acknowledgementDue = false;
  #callOpen = false;

  receive({ events, dropped }: Pick<EventsMessage, 'events' | 'dropped'>): Told {
    const told: SchedulerEvent[] = [];
    if (dropped > this.#droppedTold) {
      told.push({ kind: 'eventsDropped', count: dropped - this.#droppedTold });
    }
    this.#droppedTold = dropped;
    for (const event of inOrder(events)) {
      // One of those in between may be on its way: acknowledging this one would acknowledge that, too.
      if (event.eventId > this.#highest + 1) return { events: told, gap: true };
      told.push(...this.#take(event));
    }
    return { events: told, gap: false };
  }

  /** All that is not acknowledged: what is not among them was, or is not kept any more. */
  resynced(events: readonly FrameworkEvent[]): SchedulerEvent[] {
    return inOrder(events).flatMap((event) => this.#take(event));
  }

  /** The user's handler is through with it and with all before it. */
  handled(eventId: number): void {
    if (eventId <= this.#handled) return;
    this.#handled = eventId;
    this.#acknowledgementDue = true;
  }

  /** The acknowledgement to send now; the call counts as open then. */
  takeDue(): AcknowledgeEventsRequest | undefined {
    if (!this.#acknowledgementDue || this.#callOpen) return undefined;
    this.#acknowledgementDue = false;
    this.#callOpen = true;
    return { upTo: this.#handled };
  }

  callEnded(outcome: 'done' | 'repeat'): void {
    this.#callOpen = false;
    if (outcome === 'repeat') this.#acknowledgementDue = true;
  }

  #take(event: FrameworkEvent): SchedulerEvent[] {
    if (event.eventId > this.#highest) {
      this.#highest = event.eventId;
      return [{ kind: 'event', event }];
    }
    // Told again: the leader has not heard that it was handled.
    if (event.eventId <= this.#handled) this.#acknowledgementDue = true;
    return [];
  }
}

const inOrder = (events: readonly FrameworkEvent[]): FrameworkEvent[] =>
  [...events].sort((a, b) => a.eventId - b.eventId);
