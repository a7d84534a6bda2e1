// Owns one offer in a user's hands: it is launched on, declined, or declined as unused when its scope ends, so that none
// can be forgotten. `for (using lease of scheduler.leases(offers))`. What is sent is the scheduler's.
import type { Outcome } from '@parley/protocol/errors';
import type { AcceptResult, Filter, Offer, OperationInput } from '@parley/protocol/offers';
import type { Resources } from '@parley/protocol/resources';
import type { TaskDescription } from '@parley/protocol/tasks';
import { assert } from '@parley/protocol/unreachable';
import type { AcceptOrder } from './accept-order.ts';
import { type OfferRest, restOf, takeFrom } from './offer-rest.ts';
import type { Declining } from './session-calls.ts';
import { type LeaseNeed, type Shortfall, shortfallsOn } from './shortfall.ts';

/** What a lease needs of its scheduler. */
export interface OfferDesk {
  accept(order: AcceptOrder): Promise<Outcome<AcceptResult>>;
  decline(offers: readonly Offer[], how?: Filter | Declining): void;
}

export class OfferLease implements Disposable {
  readonly offer: Offer;
  readonly #desk: OfferDesk;
  #rest: OfferRest;
  #isUsed = false;

  constructor(offer: Offer, desk: OfferDesk) {
    this.offer = offer;
    this.#desk = desk;
    this.#rest = restOf(offer);
  }

  /** Neither reserved nor revocable, and not promised by `take`. */
  get rest(): Resources {
    return this.#rest.ordinary;
  }

  /** Scalars that revocable tasks may have, as far as they are not promised by `take`. */
  get revocableRest(): Resources {
    return this.#rest.revocable;
  }

  /** Launched on or declined: nothing more can be done with it. */
  get isUsed(): boolean {
    return this.#isUsed;
  }

  fits(need: LeaseNeed): boolean {
    return this.why(need).length === 0;
  }

  /** What is missing for this need; empty when it fits. */
  why(need: LeaseNeed): Shortfall[] {
    return shortfallsOn(this.offer, this.#rest, need);
  }

  /**
   * Sets resources that are not reserved aside for a task to be launched on this lease, or for one that is revocable.
   * False when they are not there.
   */
  take(resources: Resources, how: Pick<LeaseNeed, 'revocable'> = {}): boolean {
    const rest = takeFrom(this.#rest, { resources, ...how });
    if (rest === undefined) return false;
    this.#rest = rest;
    return true;
  }

  /** What is left goes back with the filter. Throws when the lease was used before. */
  launch(tasks: readonly TaskDescription[], filter?: Filter): Promise<Outcome<AcceptResult>> {
    this.#use();
    return this.#desk.accept({
      offers: [this.offer],
      launches: tasks,
      ...(filter && { filter }),
    });
  }

  /** As `launch`, with operations in order. */
  accept(
    operations: readonly OperationInput[],
    how: Pick<AcceptOrder, 'filter' | 'atomic'> = {},
  ): Promise<Outcome<AcceptResult>> {
    this.#use();
    return this.#desk.accept({ offers: [this.offer], operations, ...how });
  }

  /** Throws when the lease was used before. */
  decline(how?: Filter | Declining): void {
    this.#use();
    this.#desk.decline([this.offer], how);
  }

  [Symbol.dispose](): void {
    if (!this.#isUsed) this.decline({ reason: 'unused' });
  }

  #use(): void {
    assert(!this.#isUsed, 'a lease is used once');
    this.#isUsed = true;
  }
}
