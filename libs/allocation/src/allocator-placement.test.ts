// Tests from where offers come: reserved before unreserved, agents in the order that a role wants, no slivers. What may be
// taken back at any time is in allocator-revocable.test.ts.
import type { Constraints } from '@parley/protocol/constraints';
import { beforeEach, describe, expect, test } from 'vitest';
import { ScriptedCluster, summaryOf } from './scripted-cluster.ts';
import { aReservation, resourcesOf } from './scripted-master.ts';
import type { ScriptedNeed } from './scripted-records.ts';

let cluster: ScriptedCluster;

beforeEach(() => {
  cluster = new ScriptedCluster();
});

const tasks = (count: number, cpus = 1): ScriptedNeed => ({
  shape: 'one',
  count,
  resources: resourcesOf(cpus, 100),
});

describe('reserved first', () => {
  test("a demand takes its role's own reservation, then one of a role above, then what is not reserved", () => {
    const own = aReservation('eng/ads', 'own', resourcesOf(2, 2000));
    const above = aReservation('eng', 'above', resourcesOf(2, 2000));
    cluster.master.addAgent('x', resourcesOf(10, 10_000), { reservations: [above, own] });
    cluster.master.subscribe('a', 'eng/ads');
    for (const [count, reservations, unreserved] of [
      [2, ['own'], 0],
      [4, ['own', 'above'], 0],
      [5, ['own', 'above'], 1000],
    ] as const) {
      cluster.master.need('a', 'eng/ads', [tasks(count)]);
      const [offer] = cluster.settle();
      expect(offer?.reservations.map(({ reservationId }) => reservationId)).toStrictEqual(
        reservations,
      );
      expect(offer?.resources.scalars['cpus'] ?? 0).toBe(unreserved);
      expect(offer?.promised).toStrictEqual([{ shape: 'one', count }]);
      cluster.master.rescind(offer?.number ?? 0);
      cluster.master.need('a', 'eng/ads', []);
      cluster.settle();
    }
  });
});

describe('the least offer', () => {
  test('a role may have another one than the cluster', () => {
    cluster.master.setRole('big', { minAllocatable: { cpus: 2000 } });
    cluster.master.addAgent('x', resourcesOf(1, 1000));
    cluster.master.subscribe('b', 'big');
    expect(cluster.settle()).toStrictEqual([]);
    cluster.master.addAgent('y', resourcesOf(2, 10));
    expect(summaryOf(cluster.settle())).toStrictEqual(['b y 2/10']);
  });

  test("the cluster's holds for roles that have none of their own, and every amount of it must be there", () => {
    cluster.master.set({ minAllocatable: { cpus: 1000, mem: 500_000 } });
    cluster.master.addAgent('x', resourcesOf(8, 499));
    cluster.master.addAgent('y', resourcesOf(0.5, 8000));
    cluster.master.addAgent('z', resourcesOf(1, 500));
    cluster.master.subscribe('a', 'eng');
    expect(cluster.settle().map(({ agentId }) => agentId)).toStrictEqual(['z']);
    cluster.master.set({ minAllocatable: { cpus: 500 } });
    expect(cluster.settle()).toHaveLength(2);
  });

  test('a demand of less than that is met', () => {
    cluster.master.set({ minAllocatable: { cpus: 4000 } });
    cluster.master.addAgent('x', resourcesOf(2, 1000));
    cluster.master.subscribe('a', 'eng');
    cluster.master.need('a', 'eng', [tasks(1)]);
    expect(summaryOf(cluster.settle())).toStrictEqual(['a x 1/100 1x one']);
  });
});

describe('the order of agents', () => {
  /** With 1 to 6 of 8 CPUs left, in no order. */
  function addUnequalAgents(): void {
    cluster.master.subscribe('filler', 'filler');
    for (const left of [4, 1, 6, 2, 5, 3]) {
      cluster.master.addAgent(`left-${left}`, resourcesOf(8, 8000));
      const constraints: Constraints = [
        { name: 'agentId', operator: 'in', values: [`left-${left}`] },
      ];
      cluster.master.need('filler', 'filler', [{ ...tasks(1, 8 - left), constraints }]);
      for (const { number } of cluster.settle()) cluster.master.launch(number);
    }
    cluster.master.disconnect('filler');
    cluster.settle();
  }

  test('the best fit fills up the fullest agent on which a task fits, and leaves the emptiest alone', () => {
    cluster.master.set({ placement: 'bestFit' });
    addUnequalAgents();
    cluster.master.subscribe('a', 'eng');
    cluster.master.need('a', 'eng', [tasks(2, 3)]);
    expect(summaryOf(cluster.settle())).toStrictEqual([
      'a left-3 3/100 1x one',
      'a left-4 3/100 1x one',
    ]);
  });

  test('spreading begins with the emptiest agents', () => {
    cluster.master.set({ placement: 'spread' });
    addUnequalAgents();
    cluster.master.subscribe('a', 'eng');
    cluster.master.need('a', 'eng', [tasks(3, 3)]);
    expect(cluster.settle().map(({ agentId }) => agentId)).toStrictEqual(['left-6', 'left-5']);
  });

  test('roles may differ: each gets agents from its end while it is next', () => {
    cluster.master.setRole('packed', { placement: 'bestFit' });
    cluster.master.setRole('spread', { placement: 'spread' });
    addUnequalAgents();
    cluster.master.subscribe('a', 'packed');
    cluster.master.subscribe('b', 'spread');
    const [first, second] = summaryOf(cluster.settle());
    expect([first, second]).toStrictEqual(['a left-1 1/7900', 'b left-6 6/7900']);
  });
});
