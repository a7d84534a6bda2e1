// Owns who is next: a tree of roles, level by level by weighted DRF, then the frameworks of a role; whoever serves a
// guarantee that is not met comes before all others. It knows who uses how much and who takes offers, not what is free
// nor who refuses what (agent-division.ts, filters.ts). Mesos docs, "Roles", "Weights", "Quota".
import type { RoleName } from '@parley/protocol/ids';
import { DEFAULT_WEIGHT, type Placement, type Quantities } from '@parley/protocol/sharing';
import { assert } from '@parley/protocol/unreachable';
import {
  accumulate,
  type ClusterTotals,
  covers,
  isZero,
  NO_AMOUNTS,
  type Vector,
} from './cluster-totals.ts';
import type { Framework } from './frameworks.ts';
import { GuaranteeStandings } from './guarantee-standings.ts';
import { homeOf } from './headroom.ts';
import { NumberPool } from './number-pool.ts';
import { type Asking, ask, EVERYBODY, Few } from './question-round.ts';
import { Quota } from './quota.ts';
import { type Branch, type Client, type Member, ShareTree } from './share-tree.ts';

export type Shares = {
  readonly weight: number;
  readonly guarantee: Quantities;
  readonly limit: Quantities;
};
export type RoleSettings = Shares & {
  readonly minAllocatable?: Quantities | undefined;
  readonly placement?: Placement | undefined;
};

const NOBODY: readonly Client[] = [];

export class FairOrder {
  readonly #totals: ClusterTotals;
  readonly tree: ShareTree;
  /** Up to date while anything is set. */
  readonly standings = new GuaranteeStandings();
  readonly #numbers = new NumberPool();
  readonly #byNumber: (Client | undefined)[] = [];
  /** Roles and frameworks with a guarantee or a limit: where there are none, nobody looks for them. */
  #quotas = 0;
  #decreases = 0;
  /** Something that limits them has more room than before: they are to be asked again. */
  readonly #roomier = new Set<Quota>();
  /** Of what somebody waits for there is less in proposals than before: that gives nobody a turn, but is looked at. */
  readonly #quietly = new Set<Quota>();
  /** Stand for want of room, and may be given what is reserved now. */
  readonly #unstuck = new Set<Client>();

  constructor(totals: ClusterTotals) {
    this.#totals = totals;
    this.tree = new ShareTree(totals);
  }

  /** Whether anybody takes offers. */
  get hasActive(): boolean {
    return this.tree.root.members.activeCount > 0;
  }

  /** Grows whenever somebody has less than before, or leaves a guarantee to others: these may be guaranteed more. */
  get decreases(): number {
    return this.#decreases;
  }

  get hasQuotas(): boolean {
    return this.#quotas > 0;
  }

