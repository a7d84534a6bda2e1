// Owns who may have something taken back for him, and for how much of what he needs: the shapes of that question, whose
// claim comes first, and when it is met. Whose tasks go is in victims.ts, what roles keep and may have in role-bounds.ts.
//
// A client is a framework in one of its roles. One that is below its guarantee, with a need that would lift it, takes
// from those that stay at theirs; one of which a role above is, from those outside that role. One that was below its
// fair share for too long takes from those that stay at their guarantee and at their fair share.
import { type AgentId, frameworkKey, type RoleName } from '@parley/protocol/ids';
import type { Resources } from '@parley/protocol/resources';
import type { RevocableTask, RevocationReason, Sharer } from '@parley/protocol/revocations';
import type { Quantities } from '@parley/protocol/sharing';
import { amountIn, compareFractions, type Fraction, largestFraction, plus } from './quantities.ts';
import type { KnownBounds, RoleBounds } from './role-bounds.ts';
import type { UnmetNeed } from './spare-room.ts';

export type SharingClient = Sharer & {
  readonly guarantee: Quantities;
  /** Where its framework has a guarantee of its own: that, and what it has in tasks and executors, over all its roles. */
  readonly whole?: { readonly guarantee: Quantities; readonly held: Quantities };
  /** In tasks and executors; what is coming back of it included. */
  readonly held: Quantities;
  /** In unanswered offers. */
  readonly offered: Quantities;
  /** Of each resource that counts, what a fair division of the cluster would give it. */
  readonly fairShare: Quantities;
  /** At most; a name that is not there is not limited. */
  readonly limit?: Quantities;
  readonly needs: readonly UnmetNeed[];
  /** For so long it has been below its fair share with a need. */
  readonly starvedForMs: number;
};

/** A task that is being taken back, or is to be. */
export type ComingBack = Pick<RevocableTask, 'task' | 'role' | 'agentId' | 'resources'> & {
  readonly beneficiary: Sharer;
};

export type Claims = {
  /** Whoever wants, holds or is to get something that is asked about; those with needs are the claimants. */
  readonly clients: readonly SharingClient[];
  /** Absent: nothing is set for any role. */
  readonly roles?: KnownBounds | undefined;
  /** Live ones that may be named. */
  readonly tasks: readonly RevocableTask[];
  /** What could be offered to the claimants now, by agent. */
  readonly free: ReadonlyMap<AgentId, Resources>;
  readonly comingBack: readonly ComingBack[];
  /** Whether the client refuses these resources of the agent; absent: nobody refuses anything. */
  readonly isRefused?: (client: Sharer, agentId: AgentId, resources: Resources) => boolean;
  /** Of the cluster: taking back is measured by it. */
  readonly total: Quantities;
  readonly starvationMs: number;
  /** Tasks to take back at most. */
  readonly limit: number;
};

/** A client after what has been decided so far: what is left to it, and what it is to get, which it does not hold yet. */
export type Standing = { readonly client: SharingClient; held: Quantities; gains: Quantities };
export type Claim = {
  readonly standing: Standing;
  readonly reason: Exclude<RevocationReason, 'oversubscribed'>;
};

export const sharerKey = ({ framework, role }: Sharer): string =>
  `${frameworkKey(framework)} ${role}`;

/** Those below their guarantee first, then the starved; of each kind the one that has least first. */
export function claimsOf(
  standings: Iterable<Standing>,
  bounds: RoleBounds,
  starvationMs: number,
): Claim[] {
  const wanting = [...standings].filter(({ client }) => client.needs.length > 0);
  const short = wanting.filter(
    ({ client }) =>
      isBelowGuarantee(client, usageOf(client)) || bounds.shortAbove(client.role) !== undefined,
  );
  const starved = wanting.filter(
    ({ client }) => client.starvedForMs > starvationMs && isBelowFairShare(client, usageOf(client)),
  );
  return [
    ...sortBy(short, 'guarantee').map(
      (standing) => ({ standing, reason: 'belowGuarantee' }) as const,
    ),
    ...sortBy(starved, 'fairShare').map((standing) => ({ standing, reason: 'starved' }) as const),
  ];
}

/** While it is below what it claims, this need would lift it, and it may hold so much. */
export function isEntitled(
  { standing, reason }: Claim,
  { resources, reason: only = reason }: UnmetNeed,
  bounds: RoleBounds,
): boolean {
  if (only !== reason) return false;
  const { client } = standing;
  const usage = usageThen(standing);
  const { limit = {} } = client;
  const isTooMuch = Object.entries(resources.scalars).some(
    ([name, amount]) =>
      Object.hasOwn(limit, name) && amountIn(usage, name) + amount > amountIn(limit, name),
  );
  if (isTooMuch) return false;
  if (reason === 'starved') return isBelowFairShare(client, usage);
  return (
    isLifted(client, usage, resources) ||
    bounds.shortAbove(client.role, resources.scalars) !== undefined
  );
}

/** The role that is to be lifted, and not the client itself: what comes from within it would not. */
export function liftedRole(
  { standing, reason }: Claim,
  { resources }: UnmetNeed,
  bounds: RoleBounds,
): RoleName | undefined {
  const { client } = standing;
  if (reason === 'starved' || isLifted(client, usageThen(standing), resources)) return undefined;
  return bounds.shortAbove(client.role, resources.scalars);
}

/** With what it is to get. */
export const usageThen = ({ client, held, gains }: Standing): Quantities =>
  plus(plus(held, client.offered), gains);

/** What is offered to it counts as well. */
const usageOf = ({ held, offered }: SharingClient): Quantities => plus(held, offered);

function isBelowGuarantee({ guarantee }: SharingClient, usage: Quantities): boolean {
  return Object.keys(guarantee).some((name) => amountIn(usage, name) < amountIn(guarantee, name));
}

/** With these it would be nearer to its guarantee. */
function isLifted(
  { guarantee }: SharingClient,
  usage: Quantities,
  { scalars }: Resources,
): boolean {
  return Object.keys(scalars).some(
    (name) => amountIn(scalars, name) > 0 && amountIn(usage, name) < amountIn(guarantee, name),
  );
}

const ONE: Fraction = [1, 1];

/** In every resource that counts. */
function isBelowFairShare({ fairShare }: SharingClient, usage: Quantities): boolean {
  const hasAny = Object.values(fairShare).some((amount) => amount > 0);
  return hasAny && compareFractions(largestFraction(usage, fairShare), ONE) < 0;
}

/** Whoever has the least of what it is entitled to comes first. */
function sortBy(standings: readonly Standing[], whole: 'guarantee' | 'fairShare'): Standing[] {
  const fractionOf = ({ client }: Standing): Fraction =>
    largestFraction(usageOf(client), client[whole]);
  return [...standings].sort(
    (a, b) =>
      compareFractions(fractionOf(a), fractionOf(b)) ||
      (sharerKey(a.client) < sharerKey(b.client) ? -1 : 1),
  );
}
