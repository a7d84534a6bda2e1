// Tests what frameworks are offered that say what they need: just that, shared fairly, and nothing else.
import type { Constraints } from '@parley/protocol/constraints';
import { normalise } from '@parley/resources/resources';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { COALESCE_MS, FULL_RUN_INTERVAL_MS } from './allocator.ts';
import { Knowledge } from './knowledge.ts';
import { PROPOSAL_TIMEOUT_MS } from './pending-proposals.ts';
import { ScriptedCluster, summaryOf } from './scripted-cluster.ts';
import { anAgentId, aReservation, resourcesOf } from './scripted-master.ts';
import type { ScriptedNeed } from './scripted-records.ts';

let cluster: ScriptedCluster;

beforeEach(() => {
  cluster = new ScriptedCluster();
});

const tasks = (
  count: number,
  cpus: number,
  mem: number,
  constraints: Constraints = [],
): ScriptedNeed => ({
  shape: `${cpus}-${mem}`,
  count,
  resources: resourcesOf(cpus, mem),
  constraints,
});

/** In a role of its own. */
function subscribe(name: string, ...needs: ScriptedNeed[]): void {
  cluster.master.subscribe(name, `${name}-role`);
  cluster.master.need(name, `${name}-role`, needs);
}

function state(name: string, ...needs: ScriptedNeed[]): void {
  cluster.master.need(name, `${name}-role`, needs);
}

