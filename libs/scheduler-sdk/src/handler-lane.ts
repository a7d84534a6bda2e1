// Owns calling the user's handlers one after the other. A handler that throws is called again with the same item,
// after a growing wait; meanwhile items of the same key wait behind it and those of other keys go on.
import type { SchedulerClock, Timer } from './scheduler-ports.ts';

export type LaneOptions<Item> = {
  /** Items of one key keep their order whatever happens. */
  readonly keyOf: (item: Item) => string;
  readonly handle: (item: Item) => Promise<void> | void;
  /** Called after each attempt that threw. */
  readonly onThrow: (error: unknown) => void;
  readonly clock: SchedulerClock;
};

const FIRST_WAIT_MS = 100;
const MAX_WAIT_MS = 10_000;

type Parked<Item> = { readonly items: Item[]; readonly timer: Timer };

export class HandlerLane<Item> {
  readonly #options: LaneOptions<Item>;
  readonly #queue: Item[] = [];
  readonly #parked = new Map<string, Parked<Item>>();
  /** Waits of keys whose last attempt threw. */
  readonly #waits = new Map<string, number>();
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
      await this.#options.handle(item);
      this.#waits.delete(key);
    } catch (error) {
      this.#options.onThrow(error);
      this.#park(key, item);
    }
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
