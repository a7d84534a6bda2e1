// Owns what the leader answers when it is asked about tasks: one of its books, one that it remembers, or what follows
// from what it knows of the agent. Nothing changes by being asked. Mesos docs, "Task reconciliation".
import {
  type AgentId,
  type FrameworkRef,
  frameworkKey,
  type TaskId,
  type TaskRef,
  taskKey,
} from '@parley/protocol/ids';
import type {
  ReconcileRequest,
  ReconcileResult,
  StatusUpdate,
  TaskStatus,
} from '@parley/protocol/tasks';
import { unreachable } from '@parley/protocol/unreachable';
import type { ClusterState } from './cluster-state.ts';
import { MAX_STATUS_MESSAGE_LENGTH, RECONCILE_PAGE } from './limits.ts';
import type { TaskRecord } from './records.ts';

/**
 * Explicit: every task that is named gets an answer. Implicit: all live tasks, by the order of their ids, so that a
 * page stays true while tasks come and go. The statuses are those of the position in the stream, so that a framework
 * can tell what it has read beyond them.
 */
export function reconcileTasks(
  state: ClusterState,
  framework: FrameworkRef,
  { tasks, after }: ReconcileRequest,
): ReconcileResult {
  const stream = state.streams.get(framework.principal);
  const position = {
    streamCreatedMs: stream?.createdMs ?? 0,
    sequence: stream?.readUpTo ?? 0,
  };
  if (tasks.length > 0) {
    const statuses = tasks.map(({ taskId, agentId }) =>
      statusOf(state, { ...framework, taskId }, agentId),
    );
    return { statuses, position };
  }
  const page = liveTasks(state, framework, after);
  const statuses = page.slice(0, RECONCILE_PAGE).map((task) => liveStatus(task));
  const next = page.length > RECONCILE_PAGE ? statuses.at(-1)?.taskId : undefined;
  return { statuses, position, ...(next !== undefined && { next }) };
}

/** The first that applies: live, ended or rejected and remembered, else what its agent's fate says. */
export function statusOf(state: ClusterState, task: TaskRef, agentId?: AgentId): TaskStatus {
  const key = taskKey(task);
  const live = state.tasks.get(key);
  if (live !== undefined) return liveStatus(live);
  const ended = state.ended.get(key);
  if (ended !== undefined) return wordedStatus(ended);
  for (const unwritten of state.unwrittenByTask.get(key) ?? []) {
    const update = state.unwritten.get(unwritten)?.update;
    if (update !== undefined) return wordedStatus(update);
  }
  return statusByAgent(state, task.taskId, agentId);
}

function statusByAgent(
  state: ClusterState,
  taskId: TaskId,
  agentId: AgentId | undefined,
): TaskStatus {
  const agent = agentId === undefined ? undefined : state.agents.get(agentId);
  if (agent === undefined) return { taskId, ...about(agentId), state: 'unknown', ...reconciled };
  const named = { taskId, agentId: agent.agentId };
  if (agent.isRecovering === true) return { ...named, state: 'unreachable', ...reconciled };
  switch (agent.state) {
    case 'registered':
      return { ...named, state: 'gone', ...reconciled };
    case 'unreachable': {
      const since = agent.unreachableSinceMs;
      const unreachableSinceMs = since !== undefined && { unreachableSinceMs: since };
      return { ...named, state: 'unreachable', ...reconciled, ...unreachableSinceMs };
    }
    case 'gone':
      return { ...named, state: 'gone', reason: 'agentGoneByOperator' };
    case 'unknown':
      return { ...named, state: 'unknown', ...reconciled };
    default:
      return unreachable(agent.state);
  }
}

function liveStatus(task: TaskRecord): TaskStatus {
  const { healthy, unreachableSinceMs } = task;
  return {
    ...wordedStatus(task),
    ...(healthy !== undefined && { healthy }),
    ...(unreachableSinceMs !== undefined && { unreachableSinceMs }),
  };
}

/** A page of them must fit into a message, whatever they were told. */
function wordedStatus({
  task,
  agentId,
  state,
  reason,
  cause,
  message,
}: Pick<StatusUpdate, 'task' | 'agentId' | 'state' | 'reason' | 'cause' | 'message'>): TaskStatus {
  return {
    taskId: task.taskId,
    agentId,
    state,
    ...(reason !== undefined && { reason }),
    ...(cause !== undefined && { cause }),
    ...(message !== undefined && { message: message.slice(0, MAX_STATUS_MESSAGE_LENGTH) }),
  };
}

/** One more than a page, where there are more. */
function liveTasks(
  state: ClusterState,
  framework: FrameworkRef,
  after: TaskId | undefined,
): TaskRecord[] {
  const prefix = `${frameworkKey(framework)}/`;
  return state.taskOrder
    .after(`${prefix}${after ?? ''}`, RECONCILE_PAGE + 1)
    .filter((key) => key.startsWith(prefix))
    .map((key) => state.tasks.get(key))
    .filter((task) => task !== undefined);
}

const reconciled = { reason: 'reconciliation' } as const;
const about = (agentId: AgentId | undefined) => (agentId === undefined ? {} : { agentId });
