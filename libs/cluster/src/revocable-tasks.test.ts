// Tests of tasks on what agents lend: which may use it, what they count for, and what they give back.
import { beforeEach, describe, expect, test } from 'vitest';
import { anAgentId, type Effects, eventsOf, factsOf, of, whyRefused } from './scripted-cluster.ts';
import { aRevocable, BORROWER, freeFact, LendingCluster, lent } from './scripted-lending.ts';
import {
  aCommandTask,
  acceptResultOf,
  aDefaultExecutor,
  anExecutor,
  groupOf,
  launchOf,
  type RawTask,
  taskRef,
  writtenOf,
} from './scripted-tasks.ts';

const agentId = anAgentId();
const framework = BORROWER;
let cluster: LendingCluster;

beforeEach(() => {
  cluster = new LendingCluster();
});

/**
 * Its agent refuses it, names it all the same and needs back what it has lent; then it reports the task as running, before
 * the leader's word on the refusal is read. What comes of that word.
 */
function refusedAndRun(rulesVersion: number): Effects {
  const racing = new LendingCluster(rulesVersion);
  racing.lends(lent(4, 1024));
  const offerId = racing.offerLent(lent(1, 128));
  const launched = racing.operate(framework, [offerId], [launchOf(aRevocable('t1', lent(1, 128)))]);
  const [run] = of(launched, 'order');
  const refused = racing.answerOrder(run?.order.orderId ?? '', agentId, 'unknownTask');
  racing.lends({});
  racing.update(taskRef(framework, 't1'), 'running');
  return racing.readBack(refused);
}

describe('a revocable task', () => {
  beforeEach(() => void cluster.lends(lent(4, 1024)));
  const launched = (task: RawTask, revocable: object, resources: object = {}) => {
    const offerId = cluster.offerLent(revocable, resources);
    return cluster.operate(framework, [offerId], [launchOf(task)]);
  };
  const rejectionOf = (effects: Effects) => acceptResultOf(effects).rejected[0]?.failure;

  test('takes its scalars from what is lent, its ports from what is not, and counts as no use', () => {
    const task = aRevocable('t1', { ...lent(1, 128), ports: [[1000, 1000]] });
    const resources = { scalars: { cpus: 1000 }, ports: [[1000, 1001]] };
    const effects = launched(task, lent(2, 256), resources);
    expect(acceptResultOf(effects).launched).toEqual(['t1']);
    expect(cluster.state.tasks.get('alice/f1/t1')).toMatchObject({
      resources: { scalars: {}, ports: [[1000, 1000]] },
      revocable: lent(1, 128),
    });
    expect(factsOf(effects)).toContainEqual({ kind: 'usage', framework, role: 'r', scalars: {} });
    expect(factsOf(effects)).toContainEqual(
      expect.objectContaining({
        kind: 'refused',
        resources: { scalars: { cpus: 1000 }, ports: [[1001, 1001]], sets: {} },
        revocable: { ...lent(1, 128), ports: [], sets: {} },
      }),
    );
    expect(cluster.state.books.allocated.toScalars()).toEqual({});
    expect(of(effects, 'order')[0]?.order).toMatchObject({
      kind: 'run',
      body: { description: { revocable: true } },
    });
  });

  test('says nothing of how far its framework has come to its share', () => {
    const effects = launched(aRevocable('t1', lent(1, 128)), lent(1, 128));
    expect(eventsOf(effects).map(({ type }) => type)).not.toContain('frameworkRampedUp');
  });

  test('uses nothing of the ordinary part of an offer, and an ordinary task nothing of the lent one', () => {
    const ordinary = { scalars: { cpus: 2000, mem: 256_000 } };
    const mixed = launched(aRevocable('t1', lent(2, 128)), lent(1, 128), ordinary);
    expect(rejectionOf(mixed)).toEqual({
      code: 'insufficientResources',
      message: 'resources: more than what is left of the revocable part of the offers',
    });
    const greedy = launched(
      aCommandTask('t2', { resources: lent(3, 128) }),
      lent(4, 512),
      ordinary,
    );
    expect(rejectionOf(greedy)?.code).toBe('insufficientResources');
    expect(writtenOf(greedy)).toMatchObject([{ state: 'error', reason: 'insufficientResources' }]);
  });

  test('and the next one share what is left of the offer', () => {
    const tasks = [aRevocable('t1', lent(1, 128)), aRevocable('t2', lent(1, 128))];
    const offerId = cluster.offerLent(lent(1.5, 512));
    const effects = cluster.operate(framework, [offerId], [launchOf(...tasks)]);
    expect(acceptResultOf(effects)).toMatchObject({
      launched: ['t1'],
      rejected: [{ taskId: 't2', failure: { code: 'insufficientResources' } }],
    });
  });

  test.each([
    ['with a reservation', { reservationId: 'x' }, 'reservationId:'],
    ['with a volume', { volumes: [{ volumeId: 'v', path: 'data' }] }, 'volumes:'],
    ['without amounts', { resources: { ports: [[1000, 1000]] } }, 'resources:'],
    ['of a custom executor', { executor: anExecutor(), command: undefined }, 'revocable:'],
  ])('%s is an error that names the field', (_, more, field) => {
    const effects = launched(aRevocable('t1', lent(1, 128), more), lent(1, 128));
    const message: unknown = expect.stringMatching(new RegExp(`^${field}`));
    expect(rejectionOf(effects)).toEqual({ code: 'invalidTask', message });
    expect(writtenOf(effects)).toMatchObject([{ state: 'error', reason: 'invalidTask' }]);
  });

  test('is in a group only with others of its kind', () => {
    const launchGroup = (...tasks: RawTask[]) => {
      const offerId = cluster.offerLent(lent(2, 256), { scalars: { cpus: 1000, mem: 128_000 } });
      return cluster.operate(framework, [offerId], [groupOf(aDefaultExecutor(), ...tasks)]);
    };
    const mixed = launchGroup(
      aRevocable('t1', lent(1, 64)),
      aCommandTask('t2', { resources: lent(1, 64) }),
    );
    expect(rejectionOf(mixed)?.message).toContain('revocable: all tasks of a group are, or none');
    expect(cluster.state.executors.size).toBe(0);
    const pure = launchGroup(aRevocable('t3', lent(1, 64)), aRevocable('t4', lent(1, 64)));
    expect(acceptResultOf(pure).launched).toEqual(['t3', 't4']);
  });

  test('that runs though its end was ordered gives back what it was lent since version 6, and keeps it before', () => {
    const killed = (effects: Effects) =>
      of(effects, 'order').flatMap(({ order }) => (order.kind === 'kill' ? [order.body] : []));
    expect(killed(refusedAndRun(6))).toMatchObject([{ task: { taskId: 't1' }, reason: 'revoked' }]);
    expect(() => refusedAndRun(5)).toThrow('revocable cpus is short and stays so');
  });

  test('gives back what it was lent when it ends', () => {
    cluster.launchLent({ t1: lent(3, 128) });
    expect(
      whyRefused(cluster.propose(framework, {}, agentId, { revocable: lent(2, 1) })),
    ).toHaveLength(1);
    const effects = cluster.update(taskRef(framework, 't1'), 'finished');
    expect(freeFact(effects)).toMatchObject({ revocable: lent(4, 1024) });
    expect(cluster.state.ended.get('alice/f1/t1')).toMatchObject({ revocable: lent(3, 128) });
  });
});
