// Owns whether a master leads. The lease decides who tries, the journal who leads; both are elsewhere.
//
//   state   | leaseWon | termCommitted | appendRefused | leaseLost | handOver | stop
//   standby | opening  |               |               |           |          | stopped
//   opening |          | leading       | opening       | standby   |          | stopped
//   leading |          |               | stopped       | stopped   | leaving  | stopped
//   leaving |          |               | stopped       | stopped   |          | stopped
//   stopped: final (a leader that lost its term never writes again; a later candidacy is another life)
import { setup } from 'xstate';

export const LEADERSHIP_EVENTS = [
  'leaseWon',
  'termCommitted',
  'appendRefused',
  'leaseLost',
  'handOver',
  'stop',
] as const;
/**
 * `termCommitted`: the first append of the term; one that is refused means: catch up and try again. `handOver`: what is
 * queued is journalled yet, new requests are not taken.
 */
export type LeadershipEvent = (typeof LEADERSHIP_EVENTS)[number];

export const leadershipMachine = setup({
  types: { events: {} as { type: LeadershipEvent } },
}).createMachine({
  id: 'leadership',
  initial: 'standby',
  states: {
    standby: { on: { leaseWon: 'opening', stop: 'stopped' } },
    opening: {
      on: {
        termCommitted: 'leading',
        appendRefused: 'opening',
        leaseLost: 'standby',
        stop: 'stopped',
      },
    },
    leading: {
      on: {
        appendRefused: 'stopped',
        leaseLost: 'stopped',
        handOver: 'leaving',
        stop: 'stopped',
      },
    },
    leaving: { on: { appendRefused: 'stopped', leaseLost: 'stopped', stop: 'stopped' } },
    stopped: { type: 'final' },
  },
});
