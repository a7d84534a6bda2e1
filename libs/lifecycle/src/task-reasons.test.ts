// Tests the tables of states and reasons against the machine: what they say may happen is allowed, and nothing is left out.
import { isTerminal, TaskReason, TaskState, TaskStatus } from '@parley/protocol/tasks';
import { describe, expect, test } from 'vitest';
import { TASK_SOURCES, type TaskEvent } from './task-machine.ts';
import { type ReasonMeaning, TASK_REASONS } from './task-reasons.ts';
import { TASK_SOURCE_MEANINGS, TASK_STATES } from './task-states.ts';
import { nextTaskState } from './transitions.ts';

const reasons: readonly (readonly [string, ReasonMeaning])[] = Object.entries(TASK_REASONS);
const live = TaskState.options.filter((state) => !isTerminal(state));

describe('every reason', () => {
  test('has a meaning in one sentence', () => {
    expect(reasons.map(([reason]) => reason).sort()).toEqual([...TaskReason.options].sort());
    for (const [reason, { meaning }] of reasons) expect(meaning, reason).toMatch(/^[A-Z].*\.$/);
  });

  test('is given only with states that the lifecycle lets its source report', () => {
    for (const [reason, { states }] of reasons) {
      for (const source of TASK_SOURCES) {
        for (const state of states[source] ?? []) {
          const event: TaskEvent = `${source}.${state}`;
          const isAllowed = live.some((from) => nextTaskState(from, event) === state);
          expect(isAllowed, `${reason}: ${event}`).toBe(true);
        }
      }
    }
  });

  test('but that of a reconciliation is given by somebody', () => {
    const unsaid = reasons.filter(([, { states }]) => Object.keys(states).length === 0);
    expect(unsaid.map(([reason]) => reason)).toEqual(['reconciliation']);
  });

  test('of the leader is about what no agent can say', () => {
    const byLeader = reasons.flatMap(([, { states }]) => [...(states.master ?? [])]);
    expect([...new Set(byLeader)].sort()).toEqual(
      ['dropped', 'error', 'gone', 'killing', 'running', 'starting', 'unreachable'].sort(),
    );
  });
});

describe('every state', () => {
  test('has a meaning and the name that Mesos gives it', () => {
    const states = TaskStatus.shape.state.options;
    expect([...TASK_STATES.keys()].sort()).toEqual([...states].sort());
    for (const [state, { meaning, mesos }] of TASK_STATES) {
      expect(meaning, state).toMatch(/^[A-Z].*\.$/);
      expect(mesos, state).toMatch(/^TASK_/);
    }
  });

  test('is terminal in the table exactly when it is in the machine', () => {
    for (const state of TaskState.options) {
      const isFinal = TASK_SOURCES.every((source) =>
        TaskState.options.every(
          (named) => nextTaskState(state, `${source}.${named}`) === undefined,
        ),
      );
      expect(TASK_STATES.get(state)?.isTerminal, state).toBe(isFinal);
    }
  });

  test('that old frameworks of Mesos see as lost is one of four', () => {
    const lost = [...TASK_STATES].filter(([, { isLost }]) => isLost).map(([state]) => state);
    expect(lost.sort()).toEqual(['dropped', 'gone', 'unknown', 'unreachable']);
  });
});

test('every source of an update has a meaning', () => {
  expect(Object.keys(TASK_SOURCE_MEANINGS).sort()).toEqual([...TASK_SOURCES].sort());
});
