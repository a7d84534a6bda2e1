// Owns the tree in which is shared: roles below roles, the frameworks of a role below it. Frameworks of a role that has
// roles below it, too, share as one beside these: a leaf of the role that nobody sees. Mesos docs, "Roles", hierarchical
// roles. A node is kept while it has anybody below it, or anything is set, used or reserved for it.
import type { FrameworkKey, RoleName } from '@parley/protocol/ids';
import type { Placement } from '@parley/protocol/sharing';
import { assert } from '@parley/protocol/unreachable';
import {
  accumulate,
  type ClusterTotals,
  isZero,
  NO_AMOUNTS,
  type Vector,
} from './cluster-totals.ts';
import { DrfSorter } from './drf-sorter.ts';
import type { Framework, StatedNeed } from './frameworks.ts';
import type { Quota } from './quota.ts';
import { Sharer } from './sharer.ts';

/** Sorts before every name of a role. */
const HIDDEN_LEAF = '.';

/** Of those at and below it, how many guarantees are not met; inactive ones too. */
abstract class Node extends Sharer {
  unmet = 0;
  readonly above: Branch | undefined;

  constructor(name: string, above: Branch | undefined) {
    super(name);
    this.above = above;
  }
}

/** A framework in one role: what takes part in sharing. */
export class Client extends Node {
  readonly kind = 'client';
  readonly framework: Framework;
  readonly role: RoleName;
  /** Column in the record of what was asked in vain; reused when it is forgotten. */
  readonly number: number;
  /** What the master says that it holds; decisions that it has not confirmed are on top of it in `used`. */
  confirmed = NO_AMOUNTS;
  /** The framework is subscribed in this role. */
  isMember = false;
  isSuppressed = false;
  /** Has no room under a limit for anything it would take, of whatever agent: not asked until there is room. */
  stands = false;
  /** By shape, in the framework's order; absent where it states no demand. */
  needs: ReadonlyMap<string, StatedNeed> | undefined;
  /** Tasks in proposals that are not decided, by shape; outlasts a subscription. */
  readonly promised = new Map<string, number>();
  /** Proposals that are not decided. */
  undecided = 0;

  constructor(framework: Framework, role: RoleName, place: { above: Branch; number: number }) {
    super(framework.key, place.above);
    this.framework = framework;
    this.role = role;
    this.number = place.number;
  }

  /** Of the leaf that nobody sees. */
  get branch(): Branch {
    const branch = this.above?.above;
    assert(branch !== undefined, 'a framework is below a role');
    return branch;
  }

  /** Whether anything free is reserved for its role or one above it. */
  get mayBeReserved(): boolean {
    for (let branch: Branch | undefined = this.branch; branch; branch = branch.above) {
      if (branch.reservations > 0) return true;
    }
    return false;
  }
}

export type Member = Branch | Client;

/** A role, or the leaf with its frameworks. */
export class Branch extends Node {
  readonly kind = 'branch';
  /** The whole name; of the leaf that of its role, of the root none. */
  readonly role: string;
  readonly members: DrfSorter<Member>;
  readonly roles = new Map<string, Branch>();
  /** Of a role: the leaf with its frameworks. */
  leaf: Branch | undefined;
  /** Of a leaf. */
  readonly clients = new Map<FrameworkKey, Client>();
  /** Of a leaf: those of its clients together. */
  weights = 0;
  /** Free of reservations for the role and those below it. */
  readonly reserved: number[] = [];
  /** Reservations for this very role of which something is free. */
  reservations = 0;
  quota: Quota | undefined;
  /** Its own guarantee is not met. */
  isUnmet = false;
  /** Absent: the cluster's. */
  minimum: Vector | undefined;
  placement: Placement | undefined;
  /** An operator has set something: it stays. */
  isSet = false;
  /** Held back for guarantees at and below it; only up to date while `isStale` is false, see headroom.ts. */
  required = NO_AMOUNTS;
  isStale = true;