  clientOf(framework: Framework, role: RoleName): Client {
    const known = framework.clients.get(role);
    if (known !== undefined) return known;
    const client = this.tree.addClient(framework, role, this.#numbers.take());
    this.#byNumber[client.number] = client;
    framework.clients.set(role, client);
    if (framework.weight !== DEFAULT_WEIGHT)
      this.#sorterOf(client).setWeight(client, framework.weight);
    if (framework.quota?.isUnmet) countUnmet(client, 1);
    if (this.#quotas > 0) this.#measureSharers(client);
    return client;
  }

  /** Keeps what is known bounded by what is subscribed or in use. The value: whether it was forgotten. */
  forgetUnused(client: Client): boolean {
    const { framework, role, isMember, isActive, undecided, used } = client;
    if (isMember || isActive || undecided > 0 || !isZero(used)) return false;
    if (client.unmet > 0) countUnmet(client, -1);
    for (const { quota } of this.quotasOf(client)) quota.waiting.delete(client);
    markStale(client.branch);
    framework.clients.delete(role);
    this.tree.removeClient(client);
    this.standings.forget(client);
    if (this.#quotas > 0) this.#measureSharers(client);
    this.#numbers.giveBack(client.number);
    this.#byNumber[client.number] = undefined;
    return true;
  }

  /** Inactive, it gets no offers; what it uses counts until it is zero. */
  setActive(client: Client, isActive: boolean): void {
    if (client.isActive === isActive) return;
    let member: Member = client;
    for (let branch = client.above; branch !== undefined; branch = branch.above) {
      branch.members.setActive(member, isActive);
      if (isActive && member.unmet > 0) branch.members.setNeedy(member, true);
      if (branch.isActive === isActive || branch.members.activeCount > 0 !== isActive) return;
      member = branch;
    }
  }

  /** A decision: counts as one allocation at every level. */
  allocate(client: Client, amounts: Vector): void {
    accumulate(client.framework.used, amounts, 1);
    let member: Member = client;
    for (let branch = client.above; branch !== undefined; branch = branch.above) {
      branch.members.allocate(member, amounts);
      member = branch;
    }
    if (this.#quotas > 0) this.#measureQuotas(client);
  }

  /** Takes an allocation back: the master has decided, or never will. */
  release(client: Client, amounts: Vector): void {
    this.#adjust(client, amounts, NO_AMOUNTS);
    for (const { quota } of this.quotasOf(client)) {
      if (quota.waiting.size > 0) this.#quietly.add(quota);
    }
  }

  /** What the framework holds (offered plus allocated), without decisions that are not confirmed. */
  setUsage(client: Client, amounts: Vector): void {
    const before = client.confirmed;
    client.confirmed = amounts;
    this.#adjust(client, before, amounts);
    if (this.#quotas === 0 || covers(amounts, before)) return;
    this.#decreases += 1;
    for (const { quota } of this.quotasOf(client)) {
      if (quota.waiting.size > 0) this.#roomier.add(quota);
    }
  }

  /** Free amounts of a reservation for the role: `sign` -1 when they are no longer. */
  reserve(role: RoleName, amounts: Vector, sign: 1 | -1): void {
    const holder = this.tree.ensureRole(role);
    holder.reservations += sign;
    if (this.#quotas > 0 && sign > 0 && holder.reservations === 1) this.#unstick(holder);
    if (sign < 0) this.#decreases += 1;
    for (let branch: Branch | undefined = holder; branch; branch = branch.above) {
      accumulate(branch.reserved, amounts, sign);
      branch.isStale = true;
      if (branch.quota === undefined) continue;
      measureQuota(branch);
      if (sign < 0 && branch.quota.waiting.size > 0) this.#roomier.add(branch.quota);
    }
    if (holder.reservations === 0) this.tree.prune(holder);
  }

  setRole(role: RoleName, settings: RoleSettings): void {
    const branch = this.tree.ensureRole(role);
    const { weight, minAllocatable, placement } = settings;
    branch.above?.members.setWeight(branch, weight);
    branch.minimum = minAllocatable && this.#totals.vectorOf(minAllocatable);
    branch.placement = placement;
    branch.quota = this.#quotaOf(branch.quota, settings, new Quota(branch.used, branch.reserved));
    measureQuota(branch);
    if (this.#quotas > 0) this.standings.measureRole(branch);
    markStale(branch);
    branch.isSet =
      weight !== DEFAULT_WEIGHT ||
      branch.quota !== undefined ||
      branch.minimum !== undefined ||
      placement !== undefined;
    this.tree.prune(branch);
  }

  setFramework(framework: Framework, shares: Shares): void {
    for (const client of framework.clients.values()) {
      if (client.above !== undefined) client.above.weights += shares.weight - framework.weight;
      this.#sorterOf(client).setWeight(client, shares.weight);
    }
    framework.weight = shares.weight;
    framework.quota = this.#quotaOf(framework.quota, shares, new Quota(framework.used));
    this.#measureFramework(framework);
    for (const client of framework.clients.values()) {
      if (this.#quotas > 0) this.#measureSharers(client);
    }
  }

  /**
   * Asks one after the other until somebody takes; nothing may change meanwhile. First those on whose way down the tree
   * a guarantee is not met, as long as what they take serves it, then everybody; each time by weighted DRF.
   */
  askInOrder(asking: Asking): boolean {
    return ask(this.tree.root, EVERYBODY, asking);
  }

  /** Likewise of a few active clients, by their numbers: the others are not even looked at. */
  askFew(numbers: readonly number[], asking: Asking): boolean {
    const few = new Few();
    for (const number of numbers) {
      const client = this.#byNumber[number];
      if (client?.isActive) few.add(client);
    }
    return ask(this.tree.root, few, asking);
  }

  /** Who is asked first; undefined when nobody takes offers. */
  next(): Client | undefined {
    let next: Client | undefined;
    this.askInOrder({
      ask: (client) => {
        next = client;
        return true;
      },
    });
    return next;
  }

  /**
   * How many allocations of these amounts the client may be given at once, as the first of those that are not out:
   * until one of the others is next. At least 1, infinite when it is alone.
   */
  allocationsInARow(client: Client, amounts: Vector, isOut: (client: Client) => boolean): number {
    let count = Number.POSITIVE_INFINITY;
    let member: Member = client;
    for (let branch = client.above; branch !== undefined; branch = branch.above) {
      for (const rival of branch.members.inOrder) {
        if (rival === member || !hasAny(rival, isOut)) continue;
        count = Math.min(count, branch.members.allocationsToReach(member, amounts, rival));
        break;
      }
      member = branch;
    }
    return count;
  }

  *clients(): Generator<Client, void, void> {
    for (const client of this.#byNumber) if (client !== undefined) yield client;
  }

  /** The limits on the client's way down the tree, and its framework's. */
  *quotasOf(client: Client): Generator<{ readonly quota: Quota; readonly branch?: Branch }> {
    if (this.#quotas === 0) return;
    const { quota } = client.framework;
    if (quota !== undefined) yield { quota };
    for (let branch = client.above?.above; branch !== undefined; branch = branch.above) {
      if (branch.quota !== undefined) yield { quota: branch.quota, branch };
    }
  }

  /** Those who wait for room that there may be now; they do no more. */
  takeResumed(): readonly Client[] {
    // Most often what was proposed is offered now.
    for (const quota of this.#quietly) if (!quota.hasMoreRoom) this.#quietly.delete(quota);
    if (this.#unstuck.size + this.#roomier.size === 0) return NOBODY;
    const resumed = [...this.#unstuck];
    this.#unstuck.clear();
    for (const quota of this.#roomier) {
      resumed.push(...quota.waiting);
      quota.waiting.clear();
    }
    this.#roomier.clear();
    return resumed;
  }

  /** Looks for room that no news told of: where a proposal was refused, or never decided. */
  lookForRoom(): void {
    for (const quota of this.#quietly) if (quota.hasMoreRoom) this.#roomier.add(quota);
    this.#quietly.clear();
  }

  /** Its roles are other ones than before. */
  frameworkChanged(framework: Framework): void {
    const home = homeOf(framework);
    if (framework.quota !== undefined) {
      this.#measureFramework(framework);
      // What it lacks is counted elsewhere now, or nowhere: others may serve the guarantee of a role that it was in.
      if (home !== framework.home) this.#decreases += 1;
    }
    framework.home = home;
  }

  checkInvariants(): void {
    this.tree.checkInvariants();
    this.standings.checkInvariants(this.#quotas > 0 ? this.clients() : []);
  }

  #adjust(client: Client, from: Vector, to: Vector): void {
    const change = [...to];
    accumulate(change, from, -1);
    accumulate(client.framework.used, change, 1);
    let member: Member = client;
    for (let branch = client.above; branch !== undefined; branch = branch.above) {
      branch.members.adjust(member, NO_AMOUNTS, change);
      member = branch;
    }
    if (this.#quotas > 0) this.#measureQuotas(client);
  }

  #sorterOf(member: Member): Branch['members'] {
    assert(member.above !== undefined, 'everybody but the root is below something');
    return member.above.members;
  }

  #quotaOf(known: Quota | undefined, shares: Shares, fresh: Quota): Quota | undefined {
    const isSet = Object.keys({ ...shares.guarantee, ...shares.limit }).length > 0;
    this.#countQuotas(Number(isSet) - Number(known !== undefined));
    if (known !== undefined) this.#roomier.add(known);
    const quota = isSet ? (known ?? fresh) : undefined;
    quota?.set(this.#totals, shares.guarantee, shares.limit);
    return quota;
  }

  #unstick(branch: Branch): void {
    for (const client of branch.leaf?.clients.values() ?? []) {
      if (client.stands) this.#unstuck.add(client);
    }
    for (const role of branch.roles.values()) this.#unstick(role);
  }

  /** How others stand is not known while nothing is set. */
  #countQuotas(change: number): void {
    const before = this.#quotas;
    this.#quotas += change;
    if (this.#quotas === 0) this.standings.clear();
    if (before > 0 || this.#quotas === 0) return;
    for (const client of this.clients()) this.standings.measure(client);
  }

  /** The client, and where its role has a guarantee, those with whom it shares that. */
  #measureSharers(client: Client): void {
    const { branch } = client;
    if (branch.quota !== undefined) this.standings.measureRole(branch);
    else if (client.framework.clients.get(client.role) === client) this.standings.measure(client);
  }

  #measureQuotas(client: Client): void {
    this.standings.measure(client);
    if (client.framework.quota !== undefined) this.#measureFramework(client.framework);
    for (let branch = client.above?.above; branch !== undefined; branch = branch.above) {
      branch.isStale = true;
      if (branch.quota !== undefined) measureQuota(branch);
    }
  }

  #measureFramework(framework: Framework): void {
    const { quota, clients } = framework;
    quota?.measure();
    const isUnmet = quota?.isUnmet === true;
    for (const client of clients.values()) {
      markStale(client.branch);
      if (client.unmet > 0 !== isUnmet) countUnmet(client, isUnmet ? 1 : -1);
    }
  }
}

/** What is required at and above it is to be reckoned anew. */
function markStale(branch: Branch): void {
  for (let one: Branch | undefined = branch; one !== undefined; one = one.above) one.isStale = true;
}

function measureQuota(branch: Branch): void {
  branch.quota?.measure();
  const isUnmet = branch.quota?.isUnmet === true;
  if (branch.isUnmet === isUnmet) return;
  branch.isUnmet = isUnmet;
  countUnmet(branch, isUnmet ? 1 : -1);
}

function countUnmet(member: Member, change: 1 | -1): void {
  for (let node: Member | undefined = member; node !== undefined; node = node.above) {
    node.unmet += change;
    if (node.isActive) node.above?.members.setNeedy(node, node.unmet > 0);
  }
}

function hasAny(member: Member, isOut: (client: Client) => boolean): boolean {
  if (member.kind === 'client') return !isOut(member);
  for (const below of member.members.inOrder) if (hasAny(below, isOut)) return true;
  return false;
}
