// Owns what is consumed, guaranteed, limited and held back in the slow, obvious reference, for tests: every sum is
// reckoned anew from the clients and reservations. The allocator keeps the same sums up to date in quota.ts and headroom.ts.
import type { FreeReservation } from '@parley/protocol/allocation';
import type { FrameworkKey, RoleName } from '@parley/protocol/ids';
import type { Resources } from '@parley/protocol/resources';
import type { Quantities } from '@parley/protocol/sharing';
import { amountOf } from '@parley/resources/resources';

/** A framework in one role, as far as it consumes. */
export type Consumer = {
  readonly key: FrameworkKey;
  readonly role: RoleName;
  /** Subscribed in the role. */
  readonly isMember: boolean;
  /** Offered plus allocated plus proposed, in this role. */
  readonly used: Resources;
};
export type ReferenceShares = {
  readonly weight: number;
  readonly guarantee: Quantities;
  readonly limit: Quantities;
};
export type QuotaWorld = {
  readonly clients: readonly Consumer[];
  readonly roles: ReadonlyMap<string, ReferenceShares>;
  readonly frameworks: ReadonlyMap<FrameworkKey, ReferenceShares>;
  /** Free of all reservations on all agents. */
  readonly reserved: readonly FreeReservation[];
  /** Free and not reserved, over all agents. */
  readonly available: Resources;
  readonly reclaims: boolean;
};

/** Whether the role is this one or below it; everything is below ''. */
export const isAtOrBelow = (role: string, top: string): boolean =>
  top === '' || role === top || role.startsWith(`${top}/`);

function consumedByRole(world: QuotaWorld, top: string, name: string): number {
  const used = world.clients.filter(({ role }) => isAtOrBelow(role, top)).map(({ used }) => used);
  const reserved = world.reserved.filter(({ role }) => isAtOrBelow(role, top));
  return total([...used, ...reserved.map(({ resources }) => resources)], name);
}

function consumedByFramework(world: QuotaWorld, key: FrameworkKey, name: string): number {
  return total(
    world.clients.filter((client) => client.key === key).map(({ used }) => used),
    name,
  );
}

export function unmetOfRole(world: QuotaWorld, role: string, name: string): number {
  const guarantee = world.roles.get(role)?.guarantee[name] ?? 0;
  return Math.max(0, guarantee - consumedByRole(world, role, name));
}

export function unmetOfFramework(world: QuotaWorld, key: FrameworkKey, name: string): number {
  const guarantee = world.frameworks.get(key)?.guarantee[name] ?? 0;
  return Math.max(0, guarantee - consumedByFramework(world, key, name));
}

/** Whether the client may have so much of it beside what it has: what it does not take of it needs no room. */
export function hasRoom(
  world: QuotaWorld,
  client: Consumer,
  { name, unreserved, reservations }: Wanted,
): boolean {
  return [...rolesOnWay(client.role), undefined].every((top) => {
    const charged = unreserved + amountCharged(top, reservations, name);
    return charged === 0 || charged <= roomAt(world, client, { top, name });
  });
}

/** The most of it that is not reserved that the client may have beside these reservations: by the tightest limit. */
export function mostUnreserved(
  world: QuotaWorld,
  client: Consumer,
  { name, reservations }: Omit<Wanted, 'unreserved'>,
): number {
  const rooms = [...rolesOnWay(client.role), undefined].map(
    (top) => roomAt(world, client, { top, name }) - amountCharged(top, reservations, name),
  );
  return Math.max(0, Math.min(...rooms));
}

type Wanted = {
  readonly name: string;
  readonly unreserved: number;
  readonly reservations: readonly FreeReservation[];
};

/** `top`: a role on the client's way; undefined for its framework. */
function roomAt(
  world: QuotaWorld,
  client: Consumer,
  { top, name }: { readonly top: string | undefined; readonly name: string },
): number {
  if (top === undefined) {
    const limit = world.frameworks.get(client.key)?.limit[name] ?? Number.POSITIVE_INFINITY;
    return limit - consumedByFramework(world, client.key, name);
  }
  const limit = world.roles.get(top)?.limit[name] ?? Number.POSITIVE_INFINITY;
  return limit - consumedByRole(world, top, name);
}

/** What is reserved for the role or below it counts there already. */
function amountCharged(
  top: string | undefined,
  reservations: readonly FreeReservation[],
  name: string,
): number {
  const charged = reservations.filter(({ role }) => top === undefined || !isAtOrBelow(role, top));
  return total(
    charged.map(({ resources }) => resources),
    name,
  );
}

/** Of at most `most` that are not reserved, how much it may take when nothing is taken back from anybody. */
export function allowedBeyondHeadroom(
  world: QuotaWorld,
  client: Consumer,
  { name, most }: { readonly name: string; readonly most: number },
): number {
  const guarantees = [...world.roles.values(), ...world.frameworks.values()];
  if (world.reclaims || guarantees.every(({ guarantee }) => guarantee[name] === undefined)) {
    return most;
  }
  const before = required(world, '', name);
  const surplus = Math.max(0, amountOf(world.available, name) - before);
  const isAllowed = (amount: number): boolean => {
    const more = (one: Consumer): Resources =>
      one === client
        ? {
            ...one.used,
            scalars: { ...one.used.scalars, [name]: amountOf(one.used, name) + amount },
          }
        : one.used;
    const clients = world.clients.map((one) => ({ ...one, used: more(one) }));
    return amount - (before - required({ ...world, clients }, '', name)) <= surplus;
  };
  let [yes, no] = [0, most + 1];
  while (no - yes > 1) {
    const middle = Math.floor((yes + no) / 2);
    if (isAllowed(middle)) yes = middle;
    else no = middle;
  }
  return yes;
}

/** What the guarantees at and below the role still lack: the larger of its own lack and that of those below it. */
function required(world: QuotaWorld, top: string, name: string): number {
  const roles = new Set([
    ...world.roles.keys(),
    ...world.clients.flatMap(({ role }) => rolesOnWay(role)),
  ]);
  const children = [...new Set([...roles].flatMap(rolesOnWay))].filter(
    (role) => parentOf(role) === top,
  );
  let below = children.reduce((sum, role) => sum + required(world, role, name), 0);
  for (const { key, role, isMember } of world.clients) {
    if (role !== top || !isMember) continue;
    const homes = world.clients.filter((one) => one.key === key && one.isMember);
    if (homes.every((home) => home.role >= role)) below += unmetOfFramework(world, key, name);
  }
  return Math.max(below, unmetOfRole(world, top, name));
}

/** `a/b/c`: `a`, `a/b` and `a/b/c`. */
export function rolesOnWay(role: string): string[] {
  const parts = role.split('/');
  return parts.map((_, place) => parts.slice(0, place + 1).join('/'));
}

const parentOf = (role: string): string => role.slice(0, Math.max(0, role.lastIndexOf('/')));

const total = (all: readonly Resources[], name: string): number =>
  all.reduce((sum, resources) => sum + amountOf(resources, name), 0);
