// Owns reading what the allocator knows for an explanation: which clients there are, how they stand, and how agents look
// to one of them. It changes nothing. What is made of it is in explain.ts.
import type { QuotaStanding } from '@parley/protocol/explanations';
import { type FrameworkRef, frameworkKey, type RoleName } from '@parley/protocol/ids';
import { NO_RESOURCES } from '@parley/protocol/resources';
import { DEFAULT_MIN_ALLOCATABLE, DEFAULT_WEIGHT } from '@parley/protocol/sharing';
import { dominantShare } from '@parley/resources/dominant-share';
import { add, sum } from '@parley/resources/resources';
import type { Vector } from './cluster-totals.ts';
import type { Explainable, ExplainableClient, Standing } from './explain.ts';
import type { Client } from './fair-order.ts';
import type { Knowledge } from './knowledge.ts';
import type { LookedAt } from './need-explanation.ts';

const MINIMUM = { ...NO_RESOURCES, scalars: DEFAULT_MIN_ALLOCATABLE };

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
    const { frameworks, fairOrder } = this.#known;
    const framework = frameworkKey(ref);
    const roles = new Set([...frameworks.rolesOf(framework), ...fairOrder.rolesOf(framework)]);
    return [...roles].map((role) => this.#clientOf(ref, { framework, role }));
  }

  clientsOfRole(role: RoleName): ExplainableClient[] {
    const { frameworks } = this.#known;
    return [...frameworks.refsIn(role)].map((ref) =>
      this.#clientOf(ref, { framework: frameworkKey(ref), role }),
    );
  }

  roleStanding(
    role: RoleName,
  ): { readonly standing: Standing; readonly quotas: QuotaStanding[] } | undefined {
    const used = this.#known.fairOrder.usedInRole(role);
    return used && { standing: this.#standingOf(used), quotas: [] };
  }

  *agentsFor({ framework: ref, role }: ExplainableClient): Generator<LookedAt, void, void> {
    const framework = frameworkKey(ref);
    const { pool, filters } = this.#known;
    for (const { agentId, total, left, ...agent } of pool.all()) {
      const usable = left.reservations.filter(
        (one) => one.role === role || role.startsWith(`${one.role}/`),
      );
      const resources =
        usable.length === 0
          ? left.unreserved
          : add(left.unreserved, sum(usable.map((one) => one.resources)));
      const refusedUntilMs = filters.refusedUntilMs({ framework, role, agentId, resources });
      yield { agent: { ...agent, agentId }, total, left: resources, refusedUntilMs };
    }
  }

  rolesInOrder(): Iterable<RoleName> {
    return this.#known.fairOrder.rolesInOrder();
  }

  *clientsInOrder(): Generator<{ framework: FrameworkRef; role: RoleName }, void, void> {
    for (const { framework, role } of this.#known.fairOrder.inOrder()) {
      yield { framework: this.#known.frameworks.refOf(framework), role };
    }
  }

  #clientOf(ref: FrameworkRef, client: Client): ExplainableClient {
    const { frameworks, fairOrder, caps, filters } = this.#known;
    return {
      framework: ref,
      role: client.role,
      standing: this.#standingOf(fairOrder.usedBy(client)),
      isSubscribed: frameworks.hasRole(client),
      isSuppressed: frameworks.isSuppressed(client),
      isAtOfferCap: caps.isAtLimit(client.framework),
      isAtQuotaLimit: false,
      needs: toArray(frameworks.needsOf(client)),
      minimum: MINIMUM,
      offers: caps.unansweredOf(client.framework),
      refusals: filters.refusalsOf(client),
      quotas: [],
    };
  }

  #standingOf(used: Vector): Standing {
    const { totals } = this.#known;
    const share = dominantShare(totals.scalarsOf(used), totals.scalarsOf(totals.amounts));
    return { ...share, weight: DEFAULT_WEIGHT };
  }
}

const toArray = <Item>(items: Iterable<Item> | undefined): Item[] | undefined =>
  items === undefined ? undefined : [...items];
