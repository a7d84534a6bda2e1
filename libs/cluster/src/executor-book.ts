// Owns executors from launch to exit, always together with the books.
import {
  type AgentId,
  type ExecutorId,
  type FrameworkRef,
  frameworkKey,
} from '@parley/protocol/ids';
import type { ClusterState } from './cluster-state.ts';
import { orderShutdown } from './orders.ts';
import type { ExecutorRecord } from './records.ts';
import type { Turn } from './turn.ts';

/** The framework's live executors on the agent. */
export function executorsOf(
  state: ClusterState,
  framework: FrameworkRef,
  agentId: AgentId,
): ExecutorId[] {
  const key = frameworkKey(framework);
  const book = state.books.agents.get(agentId);
  return recordsOf(state, book?.executors ?? [])
    .filter(({ executor }) => frameworkKey(executor) === key)
    .map(({ executor }) => executor.executorId);
}

/** Their framework was removed. */
export function shutDownExecutorsOf(turn: Turn, key: string): void {
  const keys = turn.state.books.frameworks.get(key)?.executors ?? [];
  for (const record of recordsOf(turn.state, keys)) orderShutdown(turn, record);
}

function recordsOf(state: ClusterState, keys: Iterable<string>): ExecutorRecord[] {
  return [...keys].map((key) => state.executors.get(key)).filter((record) => record !== undefined);
}
