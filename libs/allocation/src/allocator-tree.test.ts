// Tests sharing over a tree of roles: level by level, by weights that change while it runs, over the resources that count.
// Mesos docs, "Roles" (hierarchical roles) and "Weights"; DRF, NSDI 2011, section 4.3.
import { normalise } from '@parley/resources/resources';
import { beforeEach, describe, expect, test } from 'vitest';
import { countsOf, namesOf, ScriptedCluster } from './scripted-cluster.ts';
import { resourcesOf } from './scripted-master.ts';
import type { ScriptedNeed } from './scripted-records.ts';

let cluster: ScriptedCluster;

beforeEach(() => {
  cluster = new ScriptedCluster();
});

/** All alike. */
function addAgents(count: number, from = 0): void {
  for (let number = from; number < from + count; number += 1) {
    cluster.master.addAgent(`agent-${number}`, resourcesOf(4, 4000));
  }
}

describe('levels of the tree', () => {
  test('the top level shares first: two frameworks of one team get half together, not two thirds', () => {
    cluster.master.subscribe('ads', 'eng/ads');
    cluster.master.subscribe('web', 'eng/web');
    cluster.master.subscribe('sales', 'sales');
    addAgents(12);
    expect(countsOf(cluster.settle())).toStrictEqual({ ads: 3, web: 3, sales: 6 });
  });

  test('frameworks of a role that has roles below it share as one with these', () => {
    cluster.master.subscribe('own-1', 'eng');
    cluster.master.subscribe('own-2', 'eng');
    cluster.master.subscribe('ads', 'eng/ads');
    addAgents(12);
    expect(countsOf(cluster.settle())).toStrictEqual({ 'own-1': 3, 'own-2': 3, ads: 6 });
  });

  test('a role that gets its first role below while it runs goes on sharing with it fairly', () => {
    cluster.master.subscribe('own', 'eng');
    addAgents(4);
    expect(countsOf(cluster.settle())).toStrictEqual({ own: 4 });
    cluster.master.subscribe('deep', 'eng/ads/batch');
    addAgents(4, 4);
    expect(countsOf(cluster.settle())).toStrictEqual({ deep: 4 });
  });

  test('what a role far below uses counts for every role above it', () => {
    cluster.master.subscribe('deep', 'eng/ads/batch');
    addAgents(2);
    cluster.settle();
    cluster.master.subscribe('web', 'eng/web');
    cluster.master.subscribe('sales', 'sales');
    addAgents(2, 2);
    expect(countsOf(cluster.settle())).toStrictEqual({ sales: 2 });
  });
});

describe('weights', () => {
  test('twice the weight is twice the share, of a role at any level', () => {
    cluster.master.setRole('eng/ads', { weight: 2000 });
    cluster.master.subscribe('ads', 'eng/ads');
    cluster.master.subscribe('web', 'eng/web');
    addAgents(9);
    expect(countsOf(cluster.settle())).toStrictEqual({ ads: 6, web: 3 });
  });

  test('twice the weight is twice the share, of a framework within its role', () => {
    cluster.master.subscribe('heavy', 'eng');
    cluster.master.subscribe('light', 'eng');
    cluster.master.setShares('heavy', { weight: 2000 });
    addAgents(9);
    expect(countsOf(cluster.settle())).toStrictEqual({ heavy: 6, light: 3 });
  });

  test('a weight that changes while it runs decides from the next offer on, and takes nothing back', () => {
    cluster.master.subscribe('a', 'one');
    cluster.master.subscribe('b', 'two');
    addAgents(6);
    expect(countsOf(cluster.settle())).toStrictEqual({ a: 3, b: 3 });
    cluster.master.setRole('one', { weight: 3000 });
    expect(cluster.settle()).toStrictEqual([]);
    addAgents(6, 6);
    expect(countsOf(cluster.settle())).toStrictEqual({ a: 6 });
    addAgents(4, 12);
    // 9 to 3 is 3 to 1 already: the next 4 keep to that.
    expect(countsOf(cluster.settle())).toStrictEqual({ a: 3, b: 1 });
  });

  test('the leaf with the own frameworks of a role has the default weight, whatever its role has', () => {
    cluster.master.setRole('eng', { weight: 5000 });
    cluster.master.subscribe('own', 'eng');
    cluster.master.subscribe('ads', 'eng/ads');
    addAgents(6);
    expect(countsOf(cluster.settle())).toStrictEqual({ own: 3, ads: 3 });
  });
});

