// Owns what the books say of what an agent has and runs, as the digest that the agent makes of itself.
import { standingOf } from '@parley/protocol/agent-standing';
import type { AgentId } from '@parley/protocol/ids';
import { tasksOn } from './agent-tasks.ts';
import type { ClusterState } from './cluster-state.ts';
import { executorsOn } from './executor-book.ts';
import { effectiveState } from './leader-updates.ts';

/** Undefined: it is not registered, or is to tell all that it has. */
export function standingInBooks(state: ClusterState, agentId: AgentId): string | undefined {
  const agent = state.agents.get(agentId);
  if (agent?.state !== 'registered' || agent.isRecovering === true) return undefined;
  return standingOf({
    total: agent.total,
    free: undefined,
    tasks: tasksOn(state, agentId).map((record) => ({
      task: record.task,
      state: effectiveState(record),
      lastSequence: record.agentSequence,
    })),
    executors: executorsOn(state, agentId).map(({ executor }) => executor),
  });
}
