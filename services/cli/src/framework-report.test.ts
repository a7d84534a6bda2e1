// Tests of what is said of one framework, on records as the core keeps them.
import { ClusterState } from '@parley/cluster/cluster-state';
import { ClusterSettings } from '@parley/cluster/inputs';
import type { CardRecord } from '@parley/cluster/records';
import {
  AgentId,
  ExecutorId,
  FrameworkRef,
  frameworkKey,
  OfferId,
  ReservationId,
  RoleName,
  TaskRef,
} from '@parley/protocol/ids';
import { NO_RESOURCES } from '@parley/protocol/resources';
import { describe, expect, it } from 'vitest';
import { formatDuration } from './cluster-summary.ts';
import { describeFramework } from './framework-page.ts';
import {
  cardOf,
  isInBooks,
  isLive,
  liveTasksOf,
  reportFramework,
  unknownFramework,
  warningsOf,
} from './framework-report.ts';
import { summarise } from './summarise.ts';
import { listTasks } from './task-table.ts';

const framework = FrameworkRef.parse({ principal: 'batch', frameworkId: 'run-1' });
const stranger = FrameworkRef.parse({ principal: 'batch', frameworkId: 'run-2' });
const key = frameworkKey(framework);
const eng = RoleName.parse('eng');
const ops = RoleName.parse('ops');
const agentId = AgentId.parse('a1');
const cpus = (amount: number, mem = 0) => ({ ...NO_RESOURCES, scalars: { cpus: amount, mem } });

const card: CardRecord = {
  framework,
  offered: 30,
  accepted: 6,
  declined: 12,
  rescinded: 4,
  expired: 2,
  ignored: 1,
  declineReasons: { tooSmall: 2, locality: 7 },
  holdingMs: 1800,
  launched: 9,
  ended: { finished: 7, failed: 1 },
  // Eight tasks from 1,024 ms up to 2,048 ms; launches from 64 ms up to 128 ms.
  taskLengths: [...Array.from({ length: 10 }, () => 0), 8],
  launchDelays: [...Array.from({ length: 6 }, () => 0), 9],
};

function aTask(taskId: string, resources = cpus(1000, 64_000)) {
  const task = TaskRef.parse({ ...framework, taskId });
  return {
    task,
    name: taskId,
    agentId,
    role: eng,
    resources,
    reserved: [],
    isInGroup: false,
    state: 'running',
    launchedAtMs: 0,
    changedWallTimeMs: 0,
    agentSequence: 1,
    masterSequence: 0,
    orderedSequence: 0,
  } as const;
}

function aState(): ClusterState {
  const state = new ClusterState();
  state.cluster.put('cluster', {
    epoch: { bucketCreatedMs: 1, revision: 1 },
    settings: ClusterSettings.parse({}),
    coreTimeMs: 50_000,
    offerCounter: 0,
    orderCounter: 0,
    factsSequence: 0,
    allocatorEpoch: { bucketCreatedMs: 0, revision: 0 },
    allocatorDecided: 0,
    usageIntegral: { atMs: 0, allocated: {}, total: {} },
  });
  state.agents.put(agentId, {
    agentId,
    state: 'registered',
    registration: 1,
    hostname: 'host-1',
    total: cpus(8000, 512_000),
    attributes: {},
    isOvercommitted: false,
    isDeactivated: true,
  });
  state.frameworks.put(key, {
    framework,
    state: 'disconnected',
    name: 'nightly',
    roles: [
      { role: eng, isSuppressed: false },
      { role: ops, isSuppressed: true },
    ],
    session: 4,
    lastNumber: 9,
    confirmedNumber: 9,
    demand: [
      { role: eng, shape: 'x', count: 3, resources: cpus(500), constraints: [] },
      {
        role: ops,
        shape: 'y',
        count: 1,
        resources: cpus(100),
        constraints: [{ name: 'zone', operator: 'exists' }],
      },
    ],
    failoverTimeoutMs: 3_600_000,
    expiryStrikes: 2,
    lastEventId: 5,
    droppedEvents: 0,
    failoverAtMs: 140_000,
    subscribedAtMs: 0,
  });
  const reserved = [
    { role: eng, reservationId: ReservationId.parse('r1'), resources: cpus(500), volumes: [] },
  ];
  state.tasks.put('t1', aTask('t1'));
  state.tasks.put('t2', { ...aTask('t2'), reserved });
  state.executors.put('e1', {
    executor: { ...framework, executorId: ExecutorId.parse('e1') },
    agentId,
    role: eng,
    description: {
      executorId: ExecutorId.parse('e1'),
      kind: 'custom',
      resources: cpus(100),
      shutdownGraceMs: 1000,
    },
    resources: cpus(100),
    isConfirmed: true,
    isShuttingDown: false,
  });
  state.offers.put('o1', {
    offerId: OfferId.parse('o1'),
    state: 'outstanding',
    framework,
    role: eng,
    agentId,
    resources: cpus(2000, 32_000),
    reserved,
    promised: [],
    madeAtMs: 49_000,
    expiresAtMs: 59_000,
    number: 9,
  });
  state.frameworkEvents.put('x', {
    framework,
    event: { kind: 'agentUnreachable', eventId: 5, agentId },
  });
  state.cards.put(key, card);
  return state;
}

