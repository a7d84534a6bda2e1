// Owns a framework's pieces of work until each is done: what waits, what runs, what is tried again, what
// is worth demanding. Pure: offers and updates go in, placements come out. It knows nothing of the bus.
// What failed is tried again `maxAttempts` times in all; what never began, or was taken back for somebody else, does not count.
import type { Demand } from '@parley/protocol/frameworks';
import { TaskId } from '@parley/protocol/ids';
import type { Filter, Offer } from '@parley/protocol/offers';
import type { Resources } from '@parley/protocol/resources';
import type { RevocableUse } from '@parley/protocol/revocations';
import {
  isTerminal,
  type StatusUpdate,
  type TaskDescription,
  type TaskState,
} from '@parley/protocol/tasks';
import { assert } from '@parley/protocol/unreachable';
import { normalise } from '@parley/resources/resources';
import { type OfferRest, restOf, takeFrom } from './offer-rest.ts';
import type { Declining } from './session-calls.ts';

/** A piece of work. Its tasks are named `<key>-<attempt>`, so the key is a token of at most 56 characters. */
export type WorkItem = {
  readonly key: string;
  readonly resources: Resources;
  /** Whether it may run on revocable resources, which its framework must take. Absent: on ordinary ones. */
  readonly revocable?: RevocableUse;
  /** Of what it runs on it need not speak. */
  describe(taskId: TaskId): TaskDescription;
};

export type Placement = {
  readonly offer: Offer;
  readonly launches: readonly TaskDescription[];
  readonly filter: Filter;
};
export type Placements = {
  readonly accepted: readonly Placement[];
  readonly declined: readonly (Declining & { readonly offers: readonly Offer[] })[];
};

export type WorkEvent =
  /** `retried`: the task ended without success and its work waits again. */
  | { readonly kind: 'progress' | 'retried'; readonly key: string; readonly update: StatusUpdate }
  | {
      readonly kind: 'ended';
      readonly key: string;
      readonly success: boolean;
      readonly attempts: number;
      readonly update: StatusUpdate;
    };

export type PoolCounts = {
  readonly waiting: number;
  /** Launched, not yet running. */
  readonly staging: number;
  readonly running: number;
  readonly finished: number;
  readonly failed: number;
  readonly retries: number;
};

type Entry = {
  readonly item: WorkItem;
  readonly shape: string;
  attempts: number;
  /** Tasks that ended as dropped: they never began and do not count as attempts. */
  drops: number;
  /** Attempts that were taken back for somebody else. */
  revocations: number;
  state?: TaskState | undefined;
};

/** An accept carries at most so many launches (AcceptRequest), and must fit into a message. */
const MAX_LAUNCHES = 1024;
const MAX_LAUNCH_BYTES = 700_000;
const MAX_SHAPES = 64;
/** After so many drops of one piece in a row something is wrong that trying again does not cure. */
const MAX_DROPS = 50;
/** Nothing waits: others may have the resources for a while. What a task of ours frees is more and comes anyway. */
const IDLE_FILTER: Filter = { refuseMs: 30_000 };
const BUSY_FILTER: Filter = { refuseMs: 5000 };
const COME_BACK: Filter = { refuseMs: 0 };

export class TaskPool {
  readonly #maxAttempts: number;
  readonly #entries = new Map<string, Entry>();
  /** What waits, by shape: within one shape the first to come is placed first. */
  readonly #waiting = new Map<string, Entry[]>();
  readonly #live = new Map<TaskId, Entry>();
  #finished = 0;
  #failed = 0;
  #retries = 0;

  constructor(options: { readonly maxAttempts: number }) {
    this.#maxAttempts = options.maxAttempts;
  }

