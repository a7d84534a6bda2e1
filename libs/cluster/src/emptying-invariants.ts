// Owns the check of what must hold of agents that are emptied or maintained. For tests and the simulator.
import type { ClusterState } from './cluster-state.ts';
import { emptyingOf } from './emptying.ts';
import { isNear } from './maintenance-book.ts';

/** What counts as emptied is empty and was to be; an agent is out for maintenance as its window says. */
export function emptying(state: ClusterState): string[] {
  const broken: string[] = [];
  const near = new Map<string, string>();
  for (const window of state.maintenance.rows()) {
    if (!isNear(window.state)) continue;
    for (const agentId of window.agents) near.set(agentId, window.windowId);
  }
  for (const agent of state.agents.rows()) {
    const { agentId, isEmptied, maintenance } = agent;
    if (agent.state === 'gone') continue;
    const book = state.books.agents.get(agentId);
    const held = (book?.tasks.size ?? 0) + (book?.executors.size ?? 0);
    if (isEmptied === true && (held > 0 || emptyingOf(agent) === undefined)) {
      broken.push(`${agentId} counts as emptied`);
    }
    if (near.get(agentId) !== maintenance?.windowId) {
      broken.push(`${agentId} and its maintenance window`);
    }
  }
  return broken;
}
