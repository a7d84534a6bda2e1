// Owns fairness in two levels: roles by DRF, then the frameworks of a role by DRF. It knows who uses how
// much and who takes offers, not what is free nor who refuses what (allocator.ts, filters.ts).
import type { FrameworkKey, RoleName } from '@parley/protocol/ids';
import { assert } from '@parley/protocol/unreachable';
import {
  accumulate,
  type ClusterTotals,
  isZero,
  NO_AMOUNTS,
  type Vector,
} from './cluster-totals.ts';
import { DrfSorter } from './drf-sorter.ts';

/** A framework in one role: what takes part in sharing. */
export type Client = { readonly framework: FrameworkKey; readonly role: RoleName };

type Role = {
  readonly frameworks: DrfSorter<FrameworkKey>;
  /** What the master says that each holds; decisions that it has not confirmed are on top of it in the sorter. */
  readonly confirmed: Map<FrameworkKey, Vector>;
  members: number;
};

export class FairOrder {
  readonly #totals: ClusterTotals;
  readonly #roleSorter: DrfSorter<RoleName>;
  readonly #roles = new Map<RoleName, Role>();
  /** Roles in which a framework takes offers or uses something; nearly always one. */
  readonly #rolesOf = new Map<FrameworkKey, Set<RoleName>>();

  constructor(totals: ClusterTotals) {
    this.#totals = totals;
    this.#roleSorter = new DrfSorter(totals);
  }

  /** Whether anybody takes offers. */
  get hasActive(): boolean {
    return this.#roleSorter.activeCount > 0;
  }

  /** In an inactive role it gets no offers; what it uses counts until it is zero. */
  setActive({ framework, role }: Client, isActive: boolean): void {
    if (isActive === this.isActive({ framework, role })) return;
    const { frameworks } = this.#ensure({ framework, role });
    frameworks.setActive(framework, isActive);
    this.#roleSorter.setActive(role, frameworks.activeCount > 0);
    this.#forgetUnused({ framework, role });
  }

  isActive({ framework, role }: Client): boolean {
    return this.#roles.get(role)?.frameworks.isActive(framework) === true;
  }

  /** In any role. */
  takesOffers(framework: FrameworkKey): boolean {
    for (const role of this.#rolesOf.get(framework) ?? []) {
      if (this.isActive({ framework, role })) return true;
    }
    return false;
  }

