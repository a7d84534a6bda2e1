// Owns the life of a task. An event is a status update as read from the stream: its source and the state
// that it names (`agent.running`). Reference: mesos.apache.org, "Task State Reasons", partition-aware mode.
//
//   state       | agent.*                                    | master.*
//   staging     | starting running killing, any terminal one | unreachable, gone, dropped, error
//   starting    |          running killing, any terminal one | unreachable, gone, dropped
//   running     |                  killing, any terminal one | unreachable, gone
//   killing     |                           any terminal one | unreachable, gone
//   unreachable | starting running killing, any terminal one | starting running killing, gone, dropped
//   finished, failed, killed, error, dropped, gone: final
//
// An agent that was away and came back is announced by the leader (master.starting and so on). When the
// agent's own update was in the stream first, the leader's changes nothing: it is allowed in every live state.
// The other way round the agent's own updates up to the announced state, which come later, change nothing either.
import { isTerminal, TaskState } from '@parley/protocol/tasks';
import { setup } from 'xstate';

export const TASK_SOURCES = ['agent', 'master'] as const;
export type TaskEvent = `${(typeof TASK_SOURCES)[number]}.${TaskState}`;

export const TASK_EVENTS: readonly TaskEvent[] = TASK_SOURCES.flatMap((source) =>
  TaskState.options.map((state): TaskEvent => `${source}.${state}`),
);

type Targets = { [Event in TaskEvent]?: TaskState };

const endedByAgent: Targets = Object.fromEntries(
  TaskState.options.filter(isTerminal).map((state) => [`agent.${state}`, state]),
);
const leftByAgent: Targets = { 'master.unreachable': 'unreachable', 'master.gone': 'gone' };
const returned = (state: TaskState): Targets => ({
  'master.starting': state,
  'master.running': state,
  'master.killing': state,
});

/** The agent's updates up to this state, which the leader may have announced before they were in the stream. */
const announced = (state: 'starting' | 'running' | 'killing'): Targets => {
  const order = ['starting', 'running', 'killing'] as const;
  const passed = order.slice(0, order.indexOf(state) + 1);
  return Object.fromEntries(passed.map((one) => [`agent.${one}`, state]));
};

export const taskMachine = setup({ types: { events: {} as { type: TaskEvent } } }).createMachine({
  id: 'task',
  initial: 'staging',
  states: {
    staging: {
      on: {
        'agent.starting': 'starting',
        'agent.running': 'running',
        'agent.killing': 'killing',
        'master.dropped': 'dropped',
        'master.error': 'error',
        ...endedByAgent,
        ...leftByAgent,
        ...returned('staging'),
      },
    },
    starting: {
      on: {
        'agent.running': 'running',
        'agent.killing': 'killing',
        'master.dropped': 'dropped',
        ...endedByAgent,
        ...leftByAgent,
        ...returned('starting'),
        ...announced('starting'),
      },
    },
    running: {
      on: {
        'agent.killing': 'killing',
        ...endedByAgent,
        ...leftByAgent,
        ...returned('running'),
        ...announced('running'),
      },
    },
    killing: {
      on: { ...endedByAgent, ...leftByAgent, ...returned('killing'), ...announced('killing') },
    },
    unreachable: {
      on: {
        'agent.starting': 'starting',
        'agent.running': 'running',
        'agent.killing': 'killing',
        'master.starting': 'starting',
        'master.running': 'running',
        'master.killing': 'killing',
        'master.dropped': 'dropped',
        'master.gone': 'gone',
        ...endedByAgent,
      },
    },
    finished: { type: 'final' },
    failed: { type: 'final' },
    killed: { type: 'final' },
    error: { type: 'final' },
    dropped: { type: 'final' },
    gone: { type: 'final' },
  },
});
