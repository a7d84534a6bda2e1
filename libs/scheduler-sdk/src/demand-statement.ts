// Owns which statement of demand is under way: one call at a time, and of several statements the last counts.
import type { Demand, DemandRequest } from '@parley/protocol/frameworks';

export class DemandStatement {
  #current: Demand | undefined;
  #callOpen = false;
  #outdated = false;

  /** Without a demand the framework states none. */
  constructor(initial: Demand | undefined) {
    this.#current = initial;
  }

  /** As the body of a call has it. */
  get current(): DemandRequest {
    return this.#current === undefined ? {} : { demand: this.#current };
  }

  state(demand: Demand | undefined): void {
    this.#current = demand;
    this.#outdated = true;
  }

  /** A subscription states the demand too; only a call that is still open might put an older one over it. */
  statedBySubscribing(): void {
    this.#outdated = this.#callOpen;
  }

  /** The demand to send now, when it is out of date and no call is open; the call counts as open then. */
  takeDue(): DemandRequest | undefined {
    if (!this.#outdated || this.#callOpen) return undefined;
    this.#outdated = false;
    this.#callOpen = true;
    return this.current;
  }

  callEnded(outcome: 'done' | 'repeat'): void {
    this.#callOpen = false;
    if (outcome === 'repeat') this.#outdated = true;
  }
}
