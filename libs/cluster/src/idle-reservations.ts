// Owns how much of each role's reservations is counted as reserved and not in use: all that is idle on agents that are
// lent, and nothing on others. Derived like all books (books.ts), which say when anything of it may have changed.
import type { RoleName } from '@parley/protocol/ids';
import type { Idle, ReservationBooks } from './reservation-books.ts';
import type { RoleBooks } from './role-books.ts';

export class IdleReservations {
  /** Roles for which reservations have come back with their agents, until their limits have been looked at. */
  readonly returnedRoles = new Set<RoleName>();
  readonly #reservations: ReservationBooks;
  readonly #roles: RoleBooks;
  /** By key of the reservation. */
  readonly #counted = new Map<string, Idle>();

  constructor(reservations: ReservationBooks, roles: RoleBooks) {
    this.#reservations = reservations;
    this.#roles = roles;
  }

  /** After the reservation, or what is held of it, has changed. */
  count(key: string, isLent: boolean): void {
    const before = this.#counted.get(key);
    const after = isLent ? this.#reservations.idle(key) : undefined;
    if (before !== undefined) this.#roles.subtract(before.role, 'reserved', before.scalars);
    if (after === undefined) this.#counted.delete(key);
    else {
      this.#counted.set(key, after);
      this.#roles.add(after.role, 'reserved', after.scalars);
    }
  }

  /** After their agent has come to be lent, or is not any more. */
  countAll(keys: Iterable<string>, isLent: boolean): void {
    for (const key of keys) {
      this.count(key, isLent);
      const role = this.#counted.get(key)?.role;
      if (role !== undefined) this.returnedRoles.add(role);
    }
  }
}
