// Owns what is left of the offers of one agent and role while the operations of an accept are carried out in order.
// It changes no state: an accept is judged on pools first. Mesos docs, "Scheduler HTTP API", ACCEPT: a running remainder.
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import type { AgentId, ReservationId, RoleName, VolumeId } from '@parley/protocol/ids';
import { MILLI, NO_RESOURCES, type Resources } from '@parley/protocol/resources';
import {
  add,
  amountOf,
  contains,
  intersect,
  isEmpty,
  subtract,
  sum,
  trySubtract,
} from '@parley/resources/resources';
import type { ClusterState } from './cluster-state.ts';
import type { OfferRecord, ReservedPart } from './records.ts';
import { diskOf } from './reservation-books.ts';

export type Want = {
  /** In normal form. */
  readonly resources: Resources;
  /** Taken from this reservation first, the rest from what is not reserved. */
  readonly reservationId?: ReservationId;
  readonly volumes: readonly VolumeId[];
  /** All scalars out of what is revocable, and nothing that is reserved. */
  readonly isRevocable?: boolean;
};

/** What was taken: unreserved resources and parts of reservations, or scalars that are revocable. */
export type Holding = {
  readonly resources: Resources;
  readonly reserved: readonly ReservedPart[];
  readonly revocable?: Resources;
};

/** What the pool holds of one reservation. */
type Part = {
  readonly role: RoleName;
  readonly reservationId: ReservationId;
  readonly resources: Resources;
  /** How much of it became so in this accept. */
  readonly fresh: Resources;
  readonly volumes: ReadonlyMap<VolumeId, number>;
};

type Taken = {
  readonly part: Part;
  readonly resources: Resources;
  readonly volumes: readonly VolumeId[];
};

type Content = {
  readonly resources: Resources;
  readonly revocable: Resources;
  readonly fresh: Resources;
  readonly parts: ReadonlyMap<string, Part>;
  readonly takenVolumes: ReadonlySet<string>;
  readonly createdVolumes: ReadonlySet<VolumeId>;
  readonly destroyedVolumes: ReadonlySet<VolumeId>;
  readonly newReservations: ReadonlySet<ReservationId>;
};

export type PoolMark = { readonly content: Content };

export type PoolOptions = {
  readonly agentId: AgentId;
  readonly role: RoleName;
  /** Not reserved, in normal form. */
  readonly resources: Resources;
  readonly revocable?: Resources;
  readonly parts: readonly (Omit<ReservedPart, 'volumes'> & {
    /** MiB each. */
    readonly volumes: ReadonlyMap<VolumeId, number>;
  })[];
  readonly hadStale: boolean;
};

/** The pool of offers that are all of one agent and role. */
export function poolOfOffers(
  state: ClusterState,
  {
    agentId,
    role,
    offers,
    hadStale,
  }: Pick<PoolOptions, 'agentId' | 'role' | 'hadStale'> & {
    readonly offers: readonly OfferRecord[];
  },
): OfferPool {
  const resources = sum(offers.map((offer) => offer.resources));
  const parts = offers.flatMap(({ reserved }) =>
    reserved.map((part) => ({
      ...part,
      volumes: state.books.reservations.mibOf(agentId, part),
    })),
  );
  const revocable = sum(offers.map((offer) => offer.revocable ?? NO_RESOURCES));
  return new OfferPool({ agentId, role, resources, revocable, parts, hadStale });
}

/** Whose volumes they are; undefined without any. The pool gives a task volumes of one role only. */
export function volumeRoleOf({ reserved }: Holding): RoleName | undefined {
  return reserved.find(({ volumes }) => volumes.length > 0)?.role;
}

export class OfferPool {
  readonly agentId: AgentId;
  readonly role: RoleName;
  /** Some of the named offers were not valid any more: what does not fit is `dropped`/`invalidOffers`, not `error`. */
  readonly hadStale: boolean;
  #content: Content;

