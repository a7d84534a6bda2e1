// Owns the slow, obvious way to decide, kept for tests: weigh every framework anew for every decision, with exact
// fractions. The allocator must never choose somebody whom this one would not.
import type { Proposal } from '@parley/protocol/allocation';
import { type FrameworkKey, frameworkKey, type RoleName } from '@parley/protocol/ids';
import type { Resources } from '@parley/protocol/resources';
import { compareShares, dominantShare, type Share } from '@parley/resources/dominant-share';
import { add, contains, sum } from '@parley/resources/resources';

export type ReferenceFramework = {
  readonly key: FrameworkKey;
  readonly role: RoleName;
  readonly isActive: boolean;
  /** Offered plus allocated plus proposed. */
  readonly used: Resources;
};

export type ReferenceRefusal = {
  readonly key: FrameworkKey;
  readonly agentId: string;
  readonly resources: Resources;
  readonly expiresMs: number;
};

/**
 * The frameworks that may be given these resources of the agent: of those that have not refused them, in
 * the role of the smallest dominant share, those of the smallest share. More than one only where shares are equal.
 */
export function fairReceivers(
  offer: Pick<Proposal, 'agentId' | 'resources'>,
  world: {
    readonly nowMs: number;
    readonly total: Resources;
    readonly frameworks: readonly ReferenceFramework[];
    readonly refusals: readonly ReferenceRefusal[];
  },
): Set<FrameworkKey> {
  const { frameworks, total } = world;
  const willing = frameworks.filter(
    ({ key, isActive }) => isActive && !world.refusals.some((refusal) => blocks(refusal, key)),
  );
  const shareOfRole = (role: RoleName): Share =>
    shareOf(sum(frameworks.filter((one) => one.role === role).map(({ used }) => used)));
  const poorest = smallest(willing, ({ role }) => shareOfRole(role));
  const receivers = [...new Set(poorest.map(({ role }) => role))].flatMap((role) =>
    smallest(
      willing.filter((one) => one.role === role),
      ({ used }) => shareOf(used),
    ),
  );
  return new Set(receivers.map(({ key }) => key));

  function blocks(refusal: ReferenceRefusal, key: FrameworkKey): boolean {
    return (
      refusal.key === key &&
      refusal.agentId === offer.agentId &&
      refusal.expiresMs > world.nowMs &&
      contains(refusal.resources, offer.resources)
    );
  }

  function shareOf(used: Resources): Share {
    return dominantShare(used.scalars, total.scalars);
  }
}

/** The world after the decision. */
export function withProposal(
  frameworks: readonly ReferenceFramework[],
  { framework, resources }: Proposal,
): ReferenceFramework[] {
  return frameworks.map((one) =>
    one.key === frameworkKey(framework) ? { ...one, used: add(one.used, resources) } : one,
  );
}

function smallest<T>(items: readonly T[], shareOf: (item: T) => Share): T[] {
  return items.filter((item) =>
    items.every((other) => compareShares(shareOf(item), shareOf(other)) <= 0),
  );
}
