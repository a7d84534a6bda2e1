// Owns whether an agent is there. Silence is a verdict made elsewhere and arrives as an event.
//
//   state       | register   | silent      | declareGone
//   unknown     | registered |             |
//   registered  | registered | unreachable | gone
//   unreachable | registered |             | gone
//   gone: final (an operator's word that it never comes back; one of that id is refused)
//   Only an operator ends an agent: one that is away keeps its tasks until it says what became of them.
import { setup } from 'xstate';

export const AGENT_EVENTS = ['register', 'silent', 'declareGone'] as const;
export type AgentEvent = (typeof AGENT_EVENTS)[number];

export const agentMachine = setup({ types: { events: {} as { type: AgentEvent } } }).createMachine({
  id: 'agent',
  initial: 'unknown',
  states: {
    unknown: { on: { register: 'registered' } },
    registered: {
      on: { register: 'registered', silent: 'unreachable', declareGone: 'gone' },
    },
    unreachable: { on: { register: 'registered', declareGone: 'gone' } },
    gone: { type: 'final' },
  },
});
