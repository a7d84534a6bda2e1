// Owns what a framework has told the leader about itself: what a later subscription has to say again. Pure.
import type { SubscribeRequest, UpdateFrameworkRequest } from '@parley/protocol/frameworks';

export type FrameworkFacts = Pick<SubscribeRequest, 'name' | 'roles' | 'failoverTimeoutMs'> &
  Partial<Pick<SubscribeRequest, 'offerTimeoutMs' | 'takesRevocable'>>;

/** What is given replaces what was; the rest stays. */
export function withChange(facts: FrameworkFacts, change: UpdateFrameworkRequest): FrameworkFacts {
  const { name, roles, failoverTimeoutMs, offerTimeoutMs } = change;
  return {
    name: name ?? facts.name,
    roles: roles ?? facts.roles,
    failoverTimeoutMs: failoverTimeoutMs ?? facts.failoverTimeoutMs,
    ...(facts.offerTimeoutMs !== undefined && { offerTimeoutMs: facts.offerTimeoutMs }),
    ...(offerTimeoutMs !== undefined && { offerTimeoutMs }),
    ...(facts.takesRevocable === true && { takesRevocable: true }),
  };
}