describe('a stated demand', () => {
  test('for one small task on a large agent just that much is offered and the rest goes to the next', () => {
    cluster.master.addAgent('large', resourcesOf(64, 64_000));
    subscribe('a', tasks(1, 1, 100));
    cluster.master.subscribe('b', 'services');
    expect(summaryOf(cluster.settle())).toStrictEqual([
      'a large 1/100 1x 1-100',
      'b large 63/63900',
    ]);
  });

  test('several tasks on one agent come as one offer, which says of which needs how many', () => {
    cluster.master.addAgent('large', resourcesOf(64, 64_000));
    subscribe('a', tasks(3, 1, 100), tasks(2, 4, 50));
    expect(summaryOf(cluster.settle())).toStrictEqual(['a large 11/400 3x 1-100 2x 4-50']);
  });

  test('it is spread over agents where one is not enough', () => {
    for (const name of ['x', 'y', 'z']) cluster.master.addAgent(name, resourcesOf(2, 2000));
    subscribe('a', tasks(5, 1, 100));
    const offers = summaryOf(cluster.settle()).toSorted();
    expect(offers.map((one) => one.slice(4)).toSorted()).toStrictEqual([
      '1/100 1x 1-100',
      '2/200 2x 1-100',
      '2/200 2x 1-100',
    ]);
  });

  test('nothing is offered to a framework whose demand is met', () => {
    cluster.master.addAgent('large', resourcesOf(64, 64_000));
    subscribe('a', tasks(2, 1, 100));
    const [offer] = cluster.settle();
    cluster.master.launch(offer?.number ?? 0);
    cluster.master.addAgent('other', resourcesOf(64, 64_000));
    expect(cluster.settle()).toStrictEqual([]);
    expect(cluster.proposalsWithin(2 * FULL_RUN_INTERVAL_MS)).toStrictEqual([]);
  });

  test('an empty demand is offered nothing, and no demand everything', () => {
    cluster.master.addAgent('large', resourcesOf(64, 64_000));
    subscribe('a');
    expect(cluster.settle()).toStrictEqual([]);
    cluster.master.need('a', 'a-role', undefined);
    expect(summaryOf(cluster.settle())).toStrictEqual(['a large 64/64000']);
  });

  test('a new need is served at once, from agents that have been open for long', () => {
    cluster.master.addAgent('large', resourcesOf(64, 64_000));
    subscribe('a', tasks(1, 1, 100));
    cluster.settle();
    cluster.proposalsWithin(3 * FULL_RUN_INTERVAL_MS);
    state('a', tasks(1, 1, 100), tasks(1, 2, 200));
    expect(summaryOf(cluster.settle())).toStrictEqual(['a large 2/200 1x 2-200']);
    state('a', tasks(3, 1, 100), tasks(1, 2, 200));
    expect(summaryOf(cluster.settle())).toStrictEqual(['a large 2/200 2x 1-100']);
  });

  test('what is declined is needed again, and offered at once from another agent', () => {
    cluster.master.addAgent('x', resourcesOf(8, 8000));
    cluster.master.addAgent('y', resourcesOf(8, 8000));
    subscribe('a', tasks(2, 1, 100));
    const [first] = cluster.settle();
    cluster.master.decline(first?.number ?? 0, 5000);
    const [second] = cluster.settle();
    expect(second?.promised).toStrictEqual([{ shape: '1-100', count: 2 }]);
    expect(second?.agentId).not.toBe(first?.agentId);
  });

  test('a need that fits nowhere waits without cost until an agent changes', () => {
    cluster.master.addAgent('small', resourcesOf(1, 1000));
    subscribe('a', tasks(1, 2, 100));
    expect(cluster.settle()).toStrictEqual([]);
    expect(cluster.proposalsWithin(FULL_RUN_INTERVAL_MS)).toStrictEqual([]);
    expect(cluster.allocator.nextWakeMs()).toBeGreaterThan(cluster.nowMs + FULL_RUN_INTERVAL_MS);
    cluster.master.addAgent('large', resourcesOf(4, 1000));
    expect(summaryOf(cluster.settle())).toStrictEqual(['a large 2/100 1x 2-100']);
  });

  test('less than what is worth an offer by itself is offered where it is needed', () => {
    cluster.master.addAgent('sliver', resourcesOf(0.005, 20));
    cluster.master.subscribe('b', 'services');
    subscribe('a', tasks(1, 0.002, 10));
    expect(summaryOf(cluster.settle())).toStrictEqual(['a sliver 0.002/10 1x 0.002-10']);
  });

  test('what is refused on an agent is offered there again when more of it is needed', () => {
    cluster.master.addAgent('only', resourcesOf(8, 8000));
    subscribe('a', tasks(1, 1, 100));
    const [first] = cluster.settle();
    cluster.master.decline(first?.number ?? 0, 60_000);
    expect(cluster.settle()).toStrictEqual([]);
    state('a', tasks(2, 1, 100));
    expect(summaryOf(cluster.settle())).toStrictEqual(['a only 2/200 2x 1-100']);
  });

  test('explicit ports are had once an agent, and only where they are free', () => {
    const port = normalise({ scalars: { cpus: 1000 }, ports: [[8080, 8080]] });
    const total = normalise({ ...resourcesOf(8, 8000), ports: [[8000, 8100]] });
    cluster.master.addAgent('x', total);
    cluster.master.addAgent('y', total);
    cluster.master.addAgent('z', resourcesOf(8, 8000));
    subscribe('a', { shape: 'web', count: 3, resources: port });
    const offers = cluster.settle();
    expect(offers.map(({ agentId }) => agentId).toSorted()).toStrictEqual(['x', 'y']);
    expect(offers.map(({ resources }) => resources)).toStrictEqual([port, port]);
  });
});

describe('constraints', () => {
  test('they leave an agent out', () => {
    cluster.master.addAgent('east', resourcesOf(8, 8000), { attributes: { zone: 'east' } });
    cluster.master.addAgent('west', resourcesOf(8, 8000), { attributes: { zone: 'west' } });
    subscribe('a', tasks(1, 1, 100, [{ name: 'zone', operator: 'in', values: ['west'] }]));
    expect(summaryOf(cluster.settle())).toStrictEqual(['a west 1/100 1x 1-100']);
  });

  test('host names can be asked for, and an agent that changes is looked at anew', () => {
    cluster.master.addAgent('x', resourcesOf(8, 8000));
    subscribe('a', tasks(1, 1, 100, [{ name: 'disk', operator: 'exists' }]), {
      ...tasks(1, 2, 100, [{ name: 'hostname', operator: 'in', values: ['x.test'] }]),
    });
    expect(summaryOf(cluster.settle())).toStrictEqual(['a x 2/100 1x 2-100']);
    cluster.master.addAgent('y', resourcesOf(8, 8000), { attributes: { disk: 'ssd' } });
    expect(summaryOf(cluster.settle())).toStrictEqual(['a y 1/100 1x 1-100']);
  });
});

