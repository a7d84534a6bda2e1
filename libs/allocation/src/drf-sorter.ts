// Owns the order of clients by dominant resource fairness: who is offered resources next.
// One level: clients are roles, or the frameworks of one role; fair-order.ts joins the two. Each change moves
// one client within an ordered index, O(log n); only changed cluster totals order all of them anew.
// Ghodsi et al., Dominant Resource Fairness, NSDI 2011, section 4.1; weights: section 4.3.
import { DEFAULT_WEIGHT } from '@parley/protocol/sharing';
import { assert } from '@parley/protocol/unreachable';
import { compareShares, compareWeightedShares, type Share } from '@parley/resources/dominant-share';
import { accumulate, type ClusterTotals, NO_AMOUNTS, type Vector } from './cluster-totals.ts';
import { OrderedIndex } from './ordered-index.ts';

type Client<Name> = {
  readonly name: Name;
  readonly weight: number;
  readonly used: number[];
  /** How often it was allocated to; breaks ties, as in Mesos. */
  allocations: number;
  isActive: boolean;
  share: Share;
  /** share / weight in doubles: decides most comparisons, never the close ones. */
  approximateKey: number;
};

/** Far above the rounding error of two divisions, far below what matters. */
const CLOSE = 2 ** -48;
/** Keeps a count that is a whole number but for rounding from being one too many. */
const ROUNDING_OF_A_COUNT = 1e-6;

export class DrfSorter<Name extends string = string> {
  readonly #totals: ClusterTotals;
  readonly #clients = new Map<Name, Client<Name>>();
  readonly #index: OrderedIndex<Client<Name>>;
  #sortedAtVersion: number;
  #comparisons = 0;