describe('resources that count', () => {
  const need = (scalars: Record<string, number>): ScriptedNeed => ({
    shape: 'task',
    count: 1000,
    resources: normalise({ scalars }),
  });

  test('a framework bound by network bandwidth is balanced against one bound by CPU and one bound by memory', () => {
    for (let number = 0; number < 10; number += 1) {
      const scalars = { cpus: 30_000, mem: 30_000_000, network_bandwidth: 10_000_000 };
      cluster.master.addAgent(`agent-${number}`, normalise({ scalars }));
    }
    const small = { cpus: 100, mem: 100_000, network_bandwidth: 10_000 };
    for (const [name, scalars] of [
      ['cpu-bound', { ...small, cpus: 1000 }],
      ['memory-bound', { ...small, mem: 1_000_000 }],
      ['network-bound', { ...small, network_bandwidth: 400_000 }],
    ] as const) {
      cluster.master.subscribe(name, `${name}-role`);
      cluster.master.need(name, `${name}-role`, [need(scalars)]);
    }
    cluster.settle();
    const shareOf = (name: string, scalar: string, total: number): number => {
      const framework = [...cluster.master.frameworks.values()].find(
        ({ ref }) => ref.frameworkId === name,
      );
      const [used] = framework?.used.values() ?? [];
      return (used?.scalars[scalar] ?? 0) / total;
    };
    const shares = [
      shareOf('cpu-bound', 'cpus', 300_000),
      shareOf('memory-bound', 'mem', 300_000_000),
      shareOf('network-bound', 'network_bandwidth', 100_000_000),
    ];
    // One task is at most 0.4 % of the cluster; agents fill up one by one, each within a task.
    expect(Math.min(...shares)).toBeGreaterThan(0.75);
    expect(Math.max(...shares) - Math.min(...shares)).toBeLessThanOrEqual(10 * 0.004);
  });

  test('gpus, which few agents have, make no share: whoever holds all of them is not behind for that', () => {
    const gpuAgent = normalise({ scalars: { cpus: 1000, mem: 1_000_000, gpus: 8000 } });
    cluster.master.addAgent('with-gpus', gpuAgent);
    addAgents(3);
    cluster.master.subscribe('trainer', 'research');
    cluster.master.need('trainer', 'research', [{ shape: 'train', count: 1, resources: gpuAgent }]);
    expect(namesOf(cluster.settle())).toStrictEqual(['trainer']);
    cluster.master.need('trainer', 'research', undefined);
    cluster.master.subscribe('web', 'services');
    cluster.settle();
    // Of 13 CPUs each has 4 or 5, or the other way round, whoever began.
    const held = countsOf(
      [...cluster.master.offers.values()].map(({ framework }) => ({ framework: framework.ref })),
    );
    expect(held['web']).toBe(2);
  });

  test('an operator says what is in no share: from then on it orders nobody', () => {
    const withDisk = normalise({ scalars: { cpus: 1000, mem: 1_000_000, disk: 8000 } });
    const heldByWeb = (uncounted: readonly string[]) => {
      cluster = new ScriptedCluster();
      cluster.master.set({ uncounted });
      cluster.master.addAgent('with-disk', withDisk);
      addAgents(4);
      cluster.master.subscribe('keeper', 'storage');
      const needs = [{ shape: 'keep', count: 1, resources: withDisk }];
      cluster.master.need('keeper', 'storage', needs);
      expect(namesOf(cluster.settle())).toStrictEqual(['keeper']);
      cluster.master.subscribe('web', 'services');
      cluster.master.need('keeper', 'storage', undefined);
      cluster.settle();
      const offers = [...cluster.master.offers.values()];
      return countsOf(offers.map(({ framework }) => ({ framework: framework.ref })))['web'];
    };
    expect(heldByWeb(['gpus'])).toBe(4);
    expect(heldByWeb(['gpus', 'disk'])).toBe(2);
  });
});
