// Tests what operators do to reservations and volumes, and to the offers that are in the way.
import type { OperationInput } from '@parley/protocol/offers';
import { normalise } from '@parley/resources/resources';
import { beforeEach, describe, expect, test } from 'vitest';
import { aFramework, aLaunch, anAgentId, answerOf, aTask, of } from './scripted-cluster.ts';
import {
  aReservingCluster,
  cpusAndDisk,
  createVolume,
  destroyVolume,
  freeOf,
  refusalOf,
  reserve,
  taskWith,
} from './scripted-reservations.ts';

const agentId = anAgentId();
const framework = aFramework();
let { cluster, unreserved, operate, reserved } = aReservingCluster();

beforeEach(() => {
  ({ cluster, unreserved, operate, reserved } = aReservingCluster());
});

describe('an operator', () => {
  const operator = (operation: OperationInput) =>
    cluster.operateAsOperator(operation, agentId, 'eng');

  test('reserves what is free without touching any offer', () => {
    unreserved(cpusAndDisk(4));
    const effects = operator(reserve(6));
    expect(answerOf(effects)).toEqual({ ok: true, value: {} });
    expect(of(effects, 'rescind')).toEqual([]);
    expect([...cluster.state.reservations.rows()]).toMatchObject([{ by: 'operator:admin' }]);
  });

  test('takes as many offers as are needed, newest first, and none that is of no use', () => {
    const oldest = unreserved(cpusAndDisk(4));
    const useful = unreserved(cpusAndDisk(4));
    const useless = unreserved({ scalars: { disk: 1000 } });
    const effects = operator(reserve(5));
    expect(of(effects, 'rescind')).toMatchObject([
      { message: { offerIds: [useful], reason: 'takenByOperator' } },
    ]);
    expect(refusalOf(effects)).toMatchObject({
      agentId,
      resources: normalise(cpusAndDisk(4)),
      refuseMs: 5000,
    });
    expect([...cluster.state.offers.keys()]).toEqual([oldest, useless]);
  });

  test('that was first leaves nothing to a proposal that was under way', () => {
    operator(reserve(6));
    const effects = cluster.propose(framework, cpusAndDisk(10), agentId, { role: 'eng' });
    expect(of(effects, 'offers')).toEqual([]);
    expect(freeOf(effects)).toMatchObject({
      free: normalise(cpusAndDisk(4, 100)),
      reservations: [{ reservationId: 'x', resources: normalise(cpusAndDisk(6)) }],
    });
  });

  test('that asks for more than there is fails, and no offer is rescinded', () => {
    unreserved(cpusAndDisk(4));
    const effects = operator(reserve(11));
    expect(answerOf(effects)).toMatchObject({ failure: { code: 'invalidOperation' } });
    expect(of(effects, 'rescind')).toEqual([]);
    expect(cluster.state.offers.size).toBe(1);
  });

  test('gives back all of a reservation, what is offered of it too, not what tasks hold', () => {
    operator(reserve(4));
    operate(reserved(), aLaunch(taskWith('t1', { reservationId: 'x' })));
    const held = reserved();
    operator(reserve(2));
    const effects = operator({ kind: 'unreserve', reservationId: 'x' });
    expect(of(effects, 'rescind')).toMatchObject([
      { message: { offerIds: [held], reason: 'takenByOperator' } },
    ]);
    expect([...cluster.state.reservations.rows()]).toMatchObject([
      { resources: normalise(cpusAndDisk(1)) },
    ]);
  });

  test('makes and destroys volumes, also one that an offer holds', () => {
    operator(reserve(1, 20));
    expect(answerOf(operator(createVolume()))).toMatchObject({ ok: true });
    const held = reserved();
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
