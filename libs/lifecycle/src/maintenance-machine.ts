// Owns the life of a maintenance window. Which agents are in it and what happens to them is in @parley/cluster.
//
//   state     | announce  | begin    | cancel    | end
//   planned   | announced | underWay | cancelled |
//   announced |           | underWay | cancelled |
//   underWay  |           |          |           | ended
//   ended, cancelled: final
import { setup } from 'xstate';

export const MAINTENANCE_EVENTS = ['announce', 'begin', 'cancel', 'end'] as const;
/** `announce`: frameworks are told, nothing more is offered. `begin`: the agents are emptied. */
export type MaintenanceEvent = (typeof MAINTENANCE_EVENTS)[number];

export const maintenanceMachine = setup({
  types: { events: {} as { type: MaintenanceEvent } },
}).createMachine({
  id: 'maintenance',
  initial: 'planned',
  states: {
    planned: { on: { announce: 'announced', begin: 'underWay', cancel: 'cancelled' } },
    announced: { on: { begin: 'underWay', cancel: 'cancelled' } },
    underWay: { on: { end: 'ended' } },
    ended: { type: 'final' },
    cancelled: { type: 'final' },
  },
});
