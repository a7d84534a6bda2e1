// Tests reservations: operations of an accept, who may use them, and an agent that has less than is reserved of it.
// Volumes are in volumes.test.ts, what operators do in operator-operations.test.ts.
import { normalise } from '@parley/resources/resources';
import { beforeEach, describe, expect, test } from 'vitest';
import {
  aFramework,
  aLaunch,
  anAgentId,
  answerOf,
  eventsOf,
  factsOf,
  of,
} from './scripted-cluster.ts';
import {
  aReservingCluster,
  cpusAndDisk,
  createVolume,
  freeOf,
  mount,
  refusalOf,
  refusedOperations,
  reserve,
  reservedOffer,
  taskWith,
} from './scripted-reservations.ts';

const agentId = anAgentId();
const framework = aFramework();
let { cluster, unreserved, operate, reserved } = aReservingCluster();

beforeEach(() => {
  ({ cluster, unreserved, operate, reserved } = aReservingCluster());
});

describe('operations of an accept', () => {
  test('are carried out in order on what is left: reserve, create a volume, launch on it', () => {
    const id = unreserved(cpusAndDisk(4, 50));
    const task = taskWith('t1', { resources: cpusAndDisk(2), reservationId: 'x', ...mount });
    const effects = operate(id, reserve(3, 40), createVolume(), aLaunch(task));
    expect(answerOf(effects)).toMatchObject({
      ok: true,
      value: { launched: ['t1'], refusedOperations: [] },
    });
    expect(cluster.state.tasks.get('alice/f1/t1')).toMatchObject({
      resources: normalise({}),
      reserved: [
        { role: 'eng', reservationId: 'x', resources: normalise(cpusAndDisk(2)), volumes: ['v'] },
      ],
    });
    const reservations = [
      { reservationId: 'x', role: 'eng', resources: normalise(cpusAndDisk(1, 30)) },
    ];
    expect(freeOf(effects)).toMatchObject({ free: normalise(cpusAndDisk(7, 60)), reservations });
    const order = of(effects, 'order')[0]?.order;
    expect(order).toMatchObject({ kind: 'run', body: { role: 'eng' } });
  });

  test('in the other order cannot use what is not there yet', () => {
    const effects = operate(unreserved(cpusAndDisk(4, 50)), createVolume(), reserve(3, 40));
    expect(refusedOperations(effects)).toMatchObject([{ index: 0 }]);
    expect(cluster.state.reservations.size).toBe(1);
  });

  test('decline what nobody used, except what they have just reserved, which comes back at once', () => {
    const effects = operate(unreserved(cpusAndDisk(4, 50)), reserve(3, 40));
    expect(refusalOf(effects)).toMatchObject({ resources: normalise(cpusAndDisk(1, 10)) });
  });

  test('decline what is left of a reservation, except what they have just given back', () => {
    operate(unreserved(cpusAndDisk(4, 50)), reserve(4, 50));
    const effects = operate(reserved(), {
      kind: 'unreserve',
      reservationId: 'x',
      resources: cpusAndDisk(1),
    });
    expect(refusalOf(effects)).toMatchObject({ resources: normalise(cpusAndDisk(3, 50)) });
    expect(freeOf(effects)).toMatchObject({ free: normalise(cpusAndDisk(7, 50)) });
  });

  test('take what is reserved first, and the rest of a task from what is not', () => {
    operate(unreserved(cpusAndDisk(2)), reserve(2));
    const id = reservedOffer(cluster, framework, 'eng', cpusAndDisk(3));
    operate(id, aLaunch(taskWith('t1', { resources: cpusAndDisk(4), reservationId: 'x' })));
    expect(cluster.state.tasks.get('alice/f1/t1')).toMatchObject({
      resources: normalise(cpusAndDisk(2)),
      reserved: [{ resources: normalise(cpusAndDisk(2)) }],
    });
  });

  test('add to a reservation that is there, and end it when all of it is given back', () => {
    operate(unreserved(cpusAndDisk(2)), reserve(1));
    operate(unreserved(cpusAndDisk(2)), reserve(2));
    expect([...cluster.state.reservations.rows()]).toMatchObject([
      { resources: normalise(cpusAndDisk(3)), labels: { why: 'test' }, by: 'alice/f1' },
    ]);
    const effects = operate(reserved(), { kind: 'unreserve', reservationId: 'x' });
    expect(cluster.state.reservations.size).toBe(0);
    expect(eventsOf(effects)).toContainEqual({
      type: 'reservationChanged',
      agentId,
      role: 'eng',
      reservationId: 'x',
      before: normalise(cpusAndDisk(3)),
      resources: normalise({}),
      by: 'alice/f1',
    });
  });

  test('reserve nothing for the default role', () => {
    cluster.subscribe(framework, { roles: ['*'] });
    expect(refusedOperations(operate(unreserved(cpusAndDisk(2), '*'), reserve(1)))).toMatchObject([
      { failure: { code: 'invalidOperation' } },
    ]);
  });

  test('change no reservation of a role above, though tasks may use it', () => {
    operate(unreserved(cpusAndDisk(4)), reserve(4));
    const id = reservedOffer(cluster, framework, 'eng/ads');
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
    operate(unreserved(cpusAndDisk(4, 50)), reserve(3, 40), createVolume('v', 10));
  });

  test('carries reservations of its role and those above it, with labels and free volumes', () => {
    const effects = cluster.propose(framework, cpusAndDisk(1), agentId, {
      role: 'eng/ads',
      reservations: [{ reservationId: 'x', role: 'eng', resources: cpusAndDisk(3, 30) }],
    });
    expect(of(effects, 'offers')[0]?.message.offers).toMatchObject([
      {
        resources: normalise(cpusAndDisk(1)),
        reservations: [
          {
            reservationId: 'x',
            role: 'eng',
            labels: { why: 'test' },
            resources: normalise(cpusAndDisk(3, 30)),
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
    [
      'of a role that is not above it',
      { role: 'eng/ads', reservationId: 'x', resources: cpusAndDisk(1) },
    ],
    [
      'of a role whose name begins alike',
      { role: 'eng', reservationId: 'x', resources: cpusAndDisk(1) },
      'engine',
    ],
    ['that is not there', { role: 'eng', reservationId: 'y', resources: cpusAndDisk(1) }],
    [
      'of which so much is not free',
      { role: 'eng', reservationId: 'x', resources: cpusAndDisk(4) },
    ],
    [
      'whose disk is in a volume',
      { role: 'eng', reservationId: 'x', resources: cpusAndDisk(0, 35) },
    ],
  ])('is not made of a reservation %s', (_why, part, role = 'eng') => {
    cluster.subscribe(framework, { roles: ['eng', 'engine'] });
    const effects = cluster.propose(framework, cpusAndDisk(1), agentId, {
      role,
      reservations: [part],
    });
    expect(of(effects, 'offers')).toEqual([]);
    expect(eventsOf(effects)).toMatchObject([{ type: 'proposalRefused' }]);
  });

  test('holds nothing of a reservation of which nothing is left, so that this may end', () => {
    operate(
      reserved(),
      aLaunch(taskWith('t1', { resources: cpusAndDisk(3, 30), reservationId: 'x', ...mount })),
    );
    const part = { reservationId: 'x', role: 'eng', resources: {} };
    const effects = cluster.propose(framework, cpusAndDisk(1), agentId, {
      role: 'eng',
      reservations: [part],
    });
    expect(of(effects, 'offers')[0]?.message.offers).toMatchObject([{ reservations: [] }]);
  });

  test('does not get what is reserved as if it were free', () => {
    const effects = cluster.propose(framework, cpusAndDisk(8), agentId, { role: 'eng' });
    expect(eventsOf(effects)).toMatchObject([{ why: 'so much is not free' }]);
  });

  test('holds a volume alone: while a task uses it, no other offer does', () => {
    operate(reserved(), aLaunch(taskWith('t1', { reservationId: 'x', ...mount })));
    const effects = cluster.propose(framework, {}, agentId, {
      role: 'eng',
      reservations: [{ reservationId: 'x', role: 'eng', resources: cpusAndDisk(2, 30) }],
    });
    expect(of(effects, 'offers')[0]?.message.offers).toMatchObject([
      { reservations: [{ volumes: [] }] },
    ]);
  });
});

describe('an agent that comes back with less than its reservations', () => {
  test('keeps them and offers nothing until they fit again', () => {
    cluster.operateAsOperator(reserve(6), agentId, 'eng');
    const effects = cluster.register(agentId, cpusAndDisk(5));
    expect(factsOf(effects)).toContainEqual(
      expect.objectContaining({ kind: 'agent', free: normalise({}), reservations: [] }),
    );
    const part = { role: 'eng', reservationId: 'x', resources: cpusAndDisk(1) };
    for (const [resources, reservations] of [
      [cpusAndDisk(1), []],
      [{}, [part]],
    ] as const) {
      const more = { role: 'eng', reservations: [...reservations] };
      const refused = cluster.propose(framework, resources, agentId, more);
      expect(eventsOf(refused)).toMatchObject([{ type: 'proposalRefused' }]);
    }
    const less = { kind: 'unreserve' as const, reservationId: 'x', resources: cpusAndDisk(2) };
    expect(freeOf(cluster.operateAsOperator(less, agentId, 'eng'))).toMatchObject({
      free: normalise(cpusAndDisk(1)),
      reservations: [{ resources: normalise(cpusAndDisk(4)) }],
    });
  });
});
