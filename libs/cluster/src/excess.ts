// Owns what is done when an agent comes back with less than what is held on it: it is taken as it is, and tasks that no
// longer fit are asked to stop, those of the lowest priority first, then the youngest. Mesos lets such an agent refuse to start.
import type { AgentId } from '@parley/protocol/ids';
import { add, contains, subtract } from '@parley/resources/resources';
import { tasksOn } from './agent-tasks.ts';
import { orderKill } from './orders.ts';
import type { TaskRecord } from './records.ts';
import { ruleHolds } from './rules.ts';
import type { Turn } from './turn.ts';

/** What is reserved stays reserved, and what executors hold beside their tasks goes with their tasks or not at all. */
export function stopExcess(turn: Turn, agentId: AgentId): void {
  const { state } = turn;
  const agent = state.agents.get(agentId);
  if (agent?.isOvercommitted !== true || !ruleHolds(state, 'excessIsStopped')) return;
  const book = state.books.agent(agentId);
  let held = add(book.allocated, book.reserved);
  for (const task of [...tasksOn(state, agentId)].sort(whoGoesFirst)) {
    if (contains(agent.total, held)) return;
    held = subtract(held, task.resources);
    if (task.kill !== undefined) continue;
    const message = `agent ${agentId} came back with less than what its tasks were given`;
    orderKill(turn, task, { reason: 'agentDraining', message });
  }
}

/** Those that end already are counted out first. */
function whoGoesFirst(a: TaskRecord, b: TaskRecord): number {
  const ending = Number(b.kill !== undefined) - Number(a.kill !== undefined);
  if (ending !== 0) return ending;
  const priority = (a.priority ?? 0) - (b.priority ?? 0);
  return priority === 0 ? b.launchedAtMs - a.launchedAtMs : priority;
}
