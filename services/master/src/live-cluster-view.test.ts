// Tests of what the master reads of the books, on records as the core keeps them.
import { ClusterState } from '@parley/cluster/cluster-state';
import type { FrameworkRecord, OfferRecord } from '@parley/cluster/records';
import { aCluster, of, some } from '@parley/cluster/scripted-cluster';
import {
  aCommandTask,
  aDefaultExecutor,
  groupOf,
  launchRaw,
  taskRef,
} from '@parley/cluster/scripted-tasks';
import {
  AgentId,
  FrameworkRef,
  frameworkKey,
  OfferId,
  RoleName,
  TaskRef,
  taskKey,
} from '@parley/protocol/ids';
import { NO_RESOURCES } from '@parley/protocol/resources';
import { describe, expect, it, test } from 'vitest';
import { LiveClusterView } from './live-cluster-view.ts';

const framework = FrameworkRef.parse({ principal: 'alice', frameworkId: 'f1' });
const other = FrameworkRef.parse({ principal: 'bob', frameworkId: 'f1' });
const eng = RoleName.parse('eng');
const agentId = AgentId.parse('a1');
const offerId = OfferId.parse('o1');

const subscribed: FrameworkRecord = {
  framework,
  state: 'subscribed',
  name: 'x',
  roles: [
    { role: eng, isSuppressed: true },
    { role: RoleName.parse('ops'), isSuppressed: false },
  ],
  session: 3,
  lastNumber: 9,
  confirmedNumber: 4,
  failoverTimeoutMs: 0,
  expiryStrikes: 0,
  lastEventId: 0,
  droppedEvents: 0,
  subscribedAtMs: 0,
};
const outstanding: OfferRecord = {
  offerId,
  state: 'outstanding',
  framework,
  role: eng,
  agentId,
  resources: NO_RESOURCES,
  reserved: [],
  promised: [],
  madeAtMs: 0,
  expiresAtMs: 10_000,
  number: 6,
};

function aView(
  records: { framework?: Partial<FrameworkRecord>; offer?: Partial<OfferRecord> } = {},
) {
  const state = new ClusterState();
  const key = frameworkKey(framework);
  state.frameworks.put(key, { ...subscribed, ...records.framework });
  state.offers.put(offerId, { ...outstanding, ...records.offer });
  state.books.framework(key).offers.add(offerId);
  return new LiveClusterView(() => state);
}

describe('a confirmation', () => {
  it('counts when it covers an outstanding offer that was not confirmed', () => {
    expect(aView().isConfirming(framework, 3, 6)).toBe(true);
    expect(aView().isConfirming(framework, 3, 9)).toBe(true);
  });

  it.each<[string, number, number, Parameters<typeof aView>[0]]>([
    ['of an older session', 2, 6, {}],
    ['of what is confirmed already', 3, 4, {}],
    ['of less than the offer’s message', 3, 5, {}],
    ['of more than was ever sent', 3, 10, {}],
    ['when all outstanding offers are confirmed', 3, 9, { offer: { number: 4 } }],
    ['of an offer that is not outstanding again yet', 3, 9, { offer: { number: 0 } }],
    ['while the framework counts as disconnected', 3, 6, { framework: { state: 'disconnected' } }],
  ])('does not count %s', (_, session, number, records) => {
    expect(aView(records).isConfirming(framework, session, number)).toBe(false);
  });

  it('does not count from a framework that is not in the books', () => {
    expect(aView().isConfirming(other, 3, 6)).toBe(false);
  });
});

it("names the leader's own updates on a task that were not read back, and none on another one", () => {
  const state = new ClusterState();
  const tasks = ['t1', 't2'].map((taskId) => TaskRef.parse({ ...framework, taskId }));
  for (const [index, task] of tasks.entries()) {
    const about = { task, agentId, wallTimeMs: 1 };
    const keys = [1, 2].map((sequence) => {
      const update = { ...about, source: 'master', sequence, state: 'gone' } as const;
      state.unwritten.put(`${index}#${sequence}`, { update, name: 'x' });
      return `${index}#${sequence}`;
    });
    state.unwrittenByTask.set(taskKey(task), new Set(keys));
  }
  const view = new LiveClusterView(() => state);
  const found = tasks.map((task) => [...view.unwrittenOf(task)]);
  expect(
    found.map((updates) => updates.map(({ task, sequence }) => [task.taskId, sequence])),
  ).toEqual([
    [
      ['t1', 1],
      ['t1', 2],
    ],
    [
      ['t2', 1],
      ['t2', 2],
    ],
  ]);
  expect([...view.unwrittenOf(TaskRef.parse({ ...framework, taskId: 't3' }))]).toEqual([]);
});

test('an order of a group is sent until one of its tasks has ended, and then never again; its answer is awaited', () => {
  const cluster = aCluster(some(8));
  const view = new LiveClusterView(() => cluster.state);
  const effects = launchRaw(
    cluster,
    framework,
    groupOf(aDefaultExecutor(), aCommandTask('t1'), aCommandTask('t2')),
  );
  const [order] = of(effects, 'order').map((effect) => effect.order);
  const orderId = order?.orderId ?? '';
  cluster.update(taskRef(framework, 't1'), 'running');
  expect(view.order(orderId)).toBe(order);
  cluster.update(taskRef(framework, 't1'), 'finished');
  expect(view.order(orderId)).toBeUndefined();
  expect(view.awaitedOrder(orderId)).toBe(order);
  cluster.answerOrder(orderId);
  expect(view.awaitedOrder(orderId)).toBeUndefined();
});

describe('what the rules ask of the books', () => {
  it('the roles of a framework, suppressed ones too', () => {
    expect(aView().frameworkRoles(framework)).toEqual(['eng', 'ops']);
    expect(aView().frameworkRoles(other)).toBeUndefined();
  });

  it('where an offer is, but not to whom it was not made', () => {
    expect(aView().offerPlace(framework, offerId)).toEqual({ role: 'eng', agentId: 'a1' });
    expect(aView().offerPlace(other, offerId)).toBeUndefined();
    expect(aView().offerPlace(framework, OfferId.parse('o2'))).toBeUndefined();
  });
});
