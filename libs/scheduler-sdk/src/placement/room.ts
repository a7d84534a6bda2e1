// Owns the room that offers give on one agent in one role: several offers of an agent make one room, as one accept may name
// them all. Whether something fits into it is in fit.ts.
import type { Domain } from '@parley/protocol/constraints';
import type { AgentId, ExecutorId, ReservationId, RoleName, VolumeId } from '@parley/protocol/ids';
import type { Attributes, Offer } from '@parley/protocol/offers';
import { NO_RESOURCES, type Resources } from '@parley/protocol/resources';
import { add, overlap } from '@parley/resources/resources';

export type RoomReservation = {
  readonly reservationId: ReservationId;
  readonly role: RoleName;
  /** With labels it is meant for something: only who names it takes from it. */
  readonly isLabelled: boolean;
  readonly resources: Resources;
};

export type Room = {
  readonly agentId: AgentId;
  readonly hostname: string;
  readonly role: RoleName;
  readonly domain?: Domain | undefined;
  readonly attributes: Attributes;
  /** At least one; all of them go into one accept. */
  readonly offers: readonly Offer[];
  /** Not reserved. */
  readonly free: Resources;
  /** Scalars for revocable tasks. */
  readonly revocable: Resources;
  readonly reservations: readonly RoomReservation[];
  readonly volumes: readonly VolumeId[];
  readonly executors: readonly ExecutorId[];
};

/** An accept names at most so many offers (AcceptRequest). */
const MAX_OFFERS = 256;

/** In the order of each room's first offer. */
export function roomsOf(offers: readonly Offer[]): Room[] {
  const rooms = new Map<string, Room>();
  const full: Room[] = [];
  for (const offer of offers) {
    const name = `${offer.agentId} ${offer.role}`;
    const room = rooms.get(name);
    // Two offers of one agent never hold the same port; what says so is kept apart rather than believed.
    const joins =
      room !== undefined && room.offers.length < MAX_OFFERS && !overlap(room.free, offer.resources);
    if (room !== undefined && !joins) full.push(room);
    rooms.set(name, room !== undefined && joins ? joined(room, offer) : roomOf(offer));
  }
  return [...full, ...rooms.values()];
}

export function roomOf(offer: Offer): Room {
  const { agentId, hostname, role, domain, attributes, executors } = offer;
  const empty: Room = {
    agentId,
    hostname,
    role,
    domain,
    attributes,
    offers: [],
    free: NO_RESOURCES,
    revocable: NO_RESOURCES,
    reservations: [],
    volumes: [],
    executors,
  };
  return joined(empty, offer);
}

function joined(room: Room, offer: Offer): Room {
  const reservations = new Map(room.reservations.map((each) => [each.reservationId, each]));
  for (const { reservationId, role, labels, resources } of offer.reservations) {
    const known = reservations.get(reservationId)?.resources ?? NO_RESOURCES;
    const isLabelled = Object.keys(labels).length > 0;
    reservations.set(reservationId, {
      reservationId,
      role,
      isLabelled,
      resources: add(known, resources),
    });
  }
  const volumes = offer.reservations.flatMap((each) =>
    each.volumes.map(({ volumeId }) => volumeId),
  );
  return {
    ...room,
    offers: [...room.offers, offer],
    free: add(room.free, offer.resources),
    revocable: add(room.revocable, offer.revocable ?? NO_RESOURCES),
    reservations: [...reservations.values()],
    volumes: [...new Set([...room.volumes, ...volumes])],
    executors: [...new Set([...room.executors, ...offer.executors])],
  };
}
