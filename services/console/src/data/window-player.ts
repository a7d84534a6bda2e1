// Owns a window of the past, as the gateway exports it: the view at its begin and the events after it, folded to any moment
// in between by the fold that the gateway uses too. Pure. Loaded only when somebody looks into the past.

import type { ClusterEvent } from '@parley/cluster/events';
import { apply } from '@parley/cluster-view/apply';
import { countsOf } from '@parley/cluster-view/counts';
import { query } from '@parley/cluster-view/query';
import { rolesOf } from '@parley/cluster-view/role-rows';
import type { View } from '@parley/cluster-view/view';
import { fromJson, toJson, type ViewJson } from '@parley/cluster-view/view-json';
import type { ToldEvent } from './events.ts';

/** Loaded with it: what of the past is asked as the gateway is asked of the present. */
export const askView = { countsOf, query, rolesOf };

/** So far apart are views that are kept, so that going back is not from the begin. */
const STEP_EVENTS = 1000;

export class WindowPlayer {
  readonly events: readonly ToldEvent[];
  readonly #kept: View[];

  constructor(begin: ViewJson, events: readonly ToldEvent[]) {
    this.#kept = [fromJson(begin)];
    this.events = events;
  }

  /** Of an exported window. Throws an `Error` that says what is wrong with it. */
  static read(text: string): WindowPlayer {
    const [head = '', ...lines] = text.split('\n').filter((line) => line !== '');
    const { format, version, view } = parsed(head);
    if (format !== 'parley-window') throw new Error('this is no exported window of a cluster');
    if (version !== 1) throw new Error(`windows of version ${String(version)} are not known here`);
    return new WindowPlayer(
      view as ViewJson,
      lines.map((line) => parsed(line) as ToldEvent),
    );
  }

  get firstSequence(): number {
    return this.#kept[0]?.moment.sequence ?? 0;
  }

  /** The view after the first so many events, for the reader alone. */
  viewAfter(count: number): View {
    const whole = Math.floor(Math.min(count, this.events.length) / STEP_EVENTS);
    while (this.#kept.length <= whole) {
      const at = this.#kept.length - 1;
      const next = copyOf(this.#kept[at] as View);
      this.#fold(next, at * STEP_EVENTS, (at + 1) * STEP_EVENTS);
      this.#kept.push(next);
    }
    const view = copyOf(this.#kept[whole] as View);
    this.#fold(view, whole * STEP_EVENTS, count);
    return view;
  }

  /** How many events are up to this place: all of its entry where no index is given. */
  countUpTo(sequence: number, index = Number.MAX_SAFE_INTEGER): number {
    return firstWhere(
      this.events,
      (event) => event.sequence > sequence || (event.sequence === sequence && event.index > index),
    );
  }

  /** How many were stored until then, in milliseconds since 1970. */
  countUntil(wallTimeMs: number): number {
    return firstWhere(this.events, (event) => event.wallTimeMs > wallTimeMs);
  }

  #fold(view: View, from: number, to: number): void {
    for (const { sequence, index, coreTimeMs, event } of this.events.slice(from, to))
      apply(view, { sequence, index, coreTimeMs }, event as unknown as ClusterEvent);
  }
}

/** The first for which it holds, where it holds for all after it; their number where for none. */
function firstWhere(events: readonly ToldEvent[], holds: (event: ToldEvent) => boolean): number {
  let [low, high] = [0, events.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    const event = events[middle];
    if (event !== undefined && holds(event)) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Rows are replaced, never changed: maps of their own are enough. */
const copyOf = (view: View): View => fromJson(toJson(view));

function parsed(line: string): Record<string, unknown> {
  try {
    return JSON.parse(line);
  } catch {
    throw new Error('this is no exported window of a cluster: a line of it is not JSON');
  }
}
