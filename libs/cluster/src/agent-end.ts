// Owns the end of an agent for good: an operator declared it gone, or it was emptied to be given up.
// Mesos docs, "Performing node maintenance"; there "gone" is told to frameworks at most once.
import { nextAgentState } from '@parley/lifecycle/transitions';
import { rescindAllOf } from './agent-offers.ts';
import { tasksOn, tellHolders } from './agent-tasks.ts';
import { endExecutorsOn } from './executor-ends.ts';
import { rememberGone } from './gone-agents.ts';
import { orderUpdate } from './leader-updates.ts';
import { dropOrder } from './order-book.ts';
import { forgetOrdersOf } from './orders.ts';
import type { AgentRecord } from './records.ts';
import { report, type Turn } from './turn.ts';

/**
 * Nothing is heard of it ever again: what was to be said to it is forgotten, its executors are no more, and its tasks
 * are gone once that stands in the stream, unless the stream says before that how they ended.
 */
export function declareGone(turn: Turn, before: AgentRecord): void {
  const { state } = turn;
  const { agentId } = before;
  const next = nextAgentState(before.state, 'declareGone');
  if (next === undefined) return;
  rescindAllOf(turn, agentId, 'agentGone');
  const record: AgentRecord = { ...before, state: next, goneAtMs: turn.context.coreTimeMs };
  state.agents.put(agentId, record);
  state.books.agentChanged(before, record);
  state.marks.agent(agentId);
  report(turn, { type: 'agentGone', agentId });
  tellHolders(turn, agentId, 'agentGone');
  for (const task of tasksOn(state, agentId)) {
    orderUpdate(turn, forgetOrdersOf(state, task), {
      state: 'gone',
      reason: 'agentGoneByOperator',
      message: `an operator declared agent ${agentId} gone`,
    });
  }
  endExecutorsOn(turn, agentId);
  for (const orderId of [...state.books.agent(agentId).orders]) dropOrder(state, orderId);
  rememberGone(state, record);
}
