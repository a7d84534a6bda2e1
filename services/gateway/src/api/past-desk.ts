// Owns the past as the API shows it: the view at a moment, a window of events from there on, how dense events were. All of it
// is stepped again from snapshot and journal, one question at a time, a bounded part of the journal each.

import type { ClusterEvent } from '@parley/cluster/events';
import { apply } from '@parley/cluster-view/apply';
import type { View, Moment as ViewMoment } from '@parley/cluster-view/view';
import { viewOf } from '@parley/cluster-view/view-of-state';
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import { type TaskRef, taskKey } from '@parley/protocol/ids';
import { ReplayCursor, type ReplayedEntry } from '@parley/replay/cursor';
import { describeEvent } from '@parley/replay/event-sentences';
import { LineMaker } from '@parley/replay/line-maker';
import {
  entryOf,
  firstEntryFrom,
  type KnownPast,
  MOMENT_WORDS,
  parseMoment,
} from '@parley/replay/moments';
import { keptEntries, type ReplaySource } from '@parley/replay/replay-source';
import { TaskStory } from '@parley/replay/task-story';

/** So many entries are folded up to a moment, so that what ended shortly before it is seen as well. */
const LOOK_BACK_ENTRIES = 1000;
const MAX_ENTRIES = 20_000;
const MAX_KEPT_VIEWS = 4;
const MAX_WAITING = 16;
const MAX_MARKERS = 500;

export type PastEvent = {
  readonly sequence: number;
  readonly index: number;
  readonly coreTimeMs: number;
  /** When the entry was stored: milliseconds since 1970. */
  readonly wallTimeMs: number;
  readonly text: string;
  readonly event: ClusterEvent;
};
export type Window = { readonly view: View; readonly events: readonly PastEvent[] };
export type Marker = {
  readonly sequence: number;
  readonly index: number;
  readonly wallTimeMs: number;
  readonly kind: 'leaderChange' | 'agentLost' | 'frameworkFailover' | 'taskFailed';
  readonly text: string;
};
export type Timeline = {
  readonly from: { readonly sequence: number; readonly wallTimeMs: number };
  readonly to: { readonly sequence: number; readonly wallTimeMs: number };
  /** Events in equal stretches of time between the two. */
  readonly counts: readonly number[];
  readonly markers: readonly Marker[];
  /** More is kept before `from` than one answer looks at, or there are more markers than it holds. */
  readonly isCut: boolean;
};
export type Story = {
  readonly items: readonly {
    readonly sequence: number;
    readonly wallTimeMs: number;
    readonly text: string;
  }[];
  /** Its launch is in it: nothing is missing before. */
  readonly isBegun: boolean;
  readonly isOver: boolean;
};
export type Range = { readonly from?: string | undefined; readonly to?: string | undefined };

export type PastDeskOptions = {
  readonly source: () => ReplaySource;
  /** Milliseconds since 1970. */
  readonly wallTimeMs: () => number;
};

