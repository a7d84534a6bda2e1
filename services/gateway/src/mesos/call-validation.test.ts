import { expect, test } from 'vitest';
import { callFault } from './call-validation.ts';
import type { Call } from './mesos-types.ts';

const info = { user: 'u', name: 'n' };
const id = { value: 'alice.fw' };
const uuid = new Uint8Array(16);

test.each<[string, Call]>([
  ['a subscription', { type: 'SUBSCRIBE', subscribe: { framework_info: info } }],
  [
    'one whose id is empty',
    { type: 'SUBSCRIBE', subscribe: { framework_info: { ...info, id: { value: '' } } } },
  ],
  [
    'one of who names himself',
    { type: 'SUBSCRIBE', subscribe: { framework_info: { ...info, principal: 'alice' } } },
  ],
  ['a call that needs no body', { type: 'REVIVE', framework_id: id }],
  [
    'an acknowledgement',
    {
      ...{ type: 'ACKNOWLEDGE', framework_id: id },
      acknowledge: { agent_id: { value: 'a' }, task_id: { value: 't' }, uuid },
    },
  ],
])('%s is well-formed', (_, call) => {
  expect(callFault(call, 'alice')).toBeUndefined();
});

test.each<[string, Call]>([
  ['no type', { framework_id: id }],
  ['ids that differ', { type: 'SUBSCRIBE', framework_id: id, subscribe: { framework_info: info } }],
  [
    'another principal than who signed in',
    { type: 'SUBSCRIBE', subscribe: { framework_info: { ...info, principal: 'bob' } } },
  ],
  [
    'another principal in an update',
    {
      ...{ type: 'UPDATE_FRAMEWORK', framework_id: id },
      update_framework: { framework_info: { ...info, id, principal: 'bob' } },
    },
  ],
  [
    'an update of another framework',
    {
      ...{ type: 'UPDATE_FRAMEWORK', framework_id: id },
      update_framework: { framework_info: { ...info, id: { value: 'alice.other' } } },
    },
  ],
  ['no framework', { type: 'TEARDOWN' }],
  ['no body', { type: 'RECONCILE', framework_id: id }],
  [
    'an operation acknowledged without its agent',
    {
      ...{ type: 'ACKNOWLEDGE_OPERATION_STATUS', framework_id: id },
      acknowledge_operation_status: { uuid, operation_id: { value: 'o' } },
    },
  ],
  [
    'a uuid that is none',
    {
      ...{ type: 'ACKNOWLEDGE', framework_id: id },
      acknowledge: { agent_id: id, task_id: id, uuid: new Uint8Array(3) },
    },
  ],
])('%s: the call is refused with a sentence', (_, call) => {
  expect(callFault(call, 'alice')).toMatch(/\w+/);
});