describe('the summary of a cluster', () => {
  it('counts what tasks hold of reservations, and what executors hold', () => {
    const { frameworks, agents, allocated } = summarise({
      cluster: 'c',
      state: aState(),
      sequence: 1,
    });
    expect(frameworks[0]).toMatchObject({
      allocated: { cpus: 2600, mem: 128_000 },
      roles: ['eng', 'ops'],
      suppressedRoles: ['ops'],
      demandedTasks: 4,
    });
    expect(agents[0]).toMatchObject({
      allocated: { cpus: 2600 },
      offered: { cpus: 2500 },
      isDeactivated: true,
    });
    expect(allocated).toEqual({ cpus: 2600, mem: 128_000 });
  });

  it('lists a task with its part of a reservation', () => {
    expect(listTasks(aState(), false).map(({ cpus: shown }) => shown)).toEqual(['1.00', '1.50']);
  });
});

describe('the report on a framework', () => {
  it('says who it is, what it wants, what it holds and what it was offered', () => {
    expect(reportFramework(aState(), framework)).toMatchObject({
      framework: 'batch/run-1',
      state: 'disconnected',
      standing: {
        name: 'nightly',
        suppressedRoles: ['ops'],
        session: 4,
        removedInMs: 90_000,
        offerTimeoutMs: 10_000,
        tasks: { running: 2 },
        executors: 1,
        unacknowledgedEvents: 1,
        demand: [{ role: 'eng', count: 3 }, { role: 'ops' }],
        offers: [
          {
            offerId: 'o1',
            heldMs: 1000,
            expiresInMs: 9000,
            reservations: [{ reservationId: 'r1' }],
          },
        ],
      },
    });
  });

  it('tells no demand from an empty one', () => {
    const state = aState();
    const record = state.frameworks.get(key);
    if (record === undefined) throw new Error('no record');
    const { demand: _, ...silent } = record;
    state.frameworks.put(key, silent);
    expect(reportFramework(state, framework)?.standing?.demand).toBeUndefined();
    state.frameworks.put(key, { ...record, demand: [] });
    expect(reportFramework(state, framework)?.standing?.demand).toEqual([]);
  });

  it('of one that is removed while its last tasks go on says both', () => {
    const state = aState();
    const record = state.frameworks.get(key);
    if (record === undefined) throw new Error('no record');
    state.frameworks.put(key, { ...record, state: 'removed' });
    state.tombstones.put(key, { framework, removedAtMs: 0, reason: 'teardown' });
    expect(reportFramework(state, framework)).toMatchObject({
      state: 'removed (teardown)',
      standing: { tasks: { running: 2 } },
    });
    expect([isLive(state, framework), isInBooks(state, framework)]).toEqual([false, true]);
    expect([isLive(aState(), framework), isLive(aState(), stranger)]).toEqual([true, false]);
  });

  it('of one that was removed is its card, and of one that never was nothing', () => {
    const state = aState();
    state.frameworks.delete(key);
    state.tombstones.put(key, { framework, removedAtMs: 0, reason: 'teardownByOperator' });
    expect(reportFramework(state, framework)).toMatchObject({
      state: 'removed (teardownByOperator)',
      standing: undefined,
      card: { offered: 30 },
    });
    expect(reportFramework(state, stranger)).toBeUndefined();
    expect(unknownFramework(state, stranger).message).toContain('none of that name');
    expect(unknownFramework(state, framework).message).toContain('teardownByOperator');
    expect(liveTasksOf(state, framework)).toBe(2);
    expect(liveTasksOf(state, stranger)).toBe(0);
  });
});

it('what may run on revocable resources, and what is offered of them, is told', () => {
  const state = aState();
  const record = state.frameworks.get(key);
  const offer = state.offers.get('o1');
  if (record === undefined || offer === undefined) throw new Error('no record');
  const [first, second] = record.demand ?? [];
  if (first === undefined || second === undefined) throw new Error('no demand');
  const demand = [
    { ...first, revocable: 'also' as const },
    { ...second, revocable: 'only' as const },
  ];
  state.frameworks.put(key, { ...record, demand });
  state.offers.put('o1', { ...offer, revocable: cpus(1500) });
  const report = reportFramework(state, framework);
  expect(report?.standing?.demand).toMatchObject([{ revocable: 'also' }, { revocable: 'only' }]);
  const page = report === undefined ? '' : describeFramework(report);
  expect(page).toContain('cpus 0.5, on revocable resources too');
  expect(page).toContain('cpus 0.1, on revocable resources only');
  expect(page).toContain('cpus 2, mem 32 MiB; revocable: cpus 1.5; r1: cpus 0.5');
});