  constructor(options: PoolOptions) {
    const { agentId, role, resources, revocable = NO_RESOURCES, parts, hadStale } = options;
    this.agentId = agentId;
    this.role = role;
    this.hadStale = hadStale;
    this.#content = {
      resources,
      revocable,
      fresh: NO_RESOURCES,
      parts: new Map(),
      takenVolumes: new Set(),
      createdVolumes: new Set(),
      destroyedVolumes: new Set(),
      newReservations: new Set(),
    };
    for (const part of parts) this.addPart(part);
  }

  /** Not reserved. */
  get resources(): Resources {
    return this.#content.resources;
  }

  /**
   * Takes it, reservation first, or leaves everything as it was and says what is missing (failure names the field).
   * Where roles above have a reservation or volume of the same id, the nearest one counts.
   */
  tryTake(want: Want): Outcome<Holding> {
    const { resources, reservationId, volumes } = want;
    if (want.isRevocable) return this.#takeRevocable(resources);
    const taken = new Map<string, Taken>();
    let rest = resources;
    if (reservationId !== undefined) {
      const part = this.#nearest((one) => one.reservationId === reservationId);
      if (part === undefined) {
        return short(`reservationId: the offers hold nothing of reservation ${reservationId}`);
      }
      const fromPart = intersect(part.resources, resources);
      rest = subtract(resources, fromPart);
      taken.set(partKey(part), { part, resources: fromPart, volumes: [] });
    }
    if (!contains(this.#content.resources, rest)) {
      return short('resources: more than what is left of the offers');
    }
    const found = this.#findVolumes(taken, new Set(volumes));
    if (!found.ok) return found;
    this.#change({ resources: subtract(this.#content.resources, rest) });
    const used = [...taken.values()].filter(
      (one) => one.volumes.length > 0 || !isEmpty(one.resources),
    );
    for (const one of used) this.#takeFromPart(one);
    const reserved = used.map(({ part: { role, reservationId: id }, ...one }): ReservedPart => {
      return { role, reservationId: id, ...one };
    });
    return succeed({ resources: rest, reserved });
  }

  /** Sets unreserved resources aside for the pool's role. */
  tryReserve(reservationId: ReservationId, resources: Resources): Outcome<void> {
    const rest = trySubtract(this.#content.resources, resources);
    if (rest === undefined) return cannot('resources: more than what is left unreserved');
    const part = this.partOf(reservationId) ?? emptyPart(this.role, reservationId);
    const newReservations = new Set(this.#content.newReservations).add(reservationId);
    this.#change({ resources: rest, newReservations });
    this.#putPart({
      ...part,
      resources: add(part.resources, resources),
      fresh: add(part.fresh, resources),
    });
    return succeed(undefined);
  }

  tryUnreserve(reservationId: ReservationId, resources: Resources): Outcome<void> {
    const part = this.partOf(reservationId);
    const rest = part && trySubtract(part.resources, resources);
    if (part === undefined || rest === undefined) {
      return cannot('resources: more than what is held of the reservation');
    }
    this.#putPart({ ...part, resources: rest });
    this.#change({
      resources: add(this.#content.resources, resources),
      fresh: add(this.#content.fresh, resources),
    });
    return succeed(undefined);
  }

  tryCreateVolume(
    reservationId: ReservationId,
    { volumeId, mib }: { readonly volumeId: VolumeId; readonly mib: number },
  ): Outcome<void> {
    const part = this.partOf(reservationId);
    if (part === undefined || amountOf(part.resources, 'disk') < mib * MILLI) {
      return cannot('mib: more disk than what is held of the reservation');
    }
    const createdVolumes = new Set(this.#content.createdVolumes).add(volumeId);
    this.#change({ createdVolumes });
    this.#putPart({
      ...part,
      resources: subtract(part.resources, diskOf(mib)),
      volumes: new Map(part.volumes).set(volumeId, mib),
    });
    return succeed(undefined);
  }

  /** One that the pool holds, of its own role; its disk is in the reservation again. Undefined when it holds no such. */
  destroyVolume(volumeId: VolumeId): ReservationId | undefined {
    const part = this.#ownPartWith(volumeId);
    const mib = part?.volumes.get(volumeId);
    if (part === undefined || mib === undefined) return undefined;
    const volumes = new Map(part.volumes);
    volumes.delete(volumeId);
    const disk = diskOf(mib);
    this.#putPart({
      ...part,
      volumes,
      resources: add(part.resources, disk),
      fresh: add(part.fresh, disk),
    });
    this.volumeDestroyed(volumeId);
    return part.reservationId;
  }

  /** A volume that the pool does not hold was destroyed in this accept. */
  volumeDestroyed(volumeId: VolumeId): void {
    const destroyedVolumes = new Set(this.#content.destroyedVolumes).add(volumeId);
    this.#change({ destroyedVolumes });
  }

  /** Of the pool's own role: only these are changed by operations. */
  partOf(reservationId: ReservationId): Part | undefined {
    return this.#content.parts.get(partKey({ role: this.role, reservationId }));
  }

  hasTaken(volumeId: VolumeId): boolean {
    return this.#content.takenVolumes.has(`${this.role} ${volumeId}`);
  }

  hasCreated(volumeId: VolumeId): boolean {
    return this.#content.createdVolumes.has(volumeId);
  }

  hasDestroyed(volumeId: VolumeId): boolean {
    return this.#content.destroyedVolumes.has(volumeId);
  }

  /** Reserved in this accept, whether they were there before or not. */
  get newReservations(): ReadonlySet<ReservationId> {
    return this.#content.newReservations;
  }

  /** How many volumes the accept made. */
  get createdCount(): number {
    return this.#content.createdVolumes.size;
  }

  /**
   * What nobody used, without what became reserved or unreserved in this accept: that comes back soon. (Mesos:
   * "speculatively converted" resources are recovered without a filter, the rest with the accept's.)
   */
  get declined(): Resources {
    const { resources, fresh, parts } = this.#content;
    if (fresh === NO_RESOURCES && parts.size === 0) return resources;
    const rests = [{ resources, fresh }, ...parts.values()];
    return sum(
      rests.map((rest) => subtract(rest.resources, intersect(rest.resources, rest.fresh))),
    );
  }

  /** Revocable resources that nobody used. */
  get declinedRevocable(): Resources {
    return this.#content.revocable;
  }

  /** Volumes that nobody used and that were there before this accept. */
  get declinesVolumes(): boolean {
    for (const { volumes } of this.#content.parts.values()) {
      for (const volumeId of volumes.keys()) if (!this.hasCreated(volumeId)) return true;
    }
    return false;
  }

  mark(): PoolMark {
    return { content: this.#content };
  }

  /** Puts back what was taken and done since (an atomic accept or a group that fails half-way). */
  rollBack(mark: PoolMark): void {
    this.#content = mark.content;
  }

  addResources(resources: Resources): void {
    this.#change({ resources: add(this.#content.resources, resources) });
  }

  /** More of a reservation of the pool's role, or of a role above it. */
  addPart(more: PoolOptions['parts'][number]): void {
    const key = partKey(more);
    const part = this.#content.parts.get(key) ?? emptyPart(more.role, more.reservationId);
    this.#putPart({
      ...part,
      resources: add(part.resources, more.resources),
      volumes: new Map([...part.volumes, ...more.volumes]),
    });
  }

  #takeRevocable({ scalars, ports, sets }: Resources): Outcome<Holding> {
    const revocable: Resources = { ...NO_RESOURCES, scalars };
    const resources: Resources = { ...NO_RESOURCES, ports, sets };
    const { resources: ordinary, revocable: lent } = this.#content;
    if (!contains(lent, revocable)) {
      return short('resources: more than what is left of the revocable part of the offers');
    }
    if (!contains(ordinary, resources)) {
      return short('resources: more than what is left of the offers');
    }
    this.#change({
      resources: subtract(ordinary, resources),
      revocable: subtract(lent, revocable),
    });
    return succeed({ resources, reserved: [], revocable });
  }

  #nearest(isIt: (part: Part) => boolean): Part | undefined {
    let nearest: Part | undefined;
    for (const part of this.#content.parts.values()) {
      const isNearer = nearest === undefined || part.role.length > nearest.role.length;
      if (isNearer && isIt(part)) nearest = part;
    }
    return nearest;
  }

  /** Adds them to what is taken of the parts that hold them. */
  #findVolumes(taken: Map<string, Taken>, volumes: ReadonlySet<VolumeId>): Outcome<void> {
    let role: RoleName | undefined;
    for (const volumeId of volumes) {
      const part = this.#nearest((one) => one.volumes.has(volumeId));
      if (part === undefined) return short(`volumes: the offers do not hold volume ${volumeId}`);
      role ??= part.role;
      if (part.role !== role) return fail('invalidTask', 'volumes: they are of several roles');
      const key = partKey(part);
      const one = taken.get(key) ?? { part, resources: NO_RESOURCES, volumes: [] };
      taken.set(key, { ...one, volumes: [...one.volumes, volumeId] });
    }
    return succeed(undefined);
  }

  #ownPartWith(volumeId: VolumeId): Part | undefined {
    return this.#nearest((part) => part.role === this.role && part.volumes.has(volumeId));
  }

  #takeFromPart({ part, resources, volumes }: Taken): void {
    const left = new Map(part.volumes);
    const takenVolumes = new Set(this.#content.takenVolumes);
    for (const volumeId of volumes) {
      left.delete(volumeId);
      takenVolumes.add(`${part.role} ${volumeId}`);
    }
    this.#change({ takenVolumes });
    this.#putPart({ ...part, resources: subtract(part.resources, resources), volumes: left });
  }

  #putPart(part: Part): void {
    this.#change({ parts: new Map(this.#content.parts).set(partKey(part), part) });
  }

  #change(patch: Partial<Content>): void {
    this.#content = { ...this.#content, ...patch };
  }
}

const partKey = ({ role, reservationId }: Pick<Part, 'role' | 'reservationId'>): string =>
  `${role} ${reservationId}`;

const emptyPart = (role: RoleName, reservationId: ReservationId): Part => ({
  role,
  reservationId,
  resources: NO_RESOURCES,
  fresh: NO_RESOURCES,
  volumes: new Map(),
});

const short = (message: string) => fail('insufficientResources', message);
const cannot = (message: string) => fail('invalidOperation', message);
