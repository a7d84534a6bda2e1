// Owns which events have happened at the moment that is shown, of those that the page knows; and what follows
// from them.
import { computed } from '@preact/signals';
import { nowMs } from './clock.ts';
import { events, type ToldEvent } from './events.ts';
import { ratesOf } from './offer-rates.ts';
import { isPast, past } from './past.ts';

/** The oldest first. */
export const shownEvents = computed<readonly ToldEvent[]>(() =>
  isPast.value ? (past.value?.player.events.slice(0, past.value.count) ?? []) : events.value,
);

/** Offers a second of late, by `principal/framework`. */
export const offerRates = computed(() => ratesOf(shownEvents.value, nowMs.value));
