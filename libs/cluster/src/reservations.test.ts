// Tests reservations and volumes: operations of an accept, who may use them, what operators do to them.
import type { OperationInput } from '@parley/protocol/offers';
import type { ResourcesInput } from '@parley/protocol/resources';
import { TaskDescription } from '@parley/protocol/tasks';
import { normalise } from '@parley/resources/resources';
import { beforeEach, describe, expect, test } from 'vitest';
import {
  aCluster,
  aFramework,
  aLaunch,
  anAgentId,
  answerOf,
  aTask,
  type Effects,
  eventsOf,
  factOf,
  factsOf,
  of,
  type ScriptedCluster,
} from './scripted-cluster.ts';

const agentId = anAgentId();
const framework = aFramework();
let cluster: ScriptedCluster;

/** So many CPUs and MiB of disk. */
const some = (cpus: number, disk = 0): ResourcesInput => ({
  scalars: { cpus: cpus * 1000, ...(disk > 0 && { disk: disk * 1000 }) },
});

beforeEach(() => {
  cluster = aCluster(some(10, 100), { roles: ['eng', 'eng/ads'] });
});

const reserve = (cpus: number, disk = 0, reservationId = 'x'): OperationInput => ({
  kind: 'reserve',
  reservationId,
  resources: some(cpus, disk),
  labels: { why: 'test' },
});
const createVolume = (volumeId = 'v', mib = 10): OperationInput => ({
  kind: 'createVolume',
  reservationId: 'x',
  volumeId,
  mib,
});
const destroyVolume = (volumeId = 'v'): OperationInput => ({ kind: 'destroyVolume', volumeId });
const taskWith = (taskId: string, more: Record<string, unknown>) =>
  TaskDescription.parse({ ...aTask(taskId), resources: some(1), ...more });
const mount = (volumeId = 'v') => ({ volumes: [{ volumeId, path: 'data' }] });

const unreserved = (resources: ResourcesInput, role = 'eng') =>
  cluster.offer(framework, resources, agentId, { role });

/** An offer of all that is free of the reservation. */
function reservedOffer(role = 'eng', resources: ResourcesInput = {}, of_ = framework) {
  const record = [...cluster.state.reservations.rows()].find((one) => one.reservationId === 'x');
  if (record === undefined) throw new Error('there is a reservation');
  const part = {
    reservationId: 'x',
    role: record.role,
    resources: cluster.state.books.freeOfReservation(record),
  };
  return cluster.offer(of_, resources, agentId, { role, reservations: [part] });
}

const operate = (id: string, ...operations: OperationInput[]) =>
  cluster.operate(framework, [id], operations);
const refusalOf = (effects: Effects) => factOf(effects, 'refused');
const freeOf = (effects: Effects) => factOf(effects, 'agentFree');
const refusedOperations = (effects: Effects): { index: number; failure: { message: string } }[] => {
  const answer = answerOf(effects);
  if (!answer.ok) throw new Error(answer.failure.message);
  return (answer.value as { refusedOperations: never }).refusedOperations;
};