describe('the report card', () => {
  it('counts shares over the offers that the framework answered or let expire', () => {
    expect(cardOf(card, 128)).toMatchObject({
      acceptRatio: 0.3,
      declinedShare: 0.6,
      meanHoldingMs: 100,
      declineReasons: [
        { reason: 'locality', count: 7 },
        { reason: 'tooSmall', count: 2 },
      ],
    });
  });

  it('says nothing where nothing was counted', () => {
    const empty = { ...card, accepted: 0, declined: 0, expired: 0, taskLengths: [] };
    expect(cardOf(empty, undefined)).toMatchObject({
      acceptRatio: undefined,
      declinedShare: undefined,
      meanHoldingMs: undefined,
      medianTaskMs: undefined,
    });
    expect(warningsOf(undefined, cardOf(empty, 128))).toEqual([]);
  });

  it('warns when the median task is shorter than 20 launches on this cluster, and not from 20 on', () => {
    const median = cardOf(card, undefined).medianTaskMs ?? 0;
    expect(median).toBe(2048);
    const short = warningsOf(undefined, cardOf(card, median / 20 + 1));
    expect(short).toHaveLength(1);
    expect(short[0]).toContain('less than 2 s');
    expect(warningsOf(undefined, cardOf(card, median / 20))).toEqual([]);
  });

  it('measures the launch over the cards of all frameworks', () => {
    const state = aState();
    const slow = { ...card, framework: stranger, launchDelays: [0, 0, 0, 0, 0, 0, 0, 0, 0, 99] };
    state.cards.put(frameworkKey(stranger), slow);
    expect(reportFramework(state, framework)?.card).toMatchObject({
      medianTaskMs: 2048,
      clusterLaunchMs: 1024,
    });
  });

  it('warns a framework that declines most of what it is offered, in words that fit', () => {
    const picky = cardOf({ ...card, accepted: 1, declined: 30, expired: 0, taskLengths: [] }, 1);
    const standing = { expiryStrikes: 0, droppedEvents: 0, demand: undefined };
    expect(warningsOf(standing, picky)[0]).toContain('state its demand');
    expect(warningsOf({ ...standing, demand: [] }, picky)[0]).toContain('constraints');
    const few = cardOf({ ...card, accepted: 0, declined: 5, expired: 0, taskLengths: [] }, 1);
    expect(warningsOf(standing, few)).toEqual([]);
  });

  it('warns a framework that lets offers expire or does not acknowledge events', () => {
    const standing = { expiryStrikes: 3, droppedEvents: 2, demand: [] };
    const [strikes, dropped] = warningsOf(standing, undefined);
    expect(strikes).toContain('let 3 offers expire');
    expect(dropped).toContain('2 events were dropped');
  });
});

describe('the page on a framework', () => {
  it('prints all of the report', () => {
    const report = reportFramework(aState(), framework);
    if (report === undefined) throw new Error('no report');
    expect(describeFramework(report)).toMatchInlineSnapshot(`
      "framework         batch/run-1
      state             disconnected
      name              nightly
      roles             eng,ops (suppressed)
      set for it        weight 1; guarantee none; limit none
      session           4
      failover timeout  1 h; it is removed in 1.5 min
      offer timeout     10 s
      tasks             running 2
      executors         1
      allocated         2.60 CPUs, 128 MiB; share 33 % (cpus)
      events            1 not acknowledged, 0 dropped

      DEMAND   ROLE  OF        WHERE
      3 tasks  eng   cpus 0.5  anywhere
      1 task   ops   cpus 0.1  [{"name":"zone","operator":"exists"}]

      OFFER  AGENT  ROLE  HELD  EXPIRES  RESOURCES
      o1     a1     eng   1 s   in 9 s   cpus 2, mem 32 MiB; r1: cpus 0.5

      report card
        offers             30 made: 6 accepted, 12 declined, 2 expired (1 of them ignored), 4 rescinded
        accept ratio       30 %
        share of declined  60 %
        reasons            locality 7, tooSmall 2
        mean holding time  100 ms
        tasks              9 launched; ended: finished 7, failed 1
        median task        below 2 s
        launch here        below 128 ms (median of all frameworks)

      warning: Its tasks are short: the median takes less than 2 s, and a launch on this cluster up to 128 ms. Tasks of 20 times a launch or longer use a cluster better: give each more to do.

      warning: It let 2 offers expire that it had seen, and so it is offered less at a time: it should accept or decline every offer at once.
      "
    `);
  });

  it('prints what is left of one that was removed', () => {
    const page = describeFramework({
      framework: 'a/b',
      state: 'removed (teardown)',
      standing: undefined,
      card: undefined,
      warnings: [],
    });
    expect(page).toBe(
      'framework  a/b\nstate      removed (teardown)\n\nnothing was counted of it\n',
    );
  });

  it.each([
    [-5, '0 ms'],
    [830.4, '830 ms'],
    [4200, '4.2 s'],
    [90_000, '1.5 min'],
    [3_600_000, '1 h'],
  ])('writes %d ms as %s', (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
  });
});