export class PastDesk {
  readonly #options: PastDeskOptions;
  /** By entry, what was asked for last at the end: a view of the past never changes. */
  readonly #views = new Map<number, View>();
  #turn: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  constructor(options: PastDeskOptions) {
    this.#options = options;
  }

  /** Fails with `malformed`, `unknownMoment`, `overloaded`, or as reading the journal does. To be read only. */
  viewAt(at: string): Promise<Outcome<View>> {
    return this.#alone(async (source, past) => {
      const sequence = await this.#entryOf(source, past, at);
      return sequence.ok ? this.#viewOf(source, past, sequence.value) : sequence;
    });
  }

  /** The view after `from`, and the events after it up to `to`: 20,000 entries at most. Fails likewise, and with `tooLarge`. */
  window({ from = 'first', to = 'last' }: Range): Promise<Outcome<Window>> {
    return this.#alone(async (source, past) => {
      const first = await this.#entryOf(source, past, from);
      if (!first.ok) return first;
      const last = await this.#entryOf(source, past, to);
      if (!last.ok) return last;
      if (last.value - first.value > MAX_ENTRIES) {
        const why = `a window has at most ${MAX_ENTRIES} entries, and ${first.value} to ${last.value} are more`;
        return fail('tooLarge', why);
      }
      const view = await this.#viewOf(source, past, first.value);
      if (!view.ok) return view;
      const events: PastEvent[] = [];
      const stepped = await step(source, first.value, last.value, (entry) => {
        events.push(...eventsOf(entry));
      });
      return stepped.ok ? succeed({ view: view.value, events }) : stepped;
    });
  }

  /** `buckets`: into how many stretches. Without `from` as far back as one answer looks. Fails as `viewAt` does. */
  timeline({ from, to = 'last' }: Range, buckets: number): Promise<Outcome<Timeline>> {
    return this.#alone(async (source, past) => {
      const last = await this.#entryOf(source, past, to);
      if (!last.ok) return last;
      const moment = parseMoment(from ?? 'first');
      if (moment === undefined) return fail('malformed', `not a moment; it may be ${MOMENT_WORDS}`);
      const asked = await firstEntryFrom(source.journal, past, moment);
      if (!asked.ok) return asked;
      const first = Math.max(asked.value, last.value - MAX_ENTRIES + 1);
      const marks = new TimelineMaker();
      const stepped = await step(source, first - 1, last.value, (entry) => marks.add(entry));
      if (!stepped.ok) return stepped;
      return succeed(marks.timeline(buckets, { isCut: first > asked.value, at: last.value }));
    });
  }

  /** What befell a task and why, out of the last 20,000 entries. Fails as `viewAt` does, or with `unknownTask`. */
  story(task: TaskRef): Promise<Outcome<Story>> {
    return this.#alone(async (source, past) => {
      const first = Math.max(past.startSequence, past.last.sequence - MAX_ENTRIES);
      const cursor = await ReplayCursor.open(source, first);
      if (!cursor.ok) return cursor;
      const maker = new LineMaker(cursor.value.replica.state);
      const story = new TaskStory(task);
      const advanced = await cursor.value.advance(past.last.sequence, (entry) => {
        for (const line of maker.linesOf(entry)) story.add(line);
        return true;
      });
      if (!advanced.ok) return advanced;
      const items = story.lines().map(({ sequence, storedMs, text }) => ({
        ...{ sequence, wallTimeMs: storedMs, text },
      }));
      if (items.length === 0)
        return fail('unknownTask', `nothing that is kept speaks of task ${taskKey(task)}`);
      return succeed({ items, isBegun: story.isBegun, isOver: story.isOver });
    });
  }

  async #entryOf(source: ReplaySource, past: KnownPast, at: string): Promise<Outcome<number>> {
    const moment = parseMoment(at);
    if (moment === undefined) return fail('malformed', `not a moment; it may be ${MOMENT_WORDS}`);
    return entryOf(source.journal, past, moment);
  }

  async #viewOf(source: ReplaySource, past: KnownPast, sequence: number): Promise<Outcome<View>> {
    const known = this.#views.get(sequence);
    if (known !== undefined) {
      this.#keep(sequence, known);
      return succeed(known);
    }
    const begin = Math.max(past.startSequence, sequence - LOOK_BACK_ENTRIES);
    const cursor = await ReplayCursor.open(source, begin);
    if (!cursor.ok) return cursor;
    const { state } = cursor.value.replica;
    const { coreTimeMs } = state.record;
    const view = viewOf(state, { sequence: begin, index: Number.MAX_SAFE_INTEGER, coreTimeMs });
    const advanced = await cursor.value.advance(sequence, (entry) => {
      for (const event of eventsOf(entry)) apply(view, momentOf(event), event.event);
      return true;
    });
    if (!advanced.ok) return advanced;
    // All of that entry has been seen, also where nothing followed from it.
    const now = cursor.value.replica.state.record.coreTimeMs;
    view.moment = { sequence, index: Number.MAX_SAFE_INTEGER, coreTimeMs: now };
    this.#keep(sequence, view);
    return succeed(view);
  }

  #keep(sequence: number, view: View): void {
    this.#views.delete(sequence);
    this.#views.set(sequence, view);
    for (const oldest of this.#views.keys()) {
      if (this.#views.size <= MAX_KEPT_VIEWS) break;
      this.#views.delete(oldest);
    }
  }

  /** One at a time: each may hold the state of a whole cluster. */
  async #alone<Value>(
    work: (source: ReplaySource, past: KnownPast) => Promise<Outcome<Value>>,
  ): Promise<Outcome<Value>> {
    if (this.#waiting >= MAX_WAITING)
      return fail('overloaded', 'too many others look into the past: ask again');
    this.#waiting += 1;
    const before = this.#turn;
    const ended = Promise.withResolvers<void>();
    this.#turn = ended.promise;
    try {
      await before;
      const source = this.#options.source();
      const kept = await keptEntries(source);
      if (!kept.ok) return kept;
      return await work(source, { ...kept.value, knownUntilMs: this.#options.wallTimeMs() });
    } finally {
      this.#waiting -= 1;
      ended.resolve();
    }
  }
}

const momentOf = ({ sequence, index, coreTimeMs }: PastEvent): ViewMoment => ({
  ...{ sequence, index, coreTimeMs },
});

async function step(
  source: ReplaySource,
  after: number,
  upTo: number,
  visit: (entry: ReplayedEntry) => void,
): Promise<Outcome<undefined>> {
  const cursor = await ReplayCursor.open(source, after);
  if (!cursor.ok) return cursor;
  return cursor.value.advance(upTo, (entry) => {
    visit(entry);
    return true;
  });
}

function eventsOf({ sequence, storedMs, effects, context }: ReplayedEntry): PastEvent[] {
  const events: PastEvent[] = [];
  for (const [index, effect] of effects.entries()) {
    if (effect.kind !== 'event') continue;
    const { event } = effect;
    const at = { sequence, index, coreTimeMs: context.coreTimeMs, wallTimeMs: storedMs };
    events.push({ ...at, text: describeEvent(event).text, event });
  }
  return events;
}

function markOf(event: ClusterEvent): Marker['kind'] | undefined {
  switch (event.type) {
    case 'termStarted':
      return 'leaderChange';
    case 'agentUnreachable':
    case 'agentGone':
      return 'agentLost';
    case 'frameworkDisconnected':
      return 'frameworkFailover';
    case 'taskStateChanged':
      return event.to === 'failed' ? 'taskFailed' : undefined;
    default:
      return undefined;
  }
}

class TimelineMaker {
  readonly #entries: { readonly wallTimeMs: number; readonly events: number }[] = [];
  readonly #markers: Marker[] = [];
  #first: Timeline['from'] | undefined;
  #last: Timeline['to'] | undefined;
  #leftOut = 0;

  add(entry: ReplayedEntry): void {
    const { sequence, storedMs: wallTimeMs } = entry;
    const events = eventsOf(entry);
    this.#first ??= { sequence, wallTimeMs };
    this.#last = { sequence, wallTimeMs };
    this.#entries.push({ wallTimeMs, events: events.length });
    for (const { index, text, event } of events) {
      const kind = markOf(event);
      if (kind === undefined) continue;
      if (this.#markers.length < MAX_MARKERS)
        this.#markers.push({ sequence, index, wallTimeMs, kind, text });
      else this.#leftOut += 1;
    }
  }

  timeline(buckets: number, { isCut, at }: { isCut: boolean; at: number }): Timeline {
    const nothing = { sequence: at, wallTimeMs: 0 };
    const from = this.#first ?? nothing;
    const to = this.#last ?? from;
    const counts = new Array<number>(buckets).fill(0);
    const width = (to.wallTimeMs - from.wallTimeMs + 1) / buckets;
    for (const { wallTimeMs, events } of this.#entries) {
      const place = Math.floor((wallTimeMs - from.wallTimeMs) / width);
      const bucket = Math.min(Math.max(place, 0), buckets - 1);
      counts[bucket] = (counts[bucket] ?? 0) + events;
    }
    return { from, to, counts, markers: this.#markers, isCut: isCut || this.#leftOut > 0 };
  }
}
