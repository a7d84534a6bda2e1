// Owns what may be read of the allocator's knowledge without changing it, for whoever explains its decisions: where a
// framework stands in the order, level by level, how it and the roles above it stand to their quota, and what is left of
// an agent. It is as of the last facts that were heard.
import type { AgentId, FrameworkRef, RoleName } from '@parley/protocol/ids';
import type { Quantities } from '@parley/protocol/sharing';
import { type Share, shareAsNumber } from '@parley/resources/dominant-share';
import type { ClusterTotals, Vector } from './cluster-totals.ts';
import type { Free } from './free.ts';
import type { Knowledge } from './knowledge.ts';
import type { Quota } from './quota.ts';
import type { Client, Member } from './share-tree.ts';

/** Amounts in thousandths of the unit. */
export type QuotaPosition = {
  readonly guarantee: Quantities;
  readonly limit: Quantities;
  /** Used, offered, proposed, and reserved without being in use; of what is guaranteed or limited. */
  readonly consumed: Quantities;
  /** Less is consumed of something than is guaranteed. */
  readonly isUnmet: boolean;
};

export type LevelPosition = {
  /** A role; at the last level the framework's key. */
  readonly name: string;
  readonly share: Share;
  /** In thousandths. */
  readonly weight: number;
  /** Share divided by weight, of which the smallest goes first; for display. */
  readonly weightedShare: number;
  /** From 1 among those beside it that take offers, by share alone; undefined when it takes none. */
  readonly place: number | undefined;
  /** How many beside it take offers, itself included. */
  readonly of: number;
  /** Absent where nothing is guaranteed or limited. */
  readonly quota: QuotaPosition | undefined;
};

export type ClientPosition = {
  /** From the top down. The leaf that nobody sees, where a role has roles below it, is a level of the role's name. */
  readonly levels: readonly LevelPosition[];
  /** It is in the order: neither suppressed, nor without open needs, nor at a cap, nor without room. */
  readonly takesOffers: boolean;
  /** A limit leaves no room for anything that it would take. */
  readonly hasNoRoom: boolean;
  /** Held up by what it has not answered. */
  readonly isAtCap: boolean;
};

export class AllocationView {
  readonly #known: Knowledge;

  constructor(known: Knowledge) {
    this.#known = known;
  }

  /** Undefined when the framework has nothing to do with the role. */
  positionOf(framework: FrameworkRef, role: RoleName): ClientPosition | undefined {
    const client = this.#known.frameworks.get(framework)?.clients.get(role);
    if (client === undefined) return undefined;
    const levels: LevelPosition[] = [];
    for (let member: Member = client; member.above !== undefined; member = member.above) {
      // A leaf that nobody sees has nobody beside it while its role has no roles below it.
      const isHidden = member.kind === 'branch' && member.clients.size > 0;
      if (!isHidden || member.above.roles.size > 0) levels.unshift(this.#levelOf(member));
    }
    return {
      levels,
      takesOffers: client.isActive,
      hasNoRoom: client.stands,
      isAtCap: this.#known.caps.isAtLimit(client.framework),
    };
  }

  /** What could be offered of it; undefined when it is not known. */
  leftOf(agentId: AgentId): Free | undefined {
    return this.#known.pool.get(agentId)?.left;
  }

  #levelOf(member: Member): LevelPosition {
    const siblings = member.above?.members;
    const order = siblings === undefined ? [] : [...siblings.inOrder];
    const share = siblings?.shareOf(member) ?? member.share;
    const place = order.indexOf(member) + 1;
    const quota = quotaOf(member);
    return {
      name: member.kind === 'client' ? member.name : member.role,
      share,
      weight: member.weight,
      weightedShare: (shareAsNumber(share) / member.weight) * 1000,
      place: place === 0 ? undefined : place,
      of: order.length,
      quota: quota && positionOf(quota, this.#known.totals),
    };
  }
}

const quotaOf = (member: Client | Member): Quota | undefined =>
  member.kind === 'client' ? member.framework.quota : member.quota;

function positionOf(quota: Quota, totals: ClusterTotals): QuotaPosition {
  const { guarantee, limit, isUnmet } = quota;
  const length = Math.max(guarantee.length, limit.length);
  const isSet = (number: number): boolean =>
    (guarantee[number] ?? 0) > 0 || Number.isFinite(limit[number] ?? Number.POSITIVE_INFINITY);
  const consumed: Vector = Array.from({ length }, (_, number) =>
    isSet(number) ? quota.consumed(number) : 0,
  );
  return {
    guarantee: totals.scalarsOf(guarantee),
    limit: quota.limits(totals),
    consumed: totals.scalarsOf(consumed),
    isUnmet,
  };
}
