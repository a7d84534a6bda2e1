// Owns the slow, obvious way to decide, kept for tests: weigh every client anew for every decision, with exact
// fractions, and try needs one task after the other. The allocator must never choose whom this one would not.
import type { FreeReservation, OpenNeed } from '@parley/protocol/allocation';
import { type ConstrainedAgent, unmetConstraint } from '@parley/protocol/constraints';
import type { FrameworkKey, RoleName } from '@parley/protocol/ids';
import { NO_RESOURCES, type Resources } from '@parley/protocol/resources';
import { compareShares, dominantShare, type Share } from '@parley/resources/dominant-share';
import { add, amountOf, contains, sum } from '@parley/resources/resources';

/** A framework in one role. */
export type ReferenceClient = {
  readonly key: FrameworkKey;
  readonly role: RoleName;
  /** Subscribed, and not suppressed in this role. */
  readonly isActive: boolean;
  /** Neither launched nor promised; undefined where it states no demand. */
  readonly needs: readonly OpenNeed[] | undefined;
  /** Offered plus allocated plus proposed, in this role. */
  readonly used: Resources;
};

export type ReferenceAgent = ConstrainedAgent & {
  readonly unreserved: Resources;
  readonly reservations: readonly FreeReservation[];
  /** Let an offer of the agent expire. */
  readonly late: ReadonlySet<FrameworkKey>;
};

export type ReferenceRefusal = {
  readonly key: FrameworkKey;
  readonly role: RoleName;
  readonly agentId: string;
  readonly resources: Resources;
  readonly expiresMs: number;
};

export type ReferenceWorld = {
  readonly nowMs: number;
  readonly total: Resources;
  readonly clients: readonly ReferenceClient[];
  readonly refusals: readonly ReferenceRefusal[];
};

/**
 * Who may be given what is left of the agent, or a part of it: of those that would take any, in the role of the
 * smallest dominant share, those of the smallest share. More than one only where shares are equal.
 */
export function fairReceivers(agent: ReferenceAgent, world: ReferenceWorld): ReferenceClient[] {
  const { clients, total } = world;
  const wanting = clients.filter((client) => mostFor(client, agent, world) !== undefined);
  const punctual = wanting.filter(({ key }) => !agent.late.has(key));
  const willing = punctual.length > 0 ? punctual : wanting;
  const shareOfRole = (role: RoleName): Share =>
    shareOf(sum(clients.filter((one) => one.role === role).map(({ used }) => used)));
  const poorest = smallest(willing, ({ role }) => shareOfRole(role));
  return [...new Set(poorest.map(({ role }) => role))].flatMap((role) =>
    smallest(
      willing.filter((one) => one.role === role),
      ({ used }) => shareOf(used),
    ),
  );

  function shareOf(used: Resources): Share {
    return dominantShare(used.scalars, total.scalars);
  }
}

/** The most that the client would be offered of the agent, were it alone; undefined when nothing. */
export function mostFor(
  client: ReferenceClient,
  agent: ReferenceAgent,
  world: ReferenceWorld,
): Resources | undefined {
  if (!client.isActive) return undefined;
  const usable = agent.reservations.filter(({ role }) => isForRole(role, client.role));
  const all = sum([agent.unreserved, ...usable.map(({ resources }) => resources)]);
  const isRefused = (resources: Resources): boolean =>
    world.refusals.some(
      (refusal) =>
        refusal.key === client.key &&
        refusal.role === client.role &&
        refusal.agentId === agent.agentId &&
        refusal.expiresMs > world.nowMs &&
        contains(refusal.resources, resources),
    );
  if (client.needs === undefined) {
    const isWorthwhile = usable.length > 0 || isWorthOffering(agent.unreserved);
    return isWorthwhile && !isRefused(all) ? all : undefined;
  }
  return client.needs
    .filter(({ constraints }) => unmetConstraint(agent, constraints) === undefined)
    .map((need) => mostOf(need, all))
    .find((most) => most !== NO_RESOURCES && !isRefused(most));
}

function mostOf({ resources, count }: OpenNeed, all: Resources): Resources {
  let most = NO_RESOURCES;
  for (let task = 0; task < count && contains(all, add(most, resources)); task += 1) {
    most = add(most, resources);
  }
  return most;
}

function isWorthOffering(resources: Resources): boolean {
  return amountOf(resources, 'cpus') >= 10 && amountOf(resources, 'mem') >= 32_000;
}

/** Whether a reservation of the one role may be used by the other. */
export function isForRole(reserved: RoleName, role: RoleName): boolean {
  return reserved === role || role.startsWith(`${reserved}/`);
}

function smallest<T>(items: readonly T[], shareOf: (item: T) => Share): T[] {
  return items.filter((item) =>
    items.every((other) => compareShares(shareOf(item), shareOf(other)) <= 0),
  );
}
