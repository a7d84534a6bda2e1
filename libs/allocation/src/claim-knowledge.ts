// Owns reading what the allocator knows for taking something back: how clients and roles stand, as the choice of tasks
// looks at them, and what could be offered to one of them. It changes nothing, and costs only what is asked about.
// What is made of it is in victims.ts.
import { type AgentId, type RoleName, roleAbove } from '@parley/protocol/ids';
import type { Resources } from '@parley/protocol/resources';
import type { CandidatesQuestion, Sharer } from '@parley/protocol/revocations';
import type { Quantities } from '@parley/protocol/sharing';
import { add, sum } from '@parley/resources/resources';
import type { Agent } from './agent-pool.ts';
import type { Claims, SharingClient } from './claims.ts';
import { accumulate, covers, isZero, type Vector } from './cluster-totals.ts';
import { amountsOfShare, dominantPart } from './fair-shares.ts';
import { guaranteedByRole } from './guarantee-standings.ts';
import type { Knowledge } from './knowledge.ts';
import { amountIn } from './quantities.ts';
import { isWithin, type KnownBounds, type RoleBound } from './role-bounds.ts';
import type { Branch, Client } from './share-tree.ts';
import { isAllowed, type UnmetNeed } from './spare-room.ts';
import type { OpenNeed } from './victims.ts';

/** What is to be taken, for one claimant. */
export type Taking = Pick<OpenNeed, 'within' | 'outside'> & {
  /** Of its guarantee, or a role above is of its. */
  readonly isShort: boolean;
  readonly shareOf: (client: Client) => number;
  /** Holders at most. */
  readonly limit: number;
};
type Holder = CandidatesQuestion['holders'][number];

/** Where needs fit: more are not gone into at a time. */
const MAX_FREE_AGENTS = 10_000;
const NO_CLAIM = { needs: [], starvedForMs: 0 } as const;
const NO_BOUNDS: KnownBounds = { get: () => undefined };

export class ClaimKnowledge {
  readonly #known: Knowledge;

  constructor(known: Knowledge) {
    this.#known = known;
  }

  get total(): Quantities {
    const { totals } = this.#known;
    return totals.scalarsOf(totals.all);
  }

  clientOf({ framework, role }: Sharer): Client | undefined {
    return this.#known.frameworks.get(framework)?.clients.get(role);
  }

  /** Those of them that are known, each once. */
  clientsOf(sharers: readonly Sharer[]): Client[] {
    const clients = new Set<Client>();
    for (const sharer of sharers) {
      const client = this.clientOf(sharer);
      if (client !== undefined) clients.add(client);
    }
    return [...clients];
  }

  /** Those that have less than they are guaranteed, or of which a role above has; some twice. */
  *belowGuarantees(): Generator<Client, void, void> {
    const { order } = this.#known;
    if (!order.hasQuotas) return;
    yield* order.standings.below;
    yield* belowUnmetRoles(order.tree.root);
  }

