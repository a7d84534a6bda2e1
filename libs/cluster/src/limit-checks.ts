// Owns that no limit is passed by what is offered: which offers and reservations would pass one, and which offers go when
// one is set, or when reservations come back with their agent. Mesos docs, "Quota": limits; there for top-level roles only.
import { type FrameworkRef, frameworkKey, type RoleName } from '@parley/protocol/ids';
import type { Resources } from '@parley/protocol/resources';
import type { Quantities } from '@parley/protocol/sharing';
import { formatAmountOf } from '@parley/resources/format';
import type { ClusterState } from './cluster-state.ts';
import { rescindOffers } from './offer-book.ts';
import type { OfferRecord } from './records.ts';
import { isRoleOrAbove, pathOf } from './roles.ts';
import { quantityOf } from './shares.ts';
import type { Turn } from './turn.ts';

type Scalars = Resources['scalars'];
type Offered = Pick<OfferRecord, 'framework' | 'role' | 'agentId' | 'resources' | 'reserved'>;

/** Which limit an offer would pass, in words: of its role, of one above it, or of its framework. */
export function limitObjection(state: ClusterState, wanted: Offered): string | undefined {
  const { roleSettings, frameworkSettings, books } = state;
  if (roleSettings.size + frameworkSettings.size === 0) return undefined;
  for (const role of pathOf(wanted.role)) {
    const limit = roleSettings.get(role)?.limit ?? {};
    const why = passed(limit, chargeOf(state, role, wanted), (name) => {
      return books.roles.consumed(role, name);
    });
    if (why !== undefined) return `role ${role} ${why}`;
  }
  const key = frameworkKey(wanted.framework);
  const limit = frameworkSettings.get(key)?.limit ?? {};
  const why = passed(limit, books.scalarsOf(wanted), (name) => {
    return heldByFramework(state, key, name);
  });
  return why && `framework ${key} ${why}`;
}

/** Which limit reserving so much for the role would pass once the offers have ended. */
export function reservingObjection(
  state: ClusterState,
  {
    role: reserving,
    resources,
    ending,
  }: {
    readonly role: RoleName;
    readonly resources: Resources;
    readonly ending: readonly Offered[];
  },
): string | undefined {
  for (const role of pathOf(reserving)) {
    const limit = state.roleSettings.get(role)?.limit ?? {};
    if (Object.keys(limit).length === 0) continue;
    const charges = ending.map((offer) => chargeOf(state, role, offer));
    const why = passed(limit, resources.scalars, (name) => {
      const back = charges.reduce((sum, charge) => sum + quantityOf(charge, name), 0);
      return state.books.roles.consumed(role, name) - back;
    });
    if (why !== undefined) return `role ${role} ${why}`;
  }
  return undefined;
}

/** Newest first, as far as it helps. Returns how many. */
export function rescindBeyondLimits(
  turn: Turn,
  { roles, frameworks }: { roles: Iterable<RoleName>; frameworks: Iterable<FrameworkRef> },
): number {
  const { state } = turn;
  const { books } = state;
  const taken = new Set<OfferRecord>();
  let newest: readonly OfferRecord[] | undefined;
  const newestFirst = (): readonly OfferRecord[] => {
    newest ??= [...state.offers.rows()].reverse();
    return newest;
  };
  for (const role of roles) {
    const limit = state.roleSettings.get(role)?.limit ?? {};
    const consumed = (name: string): number => books.roles.consumed(role, name);
    const chargeTo = (offer: OfferRecord): Scalars => chargeOf(state, role, offer);
    takeWhatHelps(taken, newestFirst, { excess: excessOf(limit, consumed), chargeTo });
  }
  for (const framework of frameworks) {
    const key = frameworkKey(framework);
    const limit = state.frameworkSettings.get(key)?.limit ?? {};
    const held = (name: string): number => heldByFramework(state, key, name);
    const chargeTo = (offer: OfferRecord): Scalars =>
      frameworkKey(offer.framework) === key ? books.scalarsOf(offer) : {};
    takeWhatHelps(taken, newestFirst, { excess: excessOf(limit, held), chargeTo });
  }
  rescindOffers(turn, [...taken], 'quotaChanged');
  return taken.size;
}

