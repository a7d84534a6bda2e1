// Owns what "now" is on the page: it ticks each second in the present, stands in the past, and is told in the time of the books.
import { computed, signal } from '@preact/signals';
import { wallTimeMs } from '../effects.ts';
import { clockOffsetMs } from './events.ts';
import { isPast, past } from './past.ts';

const TICK_MS = 1000;
const presentMs = signal(wallTimeMs());

/** Milliseconds since 1970, of the moment that is shown. */
export const nowMs = computed(() =>
  isPast.value ? (past.value?.last?.wallTimeMs ?? presentMs.value) : presentMs.value,
);

const offsetMs = computed(() => {
  const last = isPast.value ? past.value?.last : undefined;
  return last === undefined ? clockOffsetMs.value : last.wallTimeMs - last.coreTimeMs;
});

/**
 * When people had it, in milliseconds since 1970, of a time of the books. The books' clock stands while nobody leads, so
 * of what was before such a pause it is late by as long. Undefined until an event was heard.
 */
export const toWallMs = (coreTimeMs: number): number | undefined =>
  offsetMs.value === undefined ? undefined : coreTimeMs + offsetMs.value;

/** Returns how to stop. */
export function runClock(): () => void {
  const timer = setInterval(() => {
    if (!document.hidden) presentMs.value = wallTimeMs();
  }, TICK_MS);
  return () => clearInterval(timer);
}
