// Owns what the guarantees and limits of roles mean for taking back, over the whole tree: a role that has less than its
// guarantee gets it for those below it, and keeps it, from whoever is outside it; and nothing is taken for somebody whose
// roles have no room for it, unless it comes from within them. What a task that is taken back holds is nobody's until it
// arrives: what goes from one to the other within a role leaves and reaches it at once.
import { type RoleName, roleAbove } from '@parley/protocol/ids';
import type { Resources } from '@parley/protocol/resources';
import type { RevocableTask } from '@parley/protocol/revocations';
import type { Quantities } from '@parley/protocol/sharing';
import { amountIn, minus, plus } from './quantities.ts';

/** Of a role and those below it. */
export type RoleBound = {
  readonly guarantee: Quantities;
  readonly limit: Quantities;
  /** In tasks and executors. */
  readonly held: Quantities;
  /** With what is in offers, and what is reserved for one of them and in neither. */
  readonly used: Quantities;
};

/** Those of roles for which a guarantee or a limit is set. */
export type KnownBounds = { get(role: RoleName): RoleBound | undefined };

type Moving = Pick<RevocableTask, 'role' | 'resources'>;
type Standing = RoleBound & { readonly role: RoleName; held: Quantities; used: Quantities };

/** What limits leave, and whose tasks make room beneath those that leave too little. */
export type LimitedRoom = { readonly most: Quantities; readonly within: RoleName | undefined };

export class RoleBounds {
  readonly #bounds: KnownBounds | undefined;
  /** Of roles that were asked about; undefined where nothing is set for one. */
  readonly #standings = new Map<RoleName, Standing | undefined>();

  /** Absent: nothing is set for any role. */
  constructor(bounds?: KnownBounds) {
    this.#bounds = bounds;
  }

  /** A task's resources are taken back for somebody in the role `to`. */
  leave({ role, resources: { scalars } }: Moving, to: RoleName): void {
    for (const standing of this.#between(role, to)) {
      standing.held = minus(standing.held, scalars);
      standing.used = minus(standing.used, scalars);
    }
  }

  /** Somebody in the role `to` gets these, which somebody in the role `from` has given back. */
  arrive(from: RoleName, to: RoleName, { scalars }: Resources): void {
    for (const standing of this.#between(to, from)) standing.used = plus(standing.used, scalars);
  }

  /** Of what is free somebody in the role is to get this. */
  use(role: RoleName, { scalars }: Resources): void {
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

  /** Those that the role is in and the other one is not. */
  #between(role: RoleName, other: RoleName): Standing[] {
    return this.#above(role).filter((standing) => !isWithin(other, standing.role));
  }

  /** The role itself first. */
  #above(role: RoleName): Standing[] {
    const standings: Standing[] = [];
    if (this.#bounds === undefined) return standings;
    for (let one: RoleName | undefined = role; one !== undefined; one = roleAbove(one)) {
      const standing = this.#of(one, this.#bounds);
      if (standing !== undefined) standings.push(standing);
    }
    return standings;
  }

  #of(role: RoleName, bounds: KnownBounds): Standing | undefined {
    if (!this.#standings.has(role)) {
      const bound = bounds.get(role);
      this.#standings.set(role, bound && { ...bound, role });
    }
    return this.#standings.get(role);
  }
}

export const isWithin = (role: RoleName, above: RoleName): boolean =>
  role === above || role.startsWith(`${above}/`);
