// Owns what is set for roles and frameworks as values: the defaults, how a change is applied to them, what differs.
// Whether a change is allowed is in sharing-changes.ts and sharing-problems.ts. Mesos docs, "Roles", "Weights", "Quota".
import type { SharingChange } from '@parley/protocol/operators';
import { DEFAULT_WEIGHT, type Quantities } from '@parley/protocol/sharing';
import { canonical } from './canonical-hash.ts';
import type { RoleShares, Shares } from './records.ts';

const DEFAULT_SHARES: Shares = Object.freeze({
  weight: DEFAULT_WEIGHT,
  guarantee: {},
  limit: {},
});

/** The defaults where there is no record. */
export function sharesOf({ weight, guarantee, limit }: Shares = DEFAULT_SHARES): Shares {
  return { weight, guarantee, limit };
}

/** Likewise. */
export function roleSharesOf(record: RoleShares = DEFAULT_SHARES): RoleShares {
  const { minAllocatable, placement } = record;
  return {
    ...sharesOf(record),
    ...(minAllocatable !== undefined && { minAllocatable }),
    ...(placement !== undefined && { placement }),
  };
}

export const isDefault = (shares: RoleShares): boolean =>
  canonical(shares) === canonical(DEFAULT_SHARES);

/** 0 for a name that is not there; names that every object has are names like others. */
export const quantityOf = (quantities: Quantities, name: string): number =>
  Object.hasOwn(quantities, name) ? (quantities[name] ?? 0) : 0;

type ChangeOf<Kind> = Extract<SharingChange, { kind: Kind }>;

export function changedShares(
  before: Shares,
  { weight, guarantee, limit }: Pick<SharingChange, 'weight' | 'guarantee' | 'limit'>,
): Shares {
  return {
    weight: next(weight, before.weight) ?? DEFAULT_WEIGHT,
    guarantee: withoutZeros(next(guarantee, before.guarantee) ?? {}),
    limit: next(limit, before.limit) ?? {},
  };
}

export function changedRoleShares(before: RoleShares, change: ChangeOf<'role'>): RoleShares {
  const minAllocatable = next(change.minAllocatable, before.minAllocatable) ?? undefined;
  const placement = next(change.placement, before.placement) ?? undefined;
  return roleSharesOf({
    ...changedShares(before, change),
    ...(minAllocatable !== undefined && { minAllocatable }),
    ...(placement !== undefined && { placement }),
  });
}

/** It sets nothing: it is about a role or framework that should be there. */
export function onlyClears(change: SharingChange): boolean {
  const { kind, ...rest } = change;
  const given = kind === 'role' ? { ...rest, role: null } : { ...rest, framework: null };
  return Object.values(given).every((value) => value === null || value === undefined);
}

/** Of both, what is not the same in both; something absent is left out. */
export function differenceOf<Some extends object>(
  before: Some,
  after: Some,
): { readonly before: Partial<Some>; readonly after: Partial<Some> } {
  const others = new Map(Object.entries(after).map(([name, value]) => [name, canonical(value)]));
  const same = new Set(
    Object.entries(before)
      .filter(([name, value]) => canonical(value) === others.get(name))
      .map(([name]) => name),
  );
  return { before: without(before, same), after: without(after, same) };
}

function without<Some extends object>(all: Some, names: ReadonlySet<string>): Partial<Some> {
  const rest: Partial<Some> = { ...all };
  for (const name in rest) if (names.has(name)) delete rest[name];
  return rest;
}

/** What is given, else what was; null sets it back. */
function next<Value>(given: Value | null | undefined, before: Value): Value | null {
  return given === undefined ? before : given;
}

function withoutZeros(quantities: Quantities): Quantities {
  return Object.fromEntries(Object.entries(quantities).filter(([, amount]) => amount > 0));
}
