// Owns whether an agent is there. Silence is a verdict made elsewhere and arrives as an event.
//
//   state       | register   | silent
//   unknown     | registered |
//   registered  | registered | unreachable
//   unreachable | registered |
//   An agent has no end here: one that is away keeps its tasks until it says what became of them.
import { setup } from 'xstate';

export const AGENT_EVENTS = ['register', 'silent'] as const;
export type AgentEvent = (typeof AGENT_EVENTS)[number];

export const agentMachine = setup({ types: { events: {} as { type: AgentEvent } } }).createMachine({
  id: 'agent',
  initial: 'unknown',
  states: {
    unknown: { on: { register: 'registered' } },
    registered: { on: { register: 'registered', silent: 'unreachable' } },
    unreachable: { on: { register: 'registered' } },
  },
});
