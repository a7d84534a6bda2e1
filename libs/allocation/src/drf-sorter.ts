// Owns the order of siblings by dominant resource fairness: who of them is offered resources next, and who of those for
// which a guarantee is not met. The tree of all levels is in fair-order.ts. Each change moves one sibling within an
// ordered index, in O(log n) comparisons; only changed cluster totals or weights order more of them anew.
import { assert } from '@parley/protocol/unreachable';
import { compareWeightedShares, type Share } from '@parley/resources/dominant-share';
import { accumulate, type ClusterTotals, NO_AMOUNTS, type Vector } from './cluster-totals.ts';
import { OrderedIndex } from './ordered-index.ts';
import type { Sharer } from './sharer.ts';

/** Keeps a count that is a whole number but for rounding from being one too many. */
const ROUNDING_OF_A_COUNT = 1e-6;

export class DrfSorter<Sibling extends Sharer = Sharer> {
  readonly #totals: ClusterTotals;
  readonly #active: OrderedIndex<Sibling>;
  readonly #needy: OrderedIndex<Sibling>;
  #sortedAtVersion: number;
  /** The only active one was not measured since it changed: that is of no account before there is a second. */
  #isUnmeasured = false;
  #comparisons = 0;

  constructor(totals: ClusterTotals) {
    this.#totals = totals;
    this.#sortedAtVersion = totals.version;
    const compare = (a: Sibling, b: Sibling): number => {
      this.#comparisons += 1;
      return a.compare(b);
    };
    this.#active = new OrderedIndex(compare);
    this.#needy = new OrderedIndex(compare);
  }

  /** Comparisons made so far: what decisions cost. */
  get comparisons(): number {
    return this.#comparisons;
  }

  get activeCount(): number {
    return this.#active.size;
  }

  /** Active ones, the one that is next first. */
  get inOrder(): OrderedIndex<Sibling> {
    this.#refresh();
    return this.#active;
  }

  /** Those of them for which a guarantee is not met. */
  get needy(): OrderedIndex<Sibling> {
    if (this.#needy.size > 0) this.#refresh();
    return this.#needy;
  }

  /** Puts a few active ones into this order. */
  sort(siblings: Sibling[]): void {
    this.#refresh();
    siblings.sort((a, b) => a.compare(b));
  }

  setActive(sibling: Sibling, isActive: boolean): void {
    if (sibling.isActive === isActive) return;
    sibling.isActive = isActive;
    if (isActive) {
      this.#measureOnly();
      this.#measure(sibling);
      this.#active.insert(sibling);
    } else {
      this.#active.remove(sibling);
      this.setNeedy(sibling, false);
    }
  }

  /** Of an active one. */
  setNeedy(sibling: Sibling, isNeedy: boolean): void {
    if (sibling.isNeedy === isNeedy) return;
    sibling.isNeedy = isNeedy;
    if (isNeedy) this.#needy.insert(sibling);
    else this.#needy.remove(sibling);
  }

  /** `weight`: a positive integer, in thousandths. */
  setWeight(sibling: Sibling, weight: number): void {
    assert(Number.isSafeInteger(weight) && weight > 0, 'a weight is a positive integer');
    this.#takeOut(sibling);
    sibling.weight = weight;
    this.#putBack(sibling);
  }

  /** Counts as one allocation. */
  allocate(sibling: Sibling, amounts: Vector): void {
    this.#change(sibling, NO_AMOUNTS, amounts, 1);
  }

  /** Usage that is no new allocation (`to`), and an end of usage (`from`). */
  adjust(sibling: Sibling, from: Vector, to: Vector): void {
    this.#change(sibling, from, to, 0);
  }

  /** As of now, whether it is active or not. */
  shareOf(sibling: Sibling): Share {
    this.#refresh();
    this.#measureOnly();
    if (!sibling.isActive) sibling.measure(this.#totals.amounts);
    return sibling.share;
  }

  /**
   * After how many allocations of these amounts its share is no smaller than that of an active rival: at least 1,
   * infinite when never. In doubles, so that shares which are all but equal count as equal.
   */
  allocationsToReach(sibling: Sibling, amounts: Vector, rival: Sibling): number {
    const [own, goalShare] = [this.shareOf(sibling), this.shareOf(rival)];
    const { used, weight } = sibling;
    if (compareWeightedShares(own, weight, goalShare, rival.weight) >= 0) return 1;
    const goal = (goalShare.used / goalShare.total / rival.weight) * weight;
    let least = Number.POSITIVE_INFINITY;
    for (const [number, amount] of amounts.entries()) {
      const total = this.#totals.amounts[number] ?? 0;
      if (amount === 0 || total === 0) continue;
      least = Math.min(least, (goal * total - (used[number] ?? 0)) / amount);
    }
    return Math.max(1, Math.ceil(least - ROUNDING_OF_A_COUNT));
  }

  /** For tests and the simulator: throws when an index is not exactly those of the siblings, in order. */
  checkInvariants(siblings: Iterable<Sibling>): void {
    const all = [...siblings].sort((a, b) => {
      this.shareOf(a);
      this.shareOf(b);
      return a.compare(b);
    });
    checkOrder(
      this.inOrder,
      all.filter(({ isActive }) => isActive),
    );
    checkOrder(
      this.needy,
      all.filter(({ isNeedy }) => isNeedy),
    );
    for (const { name, used } of all) {
      assert(
        used.every((amount) => amount >= 0),
        `${name} uses no negative amount`,
      );
    }
  }

  #change(sibling: Sibling, from: Vector, to: Vector, allocations: 0 | 1): void {
    const isOnly = sibling.isActive && this.#active.size === 1;
    if (!isOnly) this.#takeOut(sibling);
    accumulate(sibling.used, from, -1);
    accumulate(sibling.used, to, 1);
    sibling.allocations += allocations;
    if (!isOnly) this.#putBack(sibling);
    else this.#isUnmeasured = true;
  }

  #takeOut(sibling: Sibling): void {
    if (sibling.isActive) this.#active.remove(sibling);
    if (sibling.isNeedy) this.#needy.remove(sibling);
  }

  #putBack(sibling: Sibling): void {
    this.#measure(sibling);
    if (sibling.isActive) this.#active.insert(sibling);
    if (sibling.isNeedy) this.#needy.insert(sibling);
  }

  /** All in the indexes are measured against totals of one version. */
  #refresh(): void {
    if (this.#sortedAtVersion === this.#totals.version) return;
    this.#sortedAtVersion = this.#totals.version;
    this.#isUnmeasured = false;
    for (const sibling of this.#active) sibling.measure(this.#totals.amounts);
    this.#active.reorder();
    this.#needy.reorder();
  }

  #measureOnly(): void {
    if (!this.#isUnmeasured) return;
    this.#isUnmeasured = false;
    for (const only of this.#active) this.#measure(only);
  }

  #measure(sibling: Sibling): void {
    if (this.#sortedAtVersion === this.#totals.version) sibling.measure(this.#totals.amounts);
  }
}

function checkOrder<Sibling extends Sharer>(
  index: OrderedIndex<Sibling>,
  expected: readonly Sibling[],
): void {
  assert(index.size === expected.length, 'just those that belong there are in the index');
  for (const [place, sibling] of [...index].entries()) {
    assert(sibling === expected[place], `${sibling.name} is at its place`);
  }
}
