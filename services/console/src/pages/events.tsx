// Owns the page of events: what happened, the newest first, as words. A click goes to that moment.
import { useState } from 'preact/hooks';
import { fitsEvent } from '../data/event-filter.ts';
import type { ToldEvent } from '../data/events.ts';
import { shownEvents } from '../data/shown-events.ts';
import { counted, showCount } from '../format/amounts.ts';
import { askHere, place } from '../navigation.ts';
import { Empty } from '../parts/command.tsx';
import { EventRows } from '../parts/event-rows.tsx';

export function Events() {
  const filter = place.value.query['filter'] ?? '';
  const [held, setHeld] = useState<readonly ToldEvent[] | undefined>(undefined);
  const known = shownEvents.value;
  const shown = (held ?? known).filter((event) => fitsEvent(event, filter)).toReversed();
  const waiting = held === undefined ? 0 : known.length - held.length;
  return (
    <>
      <h1>Events</h1>
      <div class="filter">
        <input
          type="search"
          data-filter
          aria-label="filter events"
          placeholder="filter: a part of the words, or a type"
          value={filter}
          onInput={(event) => askHere({ filter: event.currentTarget.value })}
        />
        <span class="soft" role="status">
          {counted(shown.length, 'event')} of late
          {waiting > 0 && ` · ${showCount(waiting)} more since you point here`}
        </span>
      </div>
      {shown.length === 0 ? (
        <Empty
          words="None that is known here. All that is kept:"
          command="npx parley replay list"
        />
      ) : (
        <EventRows shown={shown} setHeld={(isHeld) => setHeld(isHeld ? known : undefined)} />
      )}
    </>
  );
}
