// Owns the picture of roles that commands and the HTTP API show: what is set for each, what it has with all roles below it, and who is in
// it. Plain data, in thousandths of a unit as on the bus; it only reads the followed state.

import { frameworkKey, type RoleName } from '@parley/protocol/ids';
import { shareAsNumber } from '@parley/resources/dominant-share';
import { clusterShare } from './cluster-share.ts';
import type { ClusterState } from './cluster-state.ts';
import { knownRoles } from './role-uses.ts';
import { isRoleOrAbove } from './roles.ts';
import { roleSharesOf, sharesOf } from './shares.ts';

type Amounts = Readonly<Record<string, number>>;

export type RoleSummary = {
  readonly role: RoleName;
  /** In thousandths. */
  readonly weight: number;
  readonly guarantee: Amounts;
  readonly limit: Amounts;
  /** Its own; undefined: the cluster's. */
  readonly minAllocatable: Amounts | undefined;
  readonly placement: string | undefined;
  /** With all roles below it, and with what tasks and offers hold of reservations. */
  readonly allocated: Amounts;
  readonly offered: Amounts;
  /** Reserved for it or a role below, in no task or offer, on agents that are offered. */
  readonly reserved: Amounts;
  /** Of what is allocated. */
  readonly dominantShare: { readonly share: number; readonly resource: string | undefined };
  /** In it or in a role below. */
  readonly frameworks: readonly string[];
};

export type FrameworkShares = {
  readonly framework: string;
  readonly weight: number;
  readonly guarantee: Amounts;
  readonly limit: Amounts;
  /** Offered and allocated, over all its roles. */
  readonly held: Amounts;
};

/** All that there are, in order of their names. */
export function rolesOf(state: ClusterState): RoleSummary[] {
  return knownRoles(state).map((role) => roleOf(state, role));
}

/** Whatever its name: of one that is not there nothing is set, and it has nothing. */
export function roleOf(state: ClusterState, role: RoleName): RoleSummary {
  const { weight, guarantee, limit, minAllocatable, placement } = roleSharesOf(
    state.roleSettings.get(role),
  );
  const book = state.books.roles.get(role);
  const allocated = book?.allocated.toScalars() ?? {};
  const share = clusterShare(state, allocated);
  return {
    ...{ role, weight, guarantee, limit, minAllocatable, placement, allocated },
    offered: book?.offered.toScalars() ?? {},
    reserved: book?.reserved.toScalars() ?? {},
    dominantShare: { share: shareAsNumber(share), resource: share.resource },
    frameworks: frameworksIn(state, role),
  };
}

/** Of those for which something is set, or that are in the role or below it. */
export function frameworkSharesOf(state: ClusterState, key: string): FrameworkShares {
  const book = state.books.frameworks.get(key);
  const held = new Map(Object.entries(book?.allocated.toScalars() ?? {}));
  for (const [name, amount] of Object.entries(book?.offered.toScalars() ?? {})) {
    held.set(name, (held.get(name) ?? 0) + amount);
  }
  return {
    framework: key,
    ...sharesOf(state.frameworkSettings.get(key)),
    held: Object.fromEntries(held),
  };
}

/** What the limit of the role is compared with. */
export function consumedBy({ allocated, offered, reserved }: RoleSummary): Amounts {
  const sums = new Map<string, number>();
  for (const part of [allocated, offered, reserved]) {
    for (const [name, amount] of Object.entries(part)) {
      sums.set(name, (sums.get(name) ?? 0) + amount);
    }
  }
  return Object.fromEntries(sums);
}

function frameworksIn(state: ClusterState, role: RoleName): string[] {
  return [...state.frameworks.rows()]
    .filter(({ roles }) => roles.some((one) => isRoleOrAbove(role, one.role)))
    .map(({ framework }) => frameworkKey(framework));
}