describe('operations of an accept', () => {
  test('are carried out in order on what is left: reserve, create a volume, launch on it', () => {
    const id = unreserved(some(4, 50));
    const task = taskWith('t1', { resources: some(2), reservationId: 'x', ...mount() });
    const effects = operate(id, reserve(3, 40), createVolume(), aLaunch(task));
    expect(answerOf(effects)).toMatchObject({
      ok: true,
      value: { launched: ['t1'], refusedOperations: [] },
    });
    expect(cluster.state.tasks.get('alice/f1/t1')).toMatchObject({
      resources: normalise({}),
      reserved: [
        { role: 'eng', reservationId: 'x', resources: normalise(some(2)), volumes: ['v'] },
      ],
    });
    const reservations = [{ reservationId: 'x', role: 'eng', resources: normalise(some(1, 30)) }];
    expect(freeOf(effects)).toMatchObject({ free: normalise(some(7, 60)), reservations });
    const order = of(effects, 'order')[0]?.order;
    expect(order).toMatchObject({ kind: 'run', body: { role: 'eng' } });
  });

  test('in the other order cannot use what is not there yet', () => {
    const effects = operate(unreserved(some(4, 50)), createVolume(), reserve(3, 40));
    expect(refusedOperations(effects)).toMatchObject([{ index: 0 }]);
    expect(cluster.state.reservations.size).toBe(1);
  });

  test('decline what nobody used, except what they have just reserved, which comes back at once', () => {
    const effects = operate(unreserved(some(4, 50)), reserve(3, 40));
    expect(refusalOf(effects)).toMatchObject({ resources: normalise(some(1, 10)) });
  });

  test('decline what is left of a reservation, except what they have just given back', () => {
    operate(unreserved(some(4, 50)), reserve(4, 50));
    const effects = operate(reservedOffer(), {
      kind: 'unreserve',
      reservationId: 'x',
      resources: some(1),
    });
    expect(refusalOf(effects)).toMatchObject({ resources: normalise(some(3, 50)) });
    expect(freeOf(effects)).toMatchObject({ free: normalise(some(7, 50)) });
  });

  test('take what is reserved first, and the rest of a task from what is not', () => {
    operate(unreserved(some(2)), reserve(2));
    const id = reservedOffer('eng', some(3));
    operate(id, aLaunch(taskWith('t1', { resources: some(4), reservationId: 'x' })));
    expect(cluster.state.tasks.get('alice/f1/t1')).toMatchObject({
      resources: normalise(some(2)),
      reserved: [{ resources: normalise(some(2)) }],
    });
  });

  test('add to a reservation that is there, and end it when all of it is given back', () => {
    operate(unreserved(some(2)), reserve(1));
    operate(unreserved(some(2)), reserve(2));
    expect([...cluster.state.reservations.rows()]).toMatchObject([
      { resources: normalise(some(3)), labels: { why: 'test' }, by: 'alice/f1' },
    ]);
    const effects = operate(reservedOffer(), { kind: 'unreserve', reservationId: 'x' });
    expect(cluster.state.reservations.size).toBe(0);
    expect(eventsOf(effects)).toContainEqual({
      type: 'reservationChanged',
      agentId,
      role: 'eng',
      reservationId: 'x',
      resources: normalise({}),
    });
  });

  test('reserve nothing for the default role', () => {
    cluster.subscribe(framework, { roles: ['*'] });
    expect(refusedOperations(operate(unreserved(some(2), '*'), reserve(1)))).toMatchObject([
      { failure: { code: 'invalidOperation' } },
    ]);
  });

  test('change no reservation of a role above, though tasks may use it', () => {
    operate(unreserved(some(4)), reserve(4));
    const id = reservedOffer('eng/ads');
    const effects = operate(
      id,
      { kind: 'unreserve', reservationId: 'x' },
      aLaunch(taskWith('t1', { reservationId: 'x' })),
    );
    expect(refusedOperations(effects)).toMatchObject([{ index: 0 }]);
    expect(answerOf(effects)).toMatchObject({ ok: true, value: { launched: ['t1'] } });
  });
});

describe('an offer', () => {
  beforeEach(() => {
    operate(unreserved(some(4, 50)), reserve(3, 40), createVolume('v', 10));
  });

  test('carries reservations of its role and those above it, with labels and free volumes', () => {
    const effects = cluster.propose(framework, some(1), agentId, {
      role: 'eng/ads',
      reservations: [{ reservationId: 'x', role: 'eng', resources: some(3, 30) }],
    });
    expect(of(effects, 'offers')[0]?.message.offers).toMatchObject([
      {
        resources: normalise(some(1)),
        reservations: [
          {
            reservationId: 'x',
            role: 'eng',
            labels: { why: 'test' },
            resources: normalise(some(3, 30)),
            volumes: [{ volumeId: 'v', mib: 10 }],
          },
        ],
      },
    ]);
    // What is reserved counts like everything that is offered, the disk of the volume too.
    expect(factsOf(effects)).toContainEqual({
      kind: 'outstanding',
      framework,
      offers: 1,
      scalars: { cpus: 4000, disk: 40_000 },
    });
    expect(freeOf(effects)).toMatchObject({ reservations: [] });
  });

  test.each([
    ['of a role that is not above it', { role: 'eng/ads', reservationId: 'x', resources: some(1) }],
    [
      'of a role whose name begins alike',
      { role: 'eng', reservationId: 'x', resources: some(1) },
      'engine',
    ],
    ['that is not there', { role: 'eng', reservationId: 'y', resources: some(1) }],
    ['of which so much is not free', { role: 'eng', reservationId: 'x', resources: some(4) }],
    ['whose disk is in a volume', { role: 'eng', reservationId: 'x', resources: some(0, 35) }],
  ])('is not made of a reservation %s', (_why, part, role = 'eng') => {
    cluster.subscribe(framework, { roles: ['eng', 'engine'] });
    const effects = cluster.propose(framework, some(1), agentId, { role, reservations: [part] });
    expect(of(effects, 'offers')).toEqual([]);
    expect(eventsOf(effects)).toMatchObject([{ type: 'proposalRefused' }]);
  });

  test('holds nothing of a reservation of which nothing is left, so that this may end', () => {
    operate(
      reservedOffer(),
      aLaunch(taskWith('t1', { resources: some(3, 30), reservationId: 'x', ...mount() })),
    );
    const part = { reservationId: 'x', role: 'eng', resources: {} };
    const effects = cluster.propose(framework, some(1), agentId, {
      role: 'eng',
      reservations: [part],
    });
    expect(of(effects, 'offers')[0]?.message.offers).toMatchObject([{ reservations: [] }]);
  });

  test('does not get what is reserved as if it were free', () => {
    const effects = cluster.propose(framework, some(8), agentId, { role: 'eng' });
    expect(eventsOf(effects)).toMatchObject([{ why: 'so much is not free' }]);
  });

  test('holds a volume alone: while a task uses it, no other offer does', () => {
    operate(reservedOffer(), aLaunch(taskWith('t1', { reservationId: 'x', ...mount() })));
    const effects = cluster.propose(framework, {}, agentId, {
      role: 'eng',
      reservations: [{ reservationId: 'x', role: 'eng', resources: some(2, 30) }],
    });
    expect(of(effects, 'offers')[0]?.message.offers).toMatchObject([
      { reservations: [{ volumes: [] }] },
    ]);
  });
});

