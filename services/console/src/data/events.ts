// Owns the events that the page has heard: the last so many, for the bar of time, the page of events, and to tell at which
// hour of people a moment of the books was.
import { signal } from '@preact/signals';
import { mergeEvents } from './event-order.ts';
import { ask, askRaw, GatewayProblem } from './gateway.ts';
import { subscribe } from './live.ts';
import type { Told } from './live-feed.ts';

export type ToldEvent = {
  readonly sequence: number;
  readonly index: number;
  readonly coreTimeMs: number;
  /** Milliseconds since 1970. */
  readonly wallTimeMs: number;
  readonly text: string;
  readonly event: { readonly type: string } & Readonly<Record<string, unknown>>;
};

const MAX_KEPT = 10_000;

/** The oldest first. Replaced, never changed. */
export const events = signal<readonly ToldEvent[]>([]);
/** How much the clock of people is ahead of that of the books, in milliseconds, when last heard. */
export const clockOffsetMs = signal<number | undefined>(undefined);

const AGAIN_MS = 1000;

/** Returns how to stop. */
export function followEvents(): () => void {
  let isOver = false;
  const soon = (fill: () => Promise<void>): void => {
    fill().catch(() => {
      if (!isOver) setTimeout(() => soon(fill), AGAIN_MS);
    });
  };
  const hear = (told: Told): void => {
    if (told.type === 'events') take(told.events as readonly ToldEvent[]);
    else if (told.type === 'resync') soon(fillGap);
  };
  const stop = subscribe({ topic: 'events' }, hear, () => {
    const last = events.peek().at(-1);
    return last && `${last.sequence}.${last.index}`;
  });
  // What is heard meanwhile is put together with it.
  soon(learnLast);
  return () => {
    isOver = true;
    stop();
  };
}

async function learnLast(): Promise<void> {
  const { items } = await ask<{ items: ToldEvent[] }>('/v1/events?limit=1000');
  take(items);
}

/** Another gateway does not know what this page has missed; the journal does, where the gap is not too long. */
async function fillGap(): Promise<void> {
  const last = events.peek().at(-1);
  if (last === undefined) return learnLast();
  try {
    // Of its own entry there may be more.
    const search = new URLSearchParams({ from: String(last.sequence - 1), to: 'last' });
    const lines = (await (await askRaw(`/v1/export?${search}`)).text()).split('\n');
    const missed: ToldEvent[] = lines
      .slice(1)
      .filter(Boolean)
      .map((line) => JSON.parse(line));
    take(missed);
  } catch (error) {
    const isKnown = error instanceof GatewayProblem && [404, 413].includes(error.status);
    if (!isKnown) throw error;
    await learnLast();
  }
}

function take(more: readonly ToldEvent[]): void {
  events.value = mergeEvents(events.value, more, MAX_KEPT);
  const last = events.value.at(-1);
  if (last !== undefined) clockOffsetMs.value = last.wallTimeMs - last.coreTimeMs;
}
