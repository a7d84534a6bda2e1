// Owns the book of one framework: what it holds, over all roles and by role, what its offers promise, which records are
// its own, and the shapes of its live tasks. Derived like all books (books.ts), which say when it changes.
import type { OfferId, RoleName } from '@parley/protocol/ids';
import type { Resources } from '@parley/protocol/resources';
import { Fifo } from './fifo.ts';
import type { OfferRecord } from './records.ts';
import type { RoleSharers } from './role-sharers.ts';
import { ScalarSums } from './scalar-sums.ts';

type Scalars = Resources['scalars'];

export const promiseKey = (role: RoleName, shape: string): string => `${role} ${shape}`;

export class FrameworkBook {
  /** Over all roles, parts of reservations included. */
  readonly offered = new ScalarSums();
  readonly allocated = new ScalarSums();
  /** Offered plus allocated by role; none for a role in which it holds nothing. */
  readonly usage = new Map<RoleName, ScalarSums>();
  /** Tasks promised by its outstanding offers, by role and shape. */
  readonly promised = new Map<string, number>();
  readonly offers = new Set<OfferId>();
  readonly tasks = new Set<string>();
  readonly executors = new Set<string>();
  /** Keys of its ended tasks, oldest first; some may be gone already. */
  readonly ended = new Fifo<string>();
  endedCount = 0;
  /** How many live tasks that are not revocable have these very scalars: to find the smallest task. */
  readonly shapes = new Map<string, { scalars: Scalars; count: number }>();

  readonly #key: string;
  readonly #sharers: RoleSharers;

  /** `sharers` hears in which roles it holds something. */
  constructor(key: string, sharers: RoleSharers) {
    this.#key = key;
    this.#sharers = sharers;
  }

  get isEmpty(): boolean {
    return this.endedCount + this.offers.size + this.tasks.size + this.executors.size === 0;
  }

  /** `as`: in an offer, or in a task or executor. */
  hold(as: 'offered' | 'allocated', role: RoleName, scalars: Scalars): void {
    this[as].add(scalars);
    const sum = this.usage.get(role) ?? new ScalarSums();
    sum.add(scalars);
    if (sum.isZero) return;
    this.usage.set(role, sum);
    this.#sharers.holds(this.#key, role, true);
  }

  release(as: 'offered' | 'allocated', role: RoleName, scalars: Scalars): void {
    this[as].subtract(scalars);
    const sum = this.usage.get(role);
    sum?.subtract(scalars);
    if (!sum?.isZero) return;
    this.usage.delete(role);
    this.#sharers.holds(this.#key, role, false);
  }

  promise({ role, promised }: Pick<OfferRecord, 'role' | 'promised'>): void {
    for (const { shape, count } of promised) {
      const key = promiseKey(role, shape);
      this.promised.set(key, (this.promised.get(key) ?? 0) + count);
    }
  }

  unpromise({ role, promised }: Pick<OfferRecord, 'role' | 'promised'>): void {
    for (const { shape, count } of promised) {
      const key = promiseKey(role, shape);
      const left = (this.promised.get(key) ?? 0) - count;
      if (left > 0) this.promised.set(key, left);
      else this.promised.delete(key);
    }
  }

  countShape(scalars: Scalars): void {
    const shape = this.shapes.get(shapeOf(scalars));
    if (shape === undefined) this.shapes.set(shapeOf(scalars), { scalars, count: 1 });
    else shape.count += 1;
  }

  discountShape(scalars: Scalars): void {
    const shape = this.shapes.get(shapeOf(scalars));
    if (shape !== undefined) shape.count -= 1;
    if (shape?.count === 0) this.shapes.delete(shapeOf(scalars));
  }
}

/** Normal form sorts the names, so equal scalars have equal keys. */
function shapeOf(scalars: Scalars): string {
  return JSON.stringify(scalars);
}
