// Owns whether a task fits into what an agent offers, what it would take, and, where it does not fit, all reasons. Nothing
// is taken that is reserved for others, or that is meant for something else. Which of several places is best is not decided here.
import { unmetConstraint } from '@parley/protocol/constraints';
import type { ReservationId, RoleName } from '@parley/protocol/ids';
import type { Offer } from '@parley/protocol/offers';
import { NO_RESOURCES, type Resources } from '@parley/protocol/resources';
import { lowestPorts, subtractRanges } from '@parley/resources/port-ranges';
import {
  add,
  amountOf,
  contains,
  intersect,
  subtract,
  trySubtract,
} from '@parley/resources/resources';
import { partsOf } from '../offer-rest.ts';
import type { Misfit } from './placement-reason.ts';
import { type Room, type RoomReservation, roomOf } from './room.ts';
import type { Take, TaskNeed } from './task-need.ts';

export type Fit =
  | { readonly ok: true; readonly take: Take; readonly left: Room }
  | { readonly ok: false; readonly reasons: readonly Misfit[] };

/** Whether one offer alone serves the need. */
export const fitOffer = (offer: Offer, need: TaskNeed): Fit => fitRoom(roomOf(offer), need);

export function fitRoom(room: Room, need: TaskNeed): Fit {
  const refused = refusals(room, need);
  if (refused.length > 0) return { ok: false, reasons: refused };
  if (need.isRevocable === true) return fitRevocable(room, need);
  const withoutExecutor = trySubtract(room.free, executorShare(room, need));
  if (withoutExecutor !== undefined) {
    for (const source of sourcesOf(room, need)) {
      const taken = takeFrom(withoutExecutor, source, need);
      if (taken !== undefined)
        return { ok: true, take: taken.take, left: leftOf(room, need, taken) };
    }
  }
  return { ok: false, reasons: shortages(room, need) };
}

/** Its scalars out of what is revocable; its ports, and an executor that it needs, out of what is not reserved. */
function fitRevocable(room: Room, need: TaskNeed): Fit {
  const { isRevocable: _, ...rest } = need;
  const { ordinary, revocable } = partsOf(need.resources);
  const lacking = missing(room.revocable, revocable, { resources: revocable }).map(
    (one): Misfit => (one.kind === 'scalar' ? { ...one, isRevocable: true } : one),
  );
  const fit = fitRoom({ ...room, reservations: [] }, { ...rest, resources: ordinary });
  if (!fit.ok) return { ok: false, reasons: [...lacking, ...fit.reasons] };
  if (lacking.length > 0) return { ok: false, reasons: lacking };
  return {
    ok: true,
    take: { resources: add(fit.take.resources, revocable) },
    left: {
      ...fit.left,
      reservations: room.reservations,
      revocable: subtract(room.revocable, revocable),
    },
  };
}

type Source = { readonly reservation?: RoomReservation; readonly allowsFree: boolean };
type Taken = { readonly take: Take; readonly free: Resources; readonly reserved: Resources };

/** What no amount of resources would cure. */
function refusals(room: Room, need: TaskNeed): Misfit[] {
  const reasons: Misfit[] = [];
  if (need.role !== undefined && need.role !== room.role)
    reasons.push({ kind: 'role', wanted: need.role, offered: room.role });
  const constraint = unmetConstraint(room, need.where ?? []);
  if (constraint !== undefined) reasons.push({ kind: 'constraint', constraint });
  const { reservationId } = need;
  if (reservationId !== undefined && namedReservation(room, reservationId) === undefined)
    reasons.push({ kind: 'reservation', reservationId });
  for (const volumeId of need.volumes ?? [])
    if (!room.volumes.includes(volumeId)) reasons.push({ kind: 'volume', volumeId });
  return reasons;
}

/** Held by an executor that does not live on the agent yet; never out of a reservation. */
function executorShare(room: Room, { executor }: TaskNeed): Resources {
  if (executor === undefined || room.executors.includes(executor.executorId)) return NO_RESOURCES;
  return executor.resources;
}

/**
 * Where to take from, best first: a reservation that holds all of it (others cannot use it anyway), then what
 * is not reserved, then a reservation together with that.
 */
function sourcesOf(room: Room, need: TaskNeed): Source[] {
  if (need.reservationId !== undefined) {
    const reservation = namedReservation(room, need.reservationId);
    return reservation === undefined ? [] : [{ reservation, allowsFree: true }];
  }
  const usable = room.reservations.filter(
    (each) => !each.isLabelled && isWithin(room.role, each.role),
  );
  return [
    ...usable.map((reservation) => ({ reservation, allowsFree: false })),
    { allowsFree: true },
    ...usable.map((reservation) => ({ reservation, allowsFree: true })),
  ];
}