  add(item: WorkItem): void {
    assert(!this.#entries.has(item.key), `work item ${item.key} is added once`);
    const entry: Entry = {
      item,
      shape: JSON.stringify([normalise(item.resources), item.revocable ?? '']),
      attempts: 0,
      drops: 0,
      revocations: 0,
    };
    this.#entries.set(item.key, entry);
    this.#queue(entry);
  }

  /** First fit: each offer takes waiting work as long as it fits; an offer that takes none is declined. */
  place(offers: readonly Offer[]): Placements {
    const accepted: Placement[] = [];
    const unused: Offer[] = [];
    for (const offer of offers) {
      const { launches, isFull } = this.#fill(restOf(offer));
      if (launches.length === 0) unused.push(offer);
      else accepted.push({ offer, launches, filter: isFull ? COME_BACK : this.#filter() });
    }
    const reason = this.#waiting.size === 0 ? 'noWork' : 'tooSmall';
    const filter = this.#filter();
    const declined = unused.length === 0 ? [] : [{ offers: unused, filter, reason } as const];
    return { accepted, declined };
  }

  /** Undefined for a task that is not of this pool, or an update that tells nothing new. */
  update(update: StatusUpdate): WorkEvent | undefined {
    const entry = this.#live.get(update.task.taskId);
    if (entry === undefined) return undefined;
    const { key } = entry.item;
    entry.state = update.state;
    if (!isTerminal(update.state)) return { kind: 'progress', key, update };
    this.#live.delete(update.task.taskId);
    entry.state = undefined;
    if (update.state === 'finished') {
      this.#finished += 1;
      return { kind: 'ended', key, success: true, attempts: entry.attempts, update };
    }
    if (this.#mayRetry(entry, update)) {
      this.#retries += 1;
      this.#queue(entry);
      return { kind: 'retried', key, update };
    }
    this.#failed += 1;
    return { kind: 'ended', key, success: false, attempts: entry.attempts, update };
  }

  /** Takes back what waits, for a run that is given up. */
  dropWaiting(): void {
    this.#waiting.clear();
  }

  /** What waits, by shape: what could be launched beside what runs. */
  demand(): Demand {
    const needs = [...this.#waiting.values()].flatMap((queue) => {
      const [first] = queue;
      if (first === undefined) return [];
      const { resources, revocable } = first.item;
      const use = revocable === undefined ? {} : { revocable };
      return [{ count: queue.length, resources, constraints: [], ...use }];
    });
    return needs.slice(0, MAX_SHAPES);
  }

  counts(): PoolCounts {
    let running = 0;
    for (const { state } of this.#live.values()) if (state === 'running') running += 1;
    return {
      waiting: this.#waitingCount(),
      staging: this.#live.size - running,
      running,
      finished: this.#finished,
      failed: this.#failed,
      retries: this.#retries,
    };
  }

  liveTasks(): TaskId[] {
    return [...this.#live.keys()];
  }

  /** Nothing waits and nothing runs. */
  get isDone(): boolean {
    return this.#live.size === 0 && this.#waitingCount() === 0;
  }

  #fill(offered: OfferRest): { launches: TaskDescription[]; isFull: boolean } {
    const launches: TaskDescription[] = [];
    let rest = offered;
    let bytes = 0;
    for (const [shape, queue] of this.#waiting) {
      let taken = 0;
      for (const entry of queue) {
        const fit = fitInto(rest, entry.item);
        if (fit === undefined) break;
        const isFull = launches.length >= MAX_LAUNCHES || bytes >= MAX_LAUNCH_BYTES;
        if (isFull) return { launches: this.#took(shape, taken, launches), isFull };
        rest = fit.left;
        const description = this.#launch(entry, fit.isRevocable);
        bytes += sizeOf(description);
        launches.push(description);
        taken += 1;
      }
      this.#took(shape, taken, launches);
    }
    return { launches, isFull: false };
  }

  /** Removes the first `count` of a shape from what waits. */
  #took(shape: string, count: number, launches: TaskDescription[]): TaskDescription[] {
    const queue = this.#waiting.get(shape);
    queue?.splice(0, count);
    if (queue?.length === 0) this.#waiting.delete(shape);
    return launches;
  }

  #launch(entry: Entry, isRevocable: boolean): TaskDescription {
    entry.attempts += 1;
    const taskId = TaskId.parse(
      `${entry.item.key}-${entry.attempts + entry.drops + entry.revocations}`,
    );
    entry.state = 'staging';
    this.#live.set(taskId, entry);
    const description = entry.item.describe(taskId);
    return isRevocable ? { ...description, revocable: true } : description;
  }

  /** A task that was killed, or that is not valid, would not end otherwise the next time; one that was taken back would. */
  #mayRetry(entry: Entry, { state, reason }: StatusUpdate): boolean {
    if (reason === 'revoked' || reason === 'agentDraining') {
      entry.attempts -= 1;
      entry.revocations += 1;
      return true;
    }
    if (state === 'dropped') {
      entry.attempts -= 1;
      entry.drops += 1;
      return entry.drops < MAX_DROPS;
    }
    return (state === 'failed' || state === 'gone') && entry.attempts < this.#maxAttempts;
  }

  #queue(entry: Entry): void {
    const queue = this.#waiting.get(entry.shape);
    if (queue) queue.push(entry);
    else this.#waiting.set(entry.shape, [entry]);
  }

  #filter(): Filter {
    return this.#waiting.size === 0 ? IDLE_FILTER : BUSY_FILTER;
  }

  #waitingCount(): number {
    let count = 0;
    for (const queue of this.#waiting.values()) count += queue.length;
    return count;
  }
}

/** On ordinary resources where it may and they are there, else on revocable ones where it may. */
function fitInto(
  rest: OfferRest,
  { resources, revocable }: WorkItem,
): { readonly left: OfferRest; readonly isRevocable: boolean } | undefined {
  const ordinary = revocable === 'only' ? undefined : takeFrom(rest, { resources });
  if (ordinary !== undefined) return { left: ordinary, isRevocable: false };
  const left = revocable && takeFrom(rest, { resources, revocable: true });
  return left && { left, isRevocable: true };
}

/** An upper bound of a description's size in a message, in bytes; a character has at most three. */
function sizeOf(description: TaskDescription): number {
  return 3 * JSON.stringify(description).length;
}
