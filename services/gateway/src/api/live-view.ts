// Owns the live view: made from the followed state and folded from the events since, as the page folds them; and the events
// themselves, the last so many, for who joins late or comes back. When the state was made anew the view is, too.
import { apply } from '@parley/cluster-view/apply';
import type { Moment, View } from '@parley/cluster-view/view';
import { viewOf } from '@parley/cluster-view/view-of-state';
import type { NumberedEvent } from '@parley/operator-sdk/operator-link';
import { describeEvent } from '@parley/replay/event-sentences';
import type { FollowedCluster } from '../live-cluster.ts';

const MAX_EVENTS = 10_000;

export type ToldEvent = Omit<NumberedEvent, 'isNew'> & {
  /** What happened, in words. */
  readonly text: string;
};

export type LiveViewListener = {
  readonly onEvent: (event: ToldEvent) => void;
  /** What happened in between is not known: whoever folds has to begin anew. */
  readonly onReset: () => void;
};

export class LiveView {
  readonly #live: FollowedCluster;
  readonly #listeners = new Set<LiveViewListener>();
  #view: View;
  /** The oldest first. */
  #events: ToldEvent[] = [];
  /** What happened after this is in `#events`. */
  #knownSince: Moment;

  constructor(live: FollowedCluster) {
    this.#live = live;
    this.#view = this.#made();
    this.#knownSince = this.#view.moment;
    live.onEvent((event) => this.#happened(event));
    live.onReset(() => this.#reset());
  }

  get view(): View {
    return this.#view;
  }

  /** Of those that are kept, the oldest first. */
  get events(): readonly ToldEvent[] {
    return this.#events;
  }

  /** What happened after this moment; undefined when that is not all known any more. */
  eventsAfter({
    sequence,
    index,
  }: Pick<Moment, 'sequence' | 'index'>): readonly ToldEvent[] | undefined {
    const since = this.#knownSince;
    const isTooEarly =
      sequence < since.sequence || (sequence === since.sequence && index < since.index);
    // Of other books: these were made anew, or another gateway is ahead.
    const isTooLate = sequence > Math.max(this.#live.followed.sequence, this.#view.moment.sequence);
    if (isTooEarly || isTooLate) return undefined;
    const first = this.#events.findLastIndex(
      (event) => event.sequence < sequence || (event.sequence === sequence && event.index <= index),
    );
    return this.#events.slice(first + 1);
  }

  /** Returns how to stop. */
  listen(listener: LiveViewListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #made(): View {
    const { state, sequence } = this.#live.followed;
    const { coreTimeMs } = state.record;
    return viewOf(state, { sequence, index: Number.MAX_SAFE_INTEGER, coreTimeMs });
  }

  #happened({ isNew: _, ...numbered }: NumberedEvent): void {
    const { sequence, index, coreTimeMs, event } = numbered;
    apply(this.#view, { sequence, index, coreTimeMs }, event);
    const told = { ...numbered, text: describeEvent(event).text };
    this.#events.push(told);
    if (this.#events.length > 2 * MAX_EVENTS) this.#forget();
    for (const { onEvent } of this.#listeners) onEvent(told);
  }

  #forget(): void {
    const forgotten = this.#events.at(-MAX_EVENTS - 1);
    if (forgotten === undefined) return;
    this.#knownSince = forgotten;
    this.#events = this.#events.slice(-MAX_EVENTS);
  }

  #reset(): void {
    this.#view = this.#made();
    this.#events = [];
    this.#knownSince = this.#view.moment;
    for (const { onReset } of this.#listeners) onReset();
  }
}
