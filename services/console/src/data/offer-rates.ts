// Owns how many offers a second each framework was made lately, out of events. Pure.
import type { ToldEvent } from './events.ts';

const WINDOW_MS = 30_000;

/** By `principal/framework`; of who was made none there is none. `untilMs`: in milliseconds since 1970. */
export function ratesOf(heard: readonly ToldEvent[], untilMs: number): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  let fromMs = untilMs - WINDOW_MS;
  const first = heard[0]?.wallTimeMs ?? untilMs;
  // Of what was before nothing was heard.
  if (first > fromMs) fromMs = first;
  for (let index = heard.length - 1; index >= 0; index -= 1) {
    const told = heard[index];
    if (told === undefined || told.wallTimeMs < fromMs) break;
    if (told.event.type !== 'offerMade') continue;
    const { principal, frameworkId } = told.event['framework'] as Record<string, string>;
    const key = `${principal}/${frameworkId}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  const seconds = Math.max(1, (untilMs - fromMs) / 1000);
  return new Map([...counts].map(([key, count]) => [key, count / seconds]));
}
