// Tests the answers to why somebody is not offered what it wants.
import type { Constraints } from '@parley/protocol/constraints';
import type { ExplainedClient, Explanation } from '@parley/protocol/explanations';
import { Explanation as Schema } from '@parley/protocol/explanations';
import { RoleName } from '@parley/protocol/ids';
import { NO_RESOURCES } from '@parley/protocol/resources';
import { normalise } from '@parley/resources/resources';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { COALESCE_MS, FULL_RUN_INTERVAL_MS } from './allocator.ts';
import { type Explainable, explain } from './explain.ts';
import { FairOrder } from './fair-order.ts';
import { ScriptedCluster } from './scripted-cluster.ts';
import { aFramework, anAgentId, resourcesOf } from './scripted-master.ts';

const IN_A: Constraints = [{ name: 'zone', operator: 'in', values: ['a'] }];

let cluster: ScriptedCluster;

beforeEach(() => {
  cluster = new ScriptedCluster();
});

function ofFramework(name: string): Explanation {
  const request = { of: 'framework', framework: aFramework(name) } as const;
  return explained(cluster.allocator.explain(request, cluster.nowMs));
}

function ofRole(name: string): Explanation {
  const request = { of: 'role', role: RoleName.parse(name) } as const;
  return explained(cluster.allocator.explain(request, cluster.nowMs));
}

/** As it would arrive. */
function explained(explanation: Explanation | undefined): Explanation {
  expect(Schema.parse(explanation)).toStrictEqual(explanation);
  return Schema.parse(explanation);
}

function clientOf(name: string): ExplainedClient {
  const [client, ...others] = ofFramework(name).clients;
  expect(others).toStrictEqual([]);
  if (client === undefined) throw new Error(`${name} is known`);
  return client;
}

function subscribeWithNeed(name: string, cpus: number, mem: number, constraints?: Constraints) {
  cluster.master.subscribe(name, `${name}-role`);
  const need = { shape: 'task', resources: resourcesOf(cpus, mem), count: 3 };
  cluster.master.need(name, `${name}-role`, [{ ...need, ...(constraints && { constraints }) }]);
}

/** Of each agent so much is in use. */
function use(cpus: number, mem: number): void {
  cluster.master.subscribe('others', 'others');
  for (const { number, framework, agentId, role, resources } of cluster.settle()) {
    cluster.master.launch(number);
    const { cpus: all = 0, mem: memory = 0 } = resources.scalars;
    const rest = resourcesOf(all / 1000 - cpus, memory / 1000 - mem);
    cluster.master.giveBack({ framework, agentId, role }, rest);
  }
  cluster.master.suppress('others', 'others');
  cluster.settle();
}

describe('agents and a need', () => {
  test('each agent is counted under the first thing that speaks against it, and the nearest miss is named', () => {
    const agents = ['a-1', 'a-2', 'a-3', 'a-4', 'a-5'];
    for (const [number, name] of agents.entries()) {
      cluster.master.addAgent(name, resourcesOf(4, 2560 + number * 64), {
        attributes: { zone: 'a' },
      });
    }
    for (const name of ['b-1', 'b-2']) {
      cluster.master.addAgent(name, resourcesOf(4, 4096), { attributes: { zone: 'b' } });
    }
    cluster.master.addAgent('tiny', resourcesOf(1, 4096), { attributes: { zone: 'a' } });
    use(0, 1600);
    subscribeWithNeed('batch', 2, 2048, IN_A);
    expect(cluster.settle()).toStrictEqual([]);
    expect(clientOf('batch').needs).toStrictEqual([
      {
        resources: resourcesOf(2, 2048),
        constraints: IN_A,
        open: 3,
        agents: 8,
        suitable: 0,
        reasons: [
          { kind: 'lacks', count: 5, resource: 'mem', best: 1_216_000, needed: 2_048_000 },
          { kind: 'constraint', count: 2, constraint: IN_A[0] },
          { kind: 'tooSmall', count: 1, resource: 'cpus', best: 1000, needed: 2000 },
        ],
        nearest: {
          agentId: 'a-5',
          hostname: 'a-5.test',
          resource: 'mem',
          has: 1_216_000,
          needed: 2_048_000,
        },
      },
    ]);
  });

  test('what was refused says until when, and what others hold or ports that are taken are told apart', () => {
    cluster.master.addAgent('agent-1', normalise({ ...resourcesOf(4, 1024), ports: [[80, 80]] }));
    cluster.master.subscribe('batch', 'batch-role');
    const [proposal] = cluster.settle();
    if (proposal === undefined) throw new Error('the agent is offered');
    cluster.master.decline(proposal.number, 60_000);
    cluster.settle();
    const [need] = clientOf('batch').needs;
    expect(need?.open).toBeUndefined();
    expect(need?.reasons).toStrictEqual([
      { kind: 'refused', count: 1, endsInMs: 60_000 - (cluster.nowMs - 2) },
    ]);
    expect(clientOf('batch').refusals).toStrictEqual({
      agents: 1,
      nextEndsInMs: 60_000 - (cluster.nowMs - 2),
    });
    const resources = normalise({ ...resourcesOf(1, 64), ports: [[81, 81]] });
    cluster.master.need('batch', 'batch-role', [{ shape: 'web', resources, count: 1 }]);
    cluster.settle();
    expect(clientOf('batch').needs[0]?.reasons).toStrictEqual([{ kind: 'ports', count: 1 }]);
  });
});

