// Owns reading what the allocator knows for an explanation: which clients there are, how they stand, and how agents look
// to one of them. It changes nothing. What is made of it is in explain.ts.
import type { QuotaStanding } from '@parley/protocol/explanations';
import type { FrameworkRef, RoleName } from '@parley/protocol/ids';
import { NO_RESOURCES, type Resources } from '@parley/protocol/resources';
import { dominantShare } from '@parley/resources/dominant-share';
import { add, sum } from '@parley/resources/resources';
import type { Explainable, ExplainableClient, Standing } from './explain.ts';
import type { Knowledge } from './knowledge.ts';
import type { LookedAt } from './need-explanation.ts';
import type { Quota } from './quota.ts';
import type { Branch, Client } from './share-tree.ts';
import type { Sharer } from './sharer.ts';

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

  clientsOfFramework(ref: FrameworkRef): ExplainableClient[] {
    const clients = this.#known.frameworks.get(ref)?.clients.values() ?? [];
    return [...clients].map((client) => this.#describe(client));
  }

  clientsOfRole(role: RoleName): ExplainableClient[] {
    const clients = this.#known.order.tree.role(role)?.leaf?.clients.values() ?? [];
    return [...clients].filter(({ isMember }) => isMember).map((client) => this.#describe(client));
  }

  roleStanding(
    role: RoleName,
  ): { readonly standing: Standing; readonly quotas: QuotaStanding[] } | undefined {
    const branch = this.#known.order.tree.role(role);
    return branch && { standing: this.#standingOf(branch), quotas: this.#quotasAbove(branch) };
  }

  *agentsFor({ framework, role }: ExplainableClient): Generator<LookedAt, void, void> {
    const { pool, filters, frameworks } = this.#known;
    const client = frameworks.get(framework)?.clients.get(role);
    for (const agent of pool.all()) {
      const { left, kind } = agent;
      const usable = left.reservations.filter(
        (one) => one.role === role || role.startsWith(`${one.role}/`),
      );
      const resources =
        usable.length === 0
          ? left.unreserved
          : add(left.unreserved, sum(usable.map((one) => one.resources)));
      const refusedUntilMs = (ordinary: Resources, revocable: Resources = NO_RESOURCES) =>
        client && filters.refusedUntilMs(client, agent, ordinary, revocable);
      yield {
        agent,
        total: kind.total,
        ordinary: { left: resources, refusedUntilMs },
        revocable: {
          left: left.revocable,
          refusedUntilMs: ({ scalars, ...items }) =>
            refusedUntilMs({ ...items, scalars: {} }, { ...NO_RESOURCES, scalars }),
        },
      };
    }
  }

  *siblingsInOrder(role: RoleName): Generator<string, void, void> {
    const branch = this.#known.order.tree.role(role);
    for (const sibling of branch?.above?.members.inOrder ?? []) {
      yield sibling === branch ? role : sibling.name;
    }
  }

  *clientsInOrder(
    branch: Branch = this.#known.order.tree.root,
  ): Generator<{ framework: FrameworkRef; role: RoleName }, void, void> {
    for (const member of branch.members.inOrder) {
      if (member.kind === 'branch') yield* this.clientsInOrder(member);
      else yield { framework: member.framework.ref, role: member.role };
    }
  }

  #describe(client: Client): ExplainableClient {
    const { caps, filters, policy, totals } = this.#known;
    const { framework, role, isMember, isSuppressed, needs } = client;
    const quotas = this.#quotasAbove(client.branch);
    const { quota, unanswered } = framework;
    if (quota !== undefined)
      quotas.push(...this.#quotaStandings({ framework: framework.ref }, quota));
    const { offers: outstanding, pendingOffers: proposed, maxOffers: most } = unanswered;
    return {
      framework: framework.ref,
      role,
      standing: this.#standingOf(client),
      isSubscribed: isMember,
      isSuppressed,
      isAtOfferCap: caps.isAtLimit(framework),
      isAtQuotaLimit: client.stands,
      needs: needs && [...needs.values()],
      takesRevocable: framework.takesRevocable,
      minimum: { ...NO_RESOURCES, scalars: totals.scalarsOf(policy.minimumOf(client)) },
      offers: { outstanding, proposed, ...(Number.isFinite(most) && { most }) },
      refusals: filters.refusalsOf(client),
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

  #standingOf({ used, weight }: Sharer): Standing {
    const { totals } = this.#known;
    const share = dominantShare(totals.scalarsOf(used), totals.scalarsOf(totals.amounts));
    return { ...share, weight };
  }
}