describe('promises under way', () => {
  test('they count against the need until the master has decided', () => {
    cluster.master.addAgent('x', resourcesOf(8, 8000));
    subscribe('a', tasks(2, 1, 100));
    cluster.hear();
    expect(cluster.proposalsWithin(COALESCE_MS)).toHaveLength(1);
    cluster.master.addAgent('y', resourcesOf(8, 8000));
    cluster.hear();
    expect(cluster.proposalsWithin(COALESCE_MS)).toStrictEqual([]);
    state('a', tasks(3, 1, 100));
    cluster.hear();
    const [more] = cluster.proposalsWithin(COALESCE_MS);
    expect(more?.promised).toStrictEqual([{ shape: '1-100', count: 1 }]);
  });

  test('those that are never decided are open again', () => {
    cluster.master.addAgent('x', resourcesOf(8, 8000));
    subscribe('a', tasks(2, 1, 100));
    cluster.hear();
    expect(cluster.proposalsWithin(COALESCE_MS)).toHaveLength(1);
    expect(summaryOf(cluster.proposalsWithin(PROPOSAL_TIMEOUT_MS + COALESCE_MS))).toStrictEqual([
      'a x 2/200 2x 1-100',
    ]);
  });

  test('refused ones are made again after correcting facts, or in the next full run', () => {
    cluster.master.addAgent('x', resourcesOf(8, 8000));
    subscribe('a', tasks(2, 1, 100));
    cluster.hear();
    const [proposal] = cluster.proposalsWithin(COALESCE_MS);
    const proposalNumber = proposal?.number ?? 0;
    cluster.hear({ ...cluster.master.message(), facts: [{ kind: 'decided', proposalNumber }] });
    expect(cluster.proposalsWithin(100)).toStrictEqual([]);
    expect(cluster.proposalsWithin(FULL_RUN_INTERVAL_MS)).toHaveLength(1);
  });
});

