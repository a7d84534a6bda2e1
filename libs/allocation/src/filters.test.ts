// Tests refusals: what they block, when they end, and that they stay bounded.
import { AgentId, frameworkKey, RoleName } from '@parley/protocol/ids';
import { describe, expect, test } from 'vitest';
import { Filters, type Refusal } from './filters.ts';
import { aFramework, resourcesOf } from './scripted-master.ts';

const ROLE = RoleName.parse('services');

function aRefusal(changes: Partial<Refusal> = {}): Refusal {
  return {
    framework: frameworkKey(aFramework('batch')),
    role: ROLE,
    agentId: AgentId.parse('agent-1'),
    resources: resourcesOf(2, 2000),
    expiresMs: 1000,
    ...changes,
  };
}

describe('filters', () => {
  test('a refusal blocks the same framework, role and agent only', () => {
    const filters = new Filters();
    filters.refuse(aRefusal());
    expect(filters.blocks(aRefusal())).toBe(true);
    expect(filters.blocks(aRefusal({ agentId: AgentId.parse('agent-2') }))).toBe(false);
    expect(filters.blocks(aRefusal({ role: RoleName.parse('analytics') }))).toBe(false);
    expect(filters.blocks(aRefusal({ framework: frameworkKey(aFramework('other')) }))).toBe(false);
  });

  test('it blocks what the refused set contains, and passes whatever grew in any part', () => {
    const filters = new Filters();
    filters.refuse(aRefusal());
    expect(filters.blocks(aRefusal({ resources: resourcesOf(1, 2000) }))).toBe(true);
    expect(filters.blocks(aRefusal({ resources: resourcesOf(1, 2001) }))).toBe(false);
    const withPort = { ...resourcesOf(1, 1), ports: [[80, 80] satisfies [number, number]] };
    expect(filters.blocks(aRefusal({ resources: withPort }))).toBe(false);
  });

  test('it ends at its time, which names the agent, and not before', () => {
    const filters = new Filters();
    filters.refuse(aRefusal());
    expect(filters.nextExpiryMs).toBe(1000);
    expect([...filters.expire(999)]).toStrictEqual([]);
    expect([...filters.expire(1000)]).toStrictEqual(['agent-1']);
    expect(filters.blocks(aRefusal())).toBe(false);
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

  test('clearing a framework or an agent ends its filters and no others', () => {
    const filters = new Filters();
    const other = aRefusal({ framework: frameworkKey(aFramework('other')) });
    const elsewhere = aRefusal({ agentId: AgentId.parse('agent-2') });
    for (const refusal of [aRefusal(), other, elsewhere]) filters.refuse(refusal);
    filters.clearFramework(other.framework);
    expect([aRefusal(), other, elsewhere].map((one) => filters.blocks(one))).toStrictEqual([
      true,
      false,
      true,
    ]);
    filters.clearAgent(elsewhere.agentId);
    expect(filters.blocks(elsewhere)).toBe(false);
    expect(filters.size).toBe(1);
    filters.checkInvariants();
  });

  test('their number is bounded: the one that ends first gives way', () => {
    const filters = new Filters({ perFrameworkAndAgent: 3, total: 5 });
    for (let number = 0; number < 6; number += 1) {
      const resources = resourcesOf(10 - number, 100 * number);
      filters.refuse(aRefusal({ resources, expiresMs: 1000 + number }));
      filters.checkInvariants();
    }
    expect(filters.size).toBe(3);
    expect(filters.nextExpiryMs).toBe(1003);
    for (let number = 0; number < 6; number += 1) {
      filters.refuse(aRefusal({ agentId: AgentId.parse(`other-${number}`), expiresMs: 5000 }));
      filters.checkInvariants();
    }
    expect(filters.size).toBe(5);
  });
});
