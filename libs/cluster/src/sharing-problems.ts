// Owns what can be wrong with guarantees and limits, each with by how much: it says so of any set of them, so that a
// change is only asked about what it makes worse. Mesos docs, "Quota"; there quota is for top-level roles only.
import { type FrameworkRef, type RoleName, roleAbove } from '@parley/protocol/ids';
import type { Quantities } from '@parley/protocol/sharing';
import { formatAmountOf } from '@parley/resources/format';
import type { ClusterState } from './cluster-state.ts';
import type { RoleShares, Shares } from './records.ts';
import { homeRole } from './role-uses.ts';
import { pathOf } from './roles.ts';
import { quantityOf } from './shares.ts';

/** All that is set, as it is or as it would be. */
export type Sharing = {
  readonly roles: ReadonlyMap<RoleName, RoleShares>;
  readonly frameworks: ReadonlyMap<string, Shares & { readonly framework: FrameworkRef }>;
};

export type Problem = {
  /** The same for the same problem before and after a change. */
  readonly key: string;
  /** In thousandths; above 0. */
  readonly excess: number;
  /** It is about the cluster as it is now, and not about the settings themselves. */
  readonly canBeForced: boolean;
  /** What, why, by how much, and what to do. */
  readonly message: string;
};

/** What is wrong after the change and was not, or not as much, before it. */
export function newProblems(state: ClusterState, before: Sharing, after: Sharing): Problem[] {
  const known = new Map(problemsOf(state, before).map(({ key, excess }) => [key, excess]));
  return problemsOf(state, after).filter(({ key, excess }) => excess > (known.get(key) ?? 0));
}

function problemsOf(state: ClusterState, sharing: Sharing): Problem[] {
  return [
    ...unknownScalars(state, sharing),
    ...ownLimits(sharing),
    ...guaranteesInTree(state, sharing),
    ...limitsInUse(state, sharing),
  ];
}

function unknownScalars(state: ClusterState, { roles, frameworks }: Sharing): Problem[] {
  const problems: Problem[] = [];
  const check = (who: string, what: string, quantities: Quantities = {}): void => {
    for (const [name, amount] of Object.entries(quantities)) {
      if (state.books.known.get(name) > 0) continue;
      const names = Object.keys(state.books.known.toScalars()).join(', ');
      problems.push({
        key: `unknown ${who} ${what} ${name}`,
        excess: Math.max(1, amount),
        canBeForced: true,
        message: `${who}: no agent has any ${name}, which its ${what} names (agents have: ${names || 'nothing'})`,
      });
    }
  };
  for (const [role, { guarantee, limit, minAllocatable }] of roles) {
    check(`role ${role}`, 'guarantee', guarantee);
    check(`role ${role}`, 'limit', limit);
    check(`role ${role}`, 'least offer', minAllocatable);
  }
  for (const [key, { guarantee, limit }] of frameworks) {
    check(`framework ${key}`, 'guarantee', guarantee);
    check(`framework ${key}`, 'limit', limit);
  }
  return problems;
}

function ownLimits({ roles, frameworks }: Sharing): Problem[] {
  const all: [string, Shares][] = [
    ...[...roles].map(([role, shares]): [string, Shares] => [`role ${role}`, shares]),
    ...[...frameworks].map(([key, shares]): [string, Shares] => [`framework ${key}`, shares]),
  ];
  return all.flatMap(([who, { guarantee, limit }]) =>
    aboveAny(guarantee, limit).map(({ name, has, most }) => ({
      key: `own limit ${who} ${name}`,
      excess: has - most,
      canBeForced: false,
      message: `${who}: its guarantee of ${formatAmountOf(name, has)} is above its limit of ${formatAmountOf(name, most)}, by ${formatAmountOf(name, has - most)}: lower the guarantee or raise the limit`,
    })),
  );
}

/** A guarantee that is a part of another one, or of a limit, or of the whole cluster. */
type Part = { readonly who: string; readonly guarantee: Quantities };

/**
 * From the lowest roles up: what is guaranteed within a role is the guarantee of the role where it has one of that
 * resource, and otherwise the sum of those within it; that of the cluster is the sum of those at the top.
 */
function guaranteesInTree(state: ClusterState, sharing: Sharing): Problem[] {
  const problems: Problem[] = [];
  const parts = frameworkParts(state, sharing);
  const nodes = new Set(
    [...sharing.roles.keys(), ...[...parts.keys()].filter((role) => role !== undefined)].flatMap(
      pathOf,
    ),
  );
  const lowestFirst = [...nodes].sort((a, b) => depthOf(b) - depthOf(a) || (a < b ? -1 : 1));
  for (const role of lowestFirst) {
    const shares = sharing.roles.get(role);
    const within = parts.get(role) ?? [];
    const sum = sumOf(within);
    const own = shares?.guarantee ?? {};
    problems.push(...partsAboveWhole(role, { within, sum, own }));
    const guarantee = { ...sum, ...own };
    // One above its own limit is told already, as that.
    problems.push(...sumsAboveLimit(role, { within, sum, own, limit: shares?.limit ?? {} }));
    addPart(parts, roleAbove(role), { who: role, guarantee });
  }
  const atTop = parts.get(undefined) ?? [];
  return [...problems, ...uncountable(atTop), ...aboveCapacity(state, atTop)];
}

/** Sums are exact integers, here and in the allocator; what is within a role that has none of its own is in this one, too. */
function uncountable(parts: readonly Part[]): Problem[] {
  return Object.entries(sumOf(parts))
    .filter(([, sum]) => !Number.isSafeInteger(sum))
    .map(([name, sum]) => ({
      key: `uncountable ${name}`,
      excess: sum - Number.MAX_SAFE_INTEGER,
      canBeForced: false,
      message: `all guarantees of ${name} (${listOf(parts, name)}) add up to more than can be counted, which is ${formatAmountOf(name, Number.MAX_SAFE_INTEGER)}: lower a guarantee`,
    }));
}

