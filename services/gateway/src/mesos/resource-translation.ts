// Owns Mesos's lists of resources, and what they are here: sums, with what is reserved, revocable or a volume beside them.
// Pure; what cannot be told throws `Untranslatable`.
import type { ReservationId, VolumeId } from '@parley/protocol/ids';
import type { Offer, OfferedReservation } from '@parley/protocol/offers';
import { MILLI, type Resources, ScalarName } from '@parley/protocol/resources';
import type { Reservation, Resource } from './mesos-types.ts';
import { milliOf, numberOf, Untranslatable } from './mesos-values.ts';
import { mesosReservation, namedVolume, ownReservation } from './reservation-identity.ts';

/** In which of its forms a framework reads resources; it says by its capabilities. */
export type ResourceForm = {
  /** RESERVATION_REFINEMENT: `reservations`; else `role` and `reservation`. */
  readonly isRefined: boolean;
  /** MULTI_ROLE: of the offer. */
  readonly allocationRole: string | undefined;
};

export function mesosResourcesOf(offer: Offer, form: ResourceForm): Resource[] {
  const { resources, revocable, reservations } = offer;
  return [
    ...listOf(resources, unreserved(form)),
    ...listOf(revocable, { ...unreserved(form), revocable: {} }),
    ...reservations.flatMap((reservation) => reservedOf(reservation, form)),
  ];
}

/** Without reservations and volumes. */
export const plainResources = (resources: Resources, form: ResourceForm): Resource[] =>
  listOf(resources, unreserved(form));

type Common = Partial<Resource>;

const allocation = ({ allocationRole }: ResourceForm): Common =>
  allocationRole === undefined ? {} : { allocation_info: { role: allocationRole } };

const unreserved = (form: ResourceForm): Common => ({
  ...(!form.isRefined && { role: '*' }),
  ...allocation(form),
});

function reservedOf(offered: OfferedReservation, form: ResourceForm): Resource[] {
  const reservation = mesosReservation(offered);
  const common = { ...reserved(reservation, form), ...allocation(form) };
  return [
    ...listOf(offered.resources, common),
    ...offered.volumes.map(({ volumeId, mib }) =>
      volumeResource({ ...common, ...diskOf(volumeId, reservation) }, mib),
    ),
  ];
}

function reserved(reservation: Reservation, { isRefined }: ResourceForm): Common {
  if (isRefined) return { reservations: [reservation] };
  const { type, role = '*', ...info } = reservation;
  return { role, ...(type === 'DYNAMIC' && { reservation: info }) };
}

const volumeResource = (common: Common, mib: number): Resource => ({
  name: 'disk',
  type: 'SCALAR',
  scalar: { value: mib },
  ...common,
});

function diskOf(volumeId: VolumeId, { principal }: Reservation): Common {
  const { persistenceId, containerPath } = namedVolume(volumeId);
  return {
    disk: {
      persistence: { id: persistenceId, ...(principal !== undefined && { principal }) },
      volume: { container_path: containerPath, mode: 'RW' },
    },
  };
}

function listOf(resources: Resources | undefined, common: Common): Resource[] {
  if (resources === undefined) return [];
  const { scalars, ports, sets } = resources;
  const list: Resource[] = Object.entries(scalars)
    .filter(([, amount]) => amount > 0)
    .map(([name, amount]) => ({
      ...{ name, type: 'SCALAR', scalar: { value: amount / MILLI } },
      ...common,
    }));
  if (ports.length > 0) {
    const range = ports.map(([begin, end]) => ({ begin: BigInt(begin), end: BigInt(end) }));
    list.push({ name: 'ports', type: 'RANGES', ranges: { range }, ...common });
  }
  for (const [name, item] of Object.entries(sets)) {
    if (item.length > 0) list.push({ name, type: 'SET', set: { item }, ...common });
  }
  return list;
}

export type AskedVolume = {
  readonly persistenceId: string;
  readonly containerPath: string;
  readonly isReadOnly: boolean;
  readonly mib: number;
  readonly reservation: OwnReservation | undefined;
};
export type OwnReservation = ReturnType<typeof ownReservation>;

export type AskedResources = {
  /** Reserved ones included, volumes not. */
  readonly resources: Resources;
  readonly reservation: OwnReservation | undefined;
  readonly isRevocable: boolean;
  readonly volumes: readonly AskedVolume[];
};

