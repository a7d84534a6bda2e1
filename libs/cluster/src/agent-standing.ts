// Owns what the books say of what an agent has and runs, as the digest that the agent makes of itself.
import { standingOf } from '@parley/protocol/agent-standing';
import type { AgentId } from '@parley/protocol/ids';
import { isTerminal } from '@parley/protocol/tasks';
import { normalise, sum, trySubtract } from '@parley/resources/resources';
import { tasksOn } from './agent-tasks.ts';
import type { ClusterState } from './cluster-state.ts';
import { executorsOn } from './executor-book.ts';
import { effectiveState } from './leader-updates.ts';
import { heldBy } from './task-book.ts';

/** Undefined: it is not registered, or is to tell all that it has. */
export function standingInBooks(state: ClusterState, agentId: AgentId): string | undefined {
  const agent = state.agents.get(agentId);
  if (agent?.state !== 'registered' || agent.isRecovering === true) return undefined;
  // What a default one stands for the agent runs by itself: it names none, and counts its tasks only.
  const executors = executorsOn(state, agentId).filter(
    ({ description }) => description.kind === 'custom',
  );
  const live = tasksOn(state, agentId).filter((task) => !isTerminal(effectiveState(task)));
  const held = [...live.map(heldBy), ...executors.map(({ resources }) => resources)];
  const free = trySubtract(agent.total, sum(held));
  return standingOf({
    total: agent.total,
    free: free && normalise(free),
    tasks: live.map((task) => ({
      task: task.task,
      state: effectiveState(task),
      lastSequence: task.agentSequence,
    })),
    executors: executors.map(({ executor }) => executor),
    revocable: agent.revocable,
  });
}
