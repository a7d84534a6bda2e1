import type { ExecutorCall } from '@parley/mesos-api/message-types';
import { expect, test } from 'vitest';
import { type ExecutorStatus, executorCallFault } from './executor-call.ts';

const ids = { executor_id: { value: 'e' }, framework_id: { value: 'alice.fw' } };
const status = (changes: Partial<ExecutorStatus> = {}): ExecutorStatus => ({
  task_id: { value: 't' },
  state: 'TASK_RUNNING',
  source: 'SOURCE_EXECUTOR',
  uuid: new Uint8Array(16),
  ...changes,
});
const update = (changes: Partial<ExecutorStatus>): ExecutorCall => ({
  ...ids,
  type: 'UPDATE',
  update: { status: status(changes) },
});

test.each<[string, ExecutorCall]>([
  ["'type'", ids],
  ["'subscribe'", { ...ids, type: 'SUBSCRIBE' }],
  ["'update'", { ...ids, type: 'UPDATE' }],
  ["'message'", { ...ids, type: 'MESSAGE' }],
  ["'uuid'", update({ uuid: undefined })],
  ['UUID', update({ uuid: new Uint8Array(15) })],
  ['does not match', update({ executor_id: { value: 'other' } })],
  ['SOURCE_EXECUTOR', update({ source: 'SOURCE_AGENT' })],
  ['SOURCE_EXECUTOR', update({ source: undefined })],
  ['TASK_STAGING', update({ state: 'TASK_STAGING' })],
  ["specify 'type'", update({ check_status: {} })],
  ["'http'", update({ check_status: { type: 'HTTP', tcp: {} } })],
  ["Only 'tcp'", update({ check_status: { type: 'TCP', tcp: {}, http: {} } })],
  [
    "'uuid'",
    {
      ...ids,
      type: 'SUBSCRIBE',
      subscribe: { unacknowledged_updates: [{ status: status({ uuid: undefined }) }] },
    },
  ],
])('a call is refused for %s', (why, call) => expect(executorCallFault(call)).toContain(why));

test.each<ExecutorCall>([
  { ...ids, type: 'SUBSCRIBE', subscribe: {} },
  { ...ids, type: 'MESSAGE', message: { data: new Uint8Array(0) } },
  { ...ids, type: 'HEARTBEAT' },
  update({ executor_id: { value: 'e' }, check_status: { type: 'COMMAND', command: {} } }),
])('a call that is whole is taken: $type', (call) =>
  expect(executorCallFault(call)).toBeUndefined(),
);
