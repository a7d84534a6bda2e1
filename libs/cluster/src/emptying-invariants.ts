// Owns the check of what must hold of agents that are emptied or maintained. For tests and the simulator.
import type { ClusterState } from './cluster-state.ts';
import { emptyingOf } from './emptying.ts';
import { isNear } from './maintenance-book.ts';
import type { AgentRecord } from './records.ts';

/** What counts as emptied is empty and was to be; an agent is out for maintenance as its window says. */
export function emptying(state: ClusterState): string[] {
  const near = new Map<string, string>();
  for (const window of state.maintenance.rows()) {
    if (!isNear(window.state)) continue;
    for (const agentId of window.agents) near.set(agentId, window.windowId);
  }
  return [...state.agents.rows()]
    .filter((agent) => agent.state !== 'gone')
    .flatMap((agent) => [
      ...(isWronglyEmptied(state, agent) ? [`${agent.agentId} counts as emptied`] : []),
      ...(near.get(agent.agentId) === agent.maintenance?.windowId
        ? []
        : [`${agent.agentId} and its maintenance window`]),
    ]);
}

function isWronglyEmptied(state: ClusterState, agent: AgentRecord): boolean {
  if (agent.isEmptied !== true) return false;
  const book = state.books.agents.get(agent.agentId);
  const held = (book?.tasks.size ?? 0) + (book?.executors.size ?? 0);
  return held > 0 || emptyingOf(agent) === undefined;
}
