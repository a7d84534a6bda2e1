import { AgentId } from '@parley/protocol/ids';
import { Offer } from '@parley/protocol/offers';
import { describe, expect, test } from 'vitest';
import { translateAccept } from './accept-translation.ts';
import type { MesosOperation, Resource, TaskInfo } from './mesos-types.ts';
import { mesosResourcesOf } from './resource-translation.ts';

const offerOf = (more: object = {}): Offer =>
  Offer.parse({
    ...{ offerId: 'o1', agentId: 'a1', hostname: 'h', role: 'web', attributes: {} },
    resources: { scalars: { cpus: 1000, mem: 64_000 }, ports: [[1, 2]], sets: { kinds: ['a'] } },
    ...more,
  });
const refined = { isRefined: true, allocationRole: 'web' };
const ofOld = { isRefined: false, allocationRole: undefined };

const translate = (operations: readonly MesosOperation[], offer = offerOf()) =>
  translateAccept(operations, {
    checkpoint: true,
    ...{ mesosFrameworkId: 'alice.fw', agentId: AgentId.parse('a1'), offers: [offer] },
  });

const task = (id: string, more: Partial<TaskInfo> = {}): TaskInfo => ({
  ...{ name: id, task_id: { value: id }, agent_id: { value: 'a1' }, command: { value: 'true' } },
  resources: [{ name: 'cpus', type: 'SCALAR', scalar: { value: 0.1 } }],
  ...more,
});

const labels = { labels: [{ key: 'for', value: 'data' }] };
const reservation = { type: 'DYNAMIC', role: 'web', principal: 'alice', labels };
const disk: Resource = {
  ...{ name: 'disk', type: 'SCALAR', scalar: { value: 64 }, reservations: [reservation] },
};
const volume: Resource = {
  ...disk,
  disk: {
    persistence: { id: 'my.data', principal: 'alice' },
    volume: { container_path: 'data', mode: 'RW' },
  },
};

test('a bad task leaves the others of its launch alone, and takes all of its group with it', () => {
  const bad = task('bad', { container: { type: 'DOCKER' } });
  const executor = { type: 'DEFAULT', executor_id: { value: 'pod' } };
  const { operations, rejected } = translate([
    { type: 'LAUNCH', launch: { task_infos: [bad, task('good')] } },
    { type: 'LAUNCH_GROUP', launch_group: { executor, task_group: { tasks: [bad, task('x')] } } },
  ]);
  expect(operations).toMatchObject([{ kind: 'launch', tasks: [{ taskId: 'good' }] }]);
  expect(rejected.map((one) => [one.task.name, one.reason])).toStrictEqual([
    ['bad', 'REASON_TASK_INVALID'],
    ['bad', 'REASON_TASK_GROUP_INVALID'],
    ['x', 'REASON_TASK_GROUP_INVALID'],
  ]);
});

test('reserve, make a volume, launch on it: one after the other, of the same reservation', () => {
  const { operations, steps } = translate([
    { type: 'RESERVE', reserve: { resources: [disk] } },
    { type: 'CREATE', create: { volumes: [volume] } },
    { type: 'LAUNCH', launch: { task_infos: [task('t', { resources: [volume] })] } },
    { type: 'DESTROY', destroy: { volumes: [volume] } },
    { type: 'UNRESERVE', unreserve: { resources: [disk] } },
  ]);
  const [reserve] = operations;
  if (reserve?.kind !== 'reserve') throw new Error('no reserve');
  const { reservationId } = reserve;
  expect(operations).toMatchObject([
    {
      resources: { scalars: { disk: 64_000 } },
      labels: { for: 'data', 'mesos.principal': 'alice' },
    },
    { kind: 'createVolume', reservationId, mib: 64 },
    { kind: 'launch', tasks: [{ reservationId, volumes: [{ path: 'data' }] }] },
    { kind: 'destroyVolume' },
    { kind: 'unreserve', reservationId },
  ]);
  expect(steps.map(({ indexes, fault }) => [indexes, fault])).toStrictEqual([
    [[0], undefined],
    [[1], undefined],
    [[3], undefined],
    [[4], undefined],
  ]);
});

test.each<[string, MesosOperation]>([
  [
    'another role',
    {
      type: 'RESERVE',
      reserve: { resources: [{ ...disk, reservations: [{ ...reservation, role: 'x' }] }] },
    },
  ],
  ['no reservation', { type: 'RESERVE', reserve: { resources: [{ ...disk, reservations: [] }] } }],
  [
    'a refined one',
    {
      type: 'UNRESERVE',
      unreserve: { resources: [{ ...disk, reservations: [reservation, reservation] }] },
    },
  ],
  ['no persistence', { type: 'CREATE', create: { volumes: [disk] } }],
  ['growing', { type: 'GROW_VOLUME' }],
])('an operation with %s is not carried out, and says why', (_, operation) => {
  const { operations, steps } = translate([operation]);
  expect(operations).toStrictEqual([]);
  expect(steps[0]?.fault).toBeTypeOf('string');
});

describe('offers', () => {
  test('what was reserved and made reads as it was asked for', () => {
    const made = translate([
      { type: 'RESERVE', reserve: { resources: [disk] } },
      { type: 'CREATE', create: { volumes: [volume] } },
    ]).operations;
    const [reserve, create] = made;
    if (reserve?.kind !== 'reserve' || create?.kind !== 'createVolume') throw new Error('neither');
    const offered = offerOf({
      resources: {},
      reservations: [
        {
          ...{ reservationId: reserve.reservationId, role: 'web', labels: reserve.labels },
          ...{ resources: {}, volumes: [{ volumeId: create.volumeId, mib: 64 }] },
        },
      ],
    });
    const allocation_info = { role: 'web' };
    expect(mesosResourcesOf(offered, refined)).toStrictEqual([{ ...volume, allocation_info }]);
    const { type: _, role, ...info } = reservation;
    const { reservations: __, ...old } = volume;
    expect(mesosResourcesOf(offered, ofOld)).toStrictEqual([{ ...old, role, reservation: info }]);
    const back = translate([{ type: 'DESTROY', destroy: { volumes: [volume] } }], offered);
    expect(back.operations).toMatchObject([{ volumeId: create.volumeId }]);
  });

  test('a reservation that no Mesos framework made is known by a label, and found by it', () => {
    const offered = offerOf({
      resources: {},
      reservations: [
        { reservationId: 'ours', role: 'web', resources: { scalars: { cpus: 1000 } } },
      ],
    });
    const resources = mesosResourcesOf(offered, refined);
    expect(resources[0]?.reservations?.[0]?.labels).toStrictEqual({
      labels: [{ key: 'parley.reservation', value: 'ours' }],
    });
    const { operations } = translate([{ type: 'UNRESERVE', unreserve: { resources } }]);
    expect(operations).toMatchObject([{ reservationId: 'ours' }]);
  });

  test('what is not reserved has the role "*" for who knows no refinement, and no role else', () => {
    const role = (form: typeof refined | typeof ofOld) =>
      mesosResourcesOf(offerOf(), form).map((one) => [one.name, one.role]);
    const names = ['cpus', 'mem', 'ports', 'kinds'];
    expect(role(ofOld)).toStrictEqual(names.map((name) => [name, '*']));
    expect(role(refined)).toStrictEqual(names.map((name) => [name, undefined]));
  });
});
