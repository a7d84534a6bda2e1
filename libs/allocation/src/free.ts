// Owns what is free of one agent: not reserved, of reservations, and revocable; and what is left of that beside proposals
// that are not decided.
import type { FreeReservation } from '@parley/protocol/allocation';
import type { RoleName } from '@parley/protocol/ids';
import { NO_RESOURCES, type Resources } from '@parley/protocol/resources';
import { contains, isEmpty, sum, trySubtract } from '@parley/resources/resources';
import { type ClusterTotals, covers, NO_AMOUNTS, type Vector } from './cluster-totals.ts';
import type { PendingProposal } from './pending-proposals.ts';

/** What may be offered. */
export type Free = {
  readonly unreserved: Resources;
  /** The scalars of it. */
  readonly amounts: Vector;
  readonly reservations: readonly FreeReservation[];
  readonly revocable: Resources;
};
export const NO_RESERVATIONS: readonly FreeReservation[] = [];
export const NOTHING: Free = {
  unreserved: NO_RESOURCES,
  amounts: NO_AMOUNTS,
  reservations: NO_RESERVATIONS,
  revocable: NO_RESOURCES,
};
/** Where the books have moved on below what is proposed, what is left shows when the proposals are decided. */
export function leftOf(
  free: Free,
  undecided: readonly PendingProposal[],
  totals: ClusterTotals,
): Free {
  if (undecided.length === 0) return free;
  const proposals = undecided.map(({ proposal }) => proposal);
  const unreserved = without(
    free.unreserved,
    proposals.map(({ resources }) => resources),
  );
  const revocable = without(
    free.revocable,
    proposals.flatMap((one) => one.revocable ?? []),
  );
  const reservations = reservationsWithout(free.reservations, undecided);
  if (unreserved === NO_RESOURCES && revocable === NO_RESOURCES && reservations.length === 0) {
    return NOTHING;
  }
  const amounts = totals.vectorOf(unreserved.scalars);
  return { unreserved, amounts, reservations, revocable };
}

/** Nothing when the parts are more than the whole. Most often one proposal holds all of it: nothing to reckon then. */
function without(whole: Resources, parts: readonly Resources[]): Resources {
  const [first] = parts;
  if (first === undefined) return whole;
  if (parts.length === 1 && first === whole) return NO_RESOURCES;
  return orNothing(trySubtract(whole, parts.length === 1 ? first : sum(parts)) ?? NO_RESOURCES);
}

/** Nothing is always the same value. */
export const orNothing = (resources: Resources): Resources =>
  isEmpty(resources) ? NO_RESOURCES : resources;

function reservationsWithout(
  reservations: readonly FreeReservation[],
  undecided: readonly PendingProposal[],
): readonly FreeReservation[] {
  if (reservations.length === 0) return reservations;
  const taken = undecided.flatMap(({ proposal }) => proposal.reservations);
  return reservations.flatMap((reservation) => {
    const parts = taken.filter((one) => isSame(one, reservation)).map((one) => one.resources);
    if (parts.length === 0) return [reservation];
    // Its volumes went with what is proposed of it.
    const { volumesDisk: _, ...known } = reservation;
    const resources = trySubtract(reservation.resources, sum(parts)) ?? NO_RESOURCES;
    return isEmpty(resources) ? [] : [{ ...known, resources }];
  });
}

/** Reservations are told apart by their ids within an agent and role. */
export function isSame(a: FreeReservation, b: FreeReservation): boolean {
  return a.reservationId === b.reservationId && a.role === b.role;
}

export function isSameFree(a: Free, b: Free): boolean {
  return isNoMore(a, b) && isNoMore(b, a);
}

/** Whether the one is no more, in any part, than the other. */
export function isNoMore(one: Free, other: Free): boolean {
  if (one === other) return true;
  return (
    covers(other.amounts, one.amounts) &&
    (isOfScalars(one.unreserved) || contains(other.unreserved, one.unreserved)) &&
    (one.revocable === NO_RESOURCES || contains(other.revocable, one.revocable)) &&
    one.reservations.every((reservation) => {
      const same = other.reservations.find((candidate) => isSame(candidate, reservation));
      return same !== undefined && contains(same.resources, reservation.resources);
    })
  );
}

export function isOfScalars({ ports, sets }: Resources): boolean {
  if (ports.length > 0) return false;
  for (const _ in sets) return false;
  return true;
}

/** Ports or items of sets alone serve nobody, unless they are reserved; an empty reservation has volumes. */
export function isAnythingLeft({ amounts, reservations, revocable }: Free): boolean {
  return amounts.length > 0 || reservations.length > 0 || revocable !== NO_RESOURCES;
}

/**
 * Those that whoever is in the role may use: of the role itself, then of those above it; `*` is above nobody. Mesos docs,
 * "Roles", hierarchical roles.
 */
export function usableReservations(
  { reservations }: Free,
  role: RoleName,
): readonly FreeReservation[] {
  if (reservations.length === 0) return NO_RESERVATIONS;
  return reservations
    .filter((one) => one.role === role || role.startsWith(`${one.role}/`))
    .sort((a, b) => b.role.length - a.role.length);
}
