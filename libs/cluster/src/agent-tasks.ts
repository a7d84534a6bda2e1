// Owns who has something on an agent: its tasks, and the frameworks that are told when it goes or comes back.
import { type AgentId, type FrameworkRef, frameworkKey } from '@parley/protocol/ids';
import type { ClusterState } from './cluster-state.ts';
import { executorsOn } from './executor-book.ts';
import { tellFramework } from './framework-events.ts';
import type { TaskRecord } from './records.ts';
import type { Turn } from './turn.ts';

export function tasksOn(state: ClusterState, agentId: AgentId): TaskRecord[] {
  const keys = [...(state.books.agents.get(agentId)?.tasks ?? [])];
  return keys.map((key) => state.tasks.get(key)).filter((task) => task !== undefined);
}

/** Tells each framework with tasks or executors on the agent, once. */
export function tellHolders(
  turn: Turn,
  agentId: AgentId,
  kind: 'agentUnreachable' | 'agentReturned' | 'agentGone',
): void {
  const holders = new Map<string, FrameworkRef>();
  for (const { task } of tasksOn(turn.state, agentId)) holders.set(frameworkKey(task), task);
  for (const { executor } of executorsOn(turn.state, agentId)) {
    holders.set(frameworkKey(executor), executor);
  }
  for (const framework of holders.values()) tellFramework(turn, framework, { kind, agentId });
}
