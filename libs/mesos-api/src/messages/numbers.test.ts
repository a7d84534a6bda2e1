// The numbers on the wire, told a second time: a slip in a definition would go unnoticed wherever both ends are ours.
import { describe, expect, test } from 'vitest';
import { encode } from '../codec.ts';
import type { EnumType, Field, FieldType, MessageType } from '../message-type.ts';
import { MESSAGE_TYPES, type MessageName } from '../message-types.ts';

/** The type of a field, by the names of fields that lead to it. */
function typeAt(name: MessageName, path: string): FieldType {
  let type: FieldType = MESSAGE_TYPES[name];
  for (const step of path.split('.').filter((part) => part !== '')) {
    const field: Field | undefined = (type as MessageType).fields[step];
    if (field === undefined) throw new Error(`${name} has no ${path}`);
    type = field.type;
  }
  return type;
}

const numbersAt = (name: MessageName, path: string) => (typeAt(name, path) as EnumType).numbers;

/** Names with their numbers, from a line such as "A 0, B 1". */
const parse = (line: string, prefix = ''): Record<string, number> =>
  Object.fromEntries(
    line.split(', ').map((item) => {
      const [name, number] = item.split(' ');
      return [`${prefix}${name}`, Number(number)];
    }),
  );

describe('the numbers', () => {
  test('of reasons are those of Mesos', () => {
    const reasons =
      'COMMAND_EXECUTOR_FAILED 0, EXECUTOR_TERMINATED 1, EXECUTOR_UNREGISTERED 2, FRAMEWORK_REMOVED 3, GC_ERROR 4, ' +
      'INVALID_FRAMEWORKID 5, INVALID_OFFERS 6, MASTER_DISCONNECTED 7, CONTAINER_LIMITATION_MEMORY 8, ' +
      'RECONCILIATION 9, AGENT_DISCONNECTED 10, AGENT_REMOVED 11, AGENT_RESTARTED 12, AGENT_UNKNOWN 13, ' +
      'TASK_INVALID 14, TASK_UNAUTHORIZED 15, TASK_UNKNOWN 16, CONTAINER_PREEMPTED 17, RESOURCES_UNKNOWN 18, ' +
      'CONTAINER_LIMITATION 19, CONTAINER_LIMITATION_DISK 20, CONTAINER_LAUNCH_FAILED 21, ' +
      'CONTAINER_UPDATE_FAILED 22, EXECUTOR_REGISTRATION_TIMEOUT 23, EXECUTOR_REREGISTRATION_TIMEOUT 24, ' +
      'TASK_GROUP_INVALID 25, TASK_GROUP_UNAUTHORIZED 26, IO_SWITCHBOARD_EXITED 27, TASK_CHECK_STATUS_UPDATED 28, ' +
      'TASK_HEALTH_CHECK_STATUS_UPDATED 29, TASK_KILLED_DURING_LAUNCH 30, AGENT_REMOVED_BY_OPERATOR 31, ' +
      'AGENT_REREGISTERED 32, MAX_COMPLETION_TIME_REACHED 33, AGENT_DRAINING 34';
    expect(numbersAt('TaskStatus', 'reason')).toEqual(parse(reasons, 'REASON_'));
  });

  test('of task states are those of Mesos', () => {
    const states =
      'STARTING 0, RUNNING 1, FINISHED 2, FAILED 3, KILLED 4, LOST 5, STAGING 6, ERROR 7, KILLING 8, DROPPED 9, ' +
      'UNREACHABLE 10, GONE 11, GONE_BY_OPERATOR 12, UNKNOWN 13';
    expect(numbersAt('TaskStatus', 'state')).toEqual(parse(states, 'TASK_'));
  });

  test('of scheduler events and capabilities are those of Mesos', () => {
    const events =
      'UNKNOWN 0, SUBSCRIBED 1, OFFERS 2, RESCIND 3, UPDATE 4, MESSAGE 5, FAILURE 6, ERROR 7, HEARTBEAT 8, ' +
      'INVERSE_OFFERS 9, RESCIND_INVERSE_OFFER 10, UPDATE_OPERATION_STATUS 11';
    expect(numbersAt('scheduler.Event', 'type')).toEqual(parse(events));
    const capabilities =
      'UNKNOWN 0, REVOCABLE_RESOURCES 1, TASK_KILLING_STATE 2, GPU_RESOURCES 3, SHARED_RESOURCES 4, ' +
      'PARTITION_AWARE 5, MULTI_ROLE 6, RESERVATION_REFINEMENT 7, REGION_AWARE 8';
    expect(numbersAt('FrameworkInfo', 'capabilities.type')).toEqual(parse(capabilities));
  });

  test.each<[MessageName, string, string]>([
    [
      'scheduler.Call',
      '',
      'framework_id 1, type 2, subscribe 3, accept 4, decline 5, kill 6, shutdown 7, acknowledge 8, reconcile 9, ' +
        'message 10, request 11, accept_inverse_offers 13, decline_inverse_offers 14, revive 15, suppress 16, ' +
        'acknowledge_operation_status 17, reconcile_operations 18, update_framework 19',
    ],
    [
      'scheduler.Event',
      '',
      'type 1, subscribed 2, offers 3, rescind 4, update 5, message 6, failure 7, error 8, inverse_offers 9, ' +
        'rescind_inverse_offer 10, update_operation_status 11',
    ],
    [
      'executor.Event',
      '',
      'type 1, subscribed 2, acknowledged 3, launch 4, kill 5, message 6, error 7, launch_group 8',
    ],
    [
      'executor.Call',
      '',
      'executor_id 1, framework_id 2, type 3, subscribe 4, update 5, message 6',
    ],
    [
      'scheduler.Call',
      'accept.operations',
      'type 1, launch 2, reserve 3, unreserve 4, create 5, destroy 6, launch_group 7, id 12, grow_volume 13, ' +
        'shrink_volume 14, create_disk 15, destroy_disk 16',
    ],
    [
      'Offer',
      '',
      'id 1, framework_id 2, agent_id 3, hostname 4, resources 5, executor_ids 6, attributes 7, url 8, ' +
        'unavailability 9, allocation_info 10, domain 11',
    ],
    [
      'TaskInfo',
      '',
      'name 1, task_id 2, agent_id 3, resources 4, executor 5, data 6, command 7, health_check 8, container 9, ' +
        'labels 10, discovery 11, kill_policy 12, check 13, max_completion_time 14, limits 15',
    ],
    [
      'TaskStatus',
      '',
      'task_id 1, state 2, data 3, message 4, agent_id 5, timestamp 6, executor_id 7, healthy 8, source 9, ' +
        'reason 10, uuid 11, labels 12, container_status 13, unreachable_time 14, check_status 15, limitation 16',
    ],
    [
      'Resource',
      '',
      'name 1, type 2, scalar 3, ranges 4, set 5, role 6, disk 7, reservation 8, revocable 9, shared 10, ' +
        'allocation_info 11, provider_id 12, reservations 13',
    ],
    [
      'FrameworkInfo',
      '',
      'user 1, name 2, id 3, failover_timeout 4, checkpoint 5, role 6, hostname 7, principal 8, webui_url 9, ' +
        'capabilities 10, labels 11, roles 12, offer_filters 13',
    ],
  ])('of the fields of %s %s are those of Mesos', (name, path, line) => {
    const { fields } = typeAt(name, path) as MessageType;
    const numbers = Object.entries(fields).map(([field, { number }]) => [field, number]);
    expect(Object.fromEntries(numbers)).toEqual(parse(line));
  });

  test('are unique in every message and every enum', () => {
    const seen = new Set<FieldType>();
    const visit = (type: FieldType) => {
      if (typeof type === 'string' || seen.has(type)) return;
      seen.add(type);
      const numbers =
        type.kind === 'enum'
          ? Object.values(type.numbers)
          : Object.values(type.fields).map((field) => field.number);
      expect(new Set(numbers).size).toBe(numbers.length);
      if (type.kind === 'message')
        for (const field of Object.values(type.fields)) visit(field.type);
    };
    for (const type of Object.values(MESSAGE_TYPES)) visit(type);
    expect(seen.size).toBeGreaterThan(100);
  });

  test('lie on the wire as protobuf has them', () => {
    const call = {
      framework_id: { value: 'f' },
      type: 'ACKNOWLEDGE',
      acknowledge: {
        agent_id: { value: 'a' },
        task_id: { value: 't' },
        uuid: new Uint8Array([1, 2]),
      },
    } as const;
    const hex = '0a030a0166' + '1008' + '420e' + '0a030a0161' + '12030a0174' + '1a020102';
    expect(Buffer.from(encode('scheduler.Call', 'protobuf', call)).toString('hex')).toBe(hex);
  });
});
