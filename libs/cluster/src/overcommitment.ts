// Owns when an agent that came back with less than what is held on it may be offered again.
import type { AgentId } from '@parley/protocol/ids';
import type { ClusterState } from './cluster-state.ts';

/** After something that was held on it is free. */
export function clearOvercommitment(state: ClusterState, agentId: AgentId): void {
  const agent = state.agents.get(agentId);
  if (agent?.isOvercommitted && state.books.fits(agent)) {
    const record = { ...agent, isOvercommitted: false };
    state.agents.put(agentId, record);
    state.books.agentChanged(agent, record);
  }
}
