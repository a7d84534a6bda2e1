// Tests of what is said of one framework, on records as the core keeps them; how it is printed is in framework-page.test.ts.
import { frameworkKey } from '@parley/protocol/ids';
import { describe, expect, it } from 'vitest';
import {
  cardOf,
  isInBooks,
  isLive,
  liveTasksOf,
  reportFramework,
  unknownFramework,
  warningsOf,
} from './framework-report.ts';
import { aState, card, framework, key, stranger } from './scripted-framework.ts';
import { summarise } from './summarise.ts';
import { listTasks } from './task-table.ts';

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