  constructor(totals: ClusterTotals, role: string, above?: Branch, name?: string) {
    super(name ?? role.slice(role.lastIndexOf('/') + 1), above);
    this.role = role;
    this.members = new DrfSorter(totals);
  }
}

export class ShareTree {
  readonly #totals: ClusterTotals;
  readonly root: Branch;
  readonly #byRole = new Map<string, Branch>();

  constructor(totals: ClusterTotals) {
    this.#totals = totals;
    this.root = new Branch(totals, '');
  }

  role(role: RoleName): Branch | undefined {
    return this.#byRole.get(role);
  }

  roles(): Iterable<Branch> {
    return this.#byRole.values();
  }

  ensureRole(role: string): Branch {
    const known = this.#byRole.get(role);
    if (known !== undefined) return known;
    const cut = role.lastIndexOf('/');
    const above = cut < 0 ? this.root : this.ensureRole(role.slice(0, cut));
    const branch = new Branch(this.#totals, role, above);
    above.roles.set(branch.name, branch);
    this.#byRole.set(role, branch);
    return branch;
  }

  addClient(framework: Framework, role: RoleName, number: number): Client {
    const branch = this.ensureRole(role);
    branch.leaf ??= new Branch(this.#totals, role, branch, HIDDEN_LEAF);
    const client = new Client(framework, role, { above: branch.leaf, number });
    assert(!branch.leaf.clients.has(framework.key), 'a framework is in a role once');
    branch.leaf.clients.set(framework.key, client);
    branch.leaf.weights += framework.weight;
    return client;
  }

  /** It is inactive and uses nothing. */
  removeClient(client: Client): void {
    const { branch, above, framework } = client;
    if (above !== undefined) above.weights -= framework.weight;
    branch.leaf?.clients.delete(framework.key);
    if (branch.leaf?.clients.size === 0) branch.leaf = undefined;
    this.prune(branch);
  }

  /** Forgets the role, and those above it, where there is no reason to keep it. */
  prune(branch: Branch): void {
    const { above } = branch;
    const isNeeded =
      branch.isSet || branch.leaf !== undefined || branch.roles.size > 0 || branch.reservations > 0;
    if (isNeeded || above === undefined) return;
    above.roles.delete(branch.name);
    this.#byRole.delete(branch.role);
    this.prune(above);
  }

  /** For tests and the simulator: throws when a node does not hold what those below it hold together. */
  checkInvariants(): void {
    this.#check(this.root);
  }

  #check(branch: Branch): void {
    const { leaf, role } = branch;
    const members: Member[] = [
      ...(leaf ? [leaf] : []),
      ...branch.roles.values(),
      ...branch.clients.values(),
    ];
    const together: number[] = [];
    let unmet = branch.isUnmet ? 1 : 0;
    let weights = 0;
    for (const { framework } of branch.clients.values()) weights += framework.weight;
    assert(branch.weights === weights, `role ${role} knows the weights of its frameworks`);
    assert(branch.isUnmet === (branch.quota?.isUnmet === true), `role ${role} knows its guarantee`);
    for (const member of members) {
      if (member.kind === 'branch') this.#check(member);
      accumulate(together, member.used, 1);
      unmet += member.unmet;
      assert(
        member.isNeedy === (member.isActive && member.unmet > 0),
        `${member.name} in ${role} is needy when a guarantee is not met`,
      );
    }
    accumulate(together, branch.used, -1);
    // Nobody asks what the root uses.
    const isRight = branch.above === undefined || isZero(together);
    assert(isRight, `role ${role} uses what those below it use`);
    assert(branch.unmet === unmet, `role ${role} knows of the guarantees below it`);
    assert(
      branch.above === undefined || branch.isActive === branch.members.activeCount > 0,
      `role ${role} is in the order when one of those below it is`,
    );
    branch.members.checkInvariants(members);
  }
}
