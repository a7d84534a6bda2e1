// Tests that whatever the allocator passes somebody over for has its word in an explanation.
import type { ExplainedClient } from '@parley/protocol/explanations';
import { RoleName, TaskId } from '@parley/protocol/ids';
import { NO_RESOURCES } from '@parley/protocol/resources';
import { beforeEach, describe, expect, test } from 'vitest';
import { ScriptedCluster } from './scripted-cluster.ts';
import { aFramework, anAgentId, aReservation, resourcesOf } from './scripted-master.ts';

let cluster: ScriptedCluster;

beforeEach(() => {
  cluster = new ScriptedCluster();
});

function clientOf(name: string): ExplainedClient {
  const request = { of: 'framework', framework: aFramework(name) } as const;
  const [client] = cluster.allocator.explain(request, cluster.nowMs)?.clients ?? [];
  if (client === undefined) throw new Error(`${name} is known`);
  return client;
}

function addAgents(count: number, cpus: number): void {
  for (let number = 1; number <= count; number += 1) {
    cluster.master.addAgent(`agent-${number}`, resourcesOf(cpus, 4096));
  }
}

const needOf = (shape: string, cpus: number, mem = 64) => ({
  shape,
  resources: resourcesOf(cpus, mem),
  count: 1,
});

/** Nothing is taken back from anybody; `eng` is guaranteed all that there is. */
function holdBack(): void {
  addAgents(5, 4);
  cluster.master.set({ reclaims: false });
  cluster.master.setRole('eng', { guarantee: { cpus: 20_000 } });
}

describe('what is held back for guarantees of others', () => {
  test('is named, to one that states its demand', () => {
    holdBack();
    cluster.master.subscribe('shop', 'sales');
    cluster.master.need('shop', 'sales', [needOf('task', 2)]);
    expect(cluster.settle()).toStrictEqual([]);
    expect(clientOf('shop')).toMatchObject({
      state: 'headroom',
      needs: [
        {
          suitable: 0,
          reasons: [{ kind: 'headroom', count: 5, resource: 'cpus', best: 0, needed: 2000 }],
        },
      ],
    });
  });

  test('is named, to one that states none', () => {
    holdBack();
    cluster.master.subscribe('shop', 'sales');
    expect(cluster.settle()).toStrictEqual([]);
    expect(clientOf('shop')).toMatchObject({
      state: 'headroom',
      needs: [{ reasons: [{ kind: 'headroom', count: 5, resource: 'cpus', best: 0 }] }],
    });
  });
});

describe('a limit', () => {
  test('is named to the need that is too large for it, whatever the others lack', () => {
    addAgents(2, 4);
    cluster.master.setRole('eng', { limit: { cpus: 2000 } });
    cluster.master.subscribe('batch', 'eng');
    cluster.master.need('batch', 'eng', [needOf('wide', 3), needOf('deep', 1, 8192)]);
    expect(cluster.settle()).toStrictEqual([]);
    const of = { role: 'eng' };
    expect(clientOf('batch')).toMatchObject({
      state: 'quotaLimit',
      needs: [
        { reasons: [{ kind: 'limit', count: 2, of, resource: 'cpus', best: 2000, needed: 3000 }] },
        { reasons: [{ kind: 'tooSmall', count: 2, resource: 'mem' }] },
      ],
      quotas: [{ of, resource: 'cpus', consumed: 0, limit: 2000 }],
    });
  });

  test('of a framework is named as its own, to one that states no demand, too', () => {
    addAgents(2, 4);
    cluster.master.subscribe('batch', 'eng');
    cluster.master.setShares('batch', { limit: { cpus: 0 } });
    expect(cluster.settle()).toStrictEqual([]);
    const of = { framework: aFramework('batch') };
    expect(clientOf('batch')).toMatchObject({
      state: 'quotaLimit',
      needs: [{ reasons: [{ kind: 'limit', count: 2, of, resource: 'cpus', best: 0 }] }],
      quotas: [{ of, resource: 'cpus', consumed: 0, limit: 0 }],
    });
  });

  test('is what keeps somebody from resources that are reserved for its role', () => {
    const reserved = aReservation('eng', 'db', resourcesOf(4, 1024));
    cluster.master.addAgent('agent-1', resourcesOf(4, 1024), { reservations: [reserved] });
    cluster.master.subscribe('batch', 'eng');
    cluster.master.setShares('batch', { limit: { cpus: 2000 } });
    cluster.master.need('batch', 'eng', [needOf('task', 1)]);
    expect(cluster.settle()).toStrictEqual([]);
    expect(clientOf('batch')).toMatchObject({
      state: 'quotaLimit',
      needs: [{ reasons: [{ kind: 'limit', count: 1, best: 2000, needed: 4000 }] }],
    });
  });

  test('that it has reached keeps one out of the order, and is its state without any agent', () => {
    cluster.master.addAgent('agent-1', resourcesOf(4, 4096));
    cluster.master.subscribe('batch', 'eng');
    cluster.master.setRole('eng', { limit: { cpus: 1000 } });
    cluster.master.need('batch', 'eng', [{ ...needOf('task', 1), count: 2 }]);
    for (const { number } of cluster.settle()) cluster.master.launch(number);
    cluster.settle();
    cluster.master.removeAgent('agent-1');
    cluster.hear();
    const { state, share } = clientOf('batch');
    expect({ state, ...share }).toMatchObject({ state: 'quotaLimit', of: 0 });
  });
});

