// Owns which statement of demand is under way: one call at a time, and of several statements the last counts.
import type { Demand } from '@parley/protocol/frameworks';

export class DemandStatement {
  #current: Demand;
  #callOpen = false;
  #outdated = false;

  constructor(initial: Demand) {
    this.#current = initial;
  }

  get current(): Demand {
    return this.#current;
  }

  state(demand: Demand): void {
    this.#current = demand;
    this.#outdated = true;
  }

  /** A subscription states the demand too; only a call that is still open might put an older one over it. */
  statedBySubscribing(): void {
    this.#outdated = this.#callOpen;
  }

  /** The demand to send now, when it is out of date and no call is open; the call counts as open then. */
  takeDue(): Demand | undefined {
    if (!this.#outdated || this.#callOpen) return undefined;
    this.#outdated = false;
    this.#callOpen = true;
    return this.#current;
  }

  callEnded(outcome: 'done' | 'repeat'): void {
    this.#callOpen = false;
    if (outcome === 'repeat') this.#outdated = true;
  }
}
