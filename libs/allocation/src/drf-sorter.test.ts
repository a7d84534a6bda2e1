// Tests the order of clients: the paper's worked example, weights, cost, and equality with plain sorting.

import { DEFAULT_WEIGHT } from '@parley/protocol/sharing';
import { compareWeightedShares, type Share } from '@parley/resources/dominant-share';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ClusterTotals, NO_AMOUNTS } from './cluster-totals.ts';
import { DrfSorter } from './drf-sorter.ts';

type Demand = { readonly name: string; readonly cpus: number; readonly mem: number };

/** Gives one task at a time to whoever is next and still fits, as the paper's algorithm 1. */
function runTaskByTask(options: {
  readonly total: { readonly cpus: number; readonly mem: number };
  readonly demands: readonly Demand[];
  readonly weights?: Readonly<Record<string, number>>;
}): {
  readonly order: string[];
  readonly used: Record<string, number>;
  readonly sorter: DrfSorter;
} {
  const totals = new ClusterTotals();
  totals.add(totals.vectorOf(options.total));
  const sorter = new DrfSorter(totals);
  for (const { name } of options.demands) {
    sorter.add(name, options.weights?.[name] ?? DEFAULT_WEIGHT);
    sorter.setActive(name, true);
  }
  const order: string[] = [];
  const used = { cpus: 0, mem: 0 };
  for (;;) {
    const [next] = sorter.inOrder();
    const demand = options.demands.find(({ name }) => name === next);
    if (demand === undefined) break;
    const isFitting =
      used.cpus + demand.cpus <= options.total.cpus && used.mem + demand.mem <= options.total.mem;
    if (!isFitting) {
      sorter.setActive(demand.name, false);
      continue;
    }
    sorter.allocate(demand.name, totals.vectorOf({ cpus: demand.cpus, mem: demand.mem }));
    used.cpus += demand.cpus;
    used.mem += demand.mem;
    order.push(demand.name);
  }
  return { order, used, sorter };
}

// Ghodsi et al., Dominant Resource Fairness, NSDI 2011, section 4.1 and table 1. The paper lets B begin;
// here ties go to the first name, so that the users are called A and B only in the expectation.
const PAPER = {
  total: { cpus: 9000, mem: 18_000 },
  demands: [
    { name: '2-A', cpus: 1000, mem: 4000 },
    { name: '1-B', cpus: 3000, mem: 1000 },
  ],
} as const;

describe("the paper's worked example", () => {
  test('B, A, A, B, A are chosen, for 3 tasks of A, 2 of B, 9 of 9 CPUs and 14 of 18 GB', () => {
    const { order, used, sorter } = runTaskByTask(PAPER);
    expect(order.map((name) => name.slice(2))).toStrictEqual(['B', 'A', 'A', 'B', 'A']);
    expect(used).toStrictEqual({ cpus: 9000, mem: 14_000 });
    expect(sorter.usedBy('2-A')).toStrictEqual([3000, 12_000]);
    expect(sorter.usedBy('1-B')).toStrictEqual([6000, 2000]);
  });

  test('both dominant shares end at two thirds: memory for A, CPU for B', () => {
    const { sorter } = runTaskByTask(PAPER);
    expect(sorter.shareOf('2-A')).toStrictEqual({ used: 12_000, total: 18_000 });
    expect(sorter.shareOf('1-B')).toStrictEqual({ used: 6000, total: 9000 });
  });

  // Section 4.3: client i is ordered by its dominant share divided by its weight.
  test('with twice the weight A reaches two thirds before B passes one third', () => {
    const { order, sorter } = runTaskByTask({ ...PAPER, weights: { '2-A': 2000 } });
    expect(order.slice(0, 4).map((name) => name.slice(2))).toStrictEqual(['B', 'A', 'A', 'A']);
    // 2/3 at weight 2 and 1/3 at weight 1 are exactly equal: B has had fewer allocations and is next.
    expect(order.at(4)).toBe('1-B');
    expect(sorter.shareOf('2-A')).toStrictEqual({ used: 12_000, total: 18_000 });
  });
});