test('reservations for its role or one above it are there for it, others are not', () => {
  const reserved = (role: string) => [aReservation(role, 'db', resourcesOf(4, 1024))];
  for (const [name, role] of [
    ['a-1', 'eng'],
    ['a-2', 'eng/ads'],
    ['a-3', 'sales'],
    ['a-4', 'eng/ads/x'],
  ] as const) {
    cluster.master.addAgent(name, resourcesOf(4, 1024), { reservations: reserved(role) });
  }
  cluster.master.subscribe('batch', 'eng/ads');
  cluster.master.need('batch', 'eng/ads', [needOf('task', 1)]);
  cluster.hear();
  expect(clientOf('batch')).toMatchObject({
    state: 'waits',
    needs: [{ suitable: 2, reasons: [{ kind: 'lacks', count: 2, best: 0 }] }],
  });
});

test('what it has in unanswered offers is named where one more would be too much beside it', () => {
  addAgents(2, 4);
  cluster.master.setCap(500);
  cluster.master.subscribe('batch', 'eng');
  cluster.master.need('batch', 'eng', [{ ...needOf('task', 3), count: 2 }]);
  expect(cluster.settle()).toHaveLength(1);
  expect(clientOf('batch')).toMatchObject({
    state: 'offerCap',
    offers: { outstanding: 1 },
    needs: [
      {
        suitable: 0,
        reasons: [
          { kind: 'offerCap', count: 1 },
          { kind: 'lacks', count: 1 },
        ],
      },
    ],
  });
});

test('whoever was passed over so often for what it has unanswered that it is not asked is not said to wait', () => {
  cluster.master.addAgent('small', resourcesOf(4, 4096));
  cluster.master.subscribe('others', 'others');
  const [all] = cluster.settle();
  if (all === undefined) throw new Error('the agent is offered');
  cluster.master.launch(all.number);
  cluster.master.suppress('others', 'others');
  addAgents(20, 4);
  cluster.master.setCap(100);
  cluster.master.subscribe('batch', 'eng');
  expect(cluster.settle()).toHaveLength(2);
  cluster.master.giveBack(all, resourcesOf(0.2, 64));
  expect(cluster.settle()).toStrictEqual([]);
  expect(clientOf('batch')).toMatchObject({
    state: 'offerCap',
    needs: [
      {
        suitable: 1,
        reasons: [
          { kind: 'offerCap', count: 18 },
          { kind: 'lacks', count: 2 },
        ],
      },
    ],
  });
});

test('an agent that it left unused is named, as one where it comes after all others', () => {
  addAgents(2, 4);
  cluster.master.subscribe('batch', 'eng');
  cluster.master.need('batch', 'eng', [needOf('task', 2)]);
  const [offer] = cluster.settle();
  cluster.master.decline(offer?.number ?? 0, 0);
  cluster.hear();
  expect(clientOf('batch')).toMatchObject({
    state: 'waits',
    needs: [{ suitable: 1, reasons: [{ kind: 'standsBack', count: 1 }] }],
  });
});

test('an agent where tasks are taken back for somebody else is named as kept; to the other it is not', () => {
  addAgents(1, 4);
  const [role, taskId] = [RoleName.parse('eng'), TaskId.parse('t-1')];
  for (const name of ['batch', 'web']) {
    cluster.master.subscribe(name, 'eng');
    cluster.master.need(name, 'eng', [needOf('task', 8, 64), needOf('small', 2)]);
  }
  cluster.master.suppress('web', 'eng');
  cluster.master.tell({
    kind: 'revoking',
    task: { ...aFramework('others'), taskId },
    agentId: anAgentId('agent-1'),
    role: RoleName.parse('others'),
    resources: NO_RESOURCES,
    beneficiary: { framework: aFramework('web'), role },
    reason: 'starved',
  });
  expect(cluster.settle()).toStrictEqual([]);
  expect(clientOf('batch').needs).toMatchObject([
    { reasons: [{ kind: 'tooSmall', count: 1 }] },
    { suitable: 0, reasons: [{ kind: 'kept', count: 1 }] },
  ]);
  cluster.master.revive('web', 'eng');
  cluster.hear();
  expect(clientOf('web').needs[1]).toMatchObject({ suitable: 1, reasons: [] });
});

test('an agent of which nothing is free has nothing free, where any amount would do', () => {
  addAgents(1, 4);
  cluster.master.set({ minAllocatable: {} });
  cluster.master.subscribe('first', 'eng');
  cluster.settle();
  cluster.master.subscribe('batch', 'eng');
  cluster.settle();
  expect(clientOf('batch').needs).toMatchObject([{ reasons: [{ kind: 'nothingFree', count: 1 }] }]);
});

test('whoever serves a guarantee that is not met has a place before all others', () => {
  cluster.master.addAgent('agent-1', resourcesOf(8, 4096));
  cluster.master.setRole('eng', { guarantee: { cpus: 8000 } });
  cluster.master.subscribe('web', 'eng');
  cluster.master.need('web', 'eng', [needOf('task', 2)]);
  for (const { number } of cluster.settle()) cluster.master.launch(number);
  cluster.master.subscribe('batch', 'batch');
  cluster.master.need('batch', 'batch', [needOf('task', 16)]);
  cluster.master.need('web', 'eng', [needOf('large', 16)]);
  cluster.settle();
  expect(clientOf('web').share).toMatchObject({ used: 2000, place: 1, of: 2 });
  expect(clientOf('batch').share).toMatchObject({ used: 0, place: 2, of: 2 });
});
