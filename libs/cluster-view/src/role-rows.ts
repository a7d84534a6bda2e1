// Owns roles as a view knows them: what is set for each, and what frameworks in it and in roles below hold. Of the present
// the gateway knows more, out of the books (role-summary.ts of @parley/cluster). Pure; runs in a browser.
import {
  type Amounts,
  DEFAULT_ROLE_WEIGHT,
  type FrameworkRow,
  plus,
  type RoleSettingRow,
  type View,
} from './view.ts';

/** As `/v1/roles` tells a role, as far as a view knows it: what is reserved is not in it. */
export type RoleOfView = RoleSettingRow & {
  /**
   * Of frameworks whose roles are all in this one or below: of one in several, events do not tell in which of them it holds
   * what.
   */
  readonly allocated: Amounts;
  /** With the roles below. */
  readonly offered: Amounts;
  readonly reserved: Amounts;
  /** Of what is allocated. */
  readonly dominantShare: { readonly share: number; readonly resource: string | null };
  /** In it or in a role below. */
  readonly frameworks: readonly string[];
};

/** They do not count in shares, unless the cluster is set otherwise, which a view does not know. */
const UNCOUNTED = ['gpus'];

/** What is all as by default is no row. */
export function setRole(view: View, row: RoleSettingRow): void {
  const isDefault =
    row.weight === DEFAULT_ROLE_WEIGHT &&
    Object.keys(row.guarantee).length === 0 &&
    Object.keys(row.limit).length === 0;
  if (isDefault) view.roleSettings.delete(row.role);
  else view.roleSettings.set(row.role, row);
}

/** `after`: what has changed of it. */
export function changeRole(
  view: View,
  role: string,
  after: Partial<Omit<RoleSettingRow, 'role'>>,
): void {
  const { weight, guarantee, limit } = { ...settingOf(view, role), ...after };
  setRole(view, { role, weight, guarantee, limit });
}

const settingOf = (view: View, role: string): RoleSettingRow =>
  view.roleSettings.get(role) ?? { role, weight: DEFAULT_ROLE_WEIGHT, guarantee: {}, limit: {} };

/** Those for which something is set, or that somebody is in, and those above them, by name. */
export function rolesOf(view: View): RoleOfView[] {
  const frameworks = [...view.frameworks.values()];
  const named = [...view.roleSettings.keys(), ...frameworks.flatMap(({ roles }) => roles)];
  return [...new Set(named.flatMap(pathOf))].sort().map((role) => roleOf(view, role, frameworks));
}

function roleOf(view: View, role: string, frameworks: readonly FrameworkRow[]): RoleOfView {
  const isInside = (one: string): boolean => one === role || one.startsWith(`${role}/`);
  const inside = frameworks.filter(({ roles }) => roles.length > 0 && roles.every(isInside));
  const allocated = sumOf(inside.map((framework) => framework.allocated));
  const offers = [...view.offers.values()].filter((offer) => isInside(offer.role));
  return {
    ...settingOf(view, role),
    ...{ allocated, offered: sumOf(offers.map(({ resources }) => resources)), reserved: {} },
    dominantShare: dominantShareOf(allocated, view.total),
    frameworks: frameworks
      .filter(({ roles }) => roles.some(isInside))
      .map(({ principal, frameworkId }) => `${principal}/${frameworkId}`),
  };
}

const sumOf = (all: readonly Amounts[]): Amounts =>
  all.reduce((sum, amounts) => plus(sum, amounts), {});

function dominantShareOf(amounts: Amounts, total: Amounts): RoleOfView['dominantShare'] {
  let dominant: RoleOfView['dominantShare'] = { share: 0, resource: null };
  for (const resource of Object.keys(amounts).sort()) {
    const whole = total[resource] ?? 0;
    if (whole <= 0 || UNCOUNTED.includes(resource)) continue;
    const share = (amounts[resource] ?? 0) / whole;
    if (share > dominant.share) dominant = { share, resource };
  }
  return dominant;
}

/** `eng`, `eng/ads` for `eng/ads`. */
const pathOf = (role: string): string[] =>
  role.split('/').map((_, index, parts) => parts.slice(0, index + 1).join('/'));
