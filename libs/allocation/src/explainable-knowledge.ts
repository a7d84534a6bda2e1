// Owns reading what the allocator knows for an explanation: which clients there are, how they stand, and whose turn it is.
// It changes nothing, and goes through everybody once. How agents look to one of them is in agent-obstacles.ts, what is
// made of all that in explain.ts.
import type { Explanation, QuotaStanding, ShareStanding } from '@parley/protocol/explanations';
import type { FrameworkRef, RoleName } from '@parley/protocol/ids';
import { NO_RESOURCES } from '@parley/protocol/resources';
import { dominantShare } from '@parley/resources/dominant-share';
import { AgentObstacles } from './agent-obstacles.ts';
import type { Explainable, ExplainableClient, ExplainableClients } from './explain.ts';
import type { StatedNeed } from './frameworks.ts';
import type { Knowledge } from './knowledge.ts';
import type { LookedAt } from './need-explanation.ts';
import type { Quota } from './quota.ts';
import type { Branch, Client } from './share-tree.ts';
import type { Sharer } from './sharer.ts';

/** Of those that take offers, in the order in which they are asked. */
type Turns = { readonly of: number; readonly places: ReadonlyMap<Client, number> };

/** Refused agents that are gone through in search of the refusal that ends first. */
const MAX_REFUSALS = 10_000;

export class ExplainableKnowledge implements Explainable {
  readonly #known: Knowledge;

  constructor(known: Knowledge) {
    this.#known = known;
  }

  get agents(): number {
    return this.#known.pool.size;
  }

  get openAgents(): number {
    return this.#known.pool.openCount;
  }

  clientsOfFramework(ref: FrameworkRef, most: number): ExplainableClients {
    const clients = [...(this.#known.frameworks.get(ref)?.clients.values() ?? [])];
    const shown = clients.slice(0, most);
    const wanted = new Set(shown);
    const turns = this.#turns((client) => wanted.has(client), most);
    return {
      clients: shown.map((client) => this.#describe(client, turns)),
      leftOut: clients.length - shown.length,
    };
  }

  clientsBelow(role: RoleName, most: number): ExplainableClients {
    const branch = this.#known.order.tree.role(role);
    if (branch === undefined) return { clients: [], leftOut: 0 };
    const turns = this.#turns((client) => isAtOrBelow(client, role), most);
    const shown = [...turns.places.keys()];
    let all = 0;
    for (const client of membersBelow(branch)) {
      all += 1;
      if (shown.length < most && !client.isActive) shown.push(client);
    }
    return {
      clients: shown.map((client) => this.#describe(client, turns)),
      leftOut: all - shown.length,
    };
  }

  roleStanding(role: RoleName): Explanation['role'] {
    const branch = this.#known.order.tree.role(role);
    if (branch === undefined) return undefined;
    let of = 0;
    let place: number | undefined;
    for (const sibling of branch.above?.members.inOrder ?? []) {
      of += 1;
      if (sibling === branch) place = of;
    }
    return {
      role,
      share: { ...this.#standingOf(branch), of, ...(place !== undefined && { place }) },
      quotas: this.#quotasAbove(branch),
    };
  }

  agentsFor(
    { framework, role }: ExplainableClient,
    need: StatedNeed | undefined,
  ): Iterable<LookedAt> {
    const client = this.#known.frameworks.get(framework)?.clients.get(role);
    return client === undefined ? [] : new AgentObstacles(this.#known, client, need).all();
  }

  /** The places of the first `most` of those that are wanted, and how many there are altogether. */
  #turns(isWanted: (client: Client) => boolean, most: number): Turns {
    const { order } = this.#known;
    const places = new Map<Client, number>();
    // Where a guarantee is not met some are asked twice.
    const asked = order.tree.root.unmet > 0 ? new Set<Client>() : undefined;
    let of = 0;
    order.askInOrder({
      ask: (client) => {
        if (asked?.has(client) === true) return false;
        asked?.add(client);
        of += 1;
        if (places.size < most && isWanted(client)) places.set(client, of);
        return false;
      },
    });
    return { of, places };
  }

  #describe(client: Client, { of, places }: Turns): ExplainableClient {
    const { caps, filters, policy, totals } = this.#known;
    const { framework, role, isMember, isSuppressed, needs } = client;
    const quotas = this.#quotasAbove(client.branch);
    const { quota, unanswered } = framework;
    if (quota !== undefined) {
      quotas.push(...this.#quotaStandings({ framework: framework.ref }, quota));
    }
    const { offers: outstanding, pendingOffers: proposed, maxOffers: most } = unanswered;
    const place = places.get(client);
    return {
      framework: framework.ref,
      role,
      share: { ...this.#standingOf(client), of, ...(place !== undefined && { place }) },
      isSubscribed: isMember,
      isSuppressed,
      isAtOfferCap: caps.isAtLimit(framework),
      isAtQuotaLimit: client.stands,
      needs: needs && [...needs.values()],
      takesRevocable: framework.takesRevocable,
      minimum: { ...NO_RESOURCES, scalars: totals.scalarsOf(policy.minimumOf(client)) },
      offers: { outstanding, proposed, ...(Number.isFinite(most) && { most }) },
      refusals: filters.refusalsOf(client, MAX_REFUSALS),
      quotas,
    };
  }

  /** Of the role and those above it, the highest last. */
  #quotasAbove(branch: Branch): QuotaStanding[] {
    const standings: QuotaStanding[] = [];
    for (let one: Branch | undefined = branch; one !== undefined; one = one.above) {
      const { quota, role } = one;
      if (quota !== undefined) {
        standings.push(...this.#quotaStandings({ role: role as RoleName }, quota));
      }
    }
    return standings;
  }

  #quotaStandings(of: QuotaStanding['of'], quota: Quota): QuotaStanding[] {
    const { totals } = this.#known;
    const { guarantee, limit } = quota;
    const standings: QuotaStanding[] = [];
    for (let number = 0; number < Math.max(guarantee.length, limit.length); number += 1) {
      const least = guarantee[number] ?? 0;
      const most = limit[number] ?? Number.POSITIVE_INFINITY;
      if (least === 0 && !Number.isFinite(most)) continue;
      standings.push({
        of,
        resource: totals.nameOf(number),
        consumed: quota.consumed(number),
        ...(least > 0 && { guarantee: least }),
        ...(Number.isFinite(most) && { limit: most }),
      });
    }
    return standings;
  }

  #standingOf({ used, weight }: Sharer): Omit<ShareStanding, 'place' | 'of'> {
    const { totals } = this.#known;
    const share = dominantShare(totals.scalarsOf(used), totals.scalarsOf(totals.amounts));
    return { ...share, weight };
  }
}

const isAtOrBelow = ({ role: own }: Client, role: RoleName): boolean =>
  own === role || own.startsWith(`${role}/`);

/** Of the role and those below it, whoever is subscribed. */
function* membersBelow({ leaf, roles }: Branch): Generator<Client, void, void> {
  for (const client of leaf?.clients.values() ?? []) if (client.isMember) yield client;
  for (const role of roles.values()) yield* membersBelow(role);
}
