// Owns the life of an offer. What is in an offer and who holds it is in the books of @parley/cluster.
//
//   state       | announce    | accept   | decline  | rescind   | expire
//   allocated   | outstanding |          |          | rescinded |
//   outstanding |             | accepted | declined | rescinded | expired
//   accepted, declined, rescinded, expired: final
import { setup } from 'xstate';

export const OFFER_EVENTS = ['announce', 'accept', 'decline', 'rescind', 'expire'] as const;
/** `announce`: put into a message to the framework. `rescind`: taken back, told or not. `expire`: not answered in time. */
export type OfferEvent = (typeof OFFER_EVENTS)[number];

export const offerMachine = setup({ types: { events: {} as { type: OfferEvent } } }).createMachine({
  id: 'offer',
  initial: 'allocated',
  states: {
    allocated: { on: { announce: 'outstanding', rescind: 'rescinded' } },
    outstanding: {
      on: {
        accept: 'accepted',
        decline: 'declined',
        rescind: 'rescinded',
        expire: 'expired',
      },
    },
    accepted: { type: 'final' },
    declined: { type: 'final' },
    rescinded: { type: 'final' },
    expired: { type: 'final' },
  },
});
