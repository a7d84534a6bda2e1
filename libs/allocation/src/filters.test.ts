// Tests refusals: what they block, when they end, and that they stay bounded.
import { RoleName } from '@parley/protocol/ids';
import { describe, expect, test } from 'vitest';
import { Agent } from './agent-pool.ts';
import { ClusterTotals } from './cluster-totals.ts';
import { Filters, type Refusal } from './filters.ts';
import { Framework } from './frameworks.ts';
import { aFramework, anAgentId, resourcesOf } from './scripted-master.ts';
import { type Client, ShareTree } from './share-tree.ts';

const AGENT = new Agent(anAgentId('agent-1'), 0);
const CLIENT = aClient('batch', 'services');

function aClient(name: string, role: string): Client {
  const tree = new ShareTree(new ClusterTotals());
  return tree.addClient(new Framework(aFramework(name)), RoleName.parse(role), 0);
}

function aRefusal(changes: Partial<Refusal> = {}): Refusal {
  return {
    client: CLIENT,
    agent: AGENT,
    resources: resourcesOf(2, 2000),
    expiresMs: 1000,
    ...changes,
  };
}

const blocks = (filters: Filters, { client, agent, resources }: Refusal): boolean =>
  filters.blocks(client, agent, resources);

describe('filters', () => {
  test('a refusal blocks the same framework in the same role, on the same agent only', () => {
    const filters = new Filters();
    filters.refuse(aRefusal());
    expect(blocks(filters, aRefusal())).toBe(true);
    expect(blocks(filters, aRefusal({ agent: new Agent(anAgentId('agent-2'), 1) }))).toBe(false);
    expect(blocks(filters, aRefusal({ client: aClient('other', 'analytics') }))).toBe(false);
    expect(blocks(filters, aRefusal({ client: aClient('other', 'services') }))).toBe(false);
  });

  test('it blocks what the refused set contains, and passes whatever grew in any part', () => {
    const filters = new Filters();
    filters.refuse(aRefusal());
    expect(blocks(filters, aRefusal({ resources: resourcesOf(1, 2000) }))).toBe(true);
    expect(blocks(filters, aRefusal({ resources: resourcesOf(1, 2001) }))).toBe(false);
    const withPort = { ...resourcesOf(1, 1), ports: [[80, 80] satisfies [number, number]] };
    expect(blocks(filters, aRefusal({ resources: withPort }))).toBe(false);
  });

  test('what is revocable is compared by itself, and where none was refused it passes', () => {
    const filters = new Filters();
    const isBlocked = (refused: Partial<Refusal>, revocable: number): boolean => {
      filters.clearClient(CLIENT);
      filters.refuse(aRefusal(refused));
      return filters.blocks(CLIENT, AGENT, resourcesOf(1, 1000), resourcesOf(revocable, 0));
    };
    expect(isBlocked({}, 1)).toBe(false);
    expect(isBlocked({ revocable: resourcesOf(2, 0) }, 2)).toBe(true);
    expect(isBlocked({ revocable: resourcesOf(2, 0) }, 3)).toBe(false);
    filters.refuse(aRefusal({ revocable: resourcesOf(3, 0), expiresMs: 900 }));
    expect(filters.size).toBe(2);
  });

  test('it ends at its time, which names the agent, and not before', () => {
    const filters = new Filters();
    filters.refuse(aRefusal());
    expect(filters.nextExpiryMs).toBe(1000);
    expect(filters.expire(999)).toStrictEqual([]);
    expect(filters.expire(1000)).toMatchObject([{ client: CLIENT, agent: AGENT }]);
    expect(blocks(filters, aRefusal())).toBe(false);
    expect(filters.nextExpiryMs).toBeUndefined();
    filters.checkInvariants();
  });

  test('a longer and larger refusal takes the place of the one that it covers', () => {
    const filters = new Filters();
    filters.refuse(aRefusal());
    filters.refuse(aRefusal({ resources: resourcesOf(3, 3000), expiresMs: 2000 }));
    expect(filters.size).toBe(1);
    filters.refuse(aRefusal({ resources: resourcesOf(4, 4000), expiresMs: 1500 }));
    expect(filters.size).toBe(2);
    filters.checkInvariants();
  });

  test('clearing a client or an agent ends its filters and no others', () => {
    const filters = new Filters();
    const other = aRefusal({ client: aClient('other', 'services') });
    const elsewhere = aRefusal({ agent: new Agent(anAgentId('agent-2'), 1) });
    for (const refusal of [aRefusal(), other, elsewhere]) filters.refuse(refusal);
    filters.clearClient(other.client);
    expect([aRefusal(), other, elsewhere].map((one) => blocks(filters, one))).toStrictEqual([
      true,
      false,
      true,
    ]);
    filters.clearAgent(elsewhere.agent);
    expect(blocks(filters, elsewhere)).toBe(false);
    expect(filters.size).toBe(1);
    filters.checkInvariants();
  });

  test('their number is bounded: the one that ends first gives way', () => {
    const filters = new Filters({ perClientAndAgent: 3, total: 5 });
    for (let number = 0; number < 6; number += 1) {
      const resources = resourcesOf(10 - number, 100 * number);
      filters.refuse(aRefusal({ resources, expiresMs: 1000 + number }));
      filters.checkInvariants();
    }
    expect(filters.size).toBe(3);
    expect(filters.nextExpiryMs).toBe(1003);
    for (let number = 0; number < 6; number += 1) {
      filters.refuse(
        aRefusal({ agent: new Agent(anAgentId(`other-${number}`), number), expiresMs: 5000 }),
      );
      filters.checkInvariants();
    }
    expect(filters.size).toBe(5);
  });
});
