// Tests what keeps a framework from sitting on offers: the cap on what is unanswered, fewer at a time, and others first
// after an offer that expired.
import { beforeEach, describe, expect, test } from 'vitest';
import { COALESCE_MS, FULL_RUN_INTERVAL_MS } from './allocator.ts';
import { namesOf, ScriptedCluster } from './scripted-cluster.ts';
import { aFramework, resourcesOf } from './scripted-master.ts';

let cluster: ScriptedCluster;

beforeEach(() => {
  cluster = new ScriptedCluster();
});

function addAgents(count: number): void {
  for (let number = 0; number < count; number += 1) {
    cluster.master.addAgent(`agent-${number}`, resourcesOf(4, 4000));
  }
}

/** The number of an offer of the framework that is not answered. */
function anOfferOf(name: string): number {
  for (const { framework, number } of cluster.master.offers.values()) {
    if (framework.ref.frameworkId === aFramework(name).frameworkId) return number;
  }
  throw new Error(`${name} has an offer`);
}

describe('the cap on unanswered offers', () => {
  test('a hoarder never holds more than half of the cluster in unanswered offers', () => {
    cluster.master.setCap(500);
    addAgents(10);
    cluster.master.subscribe('hoarder', 'services');
    expect(cluster.settle()).toHaveLength(5);
    expect(cluster.proposalsWithin(3 * FULL_RUN_INTERVAL_MS)).toStrictEqual([]);
    cluster.master.subscribe('other', 'analytics');
    expect(namesOf(cluster.settle())).toStrictEqual(Array.from({ length: 5 }, () => 'other'));
  });

  test('it holds while nothing of the offers is decided', () => {
    cluster.master.setCap(500);
    addAgents(10);
    cluster.master.subscribe('hoarder', 'services');
    cluster.hear();
    expect(cluster.proposalsWithin(COALESCE_MS)).toHaveLength(5);
    addAgents(10);
    cluster.hear();
    expect(cluster.proposalsWithin(COALESCE_MS)).toStrictEqual([]);
  });

  test('whoever has no other may have an offer that is beyond the cap', () => {
    cluster.master.setCap(100);
    addAgents(2);
    cluster.master.subscribe('hoarder', 'services');
    expect(cluster.settle()).toHaveLength(1);
  });

  test('it is of every resource, of those that do not count for a share, too', () => {
    cluster.master.setCap(500);
    cluster.master.addAgent('large', resourcesOf(40, 40_000));
    cluster.master.subscribe('other', 'analytics');
    cluster.settle();
    cluster.master.launch(anOfferOf('other'));
    const { ports, sets, scalars } = resourcesOf(1, 1000);
    const total = { ports, sets, scalars: { ...scalars, gpus: 1000 } };
    for (const name of ['gpu-0', 'gpu-1']) cluster.master.addAgent(name, total);
    cluster.master.subscribe('hoarder', 'services');
    expect(namesOf(cluster.settle()).sort()).toStrictEqual(['hoarder', 'other']);
  });

  test('an answer makes room for the next offer at once, of an agent that has been open for long', () => {
    cluster.master.setCap(500);
    addAgents(10);
    cluster.master.subscribe('slow', 'services');
    cluster.settle();
    cluster.proposalsWithin(3 * FULL_RUN_INTERVAL_MS);
    cluster.master.launch(anOfferOf('slow'));
    expect(cluster.settle()).toHaveLength(1);
  });

  test('a larger cap and a larger cluster make room', () => {
    cluster.master.setCap(500);
    addAgents(10);
    cluster.master.subscribe('slow', 'services');
    cluster.settle();
    cluster.master.setCap(700);
    expect(cluster.settle()).toHaveLength(2);
    cluster.master.addAgent('large', resourcesOf(40, 40_000));
    expect(cluster.settle()).toHaveLength(3);
  });

  test('it is over all roles of the framework', () => {
    cluster.master.setCap(500);
    addAgents(10);
    cluster.master.subscribe('hoarder', 'services', 'analytics');
    expect(cluster.settle()).toHaveLength(5);
  });

  test('a stated demand is cut to what is under the cap', () => {
    cluster.master.setCap(500);
    cluster.master.addAgent('x', resourcesOf(6, 6000));
    cluster.master.subscribe('a', 'services');
    const need = { shape: 'one', resources: resourcesOf(1, 100), count: 2 };
    cluster.master.need('a', 'services', [need]);
    cluster.settle();
    cluster.master.addAgent('y', resourcesOf(4, 4000));
    cluster.master.need('a', 'services', [{ ...need, count: 9 }]);
    const offers = cluster.settle();
    const counts = offers.flatMap(({ promised }) => promised.map(({ count }) => count));
    // Half of 10 CPUs are 5, of which 2 are out.
    expect(counts.reduce((a, b) => a + b, 0)).toBe(3);
  });

  test('whoever has refused what is under the cap is offered more at once when an answer makes room for it', () => {
    cluster.master.setCap(500);
    cluster.master.addAgent('x', resourcesOf(1, 100));
    cluster.master.subscribe('a', 'services');
    const need = { shape: 'one', resources: resourcesOf(1, 100), count: 9 };
    cluster.master.need('a', 'services', [need]);
    const [first] = cluster.settle();
    cluster.master.addAgent('y', resourcesOf(9, 900));
    const [second] = cluster.settle();
    expect(second?.promised).toStrictEqual([{ shape: 'one', count: 4 }]);
    cluster.master.decline(second?.number ?? 0, 60_000);
    expect(cluster.settle()).toStrictEqual([]);
    cluster.master.launch(first?.number ?? 0);
    expect(cluster.settle()).toMatchObject([{ promised: [{ shape: 'one', count: 8 }] }]);
  });
});