describe('sharing among stated demands', () => {
  /** CPUs offered, by framework. */
  function cpusByName(): Record<string, number> {
    const cpus: Record<string, number> = {};
    for (const { framework, resources } of cluster.settle()) {
      const name = framework.frameworkId;
      cpus[name] = (cpus[name] ?? 0) + (resources.scalars['cpus'] ?? 0) / 1000;
    }
    return cpus;
  }

  test('one agent goes to several, one task at a time to whoever is first', () => {
    cluster.master.addAgent('x', resourcesOf(12, 12_000));
    subscribe('a', tasks(100, 1, 100));
    subscribe('b', tasks(100, 1, 100));
    subscribe('c', tasks(100, 1, 100));
    expect(cpusByName()).toStrictEqual({ a: 4, b: 4, c: 4 });
  });

  test('shares of two frameworks with demands differ by no more than one task', () => {
    for (let number = 0; number < 7; number += 1) {
      cluster.master.addAgent(`agent-${number}`, resourcesOf(11, 11_000));
    }
    subscribe('a', tasks(1000, 1, 10));
    subscribe('b', tasks(1000, 3, 10));
    const { a = 0, b = 0 } = cpusByName();
    expect(a + b).toBeGreaterThan(70);
    expect(Math.abs(a - b)).toBeLessThanOrEqual(3);
  });

  // Ghodsi et al., Dominant Resource Fairness, NSDI 2011, section 4.1: 9 CPUs and 18 GB.
  test("the paper's users get 3 and 2 tasks of one agent in one decision", () => {
    cluster.master.addAgent('x', resourcesOf(9, 18_000));
    subscribe('a', tasks(100, 1, 4000));
    subscribe('b', tasks(100, 3, 1000));
    const offers = cluster.settle();
    expect(
      offers.map(({ framework, promised }) => [framework.frameworkId, promised]),
    ).toStrictEqual([
      ['a', [{ shape: '1-4000', count: 3 }]],
      ['b', [{ shape: '3-1000', count: 2 }]],
    ]);
  });

  test('whoever states no demand and is first takes all the rest', () => {
    cluster.master.addAgent('x', resourcesOf(12, 12_000));
    cluster.master.subscribe('a', 'services');
    subscribe('b', tasks(100, 1, 100));
    expect(summaryOf(cluster.settle())).toStrictEqual(['b x 1/100 1x 1-100', 'a x 11/11900']);
    // Of the memory a has 119 of 240 parts: with 12 of 24 CPUs b has more.
    cluster.master.addAgent('y', resourcesOf(12, 12_000));
    expect(summaryOf(cluster.settle())).toStrictEqual(['b y 11/1100 11x 1-100', 'a y 1/10900']);
  });

  test('a hundred thousand small tasks on one agent take few steps, and are still shared fairly', () => {
    cluster.master.addAgent('x', resourcesOf(1000, 1_000_000));
    for (const name of ['a', 'b']) subscribe(name, tasks(100_000, 0.01, 1));
    const known = new Knowledge();
    for (const { facts } of cluster.master.snapshot()) {
      known.hear(facts, { lastNumber: 0, nowMs: 0 });
    }
    const step = vi.spyOn(known.order, 'allocate');
    const agent = known.pool.get(anAgentId('x'));
    if (agent === undefined) throw new Error('the agent is known');
    const [a = 0, b = 0] = known
      .divide(agent)
      .map(({ unreserved }) => (unreserved.scalars['cpus'] ?? 0) / 1000);
    expect(step.mock.calls.length).toBeLessThanOrEqual(64 + 1);
    expect(a + b).toBe(1000);
    expect(Math.abs(a - b)).toBeLessThanOrEqual(1000 / 64);
  });
});

describe('reservations and demand', () => {
  test('a need is met from the reservation of its role first, which is offered as a whole', () => {
    const reservation = aReservation('a-role', 'one', resourcesOf(2.5, 2500));
    cluster.master.addAgent('x', resourcesOf(8, 8000), { reservations: [reservation] });
    subscribe('a', tasks(3, 1, 1000));
    const [offer] = cluster.settle();
    expect(offer).toMatchObject({
      reservations: [reservation],
      resources: resourcesOf(0.5, 500),
      promised: [{ shape: '1-1000', count: 3 }],
    });
  });

  test('what a taken reservation holds beyond one task is promised to further tasks at once', () => {
    const reservation = aReservation('a-role', 'one', resourcesOf(4, 4000));
    cluster.master.addAgent('x', resourcesOf(4, 4000), { reservations: [reservation] });
    subscribe('a', tasks(10, 1, 1000));
    const [offer] = cluster.settle();
    expect(offer?.promised).toStrictEqual([{ shape: '1-1000', count: 4 }]);
    expect(offer?.resources).toStrictEqual(normalise({}));
  });

  test('volumes come along with what a need takes, and alone they meet none', () => {
    const volumes = aReservation('a-role', 'one', normalise({}));
    cluster.master.addAgent('full', normalise({}), { reservations: [volumes] });
    cluster.master.addAgent('x', resourcesOf(4, 4000), { reservations: [volumes] });
    subscribe('a', tasks(1, 1, 1000));
    expect(cluster.settle()).toMatchObject([
      {
        agentId: 'x',
        reservations: [volumes],
        resources: resourcesOf(1, 1000),
        promised: [{ count: 1 }],
      },
    ]);
  });
});
