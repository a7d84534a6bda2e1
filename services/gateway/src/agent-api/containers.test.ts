// Tests which containers there are, and how what ended is told.
import { fail } from '@parley/protocol/errors';
import { AgentId } from '@parley/protocol/ids';
import { expect, test } from 'vitest';
import { aBusyCluster } from '../read-model/scripted-model.ts';
import { containerOf, terminationOf, terminationOfTask } from './containers.ts';

const { state } = aBusyCluster();
const [a1, a2] = ['a1', 'a2'].map((id) => AgentId.parse(id));
const task = { value: 'alice.f1.t1' };

test('a task is a container of its agent, and a command beside it is one within', () => {
  expect(containerOf(state, task, a1)).toMatchObject({ agentId: 'a1', hasEnded: false });
  expect(containerOf(state, task, undefined)).toMatchObject({ agentId: 'a1' });
  expect(containerOf(state, task, a2)).toBeUndefined();
  const within = { value: 'x', parent: { ...task, parent: { value: 'alice.f1.pod' } } };
  expect(containerOf(state, within, a1)).toMatchObject({ nested: 'alice.f1.t1/x' });
  expect(containerOf(state, { value: 'alice.f1.t0' }, a1)).toMatchObject({ hasEnded: true });
});

test.each(['alice.f1.no-task', 'alice.f1', 'alice.f1.t1.x', '..', ''])(
  '"%s" is no container, and nothing can be in it',
  (value) => {
    expect(containerOf(state, { value }, a1)).toBeUndefined();
    expect(containerOf(state, { value: 'x', parent: { value } }, a1)).toBeUndefined();
  },
);

test('an end is told as wait(2) tells it', () => {
  expect(terminationOf({ kind: 'exited', code: 0 })).toStrictEqual({
    exit_status: 0,
    state: 'TASK_FINISHED',
  });
  expect(terminationOf({ kind: 'exited', code: 3 }).exit_status).toBe(768);
  expect(terminationOf({ kind: 'signaled', signal: 'SIGKILL' }).exit_status).toBe(9);
  expect(terminationOf({ kind: 'lost' })).toMatchObject({ state: 'TASK_FAILED' });
  const { failure } = fail('notPermitted', 'not you');
  expect(terminationOf({ kind: 'cutOff', failure }).message).toBe('it was cut off: not you');
  const ended = { principal: 'alice', frameworkId: 'f1', taskId: 't0' } as never;
  expect(terminationOfTask(state, ended)).toMatchObject({
    ...{ state: 'TASK_FAILED', reason: 'REASON_COMMAND_EXECUTOR_FAILED', message: 'exit 3' },
  });
});