describe('a volume', () => {
  beforeEach(() => {
    operate(unreserved(some(4, 50)), reserve(3, 40), createVolume('v', 10));
  });

  test('that is destroyed gives its disk back to its reservation, and its data is deleted', () => {
    const effects = operate(reservedOffer(), destroyVolume());
    expect(of(effects, 'order').map(({ order }) => order)).toMatchObject([
      { kind: 'destroyVolume', agentId, body: { role: 'eng', volumeId: 'v' } },
    ]);
    expect(freeOf(effects)).toMatchObject({
      reservations: [{ resources: normalise(some(3, 40)) }],
    });
  });

  test('gets the name of a destroyed one only when the agent has deleted that', () => {
    const again = operate(reservedOffer(), destroyVolume(), createVolume());
    expect(refusedOperations(again)).toMatchObject([{ index: 1 }]);
    const order = of(again, 'order')[0]?.order;
    expect(refusedOperations(operate(reservedOffer(), createVolume()))).toHaveLength(1);
    cluster.answerOrder(order?.orderId ?? '');
    expect(cluster.state.orders.size).toBe(0);
    expect(refusedOperations(operate(reservedOffer(), createVolume()))).toEqual([]);
  });

  test('has a name of its own within its role', () => {
    expect(refusedOperations(operate(reservedOffer(), createVolume('v', 1)))).toMatchObject([
      { failure: { message: expect.stringContaining('volumeId') } },
    ]);
  });

  test('that a task uses is not destroyed', () => {
    operate(reservedOffer(), aLaunch(taskWith('t1', { reservationId: 'x', ...mount() })));
    const effects = operate(unreserved(some(1)), destroyVolume());
    expect(refusedOperations(effects)).toMatchObject([
      { failure: { message: expect.stringContaining('a task uses') } },
    ]);
    expect(of(effects, 'order')).toEqual([]);
  });

  test('that a task of the same accept has taken is not destroyed', () => {
    const task = taskWith('t1', { reservationId: 'x', ...mount() });
    const effects = operate(reservedOffer(), aLaunch(task), destroyVolume());
    expect(refusedOperations(effects)).toMatchObject([{ index: 1 }]);
  });

  test('of a role above is not destroyed, though tasks may use it', () => {
    const task = taskWith('t1', { reservationId: 'x', ...mount() });
    const effects = operate(reservedOffer('eng/ads'), destroyVolume(), aLaunch(task));
    expect(refusedOperations(effects)).toMatchObject([{ index: 0 }]);
    expect(of(effects, 'order')).toMatchObject([{ order: { kind: 'run', body: { role: 'eng' } } }]);
  });

  test('that another outstanding offer holds is destroyed, and that offer is rescinded', () => {
    const other = aFramework('f2');
    cluster.subscribe(other, { roles: ['eng'] });
    const held = reservedOffer('eng', {}, other);
    const effects = operate(unreserved(some(1)), destroyVolume());
    expect(refusedOperations(effects)).toEqual([]);
    expect(of(effects, 'rescind')).toMatchObject([
      { framework: other, message: { offerIds: [held], reason: 'volumeDestroyed' } },
    ]);
    expect([...cluster.state.reservations.rows()]).toMatchObject([{ volumes: [] }]);
  });

  test('that is mounted and not in the offers rejects the task', () => {
    const effects = operate(unreserved(some(1)), aLaunch(taskWith('t1', mount())));
    expect(answerOf(effects)).toMatchObject({
      value: { rejected: [{ failure: { message: expect.stringContaining('volumes') } }] },
    });
  });

  test('is free again when its task has ended', () => {
    operate(reservedOffer(), aLaunch(taskWith('t1', { reservationId: 'x', ...mount() })));
    const ended = cluster.update({ ...framework, taskId: aTask('t1').taskId }, 'finished');
    expect(freeOf(ended)).toMatchObject({ reservations: [{ resources: normalise(some(3, 30)) }] });
    const [record] = [...cluster.state.reservations.rows()];
    expect(record && cluster.state.books.reservations.freeVolumes(record)).toEqual(['v']);
  });
});