describe('the order', () => {
  type Modelled = {
    readonly name: string;
    readonly weight: number;
    readonly used: { cpus: number; mem: number };
    allocations: number;
    isActive: boolean;
  };
  type Operation = {
    readonly client: number;
    readonly kind: 'allocate' | 'release' | 'activate' | 'deactivate' | 'grow';
    readonly cpus: number;
    readonly mem: number;
  };

  const operation: fc.Arbitrary<Operation> = fc.record({
    client: fc.nat({ max: 7 }),
    kind: fc.constantFrom('allocate', 'release', 'activate', 'deactivate', 'grow'),
    cpus: fc.nat({ max: 4 }),
    mem: fc.nat({ max: 4 }),
  });

  class Comparison {
    readonly size = { cpus: 24, mem: 18 };
    readonly totals = new ClusterTotals();
    readonly sorter = new DrfSorter(this.totals);
    readonly model: readonly Modelled[] = Array.from({ length: 8 }, (_, number) => ({
      name: `client-${number}`,
      weight: 1 + (number % 3),
      used: { cpus: 0, mem: 0 },
      allocations: 0,
      isActive: false,
    }));

    constructor() {
      this.totals.add(this.totals.vectorOf(this.size));
      for (const { name, weight } of this.model) this.sorter.add(name, weight);
    }

    apply({ client: number, kind, cpus, mem }: Operation): void {
      const client = this.model[number];
      if (client === undefined) return;
      if (kind === 'allocate') {
        this.sorter.allocate(client.name, this.totals.vectorOf({ cpus, mem }));
        client.allocations += 1;
        change(client.used, cpus, mem);
      } else if (kind === 'release') {
        const freed = {
          cpus: Math.min(cpus, client.used.cpus),
          mem: Math.min(mem, client.used.mem),
        };
        this.sorter.adjust(client.name, this.totals.vectorOf(freed), NO_AMOUNTS);
        change(client.used, -freed.cpus, -freed.mem);
      } else if (kind === 'grow') {
        this.totals.add(this.totals.vectorOf({ cpus, mem }));
        change(this.size, cpus, mem);
      } else {
        client.isActive = kind === 'activate';
        this.sorter.setActive(client.name, client.isActive);
      }
    }

    /** By sorting everything anew. */
    sortedNames(): string[] {
      return this.model
        .filter(({ isActive }) => isActive)
        .toSorted(
          (a, b) =>
            compareWeightedShares(this.#share(a), a.weight, this.#share(b), b.weight) ||
            a.allocations - b.allocations ||
            (a.name < b.name ? -1 : 1),
        )
        .map(({ name }) => name);
    }

    #share({ used }: Modelled): Share {
      return used.cpus * this.size.mem >= used.mem * this.size.cpus
        ? { used: used.cpus, total: this.size.cpus }
        : { used: used.mem, total: this.size.mem };
    }
  }

  function change(amounts: { cpus: number; mem: number }, cpus: number, mem: number): void {
    amounts.cpus += cpus;
    amounts.mem += mem;
  }

  test('it equals that of sorting all clients by share / weight, allocations and name', () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 60 }), (operations) => {
        const comparison = new Comparison();
        for (const next of operations) {
          comparison.apply(next);
          expect([...comparison.sorter.inOrder()]).toStrictEqual(comparison.sortedNames());
        }
      }),
    );
  });
});

describe('several allocations at once', () => {
  test('they are as many as one after the other would be until another is no longer behind', () => {
    const amount = fc.record({ cpus: fc.nat({ max: 50 }), mem: fc.nat({ max: 50 }) });
    fc.assert(
      fc.property(
        amount,
        amount,
        amount,
        fc.constantFrom(500, 1000, 3000),
        (own, rival, more, weight) => {
          const totals = new ClusterTotals();
          totals.add(totals.vectorOf({ cpus: 1000, mem: 700 }));
          const sorter = new DrfSorter(totals);
          sorter.add('own', weight);
          sorter.add('rival');
          sorter.adjust('own', NO_AMOUNTS, totals.vectorOf(own));
          sorter.adjust('rival', NO_AMOUNTS, totals.vectorOf(rival));
          for (const name of ['own', 'rival']) sorter.setActive(name, true);
          const amounts = totals.vectorOf({ ...more, cpus: more.cpus + 1 });
          const atOnce = sorter.allocationsToReach('own', amounts, 'rival');
          let oneByOne = 0;
          do {
            sorter.allocate('own', amounts);
            oneByOne += 1;
          } while (
            compareWeightedShares(sorter.shareOf('own'), weight, sorter.shareOf('rival'), 1000) < 0
          );
          expect(atOnce).toBe(oneByOne);
        },
      ),
    );
  });
});

describe('what a decision costs', () => {
  /** Comparisons a decision, with `count` clients in the order. */
  function costWith(count: number): number {
    const totals = new ClusterTotals();
    totals.add(totals.vectorOf({ cpus: 1_000_000_000 }));
    const sorter = new DrfSorter(totals);
    for (let number = 0; number < count; number += 1) {
      sorter.add(`client-${number}`);
      sorter.adjust(
        `client-${number}`,
        NO_AMOUNTS,
        totals.vectorOf({ cpus: (number * 7919) % 10_007 }),
      );
      sorter.setActive(`client-${number}`, true);
    }
    const before = sorter.comparisons;
    const decisions = 200;
    for (let decision = 0; decision < decisions; decision += 1) {
      for (const name of sorter.inOrder()) {
        sorter.allocate(name, totals.vectorOf({ cpus: 1 + ((decision * 31) % 5000) }));
        break;
      }
    }
    return (sorter.comparisons - before) / decisions;
  }

  test('comparisons grow as the logarithm of the number of clients, from 10 to 100,000', () => {
    for (const count of [10, 100, 1000, 10_000, 100_000]) {
      // Removal and insertion in a treap: at most about 1.39 log2(n) expected comparisons each.
      expect(costWith(count)).toBeLessThan(4 + 3.5 * Math.log2(count));
    }
  });
});