  /** Roles in which the framework takes offers or uses something. */
  rolesOf(framework: FrameworkKey): RoleName[] {
    return [...(this.#rolesOf.get(framework) ?? [])];
  }

  /** A decision: counts as one allocation of the framework and of its role. */
  allocate(client: Client, amounts: Vector): void {
    this.#ensure(client).frameworks.allocate(client.framework, amounts);
    this.#roleSorter.allocate(client.role, amounts);
  }

  /** Takes an allocation back: the master has decided, or never will. */
  release(client: Client, amounts: Vector): void {
    this.#change(client, amounts, NO_AMOUNTS);
  }

  /** What the framework holds (offered plus allocated), without decisions that are not confirmed. */
  setUsage(client: Client, amounts: Vector): void {
    const { confirmed } = this.#ensure(client);
    const before = confirmed.get(client.framework) ?? NO_AMOUNTS;
    if (isZero(amounts)) confirmed.delete(client.framework);
    else confirmed.set(client.framework, amounts);
    this.#change(client, before, amounts);
  }

  /** Whoever is to be offered to next comes first. Nothing may change until the caller stops iterating. */
  *inOrder(): Generator<Client, void, void> {
    for (const role of this.#roleSorter.inOrder()) {
      const frameworks = this.#roles.get(role)?.frameworks;
      assert(frameworks !== undefined, `role ${role} in the order has frameworks`);
      for (const framework of frameworks.inOrder()) yield { framework, role };
    }
  }

  /**
   * How many allocations of these amounts the client may be given at once, as the first of those that are not out:
   * until one of the others is next. At least 1, infinite when it is alone.
   */
  allocationsInARow(client: Client, amounts: Vector, isOut: (client: Client) => boolean): number {
    let count = Number.POSITIVE_INFINITY;
    const { frameworks } = this.#ensure(client);
    for (const rival of frameworks.inOrder()) {
      if (rival === client.framework || isOut({ framework: rival, role: client.role })) continue;
      count = frameworks.allocationsToReach(client.framework, amounts, rival);
      break;
    }
    for (const rival of this.#roleSorter.inOrder()) {
      if (rival === client.role || !this.#hasAny(rival, isOut)) continue;
      return Math.min(count, this.#roleSorter.allocationsToReach(client.role, amounts, rival));
    }
    return count;
  }

  #hasAny(role: RoleName, isOut: (client: Client) => boolean): boolean {
    for (const framework of this.#roles.get(role)?.frameworks.inOrder() ?? []) {
      if (!isOut({ framework, role })) return true;
    }
    return false;
  }

  /** Roles with anybody who takes offers, the one that is next first. */
  rolesInOrder(): Iterable<RoleName> {
    return this.#roleSorter.inOrder();
  }

  /** Undefined when nobody takes offers or uses anything in it. */
  usedInRole(role: RoleName): Vector | undefined {
    return this.#roleSorter.has(role) ? this.#roleSorter.usedBy(role) : undefined;
  }

  usedBy({ framework, role }: Client): Vector {
    const frameworks = this.#roles.get(role)?.frameworks;
    return frameworks?.has(framework) ? frameworks.usedBy(framework) : NO_AMOUNTS;
  }

  #ensure({ framework, role }: Client): Role {
    let entry = this.#roles.get(role);
    if (entry === undefined) {
      entry = { frameworks: new DrfSorter(this.#totals), confirmed: new Map(), members: 0 };
      this.#roles.set(role, entry);
      this.#roleSorter.add(role);
    }
    if (!entry.frameworks.has(framework)) {
      entry.frameworks.add(framework);
      entry.members += 1;
      const roles = this.#rolesOf.get(framework) ?? new Set();
      this.#rolesOf.set(framework, roles.add(role));
    }
    return entry;
  }

  #change(client: Client, from: Vector, to: Vector): void {
    const { frameworks } = this.#ensure(client);
    frameworks.adjust(client.framework, from, to);
    this.#roleSorter.adjust(client.role, from, to);
    this.#forgetUnused(client);
  }

  /** Keeps what is known bounded by what is subscribed or in use. */
  #forgetUnused({ framework, role }: Client): void {
    const entry = this.#roles.get(role);
    if (entry === undefined || entry.frameworks.isActive(framework)) return;
    if (!isZero(entry.frameworks.usedBy(framework))) return;
    entry.frameworks.remove(framework);
    entry.members -= 1;
    if (entry.members === 0) {
      this.#roles.delete(role);
      this.#roleSorter.remove(role);
    }
    const roles = this.#rolesOf.get(framework);
    roles?.delete(role);
    if (roles?.size === 0) this.#rolesOf.delete(framework);
  }

  /** For tests and the simulator: throws when a role does not use what its frameworks use together. */
  checkInvariants(): void {
    for (const [role, { frameworks, members }] of this.#roles) {
      const together: number[] = [];
      let count = 0;
      for (const [framework, roles] of this.#rolesOf) {
        if (!roles.has(role)) continue;
        count += 1;
        accumulate(together, frameworks.usedBy(framework), 1);
      }
      assert(count === members, `role ${role} counts its frameworks`);
      accumulate(together, this.#roleSorter.usedBy(role), -1);
      assert(isZero(together), `role ${role} uses what its frameworks use`);
      assert(
        this.#roleSorter.isActive(role) === frameworks.activeCount > 0,
        `role ${role} is in the order when one of its frameworks is`,
      );
      frameworks.checkInvariants();
    }
    this.#roleSorter.checkInvariants();
  }
}
