import { StatusUpdate, TaskReason, TaskState } from '@parley/protocol/tasks';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { capabilitiesOf } from './framework-translation.ts';
import { shownState, updatedStatus } from './status-translation.ts';
import { streamSequenceOf, updateUuid } from './update-uuid.ts';

const none = capabilitiesOf({ user: 'u', name: 'n' });
const all = { ...none, partitionAware: true, taskKillingState: true };
const update = (more: object): StatusUpdate =>
  StatusUpdate.parse({
    task: { principal: 'alice', frameworkId: 'fw', taskId: 't' },
    ...{ agentId: 'a1', source: 'agent', sequence: 1, state: 'running', wallTimeMs: 1500, ...more },
  });
const names = { taskId: 'my.task', executorId: 'my.executor', address: '10.0.0.1' };

describe('states', () => {
  test.each([
    ['dropped', 'TASK_DROPPED', 'TASK_LOST'],
    ['unreachable', 'TASK_UNREACHABLE', 'TASK_LOST'],
    ['gone', 'TASK_GONE', 'TASK_LOST'],
    ['unknown', 'TASK_UNKNOWN', 'TASK_LOST'],
    ['killing', 'TASK_KILLING', 'TASK_RUNNING'],
    ['finished', 'TASK_FINISHED', 'TASK_FINISHED'],
    ['error', 'TASK_ERROR', 'TASK_ERROR'],
  ] as const)('%s is %s, and %s for who knows no better', (state, known, flat) => {
    expect(shownState(state, undefined, all)).toBe(known);
    expect(shownState(state, undefined, none)).toBe(flat);
  });

  test('an operator says that an agent is gone for good', () => {
    expect(shownState('gone', 'agentGoneByOperator', all)).toBe('TASK_GONE_BY_OPERATOR');
    expect(shownState('gone', 'agentGoneByOperator', none)).toBe('TASK_LOST');
  });

  test('a framework that knows nothing of partitions is told of no state that it does not know', () => {
    const known = /^TASK_(STAGING|STARTING|RUNNING|FINISHED|FAILED|KILLED|ERROR|LOST)$/;
    const state = fc.constantFrom(...TaskState.options);
    fc.assert(
      fc.property(state, fc.constantFrom(undefined, ...TaskReason.options), (one, reason) => {
        expect(shownState(one, reason, none)).toMatch(known);
      }),
    );
  });
});

describe('updates', () => {
  test('one of a running task says where it is reached, and what acknowledges it', () => {
    const uuid = Uint8Array.of(1);
    expect(updatedStatus(update({}), uuid, names, all)).toStrictEqual({
      task_id: { value: 'my.task' },
      state: 'TASK_RUNNING',
      source: 'SOURCE_EXECUTOR',
      agent_id: { value: 'a1' },
      executor_id: { value: 'my.executor' },
      timestamp: 1.5,
      uuid,
      container_status: {
        network_infos: [{ ip_addresses: [{ protocol: 'IPv4', ip_address: '10.0.0.1' }] }],
      },
    });
  });

  test('an end that is no failure has no reason, one that is has', () => {
    const ended = (state: string, reason: string) =>
      updatedStatus(update({ state, reason }), undefined, names, all);
    expect(ended('finished', 'commandExited')).not.toHaveProperty('reason');
    expect(ended('failed', 'memoryLimit')).toMatchObject({
      reason: 'REASON_CONTAINER_LIMITATION_MEMORY',
      source: 'SOURCE_AGENT',
    });
  });
});

test('the uuid of an update tells its place in the stream, for its task alone', () => {
  const task = update({}).task;
  const other = update({ task: { ...task, taskId: 'u' } }).task;
  fc.assert(
    fc.property(fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }), (sequence) => {
      const uuid = updateUuid(task, sequence);
      expect(uuid.length).toBe(16);
      expect(streamSequenceOf(task, uuid)).toBe(sequence);
      expect(streamSequenceOf(other, uuid)).toBeUndefined();
    }),
  );
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 0, maxLength: 20 }), (bytes) => {
      expect(streamSequenceOf(task, bytes)).toBeUndefined();
    }),
  );
});
