// Owns which agents may not be offered at all: the allocator does not know of them, the books do.
import type { AgentRecord } from '@parley/cluster/records';
import type { Explanation } from '@parley/protocol/explanations';

/** Count by why they are left out: `unreachable`, `deactivated`, `overcommitted`. Those that are gone do not count. */
export type LeftOutAgents = Readonly<Record<string, number>>;
export type Explained = Explanation & { readonly leftOutAgents: LeftOutAgents };

type Looked = Pick<AgentRecord, 'state' | 'isDeactivated' | 'isOvercommitted'>;

export function leftOutAgents(state: {
  readonly agents: { rows(): Iterable<Looked> };
}): LeftOutAgents {
  const counts: Record<string, number> = {};
  for (const agent of state.agents.rows()) {
    const why = whyLeftOut(agent);
    if (why !== undefined) counts[why] = (counts[why] ?? 0) + 1;
  }
  return counts;
}

/** Of several reasons the one that tells most; undefined where it may be offered, or is gone. */
function whyLeftOut(agent: Looked): string | undefined {
  if (agent.state === 'gone') return undefined;
  if (agent.state !== 'registered') return agent.state;
  if (agent.isDeactivated) return 'deactivated';
  return agent.isOvercommitted ? 'overcommitted' : undefined;
}