/** What a task, an executor or an operation names: of one reservation at most, all of it revocable or nothing. */
export function askedResources(
  list: readonly Resource[] | undefined,
  field = 'resources',
): AskedResources {
  const sums = new ResourceSums();
  const reservations = new Map<ReservationId, OwnReservation>();
  const volumes: AskedVolume[] = [];
  const revocable = new Set<boolean>();
  for (const [index, resource] of (list ?? []).entries()) {
    const place = `${field}.${index}`;
    refuseUnknown(resource, place);
    const reservation = reservationOf(resource, place);
    if (reservation !== undefined) reservations.set(reservation.reservationId, reservation);
    if (resource.disk?.persistence !== undefined) {
      volumes.push(volumeOf(resource, reservation, place));
      continue;
    }
    if (resource.type === 'SCALAR') revocable.add(resource.revocable !== undefined);
    sums.add(resource, place);
  }
  const [first, second] = reservations.values();
  if (second !== undefined) {
    throw new Untranslatable(`${field}: of two reservations; one task takes of one only`);
  }
  if (revocable.size > 1) {
    throw new Untranslatable(`${field}: some are revocable and some are not`);
  }
  return {
    resources: sums.resources,
    reservation: first,
    isRevocable: revocable.has(true),
    volumes,
  };
}

function refuseUnknown({ disk, shared, provider_id }: Resource, place: string): void {
  if (shared !== undefined) throw new Untranslatable(`${place}.shared: no volume is shared`);
  if (provider_id !== undefined) {
    throw new Untranslatable(`${place}.provider_id: there are no resource providers`);
  }
  if (disk?.source !== undefined) {
    throw new Untranslatable(`${place}.disk.source: an agent has one disk only`);
  }
  if (disk !== undefined && disk.persistence === undefined && disk.volume !== undefined) {
    throw new Untranslatable(`${place}.disk.volume: only with a persistence`);
  }
}

function reservationOf(resource: Resource, place: string): OwnReservation | undefined {
  const { reservations = [], role, reservation } = resource;
  if (reservations.length > 1) {
    throw new Untranslatable(`${place}.reservations: a reservation is not refined further here`);
  }
  const [only] = reservations;
  if (only !== undefined) return ownReservation(only);
  if (role === undefined || role === '*') return undefined;
  const type = reservation === undefined ? 'STATIC' : 'DYNAMIC';
  return ownReservation({ ...reservation, type, role });
}

function volumeOf(
  { disk, scalar }: Resource,
  reservation: OwnReservation | undefined,
  place: string,
): AskedVolume {
  const persistenceId = disk?.persistence?.id ?? '';
  const volume = disk?.volume;
  if (volume === undefined) throw new Untranslatable(`${place}.disk.volume: must be there`);
  return {
    persistenceId,
    containerPath: volume.container_path,
    isReadOnly: volume.mode === 'RO',
    mib: scalar?.value ?? 0,
    reservation,
  };
}

/** What an operation names for one reservation. */
export type ReservedResources = {
  readonly reservation: OwnReservation;
  readonly resources: Resources;
};

/** By reservation, in the order in which they come. */
export function reservedResources(
  list: readonly Resource[] | undefined,
  field: string,
): ReservedResources[] {
  const byId = new Map<ReservationId, Resource[]>();
  for (const [index, resource] of (list ?? []).entries()) {
    const reservation = reservationOf(resource, `${field}.${index}`);
    if (reservation === undefined) {
      throw new Untranslatable(`${field}.${index}: names no reservation`);
    }
    const { reservationId } = reservation;
    byId.set(reservationId, [...(byId.get(reservationId) ?? []), resource]);
  }
  return [...byId.values()].map((own) => {
    const { resources, reservation, volumes } = askedResources(own, field);
    if (reservation === undefined || volumes.length > 0) {
      throw new Untranslatable(`${field}: a volume is destroyed before its disk is given back`);
    }
    return { reservation, resources };
  });
}

class ResourceSums {
  readonly #scalars = new Map<string, number>();
  readonly #ports: [number, number][] = [];
  readonly #sets = new Map<string, string[]>();

  get resources(): Resources {
    return {
      scalars: Object.fromEntries(this.#scalars),
      ports: this.#ports,
      sets: Object.fromEntries(this.#sets),
    };
  }

  add({ name, type, scalar, ranges, set }: Resource, place: string): void {
    if (!ScalarName.safeParse(name).success) {
      throw new Untranslatable(`${place}.name: must be 1 to 32 of a-z 0-9 _`);
    }
    if (type === 'SCALAR') this.#addScalar(name, scalar?.value ?? 0, place);
    else if (type === 'SET')
      this.#sets.set(name, [...(this.#sets.get(name) ?? []), ...(set?.item ?? [])]);
    else if (type === 'RANGES' && name === 'ports') {
      for (const { begin, end } of ranges?.range ?? []) {
        this.#ports.push([numberOf(begin), numberOf(end)]);
      }
    } else throw new Untranslatable(`${place}.type: only ports are ranges`);
  }

  #addScalar(name: string, value: number, place: string): void {
    const amount = milliOf(value);
    if (!(amount >= 0 && Number.isSafeInteger(amount))) {
      throw new Untranslatable(`${place}.scalar: must be an amount of at least 0`);
    }
    if (amount > 0) this.#scalars.set(name, (this.#scalars.get(name) ?? 0) + amount);
  }
}