  /**
   * Clients of other frameworks of which something might be taken, with how much: what they have beyond what they and
   * roles above them are guaranteed, and for one that is not short of its guarantee, beyond their fair share. Most above
   * their share first.
   */
  holdersBeside(claimant: Client, about: Taking): Holder[] {
    const roles = remembered(this.roles() ?? NO_BOUNDS);
    const holders: { readonly client: Client; readonly excess: number }[] = [];
    for (const client of this.#holders()) {
      if (client.framework === claimant.framework || !isOfUse(client.role, about)) continue;
      const excess = dominantPart(client.used, this.#known.totals) / about.shareOf(client);
      if (about.isShort || excess > 1) holders.push({ client, excess });
    }
    return holders
      .sort((a, b) => (a.excess === b.excess ? 0 : b.excess - a.excess))
      .slice(0, about.limit)
      .map(({ client }) => ({
        framework: client.framework.ref,
        role: client.role,
        spare: this.#spareOf(client, { ...about, to: claimant.role, roles }),
      }));
  }

  /** `share`: its fair one, of the cluster. */
  describe(
    client: Client,
    about: Pick<SharingClient, 'needs' | 'starvedForMs'> & { readonly share: number },
  ): SharingClient {
    const { totals } = this.#known;
    const { framework, role, used } = client;
    const { quota, unanswered } = framework;
    const own = quota !== undefined && quota.guarantee.length > 0 ? quota.guarantee : undefined;
    // Offers elsewhere are had where it claims something; to what it gives back they say nothing.
    const elsewhere = totals.scalarsOf(difference(framework.used, used));
    const offered = offeredTo(client);
    const { needs, starvedForMs, share } = about;
    return {
      framework: framework.ref,
      role,
      guarantee:
        own === undefined
          ? totals.scalarsOf(guaranteedByRole(client))
          : lessOf(totals.scalarsOf(own), elsewhere),
      ...(own !== undefined && {
        whole: {
          guarantee: totals.scalarsOf(own),
          held: totals.scalarsOf(difference(framework.used, unanswered.holding.amounts)),
        },
      }),
      held: totals.scalarsOf(difference(used, offered)),
      offered: totals.scalarsOf(offered),
      fairShare: amountsOfShare(share, totals),
      limit: lessOf(quota?.limits(totals) ?? {}, elsewhere),
      needs,
      starvedForMs,
    };
  }

  /** Of roles for which a guarantee or a limit is set; undefined where nothing is set at all. */
  roles(): KnownBounds | undefined {
    const { order } = this.#known;
    if (!order.hasQuotas) return undefined;
    return { get: (role) => this.#boundOf(order.tree.role(role)) };
  }

  /** What could be offered to the client: on these agents, and on others where it is enough for one of the needs. */
  free(
    client: Client,
    { needs, agents }: { readonly needs: readonly UnmetNeed[]; readonly agents: Iterable<AgentId> },
  ): Map<AgentId, Resources> {
    const { pool, totals } = this.#known;
    const free = new Map<AgentId, Resources>();
    const note = (agent: Agent): void => {
      if (this.#mayBeOffered(client, agent)) free.set(agent.agentId, usableBy(client, agent));
    };
    const needed = needs.map((need) => ({
      need,
      amounts: totals.vectorOf((need.first ?? need.resources).scalars),
    }));
    for (const agent of needs.length === 0 ? [] : pool.open()) {
      if (free.size >= MAX_FREE_AGENTS) break;
      const { left, agentId } = agent;
      const isEnough = needed.some(
        ({ need, amounts }) =>
          (left.reservations.length > 0 || covers(left.amounts, amounts)) &&
          isAllowed(need, agentId),
      );
      if (isEnough) note(agent);
    }
    for (const agentId of agents) {
      const agent = pool.get(agentId);
      if (agent !== undefined && !free.has(agentId)) note(agent);
    }
    return free;
  }

  /** Those that have more than they are guaranteed. */
  *#holders(): Generator<Client, void, void> {
    const { order } = this.#known;
    if (order.hasQuotas) yield* order.standings.above;
    else for (const client of order.clients()) if (!isZero(client.used)) yield client;
  }

  /** By name of what is guaranteed; of its fair share where the client has most of it. */
  #spareOf(
    client: Client,
    {
      to,
      isShort,
      shareOf,
      roles,
    }: Taking & { readonly to: RoleName; readonly roles: KnownBounds },
  ): Quantities {
    const share = shareOf(client);
    const sharing = this.describe(client, { ...NO_CLAIM, share });
    const { held, fairShare, whole = sharing } = sharing;
    const spare: Record<string, number> = {};
    const keep = (has: Quantities, least: Quantities): void => {
      for (const [name, amount] of Object.entries(least)) {
        if (amount === 0) continue;
        const left = Math.max(0, amountIn(has, name) - amount);
        spare[name] = Math.min(left, spare[name] ?? left);
      }
    };
    keep(whole.held, whole.guarantee);
    if (!isShort) keep(held, mostHeldOf(fairShare, held));
    for (let one = roleAbove(client.role); one !== undefined; one = roleAbove(one)) {
      const bound = isWithin(to, one) ? undefined : roles.get(one);
      if (bound !== undefined) keep(bound.held, bound.guarantee);
    }
    return spare;
  }

  /** Whether these resources of the agent are refused; absent where the client refuses nothing. */
  refusalsOf(client: Client): Claims['isRefused'] {
    const { filters, pool } = this.#known;
    if (filters.refusalsIn(client) === 0) return undefined;
    return (_, agentId, resources) => {
      const agent = pool.get(agentId);
      return agent !== undefined && filters.blocks(client, agent, resources);
    };
  }

  #mayBeOffered(client: Client, agent: Agent): boolean {
    const { kept, filters } = this.#known;
    if (kept.isKeptFrom(agent.agentId, client)) return false;
    if (!filters.hasAny(client, agent)) return true;
    return !filters.blocks(client, agent, usableBy(client, agent), agent.left.revocable);
  }

