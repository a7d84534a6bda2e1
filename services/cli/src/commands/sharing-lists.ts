// Owns `parley role list|inspect`, `quota list` and `weight list`: tables out of the followed state.

import {
  consumedBy,
  type FrameworkShares,
  frameworkSharesOf,
  type RoleSummary,
  roleOf,
  rolesOf,
} from '@parley/cluster/role-summary';
import type { Followed } from '@parley/operator-sdk/operator-link';
import type { RoleName } from '@parley/protocol/ids';
import { DEFAULT_WEIGHT } from '@parley/protocol/sharing';
import { formatPercent } from '../cluster-summary.ts';
import type { Surroundings } from '../config.ts';
import { withOperator } from '../operator-place.ts';
import { printJson, printLine, printPage, printTable } from '../print.ts';
import { describeRole, reportRole } from '../role-report.ts';
import { describeAmounts, describeWeight } from '../sharing-words.ts';
import { currentContext } from './context.ts';

export type ListPlace = {
  readonly surroundings: Surroundings;
  readonly context: string | undefined;
  readonly json: boolean;
};

export async function roleListCommand(place: ListPlace): Promise<void> {
  const { state } = await load(place);
  const roles = rolesOf(state);
  if (place.json) printJson(roles);
  else printTable([...ROLE_COLUMNS], roles.map(roleRow));
}

export const ROLE_COLUMNS = [
  ...['role', 'weight', 'share', 'guarantee', 'limit'],
  ...['allocated', 'offered', 'reserved', 'frameworks'],
] as const;

export const roleRow = (role: RoleSummary) => ({
  role: role.role,
  weight: describeWeight(role.weight),
  share: formatPercent(role.dominantShare.share),
  guarantee: describeAmounts(role.guarantee),
  limit: describeAmounts(role.limit),
  allocated: describeAmounts(role.allocated),
  offered: describeAmounts(role.offered),
  reserved: describeAmounts(role.reserved),
  frameworks: role.frameworks.length,
});

export async function roleInspectCommand(place: ListPlace, role: RoleName): Promise<void> {
  const context = await currentContext(place.surroundings, place.context);
  const { state, events } = await withOperator(context, (link) => link.loadWithHistory());
  const report = reportRole(state, role, events);
  if (place.json) printJson(report);
  else printPage(describeRole(report));
}

/** What is set of guarantees and limits, and what is had of it. */
export async function quotaListCommand(place: ListPlace): Promise<void> {
  const { roles, frameworks } = await loadSet(place);
  const hasQuota = ({ guarantee, limit }: RoleSummary | FrameworkShares): boolean =>
    Object.keys(guarantee).length + Object.keys(limit).length > 0;
  const listed = {
    roles: roles.filter(hasQuota).map((role) => ({ ...role, consumed: consumedBy(role) })),
    frameworks: frameworks.filter(hasQuota),
  };
  if (place.json) {
    printJson(listed);
    return;
  }
  const rows = [
    ...listed.roles.map((role) => quotaRow(`role ${role.role}`, role, role.consumed)),
    ...listed.frameworks.map((one) => quotaRow(`framework ${one.framework}`, one, one.held)),
  ];
  if (rows.length === 0) printLine('no guarantee and no limit is set');
  else printTable(['for', 'guarantee', 'limit', 'has'], rows);
}

const quotaRow = (
  whom: string,
  { guarantee, limit }: RoleSummary | FrameworkShares,
  has: RoleSummary['limit'],
) => ({
  for: whom,
  guarantee: describeAmounts(guarantee),
  limit: describeAmounts(limit),
  has: describeAmounts(has),
});

/** Those that are not 1. */
export async function weightListCommand(place: ListPlace): Promise<void> {
  const { roles, frameworks } = await loadSet(place);
  const listed = {
    roles: roles.filter(isWeighted).map(({ role, weight }) => ({ role, weight })),
    frameworks: frameworks
      .filter(isWeighted)
      .map(({ framework, weight }) => ({ framework, weight })),
  };
  if (place.json) {
    printJson(listed);
    return;
  }
  const rows = [
    ...listed.roles.map(({ role, weight }) => ({ for: `role ${role}`, weight })),
    ...listed.frameworks.map(({ framework, weight }) => ({
      for: `framework ${framework}`,
      weight,
    })),
  ].map((row) => ({ ...row, weight: describeWeight(row.weight) }));
  if (rows.length === 0) printLine('every role and every framework has the weight 1');
  else printTable(['for', 'weight'], rows);
}

const isWeighted = ({ weight }: { readonly weight: number }): boolean => weight !== DEFAULT_WEIGHT;

/** For whom something is set. */
async function loadSet(
  place: ListPlace,
): Promise<{ roles: RoleSummary[]; frameworks: FrameworkShares[] }> {
  const { state } = await load(place);
  return {
    roles: [...state.roleSettings.rows()].map(({ role }) => roleOf(state, role)),
    frameworks: [...state.frameworkSettings.keys()].map((key) => frameworkSharesOf(state, key)),
  };
}

async function load({ surroundings, context }: ListPlace): Promise<Followed> {
  return withOperator(await currentContext(surroundings, context), (link) => link.load());
}
