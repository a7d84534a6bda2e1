// Owns whether a framework is subscribed. Its sessions, tasks and deadlines are in the books of @parley/cluster.
//
//   state        | subscribe  | silent       | failoverTimeout | teardown | teardownByOperator
//   unknown      | subscribed |              |                 |          |
//   subscribed   | subscribed | disconnected |                 | removed  | removed
//   disconnected | subscribed |              | removed         | removed  | removed
//   removed: final
import { setup } from 'xstate';

export const FRAMEWORK_EVENTS = [
  'subscribe',
  'silent',
  'failoverTimeout',
  'teardown',
  'teardownByOperator',
] as const;
export type FrameworkEvent = (typeof FRAMEWORK_EVENTS)[number];

export const frameworkMachine = setup({
  types: { events: {} as { type: FrameworkEvent } },
}).createMachine({
  id: 'framework',
  initial: 'unknown',
  states: {
    unknown: { on: { subscribe: 'subscribed' } },
    subscribed: {
      on: {
        subscribe: 'subscribed',
        silent: 'disconnected',
        teardown: 'removed',
        teardownByOperator: 'removed',
      },
    },
    disconnected: {
      on: {
        subscribe: 'subscribed',
        failoverTimeout: 'removed',
        teardown: 'removed',
        teardownByOperator: 'removed',
      },
    },
    removed: { type: 'final' },
  },
});
