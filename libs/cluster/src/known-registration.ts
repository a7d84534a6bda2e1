// Owns the registration that says nothing new, which is what nearly every agent sends when a new leader begins: it needs
// no entry of the journal, and is answered from the books as they are. When in doubt it is news.
import type { RegisterRequest, RegisterResult } from '@parley/protocol/agents';
import { type AgentId, executorKey, taskKey } from '@parley/protocol/ids';
import { isTerminal } from '@parley/protocol/tasks';
import { equals, normalise } from '@parley/resources/resources';
import { tasksOn } from './agent-tasks.ts';
import { heartbeatIntervalMs, isSameOffer } from './agents.ts';
import type { ClusterState } from './cluster-state.ts';
import { executorsOn, findExecutor } from './executor-book.ts';
import { effectiveState } from './leader-updates.ts';
import type { AgentRecord } from './records.ts';
import { readRevocable } from './revocable-resources.ts';
import { isReservedAsNamed } from './static-reservations.ts';

/**
 * The answer to a registration after which the books would be what they are; undefined when it has to be journalled.
 * Nothing waits on the agent then: no order, no drain, no room that it lacks.
 */
export function knownRegistration(
  state: ClusterState,
  agentId: AgentId,
  request: RegisterRequest,
): RegisterResult | undefined {
  const agent = state.agents.get(agentId);
  if (agent === undefined || !isAtRest(state, agent)) return undefined;
  const isKnown =
    isSameAgent(agent, request) &&
    isReservedAsNamed(state, agentId, request.reserved) &&
    areTasksKnown(state, agentId, request.tasks) &&
    areExecutorsKnown(state, agentId, request.executors);
  if (!isKnown) return undefined;
  const heartbeat = heartbeatIntervalMs(state);
  return { heartbeatIntervalMs: heartbeat, unknownTasks: [], unknownExecutors: [] };
}

function isAtRest(state: ClusterState, agent: AgentRecord): boolean {
  const { isOvercommitted, isRecovering, draining, maintenance } = agent;
  const orders = state.books.agents.get(agent.agentId)?.orders.size ?? 0;
  return (
    agent.state === 'registered' &&
    !isOvercommitted &&
    isRecovering !== true &&
    draining === undefined &&
    maintenance === undefined &&
    orders === 0
  );
}

function isSameAgent(agent: AgentRecord, request: RegisterRequest): boolean {
  const total = normalise(request.total);
  if (!isSameOffer(agent, { ...request, total })) return false;
  if (request.revocable === undefined) return true;
  const [before, after] = [agent.revocable, readRevocable(request.revocable, total)];
  return before === undefined || after === undefined ? before === after : equals(before, after);
}

/** All that it names and that has not ended are here, all that are here it names, and nobody takes one for lost. */
function areTasksKnown(
  state: ClusterState,
  agentId: AgentId,
  named: RegisterRequest['tasks'],
): boolean {
  const seen = new Set(named.map(({ task }) => taskKey(task)));
  for (const { task, state: told } of named) {
    const known = state.tasks.get(taskKey(task));
    if (known === undefined) {
      if (isTerminal(told)) continue;
      return false;
    }
    if (known.agentId !== agentId || effectiveState(known) === 'unreachable') return false;
  }
  return [...tasksOn(state, agentId)].every(({ task }) => seen.has(taskKey(task)));
}

function areExecutorsKnown(
  state: ClusterState,
  agentId: AgentId,
  named: RegisterRequest['executors'],
): boolean {
  const seen = new Set(named.map(executorKey));
  if (!named.every((one) => findExecutor(state, agentId, one)?.isConfirmed === true)) return false;
  return [...executorsOn(state, agentId)].every(
    ({ executor, description }) => description.kind !== 'custom' || seen.has(executorKey(executor)),
  );
}
