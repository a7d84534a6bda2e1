// Owns calling the user's handlers one after the other. A handler that throws is called again with the same item,
// after a growing wait; meanwhile items of the same key wait behind it and those of other keys go on. One that does not
// return keeps all others waiting, which is told once.
import type { SchedulerClock, Timer } from './scheduler-ports.ts';

export type LaneOptions<Item> = {
  /** Items of one key keep their order whatever happens. */
  readonly keyOf: (item: Item) => string;
  readonly handle: (item: Item) => Promise<void> | void;
  /** Called after each attempt that threw. */
  readonly onThrow: (error: unknown) => void;
  /** The name of the item's handler and what it is called with, for people. */
  readonly describe: (item: Item) => string;
  /** Called once for a call that has not returned after `SLOW_MS`; it is waited for all the same. */
  readonly onSlow: (error: Error) => void;
  readonly clock: SchedulerClock;
};

const FIRST_WAIT_MS = 100;
const MAX_WAIT_MS = 10_000;
/** A handler that has run for so long may never return. */
const SLOW_MS = 30_000;
/** Of what waits behind a slow handler; the others are counted. */
const MAX_NAMED = 3;

type Parked<Item> = { readonly items: Item[]; readonly timer: Timer };

export class HandlerLane<Item> {
  readonly #options: LaneOptions<Item>;
  readonly #queue: Item[] = [];
  readonly #parked = new Map<string, Parked<Item>>();
  /** Waits of keys whose last attempt threw. */
  readonly #waits = new Map<string, number>();
  #slowTimer: Timer | undefined;
  #busy = false;
  #closed = false;

  constructor(options: LaneOptions<Item>) {
    this.#options = options;
  }

  push(item: Item): void {
    if (this.#closed) return;
    this.#queue.push(item);
    void this.#drain();
  }

  /** Nothing more is called; what waits is given up. */
  close(): void {
    this.#closed = true;
    this.#slowTimer?.cancel();
    for (const { timer } of this.#parked.values()) timer.cancel();
    this.#parked.clear();
    this.#queue.length = 0;
  }

  async #drain(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    for (let item = this.#queue.shift(); item !== undefined; item = this.#queue.shift()) {
      await this.#call(item);
    }
    this.#busy = false;
  }

  async #call(item: Item): Promise<void> {
    const key = this.#options.keyOf(item);
    const parked = this.#parked.get(key);
    if (parked) {
      parked.items.push(item);
      return;
    }
    try {
      await this.#watched(item);
      this.#waits.delete(key);
    } catch (error) {
      this.#options.onThrow(error);
      this.#park(key, item);
    }
  }

  async #watched(item: Item): Promise<void> {
    this.#slowTimer = this.#options.clock.startTimer(SLOW_MS, () => {
      const what = `${this.#options.describe(item)} has not returned for ${SLOW_MS / 1000} s`;
      this.#options.onSlow(new Error(`${what}: ${this.#whatWaits()} behind it`));
    });
    try {
      await this.#options.handle(item);
    } finally {
      this.#slowTimer.cancel();
    }
  }

  #whatWaits(): string {
    const waiting = [...this.#queue, ...[...this.#parked.values()].flatMap(({ items }) => items)];
    if (waiting.length === 0) return 'nothing waits yet';
    const named = waiting.slice(0, MAX_NAMED).map((item) => this.#options.describe(item));
    const rest = waiting.length - named.length;
    return `${named.join(', ')}${rest > 0 ? ` and ${rest} more` : ''} wait`;
  }

  #park(key: string, item: Item): void {
    if (this.#closed) return;
    const waitMs = this.#waits.get(key) ?? FIRST_WAIT_MS;
    this.#waits.set(key, Math.min(waitMs * 2, MAX_WAIT_MS));
    const timer = this.#options.clock.startTimer(waitMs, () => this.#unpark(key));
    this.#parked.set(key, { items: [item], timer });
  }

  #unpark(key: string): void {
    const items = this.#parked.get(key)?.items ?? [];
    this.#parked.delete(key);
    this.#queue.unshift(...items);
    void this.#drain();
  }
}
