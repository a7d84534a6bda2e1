// Owns the slow, obvious way to decide, kept for tests: weigh every client anew for every decision, with exact
// fractions, and try needs one task after the other. The allocator must never choose whom this one would not, nor give
// more or less.
import type { FreeReservation, OpenNeed } from '@parley/protocol/allocation';
import { type ConstrainedAgent, unmetConstraint } from '@parley/protocol/constraints';
import type { FrameworkKey, RoleName } from '@parley/protocol/ids';
import { NO_RESOURCES, type Resources } from '@parley/protocol/resources';
import type { Quantities } from '@parley/protocol/sharing';
import { compareWeightedShares, dominantShare, type Share } from '@parley/resources/dominant-share';
import {
  amountOf,
  contains,
  intersect,
  normalise,
  subtract,
  sum,
} from '@parley/resources/resources';
import {
  allowedBeyondHeadroom,
  type Consumer,
  hasRoom,
  isAtOrBelow,
  mostUnreserved,
  type QuotaWorld,
  rolesOnWay,
  unmetOfFramework,
  unmetOfRole,
} from './reference-quota.ts';

/** A framework in one role. */
export type ReferenceClient = Consumer & {
  /** Subscribed, and not suppressed in this role. */
  readonly isActive: boolean;
  /** Neither launched nor promised; undefined where it states no demand. */
  readonly needs: readonly OpenNeed[] | undefined;
};

export type ReferenceAgent = ConstrainedAgent & {
  readonly unreserved: Resources;
  readonly reservations: readonly FreeReservation[];
  /** Free or in offers; not reserved. */
  readonly unused: Resources;
  readonly leftUnused: readonly ReferenceLeaver[];
};

/** Has left something of an agent of which so much was unused then, and at least half of that still is. */
export type ReferenceLeaver = { readonly key: FrameworkKey; readonly before: Resources };

export type ReferenceRefusal = {
  readonly key: FrameworkKey;
  readonly role: RoleName;
  readonly agentId: string;
  readonly resources: Resources;
  readonly expiresMs: number;
};

export type ReferenceWorld = Omit<QuotaWorld, 'clients'> & {
  readonly nowMs: number;
  readonly total: Resources;
  readonly clients: readonly ReferenceClient[];
  readonly refusals: readonly ReferenceRefusal[];
  readonly minimumOf: (role: RoleName) => Quantities;
};

/** What a client takes: the reservations as a whole. */
export type ReferenceTaking = {
  readonly unreserved: Resources;
  readonly reservations: readonly FreeReservation[];
};

type Willing = { readonly client: ReferenceClient; readonly taking: ReferenceTaking };

/**
 * Who may be given what is left of the agent, or a part of it: of those that would take any, and do not stand back unless
 * all do, level by level those below the smallest share / weight; those that serve a guarantee below a level go before
 * the others there. More than one only where shares are equal.
 */
export function fairReceivers(agent: ReferenceAgent, world: ReferenceWorld): ReferenceClient[] {
  const wanting: Willing[] = world.clients.flatMap((client) => {
    const taking = mostFor(client, agent, world);
    return taking === undefined ? [] : [{ client, taking }];
  });
  const first = wanting.filter(({ client }) => !standsBack(client.key, agent));
  return chosenBelow('', first.length > 0 ? first : wanting, world);
}

/** Whether others come first because it has left the agent unused, and not much more is unused than was then. */
export function standsBack(
  key: FrameworkKey,
  { leftUnused, unused }: Pick<ReferenceAgent, 'leftUnused' | 'unused'>,
): boolean {
  return leftUnused.some((one) => one.key === key && !isAboveTwice(unused, one.before));
}

/** Of any scalar. */
export function isAboveTwice(resources: Resources, other: Resources): boolean {
  return Object.entries(resources.scalars).some(
    ([name, amount]) => amount > 2 * amountOf(other, name),
  );
}

function chosenBelow(
  top: string,
  all: readonly Willing[],
  world: ReferenceWorld,
): ReferenceClient[] {
  const willing = preferred(all, (one) => servesBelow(top, one, world));
  /** Of the role below, or '' for the frameworks of the role itself. */
  const childOf = (role: string): string =>
    role === top
      ? ''
      : (rolesOnWay(role).find((one) => one !== top && isAtOrBelow(one, top)) ?? '');
  const below = (child: string): readonly ReferenceClient[] =>
    world.clients.filter(({ role }) => isAtOrBelow(role, top) && childOf(role) === child);
  const children = [...new Set(willing.map(({ client }) => childOf(client.role)))];
  const poorest = smallest(children, (child) => ({
    share: shareOf(world, below(child)),
    weight: (child === '' ? undefined : world.roles.get(child)?.weight) ?? 1000,
  }));
  return poorest.flatMap((child) => {
    const those = willing.filter(({ client }) => childOf(client.role) === child);
    return child === '' ? chosenFrameworks(those, world) : chosenBelow(child, those, world);
  });
}

function chosenFrameworks(all: readonly Willing[], world: ReferenceWorld): ReferenceClient[] {
  const willing = preferred(all, (one) => servesFramework(one, world)).map(({ client }) => client);
  return smallest(willing, (client) => ({
    share: shareOf(world, [client]),
    weight: world.frameworks.get(client.key)?.weight ?? 1000,
  }));
}

const preferred = <T>(all: readonly T[], isPreferred: (one: T) => boolean): readonly T[] =>
  all.some(isPreferred) ? all.filter(isPreferred) : all;

/** Whether what it takes brings a guarantee nearer, of a role on its way down from there, or its framework's. */
function servesBelow(top: string, one: Willing, world: ReferenceWorld): boolean {
  const roles = rolesOnWay(one.client.role).filter(
    (role) => role !== top && isAtOrBelow(role, top),
  );
  return (
    servesFramework(one, world) ||
    roles.some((role) => takesAny(one, (name) => unmetOfRole(world, role, name)))
  );
}

