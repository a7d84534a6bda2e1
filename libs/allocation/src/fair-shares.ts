// Owns what a fair division of the cluster would give each client, as a part of it: so much of every resource. It is what
// the order of the allocator comes to if all were given out anew, in drops: guarantees first, as far as they are wanted;
// then, from the top of the tree down, the next drop to whoever has least by weight, of those that could have more.
//   could have   what it has and what its open needs would add, as dominant shares; under a limit, of what all below it
//                want together, that part for which there is room
// So a sibling that wants no more, or may have no more, leaves its part to the others. The frameworks of a role that has
// roles below it are together one more child of it (Mesos docs, "Roles"). In doubles: what is entitled to a fraction more
// than it has is told by the caller, by whole amounts. Weighted max-min fairness: Ghodsi et al., NSDI 2011, section 4.
import type { Quantities } from '@parley/protocol/sharing';
import { accumulate, type ClusterTotals, NO_AMOUNTS, type Vector } from './cluster-totals.ts';
import type { Quota } from './quota.ts';
import type { Branch, Client } from './share-tree.ts';

/** What the open needs of a client would add to what it has; undefined where it wants no more. */
export type WantsOf = (client: Client) => Vector | undefined;

/** One that shares with its siblings. `least` to `most` of the cluster is what it may be given. */
type Sharing = {
  readonly weight: number;
  readonly client: Client | undefined;
  readonly below: readonly Sharing[];
  /** The dominant shares of all clients at or below it. */
  readonly held: number;
  readonly wants: Vector;
  readonly least: number;
  readonly most: number;
  given: number;
};

/** Far above the rounding error of all these sums, far below what matters. */
const CLOSE = 2 ** -36;
const WHOLE = 1;

export function fairSharesOf(
  root: Branch,
  totals: ClusterTotals,
  wantsOf: WantsOf,
): Map<Client, number> {
  const measure = new Measure(totals, wantsOf);
  const shares = new Map<Client, number>();
  divide(measure.membersOf(root), WHOLE, shares);
  return shares;
}

/** Of each resource that counts, in whole thousandths. */
export function amountsOfShare(share: number, totals: ClusterTotals): Quantities {
  const amounts: Quantities = {};
  for (const [number, total] of totals.amounts.entries()) {
    if (total > 0) amounts[totals.nameOf(number)] = wholeOf(share * total);
  }
  return amounts;
}

/** Rounded down, where it is not a whole number but for the rounding of doubles. */
function wholeOf(amount: number): number {
  const nearest = Math.round(amount);
  return Math.abs(amount - nearest) <= amount * CLOSE ? nearest : Math.floor(amount);
}

/** Whether of every resource that counts it is less. */
export function isBelowShare(used: Vector, share: number, { amounts }: ClusterTotals): boolean {
  let isAny = false;
  for (let number = 0; number < amounts.length; number += 1) {
    const total = amounts[number] ?? 0;
    if (total === 0) continue;
    const due = wholeOf(share * total);
    const has = used[number] ?? 0;
    if (has > 0 && has >= due) return false;
    if (due > 0) isAny = true;
  }
  return isAny;
}

/** The largest part of a resource that counts. */
export function dominantPart(used: Vector, { amounts }: ClusterTotals, more = NO_AMOUNTS): number {
  let largest = 0;
  for (let number = 0; number < amounts.length; number += 1) {
    const total = amounts[number] ?? 0;
    if (total === 0) continue;
    const part = ((used[number] ?? 0) + (more[number] ?? 0)) / total;
    if (part > largest) largest = part;
  }
  return largest;
}

class Measure {
  readonly #totals: ClusterTotals;
  readonly #wantsOf: WantsOf;

  constructor(totals: ClusterTotals, wantsOf: WantsOf) {
    this.#totals = totals;
    this.#wantsOf = wantsOf;
  }

