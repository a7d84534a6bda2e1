// Owns which statement of demand is under way: one call at a time, of several statements the last counts, and none that
// would tell the leader what it knows. The leader lowers a count for each task that it launches by itself.
import type { Demand, DemandRequest } from '@parley/protocol/frameworks';

export class DemandStatement {
  #current: Demand | undefined;
  #callOpen = false;
  #outdated = false;
  /** Tasks were launched since the last statement: the leader's counts are lower than what was stated. */
  #isLowered = false;
  /** Accepts up to this one were made when the demand was stated, which counts their tasks as launched. */
  #afterAccept = 0;

  /** Without a demand the framework states none. */
  constructor(initial: Demand | undefined) {
    this.#current = initial;
  }

  /** As the body of a call has it. */
  get current(): DemandRequest {
    return this.#current === undefined ? {} : { demand: this.#current };
  }

  /** `lastAccept`: the last accept that was made before. */
  state(demand: Demand | undefined, lastAccept: number): void {
    const isSame = JSON.stringify(demand) === JSON.stringify(this.#current);
    this.#current = demand;
    this.#afterAccept = lastAccept;
    if (!isSame || this.#isLowered) this.#outdated = true;
  }

  /** The leader launched tasks. */
  lowered(): void {
    this.#isLowered = true;
  }

  /** A subscription states the demand too; only a call that is still open might put an older one over it. */
  statedBySubscribing(): void {
    this.#outdated = this.#callOpen;
  }

  /**
   * The demand to send now, when it is out of date and no call is open; the call counts as open then. It waits for the
   * accepts made before it: one that the leader carried out after it would lower the new counts for tasks that they
   * do not hold.
   */
  takeDue(lowestOpenAccept: number | undefined): DemandRequest | undefined {
    if (!this.#outdated || this.#callOpen) return undefined;
    if (lowestOpenAccept !== undefined && lowestOpenAccept <= this.#afterAccept) return undefined;
    this.#outdated = false;
    this.#isLowered = false;
    this.#callOpen = true;
    return this.current;
  }

  callEnded(outcome: 'done' | 'repeat'): void {
    this.#callOpen = false;
    if (outcome === 'repeat') this.#outdated = true;
  }
}
