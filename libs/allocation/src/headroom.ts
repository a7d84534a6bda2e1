// Owns what is held back for guarantees where nothing is taken back from anybody: of what is free and not reserved, as
// much as the guarantees that are not met still lack. Mesos docs, "Quota", and hierarchical.cpp, headroom.
//   required of a role  = the larger of what it lacks itself and what those below it require together
//   allowed to a client = what it takes off the required, and what is free beyond the required
// A framework that shares in several roles lacks its own guarantee in the first of them by name.
import { accumulate, type Vector } from './cluster-totals.ts';
import type { FairOrder } from './fair-order.ts';
import type { Framework } from './frameworks.ts';
import type { Quota } from './quota.ts';
import type { Branch, Client } from './share-tree.ts';

const NOBODY: readonly Client[] = [];

export class Headroom {
  readonly #order: FairOrder;
  readonly #available: Vector;
  /** Whether anything is held back at all. */
  isKept = false;
  /** Were offered less than there was, or nothing, because it is held back. */
  readonly waiting = new Set<Client>();
  /** What was free beyond the required when they were. */
  #surplus: Vector = [];

  #decreases = 0;

  /** `available`: free and not reserved, over all agents; a vector that changes. */
  constructor(order: FairOrder, available: Vector) {
    this.#order = order;
    this.#available = available;
  }

  /** What the client may take of what is not reserved; it may be more than there is. */
  allowedTo(client: Client): Vector {
    const { root } = this.#order.tree;
    const required = requiredOf(root);
    const without = requiredWithout(root, client, wayOf(client, homeOf(client.framework)));
    return this.#available.map((available, number) => {
      const [before, after] = [required[number] ?? 0, without[number] ?? 0];
      return before - after + Math.max(0, available - before);
    });
  }

  /**
   * Whether what it takes may leave more for others than there was: reservations of a role above, of which nothing is
   * held back, or what is lacking twice, to its role and where its framework's home is.
   */
  mayFree({ framework }: Client, takesReserved: boolean): boolean {
    if (!this.isKept) return false;
    return takesReserved || (framework.clients.size > 1 && framework.quota?.isUnmet === true);
  }

  wait(client: Client): void {
    this.waiting.add(client);
    // What has been given up since the first of them began to wait is news to all.
    if (this.waiting.size === 1) this.#decreases = this.#order.decreases;
    this.#surplus = this.#surplusNow();
  }

  /** Those who wait, when there is more for them than before; they do no more. */
  takeResumed(): readonly Client[] {
    if (this.waiting.size === 0) return NOBODY;
    const before = this.#surplus;
    const isMore = this.#surplusNow().some((amount, number) => amount > (before[number] ?? 0));
    // Who has less than before, or shares a guarantee with fewer, may be guaranteed more.
    const isLess = this.#order.decreases > this.#decreases;
    if (!isMore && !isLess && this.isKept) return NOBODY;
    const resumed = [...this.waiting];
    this.waiting.clear();
    return resumed;
  }

  #surplusNow(): Vector {
    const required = requiredOf(this.#order.tree.root);
    return this.#available.map((available, number) => available - (required[number] ?? 0));
  }
}

function requiredOf(branch: Branch): Vector {
  if (!branch.isStale) return branch.required;
  const below: number[] = [];
  for (const role of branch.roles.values()) accumulate(below, requiredOf(role), 1);
  for (const client of branch.leaf?.clients.values() ?? []) addLack(below, client);
  branch.required = larger(branch.quota, below);
  branch.isStale = false;
  return branch.required;
}

/** What would be required if the client had enough for every guarantee on its way; that can only change on `way`. */
function requiredWithout(branch: Branch, client: Client, way: ReadonlySet<Branch>): Vector {
  if (!way.has(branch)) return requiredOf(branch);
  const below: number[] = [];
  for (const role of branch.roles.values()) {
    accumulate(below, requiredWithout(role, client, way), 1);
  }
  for (const other of branch.leaf?.clients.values() ?? []) {
    if (other.framework !== client.framework) addLack(below, other);
  }
  return isAtOrAbove(branch, client) ? below : larger(branch.quota, below);
}

/** The roles above one of these. */
function wayOf(...clients: readonly (Client | undefined)[]): ReadonlySet<Branch> {
  const way = new Set<Branch>();
  for (const client of clients) {
    for (let branch = client?.branch; branch !== undefined; branch = branch.above) way.add(branch);
  }
  return way;
}

function isAtOrAbove(top: Branch, client: Client): boolean {
  for (let branch: Branch | undefined = client.branch; branch; branch = branch.above) {
    if (branch === top) return true;
  }
  return false;
}

/** What its framework lacks, where that is counted with this client. */
function addLack(sum: number[], client: Client): void {
  const { quota } = client.framework;
  if (quota?.isUnmet !== true || homeOf(client.framework) !== client) return;
  const lack = quota.guarantee.map((_, number) => quota.unmet(number));
  accumulate(sum, lack, 1);
}

/** Where what it lacks is counted: the first by name of the roles in which it is subscribed. */
export function homeOf({ clients }: Framework): Client | undefined {
  let home: Client | undefined;
  for (const client of clients.values()) {
    if (client.isMember && (home === undefined || client.role < home.role)) home = client;
  }
  return home;
}

function larger(quota: Quota | undefined, below: readonly number[]): Vector {
  if (quota === undefined || !quota.isUnmet) return below;
  const result = [...below];
  for (let number = 0; number < quota.guarantee.length; number += 1) {
    while (result.length <= number) result.push(0);
    result[number] = Math.max(result[number] ?? 0, quota.unmet(number));
  }
  return result;
}
