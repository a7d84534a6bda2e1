// Owns what a pool of work says about its demand and about offers that it does not use.
import { Offer } from '@parley/protocol/offers';
import type { RevocableUse } from '@parley/protocol/revocations';
import { StatusUpdate, type TaskState } from '@parley/protocol/tasks';
import { describe, expect, it } from 'vitest';
import { resources, task } from './task.ts';
import { TaskPool } from './task-pool.ts';

const need = resources({ cpus: 1, mem: '64MiB' });

function aPool(items: number, revocable?: RevocableUse): TaskPool {
  const pool = new TaskPool({ maxAttempts: 2 });
  for (let item = 1; item <= items; item += 1) {
    const describe = (id: string) => ({ ...task({ id, command: 'true' }), resources: need });
    pool.add({ key: `w${item}`, resources: need, describe, ...(revocable && { revocable }) });
  }
  return pool;
}

const anOffer = (cpus: number, revocableCpus = 0) =>
  Offer.parse({
    offerId: 'o1',
    agentId: 'a1',
    hostname: 'h1',
    role: 'batch',
    resources: resources({ cpus, mem: '1GiB' }),
    ...(revocableCpus > 0 && { revocable: resources({ cpus: revocableCpus, mem: '1GiB' }) }),
    attributes: {},
  });

const anEnd = (taskId: string, state: TaskState) =>
  StatusUpdate.parse({
    task: { principal: 'team', frameworkId: 'fw', taskId },
    agentId: 'a1',
    source: 'agent',
    sequence: 1,
    state,
    wallTimeMs: 0,
  });

describe('a pool', () => {
  it('demands what waits, in one need a shape', () => {
    const pool = aPool(3);
    expect(pool.demand()).toEqual([{ count: 3, resources: need, constraints: [] }]);
    pool.place([anOffer(2)]);
    expect(pool.demand()).toMatchObject([{ count: 1 }]);
    pool.place([anOffer(2)]);
    expect(pool.demand()).toEqual([]);
  });

  it('demands a failed piece again as long as it may be tried', () => {
    const pool = aPool(1);
    pool.place([anOffer(1)]);
    expect(pool.update(anEnd('w1-1', 'failed'))).toMatchObject({ kind: 'retried' });
    expect(pool.demand()).toMatchObject([{ count: 1 }]);
    pool.place([anOffer(1)]);
    expect(pool.update(anEnd('w1-2', 'failed'))).toMatchObject({ kind: 'ended', success: false });
    expect(pool.demand()).toEqual([]);
  });

  it('demands a piece that was taken back for somebody else again, however often', () => {
    const pool = aPool(1);
    for (let count = 1; count <= 5; count += 1) {
      pool.place([anOffer(1)]);
      const end = { ...anEnd(`w1-${count}`, 'killed'), reason: 'revoked' } as const;
      expect(pool.update(end)).toMatchObject({ kind: 'retried' });
    }
    pool.place([anOffer(1)]);
    expect(pool.update(anEnd('w1-6', 'killed'))).toMatchObject({ kind: 'ended', attempts: 1 });
  });

  it('that may use revocable resources, too, does so where no others are left, and says so of each task', () => {
    const pool = aPool(4, 'also');
    expect(pool.demand()).toEqual([
      { count: 4, resources: need, constraints: [], revocable: 'also' },
    ]);
    const [placement] = pool.place([anOffer(1, 2)]).accepted;
    expect(placement?.launches.map(({ taskId, revocable }) => [taskId, revocable])).toEqual([
      ['w1-1', undefined],
      ['w2-1', true],
      ['w3-1', true],
    ]);
    expect(pool.demand()).toMatchObject([{ count: 1 }]);
  });

  it('that uses nothing else leaves ordinary resources alone, and one that says nothing the revocable ones', () => {
    const only = aPool(2, 'only').place([anOffer(1, 1)]).accepted[0];
    expect(only?.launches).toMatchObject([{ taskId: 'w1-1', revocable: true }]);
    const plain = aPool(2).place([anOffer(1, 1)]).accepted[0];
    expect(plain?.launches.map(({ revocable }) => revocable)).toEqual([undefined]);
  });

  it('demands a piece that ran on revocable resources and was taken back as before', () => {
    const pool = aPool(1, 'also');
    pool.place([anOffer(0, 1)]);
    const end = { ...anEnd('w1-1', 'killed'), reason: 'revoked' } as const;
    expect(pool.update(end)).toMatchObject({ kind: 'retried' });
    expect(pool.demand()).toMatchObject([{ count: 1, revocable: 'also' }]);
    const again = pool.place([anOffer(1)]).accepted[0]?.launches;
    expect(again?.map(({ taskId, revocable }) => [taskId, revocable])).toEqual([
      ['w1-2', undefined],
    ]);
  });

  it('says why it does not use an offer: too small, or nothing to do', () => {
    expect(aPool(1).place([anOffer(0.5)]).declined).toMatchObject([{ reason: 'tooSmall' }]);
    expect(aPool(0).place([anOffer(2)]).declined).toMatchObject([{ reason: 'noWork' }]);
  });
});
