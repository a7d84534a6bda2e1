// Owns how much of a cluster each role has, those below it included: what its limit is compared with. Derived from
// offers, tasks, executors and reservations like all books, and the same sums as the allocator's out of its facts.
import type { RoleName } from '@parley/protocol/ids';
import type { Resources } from '@parley/protocol/resources';
import { pathOf } from './roles.ts';
import { ScalarSums } from './scalar-sums.ts';

type Scalars = Resources['scalars'];

/** Over the role and all roles below it; what is held of reservations included. */
export type RoleBook = {
  readonly offered: ScalarSums;
  readonly allocated: ScalarSums;
  /** Reserved for one of them and in no offer or task, on agents that are offered; volumes included. */
  readonly reserved: ScalarSums;
};
export type RoleSum = keyof RoleBook;

export class RoleBooks {
  readonly #books = new Map<RoleName, RoleBook & { readonly path: readonly RoleName[] }>();

  add(role: RoleName, sum: RoleSum, scalars: Scalars): void {
    if (isNothing(scalars)) return;
    for (const one of this.#path(role)) this.#book(one)[sum].add(scalars);
  }

  subtract(role: RoleName, sum: RoleSum, scalars: Scalars): void {
    if (isNothing(scalars)) return;
    for (const one of this.#path(role)) {
      const book = this.#book(one);
      book[sum].subtract(scalars);
      if (book.offered.isZero && book.allocated.isZero && book.reserved.isZero) {
        this.#books.delete(one);
      }
    }
  }

  /** Undefined: it has nothing. */
  get(role: RoleName): RoleBook | undefined {
    return this.#books.get(role);
  }

  /** Offered, allocated, and reserved for it without being in use. */
  consumed(role: RoleName, name: string): number {
    const book = this.#books.get(role);
    if (book === undefined) return 0;
    return book.offered.get(name) + book.allocated.get(name) + book.reserved.get(name);
  }

  /** Of the consumed, what stays when all its offers are taken back. */
  kept(role: RoleName, name: string): number {
    const book = this.#books.get(role);
    return book === undefined ? 0 : book.allocated.get(name) + book.reserved.get(name);
  }

  roles(): IterableIterator<RoleName> {
    return this.#books.keys();
  }

  #path(role: RoleName): readonly RoleName[] {
    return this.#books.get(role)?.path ?? pathOf(role);
  }

  #book(role: RoleName): RoleBook {
    let book = this.#books.get(role);
    if (book === undefined) {
      book = {
        path: pathOf(role),
        offered: new ScalarSums(),
        allocated: new ScalarSums(),
        reserved: new ScalarSums(),
      };
      this.#books.set(role, book);
    }
    return book;
  }
}

/** In normal form, as all that is held, there are no amounts of zero. */
function isNothing(scalars: Scalars): boolean {
  for (const _ in scalars) return false;
  return true;
}