const servesFramework = (one: Willing, world: ReferenceWorld): boolean =>
  takesAny(one, (name) => unmetOfFramework(world, one.client.key, name));

const takesAny = ({ taking }: Willing, unmet: (name: string) => number): boolean =>
  Object.entries(taking.unreserved.scalars).some(([name, amount]) => amount > 0 && unmet(name) > 0);

function shareOf({ total }: ReferenceWorld, clients: readonly ReferenceClient[]): Share {
  return dominantShare(sum(clients.map(({ used }) => used)).scalars, total.scalars);
}

/** The most that the client would be offered of the agent, were it alone; undefined when nothing. */
export function mostFor(
  client: ReferenceClient,
  agent: ReferenceAgent,
  world: ReferenceWorld,
): ReferenceTaking | undefined {
  if (!client.isActive) return undefined;
  const reservations: FreeReservation[] = [];
  const usable = agent.reservations.filter(({ role }) => isAtOrBelow(client.role, role));
  for (const one of usable.toSorted((a, b) => b.role.length - a.role.length)) {
    reservations.push(one);
    const isFitting = Object.keys(one.resources.scalars).every((name) =>
      hasRoom(world, client, { name, unreserved: 0, reservations }),
    );
    if (!isFitting) reservations.pop();
  }
  const taking =
    client.needs === undefined
      ? wholeRest(client, { agent, world, reservations })
      : mostOfNeeds(client, client.needs, { agent, world, reservations });
  return taking !== undefined && !isRefused(client, agent, { taking, world }) ? taking : undefined;
}

type Surroundings = {
  readonly agent: ReferenceAgent;
  readonly world: ReferenceWorld;
  /** Those that it may use, and has room for. */
  readonly reservations: readonly FreeReservation[];
};

function wholeRest(
  client: ReferenceClient,
  { agent, world, reservations }: Surroundings,
): ReferenceTaking | undefined {
  const chopped = Object.entries(agent.unreserved.scalars).map(([name, most]) => {
    const room = mostUnreserved(world, client, { name, reservations });
    return [name, Math.min(allowedBeyondHeadroom(world, client, { name, most }), room)];
  });
  const unreserved = normalise({ ...agent.unreserved, scalars: Object.fromEntries(chopped) });
  const isEnough = Object.entries(world.minimumOf(client.role)).every(
    ([name, least]) => amountOf(unreserved, name) >= least,
  );
  const isAny = Object.keys(unreserved.scalars).length > 0;
  return reservations.length > 0 || (isEnough && isAny) ? { unreserved, reservations } : undefined;
}

/** Of the first need of which it takes any: as many as fit and as there is room for. */
function mostOfNeeds(
  client: ReferenceClient,
  needs: readonly OpenNeed[],
  surroundings: Surroundings,
): ReferenceTaking | undefined {
  const { agent, world } = surroundings;
  for (const { resources, count, constraints } of needs) {
    if (unmetConstraint(agent, constraints) !== undefined) continue;
    let most: ReferenceTaking | undefined;
    for (let tasks = 1; tasks <= count; tasks += 1) {
      const taking = takingFor(sum(Array.from({ length: tasks }, () => resources)), surroundings);
      if (taking === undefined || !mayTake(client, taking, world)) break;
      most = taking;
    }
    if (most !== undefined && !isRefused(client, agent, { taking: most, world })) return most;
  }
  return undefined;
}

/** Reservations first; one that holds nothing of it is left alone, unless it holds nothing but volumes. */
function takingFor(
  need: Resources,
  { agent, reservations }: Surroundings,
): ReferenceTaking | undefined {
  let missing = need;
  const taken: FreeReservation[] = [];
  for (const one of reservations) {
    const part = intersect(missing, one.resources);
    const isOfUse = Object.keys(part.scalars).length > 0;
    if (!isOfUse && Object.keys(one.resources.scalars).length > 0) continue;
    taken.push(one);
    missing = subtract(missing, part);
  }
  return contains(agent.unreserved, missing)
    ? { unreserved: missing, reservations: taken }
    : undefined;
}

function mayTake(client: ReferenceClient, taking: ReferenceTaking, world: ReferenceWorld): boolean {
  const { unreserved: part, reservations } = taking;
  return Object.keys(allOf(taking).scalars).every((name) => {
    const unreserved = amountOf(part, name);
    return (
      hasRoom(world, client, { name, unreserved, reservations }) &&
      unreserved <= allowedBeyondHeadroom(world, client, { name, most: unreserved })
    );
  });
}

function isRefused(
  client: ReferenceClient,
  agent: ReferenceAgent,
  { taking, world }: { readonly taking: ReferenceTaking; readonly world: ReferenceWorld },
): boolean {
  const all = allOf(taking);
  return world.refusals.some(
    (refusal) =>
      refusal.key === client.key &&
      refusal.role === client.role &&
      refusal.agentId === agent.agentId &&
      refusal.expiresMs > world.nowMs &&
      contains(refusal.resources, all),
  );
}

/** Reserved or not. */
const allOf = ({ unreserved, reservations }: ReferenceTaking): Resources =>
  reservations.reduce((all, { resources }) => sum([all, resources]), unreserved ?? NO_RESOURCES);

type Weighted = { readonly share: Share; readonly weight: number };

function smallest<T>(items: readonly T[], weighed: (item: T) => Weighted): T[] {
  const all = items.map((item) => ({ item, ...weighed(item) }));
  return all
    .filter((one) =>
      all.every(
        (other) => compareWeightedShares(one.share, one.weight, other.share, other.weight) <= 0,
      ),
    )
    .map(({ item }) => item);
}