  membersOf({ roles, leaf }: Branch): Sharing[] {
    const frameworks = leaf === undefined ? [] : this.#clientsOf(leaf);
    if (roles.size === 0) return frameworks;
    const members: Sharing[] = [];
    if (frameworks.length > 0 && leaf !== undefined) members.push(this.#branch(leaf, frameworks));
    for (const role of roles.values()) {
      const below = this.membersOf(role);
      if (below.length > 0) members.push(this.#branch(role, below));
    }
    return members;
  }

  /** Whoever has nothing and wants nothing does not share. */
  #clientsOf({ clients }: Branch): Sharing[] {
    const sharing: Sharing[] = [];
    for (const client of clients.values()) {
      const held = dominantPart(client.used, this.#totals);
      const wants = this.#wantsOf(client);
      if (held > 0 || wants !== undefined) sharing.push(this.#client(client, held, wants));
    }
    return sharing;
  }

  #client(client: Client, held: number, wanted = NO_AMOUNTS): Sharing {
    const { quota, used: usedInAll, weight } = client.framework;
    const wants = scaled(wanted, roomIn(quota, usedInAll, wanted));
    const most = wants.length === 0 ? held : dominantPart(client.used, this.#totals, wants);
    const elsewhere = [...usedInAll];
    accumulate(elsewhere, client.used, -1);
    const least = this.#guaranteed(quota, { used: client.used, elsewhere, wants });
    return { weight, client, below: [], held, wants, least: Math.min(most, least), most, given: 0 };
  }

  #branch(branch: Branch, below: readonly Sharing[]): Sharing {
    const { quota, used, weight } = branch;
    const wanted: number[] = [];
    let [held, most, least] = [0, 0, 0];
    for (const one of below) {
      held += one.held;
      most += one.most;
      least += one.least;
      accumulate(wanted, one.wants, 1);
    }
    const room = roomIn(quota, used, wanted);
    const wants = scaled(wanted, room);
    const reachable = held + room * (most - held);
    const guaranteed = this.#guaranteed(quota, { used, elsewhere: NO_AMOUNTS, wants });
    return {
      weight,
      client: undefined,
      below,
      held,
      wants,
      least: Math.min(reachable, Math.max(least, guaranteed)),
      most: reachable,
      given: 0,
    };
  }

  /** As far as it is had or wanted here; what its framework has in other roles is not missing to it. */
  #guaranteed(
    quota: Quota | undefined,
    {
      used,
      elsewhere,
      wants,
    }: { readonly used: Vector; readonly elsewhere: Vector; readonly wants: Vector },
  ): number {
    if (quota === undefined || quota.guarantee.length === 0) return 0;
    const guaranteed = quota.guarantee.map((amount, number) =>
      Math.min(amount - (elsewhere[number] ?? 0), (used[number] ?? 0) + (wants[number] ?? 0)),
    );
    return dominantPart(guaranteed, this.#totals);
  }
}

/** Of what is wanted the part for which a limit has room. */
function roomIn(quota: Quota | undefined, used: Vector, wants: Vector): number {
  if (quota === undefined || !quota.isLimited) return 1;
  let part = 1;
  for (const [number, most] of quota.limit.entries()) {
    const wanted = wants[number] ?? 0;
    if (wanted > 0) part = Math.min(part, Math.max(0, most - (used[number] ?? 0)) / wanted);
  }
  return part;
}

const scaled = (amounts: Vector, part: number): Vector =>
  part === 1 ? amounts : amounts.map((amount) => amount * part);

function divide(members: readonly Sharing[], whole: number, shares: Map<Client, number>): void {
  pour(members, whole);
  for (const { client, below, given } of members) {
    if (client === undefined) divide(below, given, shares);
    else shares.set(client, given);
  }
}

/**
 * Finds the level to which all are filled by weight, none below its least or above its most. Whoever is bound at a level
 * on the side that weighs more is so at the right one, too, and is settled: as flexible lengths are in CSS Flexible Box
 * Layout, section 9.7.
 */
function pour(members: readonly Sharing[], whole: number): void {
  const [least, most] = [sumOf(members, 'least'), sumOf(members, 'most')];
  if (most <= whole) {
    for (const one of members) one.given = one.most;
  } else if (least > whole) {
    // More is guaranteed than there is.
    for (const one of members) one.given = (one.least * whole) / least;
  } else level(members, whole);
}

function level(members: readonly Sharing[], whole: number): void {
  let open = members;
  let rest = whole;
  for (;;) {
    const height = rest / sumOf(open, 'weight');
    const isLow = fill(open, height) > 0;
    const unbound: Sharing[] = [];
    for (const one of open) {
      const fair = one.weight * height;
      if (isLow ? one.given > fair : one.given < fair) rest -= one.given;
      else unbound.push(one);
    }
    if (unbound.length === open.length || unbound.length === 0) return;
    open = unbound;
  }
}

/** To this height, as far as each may be. The value: by how much more than that they are given together. */
function fill(members: readonly Sharing[], height: number): number {
  let excess = 0;
  for (const one of members) {
    const fair = one.weight * height;
    one.given = Math.min(one.most, Math.max(one.least, fair));
    excess += one.given - fair;
  }
  return excess;
}

const sumOf = (members: readonly Sharing[], what: 'least' | 'most' | 'weight'): number =>
  members.reduce((sum, one) => sum + one[what], 0);
