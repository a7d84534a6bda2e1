// Owns how often a need fits into resources, and of which parts it is taken: what was granted already and is not used
// yet first, then reservations, each as a whole, then what is not reserved. Nothing here knows of clients or shares.
import type { FreeReservation } from '@parley/protocol/allocation';
import type { Resources } from '@parley/protocol/resources';
import { add, amountOf, contains, intersect, isEmpty, subtract } from '@parley/resources/resources';

/** What is taken for a need: `surplus` is what the taken reservations hold beyond it. */
export type Taking = {
  readonly unreserved: Resources;
  readonly reservations: readonly FreeReservation[];
  readonly surplus: Resources;
};

/**
 * How many of `part` fit side by side into `whole`: 0 or a positive integer. Ports and items of sets are had once,
 * so that a part that names any fits at most once.
 */
export function timesContained(whole: Resources, part: Resources): number {
  let times = Number.POSITIVE_INFINITY;
  for (const [name, amount] of Object.entries(part.scalars)) {
    if (amount > 0) times = Math.min(times, Math.floor(amountOf(whole, name) / amount));
  }
  if (times === 0 || !namesItems(part)) return times;
  return contains(whole, part) ? 1 : 0;
}

/** `count` times the scalars. What names ports or items of sets cannot be had more than once. */
export function repeated(resources: Resources, count: number): Resources {
  if (count === 1) return resources;
  const scalars = Object.entries(resources.scalars).map(([name, amount]) => [name, amount * count]);
  return { ...resources, scalars: Object.fromEntries(scalars) };
}

/**
 * The caller has made sure that `need` fits; a reservation that holds nothing of it is left alone, unless there is
 * nothing but volumes to be had of it: these come along and cost nobody anything.
 */
export function takeFor(
  need: Resources,
  from: { readonly surplus: Resources; readonly reservations: readonly FreeReservation[] },
): Taking {
  const present = intersect(need, from.surplus);
  let missing = subtract(need, present);
  let surplus = subtract(from.surplus, present);
  const reservations: FreeReservation[] = [];
  for (const reservation of from.reservations) {
    const part = intersect(missing, reservation.resources);
    if (isEmpty(part) && !isEmpty(reservation.resources)) continue;
    reservations.push(reservation);
    missing = subtract(missing, part);
    surplus = add(surplus, subtract(reservation.resources, part));
  }
  return { unreserved: missing, reservations, surplus };
}

/** Everything that is taken, reserved or not. */
export function sumOf({ unreserved, reservations }: Omit<Taking, 'surplus'>): Resources {
  let all = unreserved;
  for (const { resources } of reservations) all = add(all, resources);
  return all;
}

function namesItems({ ports, sets }: Resources): boolean {
  return ports.length > 0 || Object.values(sets).some((items) => items.length > 0);
}