describe('fewer offers at a time', () => {
  test('a framework gets no more unanswered offers than it may have', () => {
    addAgents(10);
    cluster.master.subscribe('slow', 'services');
    cluster.master.limitOffers('slow', 3);
    expect(cluster.settle()).toHaveLength(3);
    expect(cluster.proposalsWithin(2 * FULL_RUN_INTERVAL_MS)).toStrictEqual([]);
    cluster.master.launch(anOfferOf('slow'));
    expect(cluster.settle()).toHaveLength(1);
    cluster.master.limitOffers('slow', undefined);
    expect(cluster.settle()).toHaveLength(6);
  });

  test('the only offer that it may have may hold several tasks', () => {
    addAgents(2);
    cluster.master.subscribe('slow', 'services');
    cluster.master.subscribe('other', 'analytics');
    for (const [name, role] of [
      ['slow', 'services'],
      ['other', 'analytics'],
    ] as const) {
      const need = { shape: 'one', resources: resourcesOf(1, 100), count: 4 };
      cluster.master.need(name, role, [need]);
    }
    cluster.master.limitOffers('slow', 1);
    const offers = cluster.settle().filter(({ role }) => role === 'services');
    expect(offers.map(({ promised }) => promised)).toStrictEqual([[{ shape: 'one', count: 2 }]]);
  });
});

describe('an offer that expired', () => {
  test('whoever let it expire comes after others who want it, even after those behind it in the order', () => {
    cluster.master.addAgent('large', resourcesOf(40, 40_000));
    cluster.master.subscribe('rich', 'analytics');
    cluster.settle();
    cluster.master.subscribe('late', 'services');
    cluster.master.addAgent('only', resourcesOf(4, 4000));
    expect(namesOf(cluster.settle())).toStrictEqual(['late']);
    cluster.master.expire(anOfferOf('late'));
    expect(namesOf(cluster.settle())).toStrictEqual(['rich']);
  });

  test('it goes to the same framework again when nobody else wants it', () => {
    cluster.master.addAgent('only', resourcesOf(4, 4000));
    cluster.master.subscribe('late', 'services');
    cluster.settle();
    cluster.master.expire(anOfferOf('late'));
    expect(namesOf(cluster.settle())).toStrictEqual(['late']);
  });

  test('others come first once, then shares decide again', () => {
    cluster.master.addAgent('large', resourcesOf(40, 40_000));
    cluster.master.subscribe('rich', 'analytics');
    cluster.settle();
    cluster.master.subscribe('late', 'services');
    cluster.master.addAgent('only', resourcesOf(4, 4000));
    cluster.settle();
    cluster.master.expire(anOfferOf('late'));
    const [offer] = cluster.settle();
    cluster.master.decline(offer?.number ?? 0, 1);
    expect(namesOf(cluster.settle())).toStrictEqual(['late']);
  });
});
