// Owns what the guarantees and limits of roles mean for taking back, over the whole tree: a role that has less than its
// guarantee gets it for those below it, and keeps it, from whoever is outside it; and nothing is taken for somebody whose roles have no room for it, unless it comes from within
// them. What is on its way to somebody counts as his.
import { type RoleName, roleAbove } from '@parley/protocol/ids';
import type { RevocableTask, Sharer } from '@parley/protocol/revocations';
import type { Quantities } from '@parley/protocol/sharing';
import { amountIn, minus, plus } from './quantities.ts';

/** Of a role and those below it. */
export type RoleBound = {
  readonly guarantee: Quantities;
  readonly limit: Quantities;
  /** Reserved for one of them and in no task or offer. */
  readonly idle: Quantities;
};

type Usage = Pick<Sharer, 'role'> & { readonly held: Quantities; readonly offered: Quantities };
type Moving = Pick<RevocableTask, 'role' | 'resources'>;
type Standing = RoleBound & { readonly role: RoleName; held: Quantities; used: Quantities };

/** What limits leave, and whose tasks make room beneath those that leave too little. */
export type LimitedRoom = { readonly most: Quantities; readonly within: RoleName | undefined };

export class RoleBounds {
  readonly #standings = new Map<RoleName, Standing>();

  constructor(bounds: ReadonlyMap<RoleName, RoleBound>, usages: readonly Usage[]) {
    if (bounds.size === 0) return;
    for (const [role, bound] of bounds) {
      this.#standings.set(role, { ...bound, role, held: {}, used: bound.idle });
    }
    for (const { role, held, offered } of usages) {
      for (const standing of this.#above(role)) {
        standing.held = plus(standing.held, held);
        standing.used = plus(standing.used, plus(held, offered));
      }
    }
  }

  /** A task's resources are on their way to somebody in the role. */
  move({ role, resources: { scalars } }: Moving, to: RoleName): void {
    for (const standing of this.#above(role)) {
      if (isWithin(to, standing.role)) continue;
      standing.held = minus(standing.held, scalars);
      standing.used = minus(standing.used, scalars);
    }
    for (const standing of this.#above(to)) {
      if (!isWithin(role, standing.role)) standing.used = plus(standing.used, scalars);
    }
  }

  /** Of what is free somebody in the role is to get this. */
  use(role: RoleName, scalars: Quantities): void {
    for (const standing of this.#above(role)) standing.used = plus(standing.used, scalars);
  }

  /** Whether roles above the task's keep their guarantees when it goes to somebody in the role beside those chosen. */
  keepGuarantees(task: Moving, chosen: readonly Moving[], to: RoleName): boolean {
    for (const { role, guarantee, held } of this.#above(task.role)) {
      if (role === task.role || isWithin(to, role)) continue;
      const left = [...chosen.filter((one) => isWithin(one.role, role)), task].reduce<Quantities>(
        (rest, { resources }) => minus(rest, resources.scalars),
        held,
      );
      const isKept = Object.keys(task.resources.scalars).every((name) => {
        const least = amountIn(guarantee, name);
        return least === 0 || amountIn(left, name) >= least;
      });
      if (!isKept) return false;
    }
    return true;
  }

  /** The nearest role above this one that has less than its guarantee of something in the need. */
  shortAbove(role: RoleName, need?: Quantities): RoleName | undefined {
    return this.#above(role).find((standing) => {
      if (standing.role === role) return false;
      return Object.entries(standing.guarantee).some(
        ([name, least]) =>
          amountIn(standing.used, name) < least && (need === undefined || amountIn(need, name) > 0),
      );
    })?.role;
  }

  /** For so much more in the role; undefined where one is above its limit already. */
  roomFor(role: RoleName, need: Quantities): LimitedRoom | undefined {
    const most: Record<string, number> = {};
    let within: RoleName | undefined;
    for (const { role: limited, limit, used } of this.#above(role)) {
      for (const [name, bound] of Object.entries(limit)) {
        const room = bound - amountIn(used, name);
        if (amountIn(need, name) <= room || amountIn(need, name) === 0) continue;
        if (room < 0) return undefined;
        most[name] = Object.hasOwn(most, name) ? Math.min(amountIn(most, name), room) : room;
        within ??= limited;
      }
    }
    return { most, within };
  }

  /** The role itself first. */
  #above(role: RoleName): Standing[] {
    const standings: Standing[] = [];
    if (this.#standings.size === 0) return standings;
    for (let one: RoleName | undefined = role; one !== undefined; one = roleAbove(one)) {
      const standing = this.#standings.get(one);
      if (standing !== undefined) standings.push(standing);
    }
    return standings;
  }
}

export const isWithin = (role: RoleName, above: RoleName): boolean =>
  role === above || role.startsWith(`${above}/`);