describe('how a framework stands', () => {
  test('whoever is next has the first place of those that take offers', () => {
    cluster.master.addAgent('agent-1', resourcesOf(4, 1024));
    subscribeWithNeed('served', 4, 1024);
    cluster.settle();
    subscribeWithNeed('waiting', 4, 1024);
    cluster.settle();
    expect(clientOf('waiting')).toMatchObject({
      state: 'waits',
      share: { used: 0, place: 1, of: 2 },
      offers: { outstanding: 0, proposed: 0 },
    });
    expect(clientOf('served')).toMatchObject({
      state: 'waits',
      share: { used: 4000, total: 4000, resource: 'cpus', place: 2, of: 2 },
      offers: { outstanding: 1, proposed: 0 },
    });
  });

  test.each([
    ['needsNothing', () => cluster.master.need('batch', 'batch-role', [])],
    ['suppressed', () => cluster.master.suppress('batch', 'batch-role')],
    ['notSubscribed', () => cluster.master.disconnect('batch')],
    [
      'offerCap',
      () => {
        cluster.master.limitOffers('batch', 1);
        cluster.settle();
        cluster.master.addAgent('agent-2', resourcesOf(4, 1024));
      },
    ],
  ] as const)('its state is %s', (state, cause) => {
    cluster.master.addAgent('agent-1', resourcesOf(4, 1024));
    subscribeWithNeed('batch', 4, 1024);
    cluster.settle();
    cause();
    cluster.settle();
    expect(clientOf('batch').state).toBe(state);
  });

  test('it is told when the allocator decides next without news, if it does', () => {
    cluster.master.addAgent('agent-1', resourcesOf(4, 1024));
    cluster.master.subscribe('batch', 'batch-role');
    cluster.settle();
    cluster.proposalsWithin(FULL_RUN_INTERVAL_MS);
    expect(ofFramework('batch').nextRunInMs).toBeUndefined();
    cluster.master.addAgent('agent-2', resourcesOf(4, 1024));
    cluster.hear();
    expect(ofFramework('batch').nextRunInMs).toBe(0);
    cluster.proposalsWithin(0);
    cluster.master.addAgent('agent-3', resourcesOf(4, 1024));
    cluster.hear();
    expect(ofFramework('batch').nextRunInMs).toBe(COALESCE_MS);
  });

  test('a framework that nobody has heard of has no roles', () => {
    expect(ofFramework('nobody').clients).toStrictEqual([]);
  });

  test('nothing is explained before everything is known', () => {
    cluster.allocator.reconnected(cluster.nowMs);
    const request = { of: 'framework', framework: aFramework('batch') } as const;
    expect(cluster.allocator.explain(request, cluster.nowMs)).toBeUndefined();
  });
});

