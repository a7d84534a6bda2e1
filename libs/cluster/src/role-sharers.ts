// Owns by what weights, together, the frameworks of each role share what the role is guaranteed: of those that are
// subscribed in it or hold something in it. Derived like all books: kept with every change, so that a check of one task
// does not look at all frameworks.
import type { RoleName } from '@parley/protocol/ids';
import { DEFAULT_WEIGHT } from '@parley/protocol/sharing';

type Sharing = {
  weight: number;
  subscribed: ReadonlySet<RoleName>;
  readonly holding: Set<RoleName>;
};

const NO_ROLES: ReadonlySet<RoleName> = new Set();

export class RoleSharers {
  readonly #weights = new Map<RoleName, number>();
  /** By the framework's key. */
  readonly #sharing = new Map<string, Sharing>();

  /** 0: nobody shares in it. */
  weightsOf(role: RoleName): number {
    return this.#weights.get(role) ?? 0;
  }

  /** In these roles and no others. */
  isSubscribed(framework: string, roles: readonly RoleName[]): void {
    this.#change(framework, (sharing) => {
      sharing.subscribed = roles.length === 0 ? NO_ROLES : new Set(roles);
    });
  }

  /** Whether it has anything in the role, be it offered. */
  holds(framework: string, role: RoleName, isHolding: boolean): void {
    if (this.#sharing.get(framework)?.holding.has(role) === isHolding) return;
    this.#change(framework, ({ holding }) => {
      if (isHolding) holding.add(role);
      else holding.delete(role);
    });
  }

  weighs(framework: string, weight: number): void {
    this.#change(framework, (sharing) => {
      sharing.weight = weight;
    });
  }

  /** Of equal books it is equal. */
  text(): string {
    return JSON.stringify([...this.#weights].sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  #change(framework: string, change: (sharing: Sharing) => void): void {
    const known = this.#sharing.get(framework);
    const sharing = known ?? { weight: DEFAULT_WEIGHT, subscribed: NO_ROLES, holding: new Set() };
    this.#count(sharing, -1);
    change(sharing);
    this.#count(sharing, 1);
    const isNothing = sharing.subscribed.size + sharing.holding.size === 0;
    if (isNothing && sharing.weight === DEFAULT_WEIGHT) this.#sharing.delete(framework);
    else if (known === undefined) this.#sharing.set(framework, sharing);
  }

  #count({ weight, subscribed, holding }: Sharing, sign: 1 | -1): void {
    for (const role of new Set([...subscribed, ...holding])) {
      const sum = (this.#weights.get(role) ?? 0) + sign * weight;
      if (sum === 0) this.#weights.delete(role);
      else this.#weights.set(role, sum);
    }
  }
}
