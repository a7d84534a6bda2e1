// Owns in which zone hours are shown: the reader's or UTC. It stays chosen in this browser.
import { signal } from '@preact/signals';
import { showClock } from '../format/times.ts';

const KEY = 'parley-zone';

export const isUtc = signal(readKept() === 'utc');

export function switchZone(): void {
  isUtc.value = !isUtc.value;
  try {
    localStorage.setItem(KEY, isUtc.value ? 'utc' : 'local');
  } catch {
    // It is kept until the page is left.
  }
}

/** "14:03:21". */
export const clockOf = (wallTimeMs: number): string => showClock(wallTimeMs, isUtc.value);

function readKept(): string | null {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null;
  }
}