describe('a role', () => {
  test('its standing among roles and that of its frameworks, at most 100, those first that are next', () => {
    cluster.master.addAgent('agent-1', resourcesOf(4, 1024));
    cluster.master.addAgent('agent-2', resourcesOf(4, 1024));
    for (let number = 0; number < 105; number += 1) {
      cluster.master.subscribe(`batch-${number}`, 'analytics');
    }
    cluster.master.subscribe('web', 'services');
    cluster.settle();
    const { role, clients, clientsLeftOut, agents, openAgents } = ofRole('analytics');
    expect(role).toMatchObject({
      role: 'analytics',
      share: { used: 4000, total: 8000, resource: 'cpus', of: 2 },
    });
    expect(clients).toHaveLength(100);
    const places = clients.map(({ share }) => share.place ?? 0);
    expect(places).toStrictEqual([...places].sort((a, b) => a - b));
    expect({ clientsLeftOut, agents, openAgents }).toStrictEqual({
      clientsLeftOut: 5,
      agents: 2,
      openAgents: 0,
    });
    expect(ofRole('nowhere')).toMatchObject({ clients: [] });
    expect(ofRole('nowhere').role).toBeUndefined();
  });

  test('its place is that among the roles beside it', () => {
    cluster.master.addAgent('agent-1', resourcesOf(4, 1024));
    cluster.master.addAgent('agent-2', resourcesOf(8, 1024));
    for (const role of ['eng/ads', 'eng/search', 'sales'])
      cluster.master.subscribe(role.replace('/', '-'), role);
    for (const [name, cpus] of [
      ['eng-ads', 4],
      ['sales', 2],
    ] as const) {
      cluster.master.need(name, name.replace('-', '/'), [
        { shape: 'task', resources: resourcesOf(cpus, 64), count: 1 },
      ]);
    }
    cluster.master.suppress('eng-search', 'eng/search');
    cluster.settle();
    for (const name of ['eng-ads', 'sales'])
      cluster.master.need(name, name.replace('-', '/'), undefined);
    cluster.master.revive('eng-search', 'eng/search');
    cluster.hear();
    const placeOf = (name: string) => ofRole(name).role?.share;
    expect(placeOf('eng/search')).toMatchObject({ used: 0, place: 1, of: 2 });
    expect(placeOf('eng/ads')).toMatchObject({ used: 4000, place: 2, of: 2 });
    expect(placeOf('sales')).toMatchObject({ used: 2000, place: 1, of: 2 });
    expect(placeOf('eng')).toMatchObject({ used: 4000, place: 2, of: 2 });
  });

  test('it covers all that is below it: what agents lack for each, and which is nearest', () => {
    cluster.master.addAgent('agent-1', resourcesOf(4, 1024));
    use(3, 0);
    cluster.master.subscribe('ads', 'eng/ads');
    cluster.master.subscribe('idle', 'eng/ads');
    cluster.master.subscribe('engine', 'engine');
    const need = { shape: 'task', resources: resourcesOf(2, 64), count: 1 };
    cluster.master.need('ads', 'eng/ads', [need]);
    cluster.master.need('idle', 'eng/ads', []);
    cluster.master.need('engine', 'engine', [need]);
    cluster.settle();
    expect(ofRole('eng').clients).toMatchObject([
      {
        framework: aFramework('ads'),
        role: 'eng/ads',
        state: 'waits',
        needs: [
          {
            agents: 1,
            suitable: 0,
            reasons: [{ kind: 'lacks', count: 1, resource: 'cpus', best: 1000, needed: 2000 }],
            nearest: { agentId: 'agent-1' },
          },
        ],
      },
      { framework: aFramework('idle'), state: 'needsNothing', needs: [] },
    ]);
    expect(ofRole('eng').clientsLeftOut).toBe(0);
  });
});