  #boundOf(branch: Branch | undefined): RoleBound | undefined {
    if (branch?.quota === undefined) return undefined;
    const { totals } = this.#known;
    const { quota, used, reserved } = branch;
    const offered: number[] = [];
    for (const client of clientsBelow(branch)) accumulate(offered, offeredTo(client), 1);
    const all = [...used];
    accumulate(all, reserved, 1);
    return {
      guarantee: totals.scalarsOf(quota.guarantee),
      limit: quota.limits(totals),
      held: totals.scalarsOf(difference(used, offered)),
      used: totals.scalarsOf(all),
    };
  }
}

/** A role that has less than it is guaranteed gets it for those in the roles below it. */
function* belowUnmetRoles({ roles }: Branch): Generator<Client, void, void> {
  for (const role of roles.values()) {
    if (role.unmet === 0) continue;
    if (role.isUnmet) for (const below of role.roles.values()) yield* clientsBelow(below);
    yield* belowUnmetRoles(role);
  }
}

/** In the role and all roles below it. */
function* clientsBelow({ leaf, roles }: Branch): Generator<Client, void, void> {
  if (leaf !== undefined) yield* leaf.clients.values();
  for (const role of roles.values()) yield* clientsBelow(role);
}

/**
 * What is outstanding is told over all roles: more of it than the framework has in other roles must be in this one.
 * What is proposed and not decided comes on top.
 */
function offeredTo({ framework, used, confirmed, role }: Client): Vector {
  const undecided = difference(used, confirmed);
  const { amounts } = framework.unanswered;
  if (amounts.length === 0) return undecided;
  const here = [...amounts];
  for (const other of framework.clients.values()) {
    if (other.role !== role) accumulate(here, other.confirmed, -1);
  }
  const offered = here.map((amount, number) =>
    Math.min(Math.max(0, amount), confirmed[number] ?? 0),
  );
  accumulate(offered, undecided, 1);
  return offered;
}

/** Nothing goes below zero: of what is known some may be older than the rest. */
function difference(a: Vector, b: Vector): Vector {
  return a.map((amount, number) => Math.max(0, amount - (b[number] ?? 0)));
}

/** Of the names of the first, zeros included. */
function lessOf(amounts: Quantities, others: Quantities): Quantities {
  return Object.fromEntries(
    Object.entries(amounts).map(([name, amount]) => [
      name,
      Math.max(0, amount - amountIn(others, name)),
    ]),
  );
}

/** Whether what is taken in the role makes room for what is to be met. */
const isOfUse = (role: RoleName, { within, outside }: Taking): boolean =>
  (within === undefined || isWithin(role, within)) &&
  (outside === undefined || !isWithin(role, outside));

/** Of the fair share the amount of which it has the largest part. */
function mostHeldOf(fairShare: Quantities, held: Quantities): Quantities {
  let most: string | undefined;
  let largest = 0;
  for (const [name, amount] of Object.entries(fairShare)) {
    const part = amountIn(held, name) / amount;
    if (part <= largest) continue;
    most = name;
    largest = part;
  }
  return most === undefined ? {} : { [most]: amountIn(fairShare, most) };
}

/** Each is reckoned once. */
function remembered(bounds: KnownBounds): KnownBounds {
  const known = new Map<RoleName, RoleBound | undefined>();
  return {
    get: (role) => {
      if (!known.has(role)) known.set(role, bounds.get(role));
      return known.get(role);
    },
  };
}

/** With what is free of reservations that its role may use. */
function usableBy({ role }: Client, { left }: Agent): Resources {
  if (left.reservations.length === 0) return left.unreserved;
  const usable = left.reservations.filter(
    (part) => part.role === role || role.startsWith(`${part.role}/`),
  );
  return add(left.unreserved, sum(usable.map(({ resources }) => resources)));
}
