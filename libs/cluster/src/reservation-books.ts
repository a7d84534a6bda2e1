// Owns who holds what of which reservation, and which volumes there are: derived from reservations, offers and
// tasks like all books. What a reservation is for and how it changes is in reservations.ts.
import type { AgentId, OfferId, ReservationId, RoleName, VolumeId } from '@parley/protocol/ids';
import { MILLI, NO_RESOURCES, type Resources } from '@parley/protocol/resources';
import { assert } from '@parley/protocol/unreachable';
import { add, normalise, subtract } from '@parley/resources/resources';
import type { ReservationRecord, ReservedPart } from './records.ts';

/** Key of a reservation in its table. No id or role holds a bar. */
export const reservationKey = (
  agentId: AgentId,
  { role, reservationId }: { readonly role: RoleName; readonly reservationId: ReservationId },
): string => `${agentId}|${role}|${reservationId}`;

/** Likewise of a volume: unique per agent and role, whatever reservation it is made of. */
const volumeKey = (agentId: AgentId, role: RoleName, volumeId: VolumeId): string =>
  `${agentId}|${role}|${volumeId}`;

/** Who holds a part of a reservation: an outstanding offer, or a task by its key. */
export type Holder =
  | { readonly kind: 'offer'; readonly offerId: OfferId }
  | { readonly kind: 'task'; readonly task: string };

/** What is reserved for a role without being in use. */
export type Idle = { readonly role: RoleName; readonly scalars: Resources['scalars'] };

type ReservationBook = {
  record: ReservationRecord;
  /** In offers and tasks; not what is in volumes. */
  held: Resources;
  readonly holders: Map<VolumeId, Holder>;
};

/** Disk is counted in thousandths of a MiB, a volume in MiB. */
export const diskOf = (mib: number): Resources => normalise({ scalars: { disk: mib * MILLI } });

/** What the volumes of a reservation take of its disk. */
export function volumesDisk({ volumes }: ReservationRecord): Resources {
  const mib = volumes.reduce((sum, volume) => sum + volume.mib, 0);
  return mib === 0 ? NO_RESOURCES : diskOf(mib);
}

export class ReservationBooks {
  readonly #books = new Map<string, ReservationBook>();
  readonly #ofVolume = new Map<string, string>();

  /** `after` is undefined when it is no more; nobody may hold a part of it then. */
  changed(before: ReservationRecord | undefined, after: ReservationRecord | undefined): void {
    for (const { volumeId } of before?.volumes ?? []) {
      if (before !== undefined) {
        this.#ofVolume.delete(volumeKey(before.agentId, before.role, volumeId));
      }
    }
    if (after === undefined) {
      if (before !== undefined) this.#books.delete(reservationKey(before.agentId, before));
      return;
    }
    const key = reservationKey(after.agentId, after);
    const book = this.#books.get(key);
    if (book === undefined) {
      this.#books.set(key, { record: after, held: NO_RESOURCES, holders: new Map() });
    } else {
      book.record = after;
    }
    for (const { volumeId } of after.volumes) {
      this.#ofVolume.set(volumeKey(after.agentId, after.role, volumeId), key);
    }
  }

  partsHeld(agentId: AgentId, parts: readonly ReservedPart[], holder: Holder): void {
    for (const part of parts) {
      const book = this.#book(agentId, part);
      book.held = add(book.held, part.resources);
      for (const volumeId of part.volumes) {
        assert(!book.holders.has(volumeId), `volume ${volumeId} is held once`);
        book.holders.set(volumeId, holder);
      }
    }
  }

  partsFreed(agentId: AgentId, parts: readonly ReservedPart[]): void {
    for (const part of parts) {
      const book = this.#book(agentId, part);
      book.held = subtract(book.held, part.resources);
      for (const volumeId of part.volumes) book.holders.delete(volumeId);
    }
  }

  /** In no volume, offer or task. */
  free(record: ReservationRecord): Resources {
    const book = this.#book(record.agentId, record);
    return subtract(record.resources, add(volumesDisk(record), book.held));
  }

  held(record: ReservationRecord): Resources {
    return this.#book(record.agentId, record).held;
  }

  /** The volumes that no offer and no task holds. */
  freeVolumes(record: ReservationRecord): VolumeId[] {
    const { holders } = this.#book(record.agentId, record);
    return record.volumes.map(({ volumeId }) => volumeId).filter((id) => !holders.has(id));
  }

  /** Of those volumes, summed up. */
  freeVolumesMib(record: ReservationRecord): number {
    const { holders } = this.#book(record.agentId, record);
    let sum = 0;
    for (const { volumeId, mib } of record.volumes) if (!holders.has(volumeId)) sum += mib;
    return sum;
  }

  /** What is in no task or offer, its volumes included. Undefined when there is no such reservation. */
  idle(key: string): Idle | undefined {
    const book = this.#books.get(key);
    if (book === undefined) return undefined;
    const { record } = book;
    const { scalars } = add(this.free(record), diskOf(this.freeVolumesMib(record)));
    return { role: record.role, scalars };
  }

  /** The reservation that the volume is made of. */
  ofVolume(agentId: AgentId, role: RoleName, volumeId: VolumeId): ReservationRecord | undefined {
    const key = this.#ofVolume.get(volumeKey(agentId, role, volumeId));
    return key === undefined ? undefined : this.#books.get(key)?.record;
  }

  holderOf(agentId: AgentId, role: RoleName, volumeId: VolumeId): Holder | undefined {
    const key = this.#ofVolume.get(volumeKey(agentId, role, volumeId));
    return key === undefined ? undefined : this.#books.get(key)?.holders.get(volumeId);
  }

  /** Of the volumes in a part: MiB each. */
  mibOf(agentId: AgentId, part: ReservedPart): Map<VolumeId, number> {
    const { volumes } = this.#book(agentId, part).record;
    const wanted = new Set(part.volumes);
    const found = volumes.filter(({ volumeId }) => wanted.has(volumeId));
    return new Map(found.map(({ volumeId, mib }) => [volumeId, mib]));
  }

  /** A part's own scalars and the disk of the volumes in it. */
  scalarsOf(agentId: AgentId, part: ReservedPart): Resources['scalars'] {
    if (part.volumes.length === 0) return part.resources.scalars;
    let mib = 0;
    for (const size of this.mibOf(agentId, part).values()) mib += size;
    return add(part.resources, diskOf(mib)).scalars;
  }

  /** Everything that is set aside, summed up by key: for the check of the books. */
  entries(): IterableIterator<[string, Readonly<ReservationBook>]> {
    return this.#books.entries();
  }

  #book(
    agentId: AgentId,
    part: { readonly role: RoleName; readonly reservationId: ReservationId },
  ): ReservationBook {
    const key = reservationKey(agentId, part);
    const book = this.#books.get(key);
    assert(book !== undefined, `reservation ${key} is there while somebody holds a part of it`);
    return book;
  }
}
