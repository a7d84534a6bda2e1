// Tests the order of clients: the paper's worked example, weights, cost, and equality with plain sorting.

import { DEFAULT_WEIGHT } from '@parley/protocol/sharing';
import { compareWeightedShares, type Share } from '@parley/resources/dominant-share';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ClusterTotals, NO_AMOUNTS } from './cluster-totals.ts';
import { DrfSorter } from './drf-sorter.ts';
import { Sharer } from './sharer.ts';

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
  readonly sharers: Readonly<Record<string, Sharer>>;
} {
  const totals = new ClusterTotals();
  totals.add(totals.vectorOf(options.total));
  const sorter = new DrfSorter(totals);
  const sharers: Record<string, Sharer> = {};
  for (const { name } of options.demands) {
    const sharer = new Sharer(name, options.weights?.[name] ?? DEFAULT_WEIGHT);
    sharers[name] = sharer;
    sorter.setActive(sharer, true);
  }
  const order: string[] = [];
  const used = { cpus: 0, mem: 0 };
  for (;;) {
    const [next] = sorter.inOrder;
    const demand = options.demands.find(({ name }) => name === next?.name);
    if (demand === undefined || next === undefined) break;
    const isFitting =
      used.cpus + demand.cpus <= options.total.cpus && used.mem + demand.mem <= options.total.mem;
    if (!isFitting) {
      sorter.setActive(next, false);
      continue;
    }
    sorter.allocate(next, totals.vectorOf({ cpus: demand.cpus, mem: demand.mem }));
    used.cpus += demand.cpus;
    used.mem += demand.mem;
    order.push(demand.name);
  }
  return { order, used, sorter, sharers };
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
    const { order, used, sharers } = runTaskByTask(PAPER);
    expect(order.map((name) => name.slice(2))).toStrictEqual(['B', 'A', 'A', 'B', 'A']);
    expect(used).toStrictEqual({ cpus: 9000, mem: 14_000 });
    expect(sharers['2-A']?.used).toStrictEqual([3000, 12_000]);
    expect(sharers['1-B']?.used).toStrictEqual([6000, 2000]);
  });

  test('both dominant shares end at two thirds: memory for A, CPU for B', () => {
    const { sharers } = runTaskByTask(PAPER);
    expect(sharers['2-A']?.share).toStrictEqual({ used: 12_000, total: 18_000 });
    expect(sharers['1-B']?.share).toStrictEqual({ used: 6000, total: 9000 });
  });

  // Section 4.3: client i is ordered by its dominant share divided by its weight.
  test('with twice the weight A reaches two thirds before B passes one third', () => {
    const { order, sharers } = runTaskByTask({ ...PAPER, weights: { '2-A': 2000 } });
    expect(order.slice(0, 4).map((name) => name.slice(2))).toStrictEqual(['B', 'A', 'A', 'A']);
    // 2/3 at weight 2 and 1/3 at weight 1 are exactly equal: B has had fewer allocations and is next.
    expect(order.at(4)).toBe('1-B');
    expect(sharers['2-A']?.share).toStrictEqual({ used: 12_000, total: 18_000 });
  });
});

describe('the order', () => {
  type Modelled = {
    readonly sharer: Sharer;
    readonly used: { cpus: number; mem: number };
    allocations: number;
    isActive: boolean;
  };
  type Operation = {
    readonly client: number;
    readonly kind: 'allocate' | 'release' | 'activate' | 'deactivate' | 'grow' | 'weigh';
    readonly cpus: number;
    readonly mem: number;
  };

  const operation: fc.Arbitrary<Operation> = fc.record({
    client: fc.nat({ max: 7 }),
    kind: fc.constantFrom('allocate', 'release', 'activate', 'deactivate', 'grow', 'weigh'),
    cpus: fc.nat({ max: 4 }),
    mem: fc.nat({ max: 4 }),
  });

  class Comparison {
    readonly size = { cpus: 24, mem: 18 };
    readonly totals = new ClusterTotals();
    readonly sorter = new DrfSorter(this.totals);
    readonly model: readonly Modelled[] = Array.from({ length: 8 }, (_, number) => ({
      sharer: new Sharer(`client-${number}`, 1 + (number % 3)),
      used: { cpus: 0, mem: 0 },
      allocations: 0,
      isActive: false,
    }));

    constructor() {
      this.totals.add(this.totals.vectorOf(this.size));
    }

    apply({ client: number, kind, cpus, mem }: Operation): void {
      const client = this.model[number];
      if (client === undefined) return;
      if (kind === 'allocate') {
        this.sorter.allocate(client.sharer, this.totals.vectorOf({ cpus, mem }));
        client.allocations += 1;
        change(client.used, cpus, mem);
      } else if (kind === 'release') {
        const freed = {
          cpus: Math.min(cpus, client.used.cpus),
          mem: Math.min(mem, client.used.mem),
        };
        this.sorter.adjust(client.sharer, this.totals.vectorOf(freed), NO_AMOUNTS);
        change(client.used, -freed.cpus, -freed.mem);
      } else if (kind === 'grow') {
        this.totals.add(this.totals.vectorOf({ cpus, mem }));
        change(this.size, cpus, mem);
      } else if (kind === 'weigh') {
        this.sorter.setWeight(client.sharer, 1 + cpus);
      } else {
        client.isActive = kind === 'activate';
        this.sorter.setActive(client.sharer, client.isActive);
      }
    }

    /** By sorting everything anew. */
    sortedNames(): string[] {
      return this.model
        .filter(({ isActive }) => isActive)
        .toSorted(
          (a, b) =>
            compareWeightedShares(
              this.#share(a),
              a.sharer.weight,
              this.#share(b),
              b.sharer.weight,
            ) ||
            a.allocations - b.allocations ||
            (a.sharer.name < b.sharer.name ? -1 : 1),
        )
        .map(({ sharer }) => sharer.name);
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
          expect([...comparison.sorter.inOrder].map(({ name }) => name)).toStrictEqual(
            comparison.sortedNames(),
          );
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
          const [mine, other] = [new Sharer('own', weight), new Sharer('rival')];
          sorter.adjust(mine, NO_AMOUNTS, totals.vectorOf(own));
          sorter.adjust(other, NO_AMOUNTS, totals.vectorOf(rival));
          for (const sharer of [mine, other]) sorter.setActive(sharer, true);
          const amounts = totals.vectorOf({ ...more, cpus: more.cpus + 1 });
          const atOnce = sorter.allocationsToReach(mine, amounts, other);
          let oneByOne = 0;
          do {
            sorter.allocate(mine, amounts);
            oneByOne += 1;
          } while (compareWeightedShares(mine.share, weight, other.share, 1000) < 0);
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
      const sharer = new Sharer(`client-${number}`);
      sorter.adjust(sharer, NO_AMOUNTS, totals.vectorOf({ cpus: (number * 7919) % 10_007 }));
      sorter.setActive(sharer, true);
    }
    const before = sorter.comparisons;
    const decisions = 200;
    for (let decision = 0; decision < decisions; decision += 1) {
      const [next] = sorter.inOrder;
      if (next === undefined) break;
      sorter.allocate(next, totals.vectorOf({ cpus: 1 + ((decision * 31) % 5000) }));
    }
    return (sorter.comparisons - before) / decisions;
  }

  test('comparisons grow as the logarithm of the number of clients, from 10 to 100,000', () => {
    for (const count of [10, 100, 1000, 10_000, 100_000]) {
      // Removal and insertion: the halving of all items each, and a few at the edges of a block.
      expect(costWith(count)).toBeLessThan(4 + 3.5 * Math.log2(count));
    }
  });
});