describe('what an answer costs', () => {
  const role = RoleName.parse('eng');
  const framework = aFramework('batch');
  const needOf = (shape: string) => ({
    shape,
    count: 1,
    open: 1,
    turned: 0,
    resources: resourcesOf(1, 64),
    constraints: [],
  });

  function explainWith(agents: number, needs: ReturnType<typeof needOf>[]): ExplainedClient[] {
    const lookedAt = {
      agent: { agentId: anAgentId('agent-1'), hostname: 'agent-1.test', attributes: {} },
      total: resourcesOf(4, 1024),
      isKept: false,
      standsBack: false,
      ordinary: { left: resourcesOf(0.5, 1024), against: () => ({ kind: 'tooLittle' }) as const },
      revocable: { left: NO_RESOURCES, against: () => ({ kind: 'tooLittle' }) as const },
    };
    const known: Explainable = {
      agents,
      openAgents: agents,
      clientsOfFramework: () => ({
        leftOut: 0,
        clients: [
          {
            framework,
            role,
            needs,
            share: { used: 0, total: 1, weight: 1000, of: 1 },
            isSubscribed: true,
            isSuppressed: false,
            isAtOfferCap: false,
            isAtQuotaLimit: false,
            minimum: resourcesOf(0.01, 32),
            takesRevocable: false,
            offers: { outstanding: 0, proposed: 0 },
            refusals: { agents: 0, nextEndsMs: undefined },
            quotas: [],
          },
        ],
      }),
      clientsBelow: () => ({ clients: [], leftOut: 0 }),
      roleStanding: () => undefined,
      *agentsFor() {
        for (let number = 0; number < agents; number += 1) yield lookedAt;
      },
    };
    const now = { nowMs: 0, nextRunMs: Number.POSITIVE_INFINITY };
    return explain({ of: 'framework', framework }, known, now).clients;
  }

  test('whoever takes offers is gone through once, however many are told of', () => {
    cluster.master.addAgent('agent-1', resourcesOf(4, 1024));
    for (let number = 0; number < 300; number += 1) {
      cluster.master.subscribe(`batch-${number}`, `eng/${number % 7}`);
    }
    cluster.hear();
    const passes = vi.spyOn(FairOrder.prototype, 'askInOrder');
    expect(ofRole('eng').clients).toHaveLength(100);
    expect(passes).toHaveBeenCalledTimes(1);
    passes.mockRestore();
  });

  test('no more than 50 needs are looked at, all clients together', () => {
    for (let number = 0; number < 60; number += 1) cluster.master.subscribe(`b-${number}`, 'eng');
    cluster.hear();
    const { clients } = ofRole('eng');
    expect(clients.filter(({ needs }) => needs.length > 0)).toHaveLength(50);
    expect(clients.filter(({ needsLeftOut }) => needsLeftOut > 0)).toHaveLength(10);
  });

  test('of more than 32 different reasons the most frequent are told', () => {
    const names = Array.from({ length: 40 }, (_, number) => `scalar_${number}`);
    const without = (missing?: string) => {
      const scalars = names.filter((name) => name !== missing).map((name) => [name, 1000]);
      return normalise({ scalars: Object.fromEntries(scalars) });
    };
    for (const [number, name] of names.entries()) {
      cluster.master.addAgent(`${number}`, without(name));
      if (number >= 20) cluster.master.addAgent(`${number}-too`, without(name));
    }
    cluster.master.subscribe('batch', 'batch-role');
    cluster.master.need('batch', 'batch-role', [{ shape: 'task', resources: without(), count: 1 }]);
    cluster.settle();
    const reasons = clientOf('batch').needs[0]?.reasons ?? [];
    expect(reasons.map(({ count }) => count)).toStrictEqual([
      ...Array(20).fill(2),
      ...Array(12).fill(1),
    ]);
  });

  test('no more than 100,000 agents are looked at, all needs together, but the first need always is', () => {
    const needs = ['a', 'b', 'c', 'd', 'e'].map(needOf);
    expect(explainWith(25_000, needs)[0]).toMatchObject({ needsLeftOut: 1 });
    expect(explainWith(25_000, needs)[0]?.needs).toHaveLength(4);
    expect(explainWith(300_000, needs)[0]?.needs).toMatchObject([{ agents: 300_000 }]);
  });
});
