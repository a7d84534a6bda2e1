// Owns how much a client may be given beside what it has: the limits of its framework and of every role on its way down
// the tree, and what is held back for the guarantees of others. Reservations are given as a whole or not at all, scalars
// that are not reserved are chopped to what there is room for. Mesos, hierarchical.cpp, shrink.
import type { FreeReservation } from '@parley/protocol/allocation';
import { amountOf } from '@parley/resources/resources';
import { accumulate, type ClusterTotals, type Vector } from './cluster-totals.ts';
import type { FairOrder } from './fair-order.ts';
import type { Headroom } from './headroom.ts';
import type { Quota } from './quota.ts';
import type { Branch, Client } from './share-tree.ts';

/** A role's limit, or, without a branch, that of the client's framework. */
type Limited = { readonly quota: Quota; readonly branch?: Branch };

/** Of one scalar there is less room than is needed: under a limit, or, where none is named, beside what is held back. */
export type Lack = {
  readonly number: number;
  /** Below 0 where there is more than the limit already. */
  readonly room: number;
  readonly needed: number;
  readonly limited?: Limited;
};

export class Room {
  readonly #totals: ClusterTotals;
  readonly #limits: readonly Limited[];
  /** Of what is not reserved; undefined when nothing is held back. */
  readonly #allowed: Vector | undefined;

  constructor(totals: ClusterTotals, limits: readonly Limited[], allowed: Vector | undefined) {
    this.#totals = totals;
    this.#limits = limits;
    this.#allowed = allowed;
  }

  /** Those of the reservations that there is room for, the first ones first. */
  admitted(reservations: readonly FreeReservation[]): readonly FreeReservation[] {
    const admitted: FreeReservation[] = [];
    for (const reservation of reservations) {
      admitted.push(reservation);
      if (!this.fits([], admitted)) admitted.pop();
    }
    return admitted.length === reservations.length ? reservations : admitted;
  }

  /** Whether there is room for all of this. */
  fits(unreserved: Vector, reservations: readonly FreeReservation[]): boolean {
    return this.lackFor(unreserved, reservations) === undefined;
  }

  /** The first thing that leaves too little room for this; undefined where all fits. What is not taken needs no room. */
  lackFor(unreserved: Vector, reservations: readonly FreeReservation[]): Lack | undefined {
    const allowed = this.#allowed;
    if (allowed !== undefined) {
      for (const [number, needed] of unreserved.entries()) {
        const room = allowed[number] ?? 0;
        if (needed > room) return { number, room, needed };
      }
    }
    for (const limited of this.#limits) {
      const charged = this.#reservedAt(limited, reservations);
      accumulate(charged, unreserved, 1);
      for (const [number, needed] of charged.entries()) {
        const room = limited.quota.room(number);
        if (needed > 0 && needed > room) return { number, room, needed, limited };
      }
    }
    return undefined;
  }

  /** As much of what is not reserved as there is room for beside these reservations; the same value when that is all. */
  chop(unreserved: Vector, reservations: readonly FreeReservation[]): Vector {
    if (this.fits(unreserved, reservations)) return unreserved;
    const allowed = this.#allowed;
    const chopped = unreserved.map((amount, number) =>
      allowed === undefined ? amount : Math.min(amount, allowed[number] ?? 0),
    );
    for (const limited of this.#limits) {
      const charged = this.#reservedAt(limited, reservations);
      for (const [number, amount] of chopped.entries()) {
        const room = limited.quota.room(number) - (charged[number] ?? 0);
        chopped[number] = Math.max(0, Math.min(amount, room));
      }
    }
    return chopped;
  }

  /** Whether limits leave no room for amounts of this size, wherever they are. */
  isTooSmallFor(amounts: Vector): boolean {
    return this.#limits.some(({ quota }) =>
      amounts.some((amount, number) => amount > 0 && amount > quota.room(number)),
    );
  }

  /** What of the reservations is charged there. */
  #reservedAt({ branch }: Limited, reservations: readonly FreeReservation[]): number[] {
    const charged: number[] = [];
    for (const one of reservations) {
      if (countsAt(branch, one)) accumulate(charged, amountsOf(one, this.#totals), 1);
    }
    return charged;
  }
}

/** Undefined when nothing limits the client, as is most often the case. */
export function roomOf(
  client: Client,
  { totals, order, headroom }: RoomSurroundings,
): Room | undefined {
  if (!order.hasQuotas) return undefined;
  const limits = [...order.quotasOf(client)].filter(({ quota }) => quota.isLimited);
  const allowed = headroom.isKept ? headroom.allowedTo(client) : undefined;
  return limits.length > 0 || allowed ? new Room(totals, limits, allowed) : undefined;
}

export type RoomSurroundings = {
  readonly totals: ClusterTotals;
  readonly order: FairOrder;
  readonly headroom: Headroom;
};

/** All that it holds, what its volumes take of the disk included. */
export function amountsOf(reservation: FreeReservation, totals: ClusterTotals): Vector {
  const { resources, volumesDisk = 0 } = reservation;
  if (volumesDisk === 0) return totals.vectorOf(resources.scalars);
  return totals.vectorOf({ ...resources.scalars, disk: amountOf(resources, 'disk') + volumesDisk });
}

/** What is reserved for a role counts there and above it whether it is in use or not. */
function countsAt(branch: Branch | undefined, { role }: FreeReservation): boolean {
  return branch === undefined || branch.role.startsWith(`${role}/`);
}