type Within = {
  readonly within: readonly Part[];
  readonly sum: Quantities;
  readonly own: Quantities;
};

function partsAboveWhole(role: RoleName, { within, sum, own }: Within): Problem[] {
  return aboveAny(sum, own).map(({ name, has, most }) => ({
    key: `parts ${role} ${name}`,
    excess: has - most,
    canBeForced: false,
    message: `role ${role}: what is guaranteed within it adds up to ${formatAmountOf(name, has)} (${listOf(within, name)}), above its own guarantee of ${formatAmountOf(name, most)}, by ${formatAmountOf(name, has - most)}: raise its guarantee or lower those within it`,
  }));
}

function sumsAboveLimit(
  role: RoleName,
  { within, sum, own, limit }: Within & { readonly limit: Quantities },
): Problem[] {
  return aboveAny(sum, limit)
    .filter(({ name }) => quantityOf(own, name) === 0)
    .map(({ name, has, most }) => ({
      key: `limit ${role} ${name}`,
      excess: has - most,
      canBeForced: false,
      message: `role ${role}: what is guaranteed within it adds up to ${formatAmountOf(name, has)} (${listOf(within, name)}), above its limit of ${formatAmountOf(name, most)}, by ${formatAmountOf(name, has - most)}: raise the limit or lower the guarantees`,
    }));
}

function aboveCapacity(state: ClusterState, parts: readonly Part[]): Problem[] {
  const capacity = state.books.total;
  // Of what no agent has this is no news.
  const names = Object.entries(sumOf(parts)).filter(([name]) => state.books.known.get(name) > 0);
  return names
    .filter(([name, sum]) => sum > capacity.get(name))
    .map(([name, sum]) => {
      const over = sum - capacity.get(name);
      return {
        key: `capacity ${name}`,
        excess: over,
        canBeForced: true,
        message: `all guarantees add up to ${formatAmountOf(name, sum)} (${listOf(parts, name)}), and the registered agents have ${formatAmountOf(name, capacity.get(name))}: over by ${formatAmountOf(name, over)}: lower a guarantee or add agents`,
      };
    });
}

/** What is only in offers is taken back, and is no reason against a limit. */
function limitsInUse({ books }: ClusterState, { roles, frameworks }: Sharing): Problem[] {
  const problems: Problem[] = [];
  const check = (who: string, limit: Quantities, kept: (name: string) => number): void => {
    for (const [name, most] of Object.entries(limit)) {
      const has = kept(name);
      if (has <= most) continue;
      problems.push({
        key: `in use ${who} ${name}`,
        excess: has - most,
        canBeForced: true,
        message: `${who}: its tasks, executors and reservations have ${formatAmountOf(name, has)}, and the limit is ${formatAmountOf(name, most)}: above it by ${formatAmountOf(name, has - most)}: end tasks or unreserve first, or set a higher limit`,
      });
    }
  };
  for (const [role, { limit }] of roles) {
    check(`role ${role}`, limit, (name) => books.roles.kept(role, name));
  }
  for (const [key, { limit }] of frameworks) {
    check(`framework ${key}`, limit, (name) => books.frameworks.get(key)?.allocated.get(name) ?? 0);
  }
  return problems;
}

/** By the role that they are a part of; undefined: of the cluster, as no role is above all of theirs. */
function frameworkParts(
  state: ClusterState,
  { frameworks }: Sharing,
): Map<RoleName | undefined, Part[]> {
  const parts = new Map<RoleName | undefined, Part[]>();
  for (const [key, { guarantee }] of frameworks) {
    const record = state.frameworks.get(key);
    const home = record && homeRole(record);
    addPart(parts, home, { who: `framework ${key}`, guarantee });
  }
  return parts;
}

function addPart(
  parts: Map<RoleName | undefined, Part[]>,
  role: RoleName | undefined,
  part: Part,
): void {
  if (Object.keys(part.guarantee).length === 0) return;
  const list = parts.get(role);
  if (list === undefined) parts.set(role, [part]);
  else list.push(part);
}

function sumOf(parts: readonly Part[]): Quantities {
  const sums = new Map<string, number>();
  for (const { guarantee } of parts) {
    for (const [name, amount] of Object.entries(guarantee)) {
      sums.set(name, (sums.get(name) ?? 0) + amount);
    }
  }
  return Object.fromEntries(sums);
}

/** Names that both have, where it is more. */
function aboveAny(
  quantities: Quantities,
  bounds: Quantities,
): { readonly name: string; readonly has: number; readonly most: number }[] {
  return Object.entries(bounds)
    .map(([name, most]) => ({ name, has: quantityOf(quantities, name), most }))
    .filter(({ has, most }) => has > most);
}

const MAX_LISTED = 5;

/** `eng/ads 4 cpus, framework alice/f1 2 cpus`: the largest first. */
function listOf(parts: readonly Part[], name: string): string {
  const all = parts
    .map(({ who, guarantee }) => ({ who, amount: quantityOf(guarantee, name) }))
    .filter(({ amount }) => amount > 0)
    .sort((a, b) => b.amount - a.amount || (a.who < b.who ? -1 : 1));
  const shown = all
    .slice(0, MAX_LISTED)
    .map(({ who, amount }) => `${who} ${formatAmountOf(name, amount)}`);
  if (all.length > MAX_LISTED) shown.push(`${all.length - MAX_LISTED} more`);
  return shown.join(', ');
}

const depthOf = (role: RoleName): number => role.split('/').length;
