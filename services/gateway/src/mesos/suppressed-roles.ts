// Owns in which of its roles a Mesos framework is suppressed, by whichever of its calls that came about: UPDATE_FRAMEWORK names
// all of them, and only what differs is asked for, since a REVIVE also forgets filters. Pure.
import type { RoleName } from '@parley/protocol/ids';

export type SuppressedChange = {
  readonly suppress: readonly RoleName[];
  readonly revive: readonly RoleName[];
};

export class SuppressedRoles {
  #roles: readonly RoleName[];
  #suppressed: ReadonlySet<RoleName>;

  constructor(roles: readonly RoleName[], suppressed: readonly RoleName[]) {
    this.#roles = roles;
    this.#suppressed = new Set(suppressed);
  }

  has(role: RoleName): boolean {
    return this.#suppressed.has(role);
  }

  /** By SUPPRESS; without names all of its roles. */
  suppress(names: readonly RoleName[]): void {
    this.#suppressed = new Set([
      ...this.#suppressed,
      ...(names.length === 0 ? this.#roles : names),
    ]);
  }

  /** By REVIVE; without names all of its roles. */
  revive(names: readonly RoleName[]): void {
    const revived = new Set(names);
    const still =
      names.length === 0 ? [] : [...this.#suppressed].filter((one) => !revived.has(one));
    this.#suppressed = new Set(still);
  }

  /** By UPDATE_FRAMEWORK: from now on it has these roles, and is suppressed in these. Gives what is to be asked for. */
  update(roles: readonly RoleName[], suppressed: readonly string[]): SuppressedChange {
    const before = this.#suppressed;
    const wanted = new Set(roles.filter((role) => suppressed.includes(role)));
    this.#roles = roles;
    this.#suppressed = wanted;
    return {
      suppress: [...wanted].filter((role) => !before.has(role)),
      revive: roles.filter((role) => before.has(role) && !wanted.has(role)),
    };
  }
}
