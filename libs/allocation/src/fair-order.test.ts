// Tests what choosing among very many frameworks costs, over the whole tree: comparisons are counted, not timed.
import { RoleName } from '@parley/protocol/ids';
import { describe, expect, test } from 'vitest';
import { ClusterTotals } from './cluster-totals.ts';
import { FairOrder } from './fair-order.ts';
import { Framework } from './frameworks.ts';
import { aFramework } from './scripted-master.ts';
import type { Branch, Client } from './share-tree.ts';

/** Building a tree of very many takes long on a busy machine. */
const TIMEOUT_MS = 60_000;

/** Comparisons a choice and an allocation, with `count` frameworks, `aRole` of them in each role of a team. */
function costOf(count: number, aRole: number): number {
  const totals = new ClusterTotals();
  totals.add(totals.vectorOf({ cpus: 1_000_000_000, mem: 1_000_000_000 }));
  const order = new FairOrder(totals);
  for (let number = 0; number < count; number += 1) {
    const role = Math.floor(number / aRole);
    const client = order.clientOf(
      new Framework(aFramework(`framework-${number}`)),
      RoleName.parse(`team-${role % 10}/role-${role}`),
    );
    order.setUsage(client, totals.vectorOf({ cpus: (number * 7919) % 10_007 }));
    order.setActive(client, true);
  }
  const before = comparisonsIn(order.tree.root);
  const decisions = 100;
  for (let decision = 0; decision < decisions; decision += 1) {
    let next: Client | undefined;
    order.askInOrder({
      ask: (client) => {
        next = client;
        return true;
      },
    });
    if (next === undefined) throw new Error('somebody is next');
    order.allocate(next, totals.vectorOf({ cpus: 1 + ((decision * 31) % 5000), mem: 100 }));
  }
  return (comparisonsIn(order.tree.root) - before) / decisions;
}

function comparisonsIn(branch: Branch): number {
  const below = [...branch.roles.values(), ...(branch.leaf ? [branch.leaf] : [])];
  return below.reduce((sum, one) => sum + comparisonsIn(one), branch.members.comparisons);
}

describe('choosing who is next, and counting what he gets', () => {
  test.each([
    ['all in one role', 1_000_000, [10, 1000, 100_000]],
    ['one in each role', 1, [10, 100, 1000, 10_000]],
    ['thirty in each role', 30, [100, 1000, 10_000, 100_000]],
  ])(
    'takes comparisons as the logarithm of the number of frameworks, %s',
    (_, aRole, counts) => {
      for (const count of counts) {
        // Taking out and putting in at up to four levels, of which the lengths multiply to the count.
        expect(costOf(count, aRole)).toBeLessThan(16 + 3.5 * Math.log2(count));
      }
    },
    TIMEOUT_MS,
  );
});