describe('an operator', () => {
  const operator = (operation: OperationInput) =>
    cluster.operateAsOperator(operation, agentId, 'eng');

  test('reserves what is free without touching any offer', () => {
    unreserved(some(4));
    const effects = operator(reserve(6));
    expect(answerOf(effects)).toEqual({ ok: true, value: {} });
    expect(of(effects, 'rescind')).toEqual([]);
    expect([...cluster.state.reservations.rows()]).toMatchObject([{ by: 'operator:admin' }]);
  });

  test('takes as many offers as are needed, newest first, and none that is of no use', () => {
    const oldest = unreserved(some(4));
    const useful = unreserved(some(4));
    const useless = unreserved({ scalars: { disk: 1000 } });
    const effects = operator(reserve(5));
    expect(of(effects, 'rescind')).toMatchObject([
      { message: { offerIds: [useful], reason: 'takenByOperator' } },
    ]);
    expect(refusalOf(effects)).toMatchObject({
      agentId,
      resources: normalise(some(4)),
      refuseMs: 5000,
    });
    expect([...cluster.state.offers.keys()]).toEqual([oldest, useless]);
  });

  test('that was first leaves nothing to a proposal that was under way', () => {
    operator(reserve(6));
    const effects = cluster.propose(framework, some(10), agentId, { role: 'eng' });
    expect(of(effects, 'offers')).toEqual([]);
    expect(freeOf(effects)).toMatchObject({
      free: normalise(some(4, 100)),
      reservations: [{ reservationId: 'x', resources: normalise(some(6)) }],
    });
  });

  test('that asks for more than there is fails, and no offer is rescinded', () => {
    unreserved(some(4));
    const effects = operator(reserve(11));
    expect(answerOf(effects)).toMatchObject({ failure: { code: 'invalidOperation' } });
    expect(of(effects, 'rescind')).toEqual([]);
    expect(cluster.state.offers.size).toBe(1);
  });

  test('gives back all of a reservation, what is offered of it too, not what tasks hold', () => {
    operator(reserve(4));
    operate(reservedOffer(), aLaunch(taskWith('t1', { reservationId: 'x' })));
    const held = reservedOffer();
    operator(reserve(2));
    const effects = operator({ kind: 'unreserve', reservationId: 'x' });
    expect(of(effects, 'rescind')).toMatchObject([
      { message: { offerIds: [held], reason: 'takenByOperator' } },
    ]);
    expect([...cluster.state.reservations.rows()]).toMatchObject([
      { resources: normalise(some(1)) },
    ]);
  });

  test('makes and destroys volumes, also one that an offer holds', () => {
    operator(reserve(1, 20));
    expect(answerOf(operator(createVolume()))).toMatchObject({ ok: true });
    const held = reservedOffer();
    const effects = operator(destroyVolume());
    expect(of(effects, 'rescind')).toMatchObject([{ message: { offerIds: [held] } }]);
    expect(of(effects, 'order')).toMatchObject([{ order: { kind: 'destroyVolume' } }]);
  });

  test('launches nothing, and does nothing on an agent that is not there', () => {
    expect(answerOf(operator(aLaunch(aTask('t1'))))).toMatchObject({
      failure: { code: 'invalidOperation' },
    });
    expect(answerOf(cluster.operateAsOperator(reserve(1), anAgentId('x')))).toMatchObject({
      failure: { code: 'unknownAgent' },
    });
  });
});

describe('an agent that comes back with less than its reservations', () => {
  test('keeps them and offers nothing until they fit again', () => {
    cluster.operateAsOperator(reserve(6), agentId, 'eng');
    const effects = cluster.register(agentId, some(5));
    expect(factsOf(effects)).toContainEqual(
      expect.objectContaining({ kind: 'agent', free: normalise({}), reservations: [] }),
    );
    const part = { role: 'eng', reservationId: 'x', resources: some(1) };
    for (const [resources, reservations] of [
      [some(1), []],
      [{}, [part]],
    ] as const) {
      const more = { role: 'eng', reservations: [...reservations] };
      const refused = cluster.propose(framework, resources, agentId, more);
      expect(eventsOf(refused)).toMatchObject([{ type: 'proposalRefused' }]);
    }
    const less = { kind: 'unreserve' as const, reservationId: 'x', resources: some(2) };
    expect(freeOf(cluster.operateAsOperator(less, agentId, 'eng'))).toMatchObject({
      free: normalise(some(1)),
      reservations: [{ resources: normalise(some(4)) }],
    });
  });
});
