// Owns the simulated core bus: subjects, subscriptions, at-most-once delivery with the faults of a run.
// What crosses it is the real bytes of the real protocol.
import type { Clock } from './clock.ts';
import type { Faults } from './faults.ts';
import type { Random } from './random.ts';

export type Delivered = {
  readonly subject: string;
  readonly bytes: Uint8Array;
  readonly reply?: string;
};
type Subscription = {
  readonly owner: string;
  readonly pattern: readonly string[];
  readonly handle: (message: Delivered) => void;
};

/** `out`: what it sends is lost. `in`: what is sent to it. */
export type Cut = 'both' | 'in' | 'out';

export class SimulatedBus {
  readonly #clock: Clock;
  readonly #random: Random;
  #faults: Faults;
  readonly #subscriptions = new Set<Subscription>();
  readonly #cut = new Map<string, Cut>();
  /** Actors whose messages are neither lost nor overtaken. */
  readonly #spared = new Set<string>();
  /** Per sender and receiver: the time of the last delivery, so that order is kept where it should be. */
  readonly #lastDeliveryMs = new Map<string, number>();

  constructor(clock: Clock, random: Random, faults: Faults) {
    this.#clock = clock;
    this.#random = random;
    this.#faults = faults;
  }

  heal(faults: Faults): void {
    this.#faults = faults;
    this.#cut.clear();
  }

  /** From and to this actor nothing is lost and nothing overtaken; it may still be late, and twice. */
  spare(actor: string): void {
    this.#spared.add(actor);
  }

  /** The actor is cut off: nothing from it, or to it, or either way arrives. */
  cut(actor: string, cut: Cut = 'both'): void {
    this.#cut.set(actor, cut);
  }

  mend(actor: string): void {
    this.#cut.delete(actor);
  }

  isCut(actor: string): boolean {
    return this.#cut.has(actor);
  }

  canSend(actor: string): boolean {
    const cut = this.#cut.get(actor);
    return cut === undefined || cut === 'in';
  }

  canHear(actor: string): boolean {
    const cut = this.#cut.get(actor);
    return cut === undefined || cut === 'out';
  }

  /** Whether the server knows of anybody who listens: also one that is held up or cut off, and not one that is dead. */
  hasListener(subject: string): boolean {
    const tokens = subject.split('.');
    return [...this.#subscriptions].some(({ pattern }) => matches(pattern, tokens));
  }

  /** The value ends it. */
  subscribe(owner: string, pattern: string, handle: (message: Delivered) => void): () => void {
    const made = { owner, pattern: pattern.split('.'), handle };
    this.#subscriptions.add(made);
    return () => void this.#subscriptions.delete(made);
  }

  /** All subscriptions of a process that died. */
  unsubscribeAll(owner: string): void {
    for (const one of this.#subscriptions) if (one.owner === owner) this.#subscriptions.delete(one);
  }

  publish(sender: string, message: Delivered): void {
    if (!this.canSend(sender)) return;
    const tokens = message.subject.split('.');
    for (const one of this.#subscriptions) {
      if (!matches(one.pattern, tokens)) continue;
      const isLost = this.#random.chance(this.#faults.dropChance);
      if (isLost && !this.#isSpared(sender, one)) continue;
      this.#deliver(sender, one, message);
      if (this.#random.chance(this.#faults.duplicateChance)) this.#deliver(sender, one, message);
    }
  }

  #isSpared(sender: string, { owner }: Subscription): boolean {
    return this.#spared.has(sender) || this.#spared.has(owner);
  }

  #deliver(sender: string, to: Subscription, message: Delivered): void {
    const pair = `${sender}>${to.owner}`;
    const drawn = this.#clock.nowMs + this.#random.between(0, this.#faults.maxDelayMs);
    const last = this.#lastDeliveryMs.get(pair) ?? 0;
    const mayOvertake = this.#faults.reorder && !this.#isSpared(sender, to);
    const atMs = mayOvertake ? drawn : Math.max(drawn, last);
    this.#lastDeliveryMs.set(pair, atMs);
    this.#clock.after(atMs - this.#clock.nowMs, () => {
      if (this.#subscriptions.has(to) && this.canHear(to.owner)) to.handle(message);
    });
  }
}

/** NATS subject matching: `*` is one token, `>` is the rest. */
function matches(pattern: readonly string[], tokens: readonly string[]): boolean {
  for (const [index, part] of pattern.entries()) {
    if (part === '>') return tokens.length > index;
    if (index >= tokens.length || (part !== '*' && part !== tokens[index])) return false;
  }
  return pattern.length === tokens.length;
}
