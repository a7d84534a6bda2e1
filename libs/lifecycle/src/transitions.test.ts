// Tests every machine by walking it with xstate/graph, and the compiled tables against transition().
import { describe, expect, test } from 'vitest';
import { type AnyStateMachine, transition } from 'xstate';
import { adjacencyMapToArray, getAdjacencyMap } from 'xstate/graph';
import { AGENT_EVENTS, agentMachine } from './agent-machine.ts';
import { FRAMEWORK_EVENTS, frameworkMachine } from './framework-machine.ts';
import { LEADERSHIP_EVENTS, leadershipMachine } from './leadership-machine.ts';
import { OFFER_EVENTS, offerMachine } from './offer-machine.ts';
import { TASK_EVENTS, taskMachine } from './task-machine.ts';
import {
  nextAgentState,
  nextFrameworkState,
  nextLeadershipState,
  nextOfferState,
  nextTaskState,
} from './transitions.ts';

type Subject = {
  readonly machine: AnyStateMachine;
  readonly events: readonly string[];
  readonly next: (state: never, event: never) => string | undefined;
};

const SUBJECTS: Record<string, Subject> = {
  agent: { machine: agentMachine, events: AGENT_EVENTS, next: nextAgentState },
  framework: { machine: frameworkMachine, events: FRAMEWORK_EVENTS, next: nextFrameworkState },
  leadership: { machine: leadershipMachine, events: LEADERSHIP_EVENTS, next: nextLeadershipState },
  offer: { machine: offerMachine, events: OFFER_EVENTS, next: nextOfferState },
  task: { machine: taskMachine, events: TASK_EVENTS, next: nextTaskState },
};

/** State -> states that one event leads to, walked by xstate/graph from the initial state. */
function edges({ machine, events }: Subject): Map<string, Set<string>> {
  const adjacency = getAdjacencyMap(machine, { events: events.map((type) => ({ type })) });
  const found = new Map<string, Set<string>>();
  for (const { state, nextState } of adjacencyMapToArray(adjacency)) {
    const targets = found.get(String(state.value)) ?? new Set();
    found.set(String(state.value), targets.add(String(nextState.value)));
  }
  return found;
}

function reachableFrom(start: string, graph: Map<string, Set<string>>): Set<string> {
  const seen = new Set([start]);
  for (const state of seen) for (const next of graph.get(state) ?? []) seen.add(next);
  return seen;
}

const isFinal = (machine: AnyStateMachine, state: string) =>
  machine.states[state]?.type === 'final';

describe.each(Object.entries(SUBJECTS))('the lifecycle of %s', (_name, subject) => {
  const states = Object.keys(subject.machine.states);

  test('reaches every state from its first one', () => {
    expect([...edges(subject).keys()].sort()).toEqual([...states].sort());
  });

  test('leaves no state without a way on to its end, or back when it has none', () => {
    const graph = edges(subject);
    const ends = states.filter((state) => isFinal(subject.machine, state));
    const [initial] = states;
    const wanted = ends.length > 0 ? ends : states.filter((state) => state !== initial);
    for (const state of states.filter((one) => !isFinal(subject.machine, one))) {
      const reached = reachableFrom(state, graph);
      expect(
        wanted.some((end) => reached.has(end) && end !== state),
        state,
      ).toBe(true);
    }
  });

  test('has a table that says what xstate transition() says, pair by pair', () => {
    for (const state of states) {
      for (const type of subject.events) {
        const from = subject.machine.resolveState({ value: state, context: {} });
        const [after] = transition(subject.machine, from, { type });
        const next = subject.next(state as never, type as never);
        expect(next ?? state, `${state} on ${type}`).toBe(after.value);
        expect(next !== undefined, `${state} allows ${type}`).toBe(from.can({ type }));
      }
    }
  });

  test('changes nothing after its end', () => {
    for (const state of states.filter((one) => isFinal(subject.machine, one))) {
      for (const type of subject.events) {
        expect(subject.next(state as never, type as never)).toBeUndefined();
      }
    }
  });
});

describe('the task lifecycle', () => {
  test('lets every live state end in every terminal state that an agent reports', () => {
    for (const state of ['staging', 'starting', 'running', 'killing', 'unreachable'] as const) {
      for (const end of ['finished', 'failed', 'killed', 'error', 'dropped', 'gone'] as const) {
        expect(nextTaskState(state, `agent.${end}`)).toBe(end);
      }
    }
  });

  test('goes from running to unreachable and back on the leader’s word only', () => {
    expect(nextTaskState('running', 'master.unreachable')).toBe('unreachable');
    expect(nextTaskState('running', 'agent.unreachable')).toBeUndefined();
    expect(nextTaskState('unreachable', 'master.running')).toBe('running');
  });

  test('keeps the state that the agent’s own update gave when the leader’s return comes after it', () => {
    expect(nextTaskState('killing', 'master.running')).toBe('killing');
  });

  test('takes no notice of an update that the leader was ahead of when the agent came back', () => {
    expect(nextTaskState('unreachable', 'master.running')).toBe('running');
    expect(nextTaskState('running', 'agent.starting')).toBe('running');
    expect(nextTaskState('running', 'agent.running')).toBe('running');
    expect(nextTaskState('starting', 'agent.starting')).toBe('starting');
  });

  test('does not go back from killing to running', () => {
    expect(nextTaskState('killing', 'agent.running')).toBe('killing');
  });
});

describe('the agent lifecycle', () => {
  test('ends on an operator’s word only, and then for good', () => {
    for (const state of ['registered', 'unreachable'] as const) {
      expect(nextAgentState(state, 'declareGone')).toBe('gone');
    }
    expect(nextAgentState('gone', 'register')).toBeUndefined();
    expect(nextAgentState('unreachable', 'silent')).toBeUndefined();
  });
});

describe('the framework lifecycle', () => {
  test('ends by the framework, by an operator, or by its failover timeout once it is disconnected', () => {
    for (const state of ['subscribed', 'disconnected'] as const) {
      expect(nextFrameworkState(state, 'teardown')).toBe('removed');
      expect(nextFrameworkState(state, 'teardownByOperator')).toBe('removed');
    }
    expect(nextFrameworkState('subscribed', 'failoverTimeout')).toBeUndefined();
    expect(nextFrameworkState('disconnected', 'failoverTimeout')).toBe('removed');
  });
});

describe('the stream order of a task', () => {
  test('lets whichever comes first of finished and gone stand', () => {
    expect(nextTaskState('running', 'agent.finished')).toBe('finished');
    expect(nextTaskState('finished', 'master.gone')).toBeUndefined();
    expect(nextTaskState('running', 'master.gone')).toBe('gone');
    expect(nextTaskState('gone', 'agent.finished')).toBeUndefined();
  });

  test('lets whichever comes last of unreachable and running stand', () => {
    expect(nextTaskState('running', 'master.unreachable')).toBe('unreachable');
    expect(nextTaskState('unreachable', 'agent.running')).toBe('running');
    expect(nextTaskState('staging', 'agent.running')).toBe('running');
  });
});