  constructor(totals: ClusterTotals) {
    this.#totals = totals;
    this.#sortedAtVersion = totals.version;
    this.#index = new OrderedIndex((a, b) => {
      this.#comparisons += 1;
      return compareClients(a, b);
    });
  }

  /** Comparisons made so far: what a decision costs. */
  get comparisons(): number {
    return this.#comparisons;
  }

  get activeCount(): number {
    return this.#index.size;
  }

  has(name: Name): boolean {
    return this.#clients.has(name);
  }

  /** Starts inactive and with nothing. `weight`: a positive integer, in thousandths. */
  add(name: Name, weight: number = DEFAULT_WEIGHT): void {
    assert(!this.#clients.has(name), `client ${name} is added once`);
    assert(Number.isSafeInteger(weight) && weight > 0, 'a weight is a positive integer');
    const client: Client<Name> = {
      name,
      weight,
      used: [],
      allocations: 0,
      isActive: false,
      share: { used: 0, total: 1 },
      approximateKey: 0,
    };
    this.#clients.set(name, client);
  }

  remove(name: Name): void {
    this.setActive(name, false);
    this.#clients.delete(name);
  }

  isActive(name: Name): boolean {
    return this.#clients.get(name)?.isActive === true;
  }

  /** Inactive clients keep what they use but are not in the order. */
  setActive(name: Name, isActive: boolean): void {
    const client = this.#client(name);
    if (client.isActive === isActive) return;
    client.isActive = isActive;
    if (isActive) {
      this.#measure(client);
      this.#index.insert(client);
    } else {
      this.#index.remove(client);
    }
  }

  /** Counts as one allocation. */
  allocate(name: Name, amounts: Vector): void {
    this.#change(this.#client(name), NO_AMOUNTS, amounts, 1);
  }

  /** Usage that is no new allocation (`to`), and an end of usage (`from`). */
  adjust(name: Name, from: Vector, to: Vector): void {
    this.#change(this.#client(name), from, to, 0);
  }

  shareOf(name: Name): Share {
    const client = this.#client(name);
    return measureShare(client.used, this.#totals.amounts);
  }

  /** Amounts used now; not to be changed. */
  usedBy(name: Name): Vector {
    return this.#client(name).used;
  }

  /**
   * After how many allocations of these amounts the client's share is no smaller than that of an active rival: at least
   * 1, infinite when never. In doubles, so that shares which are all but equal count as equal.
   */
  allocationsToReach(name: Name, amounts: Vector, rival: Name): number {
    this.#refresh();
    const { used, weight } = this.#client(name);
    const { share, weight: rivalWeight } = this.#client(rival);
    if (compareWeightedShares(this.shareOf(name), weight, share, rivalWeight) >= 0) return 1;
    const goal = (share.used / share.total / rivalWeight) * weight;
    let least = Number.POSITIVE_INFINITY;
    for (const [number, amount] of amounts.entries()) {
      const total = this.#totals.amounts[number] ?? 0;
      if (amount === 0 || total === 0) continue;
      least = Math.min(least, (goal * total - (used[number] ?? 0)) / amount);
    }
    return Math.max(1, Math.ceil(least - ROUNDING_OF_A_COUNT));
  }

  /** Active clients, the one that is next first. Nothing may change until the caller stops iterating. */
  *inOrder(): Generator<Name, void, void> {
    this.#refresh();
    for (const client of this.#index) yield client.name;
  }

  /** For tests and the simulator: throws when the index is not exactly the active clients, in order. */
  checkInvariants(): void {
    this.#refresh();
    const active = [...this.#clients.values()].filter(({ isActive }) => isActive);
    const expected = active.sort(compareClients);
    const found = [...this.#index];
    assert(found.length === expected.length, 'every active client is in the index');
    for (const [place, client] of found.entries()) {
      assert(client === expected[place], `client ${client.name} is at its place`);
    }
    for (const { name, used } of this.#clients.values()) {
      assert(
        used.every((amount) => amount >= 0),
        `client ${name} uses no negative amount`,
      );
    }
  }

  #change(client: Client<Name>, from: Vector, to: Vector, allocations: 0 | 1): void {
    if (client.isActive) this.#index.remove(client);
    accumulate(client.used, from, -1);
    accumulate(client.used, to, 1);
    client.allocations += allocations;
    this.#measure(client);
    if (client.isActive) this.#index.insert(client);
  }

  /** All clients in the index are measured against totals of one version. */
  #refresh(): void {
    if (this.#sortedAtVersion === this.#totals.version) return;
    this.#sortedAtVersion = this.#totals.version;
    this.#index.clear();
    for (const client of this.#clients.values()) {
      if (!client.isActive) continue;
      client.share = measureShare(client.used, this.#totals.amounts);
      client.approximateKey = client.share.used / client.share.total / client.weight;
      this.#index.insert(client);
    }
  }

  #measure(client: Client<Name>): void {
    if (this.#sortedAtVersion !== this.#totals.version) return;
    client.share = measureShare(client.used, this.#totals.amounts);
    client.approximateKey = client.share.used / client.share.total / client.weight;
  }

  #client(name: Name): Client<Name> {
    const client = this.#clients.get(name);
    assert(client !== undefined, `client ${name} is known`);
    return client;
  }
}

/** Dominant share: the largest used/total over all resources that there are. */
function measureShare(used: Vector, totals: Vector): Share {
  let dominant: Share = { used: 0, total: 1 };
  for (let number = 0; number < used.length; number += 1) {
    const [amount, total] = [used[number] ?? 0, totals[number] ?? 0];
    if (amount === 0 || total === 0) continue;
    const share = { used: amount, total };
    if (compareShares(share, dominant) > 0) dominant = share;
  }
  return dominant;
}

/** Smaller share / weight first, then fewer allocations, then the name. */
function compareClients<Name>(a: Client<Name>, b: Client<Name>): number {
  const difference = a.approximateKey - b.approximateKey;
  if (Math.abs(difference) > (a.approximateKey + b.approximateKey) * CLOSE) return difference;
  const exact = compareWeightedShares(a.share, a.weight, b.share, b.weight);
  if (exact !== 0) return exact;
  if (a.allocations !== b.allocations) return a.allocations - b.allocations;
  if (a.name === b.name) return 0;
  return a.name < b.name ? -1 : 1;
}
