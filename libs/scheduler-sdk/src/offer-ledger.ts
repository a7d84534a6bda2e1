// Owns what a scheduler believes about its offers: outstanding, being answered, or answered lately.
// It sends nothing: the session asks it what is new, what was taken back and what is left to decline.
import { type Failure, fail } from '@parley/protocol/errors';
import type { OfferId } from '@parley/protocol/ids';
import type { Offer } from '@parley/protocol/offers';

/** Ids of answered offers that are remembered, so that one published again by a new leader is not offered twice. */
const MAX_ANSWERED = 4096;

export class OfferLedger {
  readonly #outstanding = new Map<OfferId, Offer>();
  /** An accept or decline that names them waits for its answer. */
  readonly #answering = new Set<OfferId>();
  readonly #answered = new Set<OfferId>();

  get outstandingCount(): number {
    return this.#outstanding.size;
  }

  get answeringCount(): number {
    return this.#answering.size;
  }

  /** The offers among these that the user has not seen; they are outstanding from now on. */
  add(offers: readonly Offer[]): Offer[] {
    const fresh = offers.filter((offer) => !this.#isKnown(offer.offerId));
    for (const offer of fresh) this.#outstanding.set(offer.offerId, offer);
    return fresh;
  }

  /** Why these offers cannot be used together; undefined when they can. */
  checkUse(offers: readonly Offer[]): Failure | undefined {
    const [first] = offers;
    if (offers.some(({ offerId }) => !this.#outstanding.has(offerId))) {
      return fail('invalidOffers', 'an offer was used, declined or taken back already').failure;
    }
    if (offers.every(({ role }) => role === first?.role)) return undefined;
    return fail('invalidOffers', 'the offers of one accept are of one role').failure;
  }

  stillOutstanding(offerIds: readonly OfferId[]): OfferId[] {
    return offerIds.filter((id) => this.#outstanding.has(id));
  }

  beginAnswer(offerIds: readonly OfferId[]): void {
    for (const id of offerIds) {
      this.#outstanding.delete(id);
      this.#answering.add(id);
    }
  }

  /** The leader has answered: these ids never come back. */
  endAnswer(offerIds: readonly OfferId[]): void {
    for (const id of offerIds) {
      this.#answering.delete(id);
      this.#answered.add(id);
    }
    for (const id of this.#answered) {
      if (this.#answered.size <= MAX_ANSWERED) break;
      this.#answered.delete(id);
    }
  }

  /** The answer was a failure that leaves the offers as they were: a resync tells which are outstanding. */
  forgetAnswer(offerIds: readonly OfferId[]): void {
    for (const id of offerIds) this.#answering.delete(id);
  }

  /** The ids among these that the user held; unknown or used ones are no error. */
  rescind(offerIds: readonly OfferId[]): OfferId[] {
    return offerIds.filter((id) => this.#outstanding.delete(id));
  }

  /** Replaces what is outstanding by the leader's list. */
  replace(offers: readonly Offer[]): { added: Offer[]; removed: OfferId[] } {
    const listed = new Set(offers.map((offer) => offer.offerId));
    const removed = this.rescind([...this.#outstanding.keys()].filter((id) => !listed.has(id)));
    return { added: this.add(offers), removed };
  }

  #isKnown(id: OfferId): boolean {
    return this.#outstanding.has(id) || this.#answering.has(id) || this.#answered.has(id);
  }
}