/** What came back reserved counts again, and what is offered beside it may be too much with it. */
export function rescindBeyondReturned(turn: Turn): void {
  const { returnedRoles } = turn.state.books.idle;
  if (returnedRoles.size === 0) return;
  const roles = new Set([...returnedRoles].flatMap(pathOf));
  returnedRoles.clear();
  const limited = [...roles].filter((role) => turn.state.roleSettings.has(role));
  if (limited.length > 0) rescindBeyondLimits(turn, { roles: limited, frameworks: [] });
}

/** For tests and the simulator: whoever is above a limit has nothing in offers that counts towards it. */
export function offersWithinLimits(state: ClusterState): string[] {
  const broken: string[] = [];
  const { books } = state;
  for (const { role, limit } of state.roleSettings.rows()) {
    for (const name of excessOf(limit, (one) => books.roles.consumed(role, one)).keys()) {
      broken.push(...chargedOffers(state, role, name));
    }
  }
  for (const { framework, limit } of state.frameworkSettings.rows()) {
    const key = frameworkKey(framework);
    for (const name of excessOf(limit, (one) => heldByFramework(state, key, one)).keys()) {
      if ((books.frameworks.get(key)?.offered.get(name) ?? 0) === 0) continue;
      broken.push(`${key} is above its limit of ${name} and has offers of it`);
    }
  }
  return broken;
}

function chargedOffers(state: ClusterState, role: RoleName, name: string): string[] {
  return [...state.offers.rows()]
    .filter((offer) => quantityOf(chargeOf(state, role, offer), name) > 0)
    .map(({ offerId }) => `${offerId}: role ${role} is above its limit of ${name}`);
}

/** Offered and allocated, over all its roles. */
function heldByFramework(state: ClusterState, key: string, name: string): number {
  const book = state.books.frameworks.get(key);
  return book === undefined ? 0 : book.offered.get(name) + book.allocated.get(name);
}

/**
 * What the role would not have without the offer: what the offer holds of reservations for the role, or for one below
 * it, the role has anyway.
 */
function chargeOf(state: ClusterState, role: RoleName, offer: Offered): Scalars {
  if (!isRoleOrAbove(role, offer.role)) return {};
  const reserved = offer.reserved.filter((part) => !isRoleOrAbove(role, part.role));
  const { agentId, resources } = offer;
  return state.books.scalarsOf({ agentId, resources, reserved });
}

function passed(
  limit: Quantities,
  charge: Scalars,
  consumed: (name: string) => number,
): string | undefined {
  for (const [name, most] of Object.entries(limit)) {
    const more = quantityOf(charge, name);
    const has = consumed(name);
    if (more === 0 || has + more <= most) continue;
    return `has ${formatAmountOf(name, has)}, and ${formatAmountOf(name, more)} more would pass its limit of ${formatAmountOf(name, most)} by ${formatAmountOf(name, has + more - most)}`;
  }
  return undefined;
}

/** By how much, where it is. */
function excessOf(limit: Quantities, consumed: (name: string) => number): Map<string, number> {
  const excess = new Map<string, number>();
  for (const [name, most] of Object.entries(limit)) {
    const above = consumed(name) - most;
    if (above > 0) excess.set(name, above);
  }
  return excess;
}

/** Adds to `taken`; those in it already count. */
function takeWhatHelps(
  taken: Set<OfferRecord>,
  newestFirst: () => readonly OfferRecord[],
  {
    excess,
    chargeTo,
  }: {
    readonly excess: Map<string, number>;
    readonly chargeTo: (offer: OfferRecord) => Scalars;
  },
): void {
  if (excess.size === 0) return;
  for (const offer of taken) giveBack(excess, chargeTo(offer));
  for (const offer of newestFirst()) {
    if (excess.size === 0) return;
    if (taken.has(offer)) continue;
    const charge = chargeTo(offer);
    if (![...excess.keys()].some((name) => quantityOf(charge, name) > 0)) continue;
    taken.add(offer);
    giveBack(excess, charge);
  }
}

function giveBack(excess: Map<string, number>, charge: Scalars): void {
  for (const [name, above] of excess) {
    const left = above - quantityOf(charge, name);
    if (left > 0) excess.set(name, left);
    else excess.delete(name);
  }
}