/** Undefined for a reservation of a role that is neither the offer's nor above it. */
function namedReservation(room: Room, reservationId: ReservationId): RoomReservation | undefined {
  return room.reservations.find(
    (each) => each.reservationId === reservationId && isWithin(room.role, each.role),
  );
}

const isWithin = (role: RoleName, above: RoleName): boolean =>
  role === above || role.startsWith(`${above}/`);

function takeFrom(free: Resources, source: Source, need: TaskNeed): Taken | undefined {
  const reserved = source.reservation?.resources ?? NO_RESOURCES;
  const available = source.allowsFree ? add(free, reserved) : reserved;
  const resources = withPorts(need, available);
  if (resources === undefined || !contains(available, resources)) return undefined;
  const ofReserved = intersect(reserved, resources);
  return {
    take: {
      resources,
      ...(source.reservation && { reservationId: source.reservation.reservationId }),
    },
    reserved: ofReserved,
    free: subtract(resources, ofReserved),
  };
}

/** The need with ports chosen: the lowest that it does not name already. */
function withPorts(need: TaskNeed, available: Resources): Resources | undefined {
  if (!need.portCount) return need.resources;
  const others = subtractRanges(available.ports, need.resources.ports);
  const ports = lowestPorts(others, need.portCount);
  return ports && add(need.resources, { scalars: {}, sets: {}, ports });
}

function leftOf(room: Room, need: TaskNeed, { take, free, reserved }: Taken): Room {
  const reservations = room.reservations.map((each) =>
    each.reservationId === take.reservationId
      ? { ...each, resources: subtract(each.resources, reserved) }
      : each,
  );
  const { executor } = need;
  return {
    ...room,
    free: subtract(room.free, add(free, executorShare(room, need))),
    reservations,
    volumes: room.volumes.filter((volumeId) => !need.volumes?.includes(volumeId)),
    executors:
      executor === undefined || room.executors.includes(executor.executorId)
        ? room.executors
        : [...room.executors, executor.executorId],
  };
}

/** What is missing, measured against the source that holds most; and whose reservation would have been enough. */
function shortages(room: Room, need: TaskNeed): Misfit[] {
  const wanted = add(need.resources, executorShare(room, need));
  const candidates = sourcesOf(room, need)
    .filter(({ allowsFree }) => allowsFree)
    .map(({ reservation }) => missing(withReserved(room, reservation), wanted, need));
  const reasons = candidates.reduce<Misfit[] | undefined>(
    (best, each) => (best === undefined || each.length < best.length ? each : best),
    undefined,
  );
  const all = reasons ?? [];
  const other = room.reservations.find(
    (each) =>
      each.reservationId !== need.reservationId &&
      (each.isLabelled || !isWithin(room.role, each.role)) &&
      missing(withReserved(room, each), wanted, need).length === 0,
  );
  if (other !== undefined)
    return [{ kind: 'reserved', reservationId: other.reservationId }, ...all];
  // Each part fits by itself and not both together: the executor takes nothing of a reservation.
  return all.length > 0 ? all : missing(room.free, wanted, need);
}

const withReserved = (room: Room, reservation: RoomReservation | undefined): Resources =>
  reservation === undefined ? room.free : add(room.free, reservation.resources);

function missing(available: Resources, wanted: Resources, need: TaskNeed): Misfit[] {
  const reasons: Misfit[] = [];
  for (const name of Object.keys(wanted.scalars)) {
    const missingMilli = amountOf(wanted, name) - amountOf(available, name);
    if (missingMilli > 0) reasons.push({ kind: 'scalar', name, missingMilli });
  }
  for (const [name, items] of Object.entries(wanted.sets)) {
    const lacking = items.filter((item) => !available.sets[name]?.includes(item));
    if (lacking.length > 0) reasons.push({ kind: 'set', name, missing: lacking });
  }
  const named = subtractRanges(wanted.ports, available.ports);
  const others = subtractRanges(available.ports, wanted.ports);
  const missingPorts = countPorts(named) + Math.max((need.portCount ?? 0) - countPorts(others), 0);
  if (missingPorts > 0) reasons.push({ kind: 'ports', missing: missingPorts });
  return reasons;
}

const countPorts = (ranges: Resources['ports']): number =>
  ranges.reduce((sum, [begin, end]) => sum + end - begin + 1, 0);
