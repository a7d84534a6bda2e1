// Owns which agents may not be offered at all: the allocator does not know of them, the books do.
import { type WhyNotOffered, whyNotOffered } from '@parley/cluster/offered-agents';
import type { AgentRecord } from '@parley/cluster/records';
import type { Explanation } from '@parley/protocol/explanations';

/** Count by why they are left out. Those that are gone do not count. */
export type LeftOutAgents = Readonly<Partial<Record<WhyNotOffered, number>>>;
export type Explained = Explanation & {
  readonly leftOutAgents: LeftOutAgents;
  /** Of those that the allocator knows of: nothing of them is free before they have what is held on them. */
  readonly overcommittedAgents: number;
};

type Looked = Pick<AgentRecord, 'state' | 'draining' | 'isDeactivated' | 'isOvercommitted'>;

export function leftOutAgents(state: {
  readonly agents: { rows(): Iterable<Looked> };
}): Pick<Explained, 'leftOutAgents' | 'overcommittedAgents'> {
  const counts: Partial<Record<WhyNotOffered, number>> = {};
  let overcommittedAgents = 0;
  for (const agent of state.agents.rows()) {
    const why = whyNotOffered(agent);
    if (why === undefined) overcommittedAgents += Number(agent.isOvercommitted);
    else if (why !== 'gone') counts[why] = (counts[why] ?? 0) + 1;
  }
  return { leftOutAgents: counts, overcommittedAgents };
}
