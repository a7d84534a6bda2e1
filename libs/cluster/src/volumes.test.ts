// Tests volumes: who may use them, and what becomes of one that is destroyed. Operations in general are in
// reservations.test.ts, offers of nothing but volumes in volume-offers.test.ts.
import { normalise } from '@parley/resources/resources';
import { beforeEach, describe, expect, test } from 'vitest';
import { aFramework, aLaunch, anAgentId, answerOf, of } from './scripted-cluster.ts';
import {
  aReservingCluster,
  cpusAndDisk,
  createVolume,
  destroyVolume,
  freeOf,
  mount,
  refusedOperations,
  reserve,
  reservedOffer,
  taskWith,
} from './scripted-reservations.ts';
import { aDefaultExecutor, groupOf, taskRef } from './scripted-tasks.ts';

const agentId = anAgentId();
const framework = aFramework();
let { cluster, unreserved, operate, reserved } = aReservingCluster();

beforeEach(() => {
  ({ cluster, unreserved, operate, reserved } = aReservingCluster());
});

describe('a volume', () => {
  beforeEach(() => {
    operate(unreserved(cpusAndDisk(4, 50)), reserve(3, 40), createVolume('v', 10));
  });

  test('that is destroyed gives its disk back to its reservation, and its data is deleted', () => {
    const effects = operate(reserved(), destroyVolume());
    expect(of(effects, 'order').map(({ order }) => order)).toMatchObject([
      { kind: 'destroyVolume', agentId, body: { role: 'eng', volumeId: 'v' } },
    ]);
    expect(freeOf(effects)).toMatchObject({
      reservations: [{ resources: normalise(cpusAndDisk(3, 40)) }],
    });
  });

  test('gets the name of a destroyed one only when the agent has deleted that', () => {
    const again = operate(reserved(), destroyVolume(), createVolume());
    expect(refusedOperations(again)).toMatchObject([{ index: 1 }]);
    const order = of(again, 'order')[0]?.order;
    expect(refusedOperations(operate(reserved(), createVolume()))).toHaveLength(1);
    cluster.answerOrder(order?.orderId ?? '');
    expect(cluster.state.orders.size).toBe(0);
    expect(refusedOperations(operate(reserved(), createVolume()))).toEqual([]);
  });

  test('has a name of its own within its role', () => {
    expect(refusedOperations(operate(reserved(), createVolume('v', 1)))).toMatchObject([
      { failure: { message: expect.stringContaining('volumeId') } },
    ]);
  });

  test('that a task uses is not destroyed', () => {
    operate(reserved(), aLaunch(taskWith('t1', { reservationId: 'x', ...mount })));
    const effects = operate(unreserved(cpusAndDisk(1)), destroyVolume());
    expect(refusedOperations(effects)).toMatchObject([
      { failure: { message: expect.stringContaining('a task uses') } },
    ]);
    expect(of(effects, 'order')).toEqual([]);
  });

  test('that a task of the same accept has taken is not destroyed', () => {
    const task = taskWith('t1', { reservationId: 'x', ...mount });
    const effects = operate(reserved(), aLaunch(task), destroyVolume());
    expect(refusedOperations(effects)).toMatchObject([{ index: 1 }]);
  });

  test('of a role above is not destroyed, though tasks may use it', () => {
    const task = taskWith('t1', { reservationId: 'x', ...mount });
    const effects = operate(
      reservedOffer(cluster, framework, 'eng/ads'),
      destroyVolume(),
      aLaunch(task),
    );
    expect(refusedOperations(effects)).toMatchObject([{ index: 0 }]);
    expect(of(effects, 'order')).toMatchObject([{ order: { kind: 'run', body: { role: 'eng' } } }]);
  });

  test('that another outstanding offer holds is destroyed, and that offer is rescinded', () => {
    const other = aFramework('f2');
    cluster.subscribe(other, { roles: ['eng'] });
    const held = reservedOffer(cluster, other);
    const effects = operate(unreserved(cpusAndDisk(1)), destroyVolume());
    expect(refusedOperations(effects)).toEqual([]);
    expect(of(effects, 'rescind')).toMatchObject([
      { framework: other, message: { offerIds: [held], reason: 'volumeDestroyed' } },
    ]);
    expect([...cluster.state.reservations.rows()]).toMatchObject([{ volumes: [] }]);
  });

  test('that is mounted and not in the offers rejects the task', () => {
    const effects = operate(unreserved(cpusAndDisk(1)), aLaunch(taskWith('t1', mount)));
    expect(answerOf(effects)).toMatchObject({
      value: { rejected: [{ failure: { message: expect.stringContaining('volumes') } }] },
    });
  });

  test('is free again when its task has ended', () => {
    operate(reserved(), aLaunch(taskWith('t1', { reservationId: 'x', ...mount })));
    const ended = cluster.update(taskRef(framework, 't1'), 'finished');
    expect(freeOf(ended)).toMatchObject({
      reservations: [{ resources: normalise(cpusAndDisk(3, 30)) }],
    });
    const [record] = [...cluster.state.reservations.rows()];
    expect(record && cluster.state.books.reservations.freeVolumes(record)).toEqual(['v']);
  });

  test('is told with its size to the agent of the task that uses it, and of no other', () => {
    const other = taskWith('t2', { reservationId: 'x' });
    const user = taskWith('t1', { reservationId: 'x', ...mount });
    const effects = operate(reserved(), aLaunch(user), aLaunch(other));
    const [first, second] = of(effects, 'order').map(({ order }) => order.body);
    expect(first).toMatchObject({ volumeSizes: [{ volumeId: 'v', mib: 10 }] });
    expect(second).not.toHaveProperty('volumeSizes');
  });

  test('is told with its size where it is made and used in one accept, and to the agent of a group', () => {
    const [first, second] = ['v1', 'v2'].map((volumeId, index) =>
      taskWith(`t${index}`, { reservationId: 'x', volumes: [{ volumeId, path: 'data' }] }),
    );
    if (first === undefined || second === undefined) throw new Error('there are two');
    const made = [createVolume('v1', 3), createVolume('v2', 4)];
    const group = groupOf(aDefaultExecutor(), first, second);
    const [order] = of(operate(reserved(), ...made, group), 'order');
    expect(order?.order.body).toMatchObject({
      volumeSizes: [
        { volumeId: 'v1', mib: 3 },
        { volumeId: 'v2', mib: 4 },
      ],
    });
  });
});
