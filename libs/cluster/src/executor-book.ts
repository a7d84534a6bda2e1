// Owns the records of executors, always together with the books: from the first task that is launched on one until
// it is no more. Who is told of its end, and what ends one, is in executor-ends.ts; its tasks are in task-book.ts.
import type { ExecutorDescription } from '@parley/protocol/executor-description';
import type { ExecutorEnd } from '@parley/protocol/frameworks';
import {
  type AgentId,
  type ExecutorId,
  type ExecutorRef,
  type FrameworkRef,
  frameworkKey,
  type RoleName,
} from '@parley/protocol/ids';
import type { Resources } from '@parley/protocol/resources';
import { executorRecordKey } from './books.ts';
import type { ClusterState } from './cluster-state.ts';
import { dropOrder, nextOrderId, orderToSend, sendOrder } from './order-book.ts';
import { clearOvercommitment } from './overcommitment.ts';
import type { ExecutorRecord, TaskRecord } from './records.ts';
import { report, type Turn } from './turn.ts';

/** The framework's live executors on the agent. */
export function executorsOf(
  state: ClusterState,
  framework: FrameworkRef,
  agentId: AgentId,
): ExecutorId[] {
  const key = frameworkKey(framework);
  return executorsOn(state, agentId)
    .filter(({ executor }) => frameworkKey(executor) === key)
    .map(({ executor }) => executor.executorId);
}

export function executorsOn(state: ClusterState, agentId: AgentId): ExecutorRecord[] {
  return recordsOf(state, state.books.agents.get(agentId)?.executors ?? []);
}

export function findExecutor(
  state: ClusterState,
  agentId: AgentId,
  executor: ExecutorRef,
): ExecutorRecord | undefined {
  return state.executors.get(executorRecordKey(agentId, executor));
}

/** The executor that a task was launched on, while it is there. */
export function executorOfTask(
  state: ClusterState,
  { task, agentId, executorId }: Pick<TaskRecord, 'task' | 'agentId' | 'executorId'>,
): ExecutorRecord | undefined {
  if (executorId === undefined) return undefined;
  const { principal, frameworkId } = task;
  return findExecutor(state, agentId, { principal, frameworkId, executorId });
}

/** Live tasks that were launched on it. */
export function tasksOfExecutor(
  state: ClusterState,
  { agentId, executor }: Pick<ExecutorRecord, 'agentId' | 'executor'>,
): TaskRecord[] {
  const keys = [...state.executorTasks.of(executorRecordKey(agentId, executor))];
  return keys.map((key) => state.tasks.get(key)).filter((task) => task !== undefined);
}

/** With the first task that is launched on it; `resources` are its own. */
export function launchExecutor(
  turn: Turn,
  launch: {
    readonly framework: FrameworkRef;
    readonly agentId: AgentId;
    readonly role: RoleName;
    readonly description: ExecutorDescription;
    readonly resources: Resources;
  },
): void {
  const { state } = turn;
  const { framework, agentId, role, description, resources } = launch;
  const executor = { ...framework, executorId: description.executorId };
  const record: ExecutorRecord = {
    executor,
    agentId,
    role,
    description,
    resources,
    isConfirmed: false,
    isShuttingDown: false,
  };
  state.executors.put(executorRecordKey(agentId, executor), record);
  state.books.executorLaunched(record, isRegistered(state, agentId));
  markHolder(state, record);
  report(turn, { type: 'executorLaunched', executor, agentId, resources });
}

/** Frees what it held. Its tasks stay until somebody says what became of them. */
export function removeExecutor(turn: Turn, record: ExecutorRecord, end: ExecutorEnd): void {
  const { state } = turn;
  const { executor, agentId, shutdownOrder } = record;
  if (shutdownOrder !== undefined) dropOrder(state, shutdownOrder);
  state.executors.delete(executorRecordKey(agentId, executor));
  state.books.executorEnded(record, isRegistered(state, agentId));
  clearOvercommitment(state, agentId);
  markHolder(state, record);
  report(turn, { type: 'executorExited', executor, agentId, end });
}

/** A default executor is no process: it is there as long as tasks of its groups are. */
export function endDefaultExecutor(turn: Turn, task: TaskRecord): void {
  const record = executorOfTask(turn.state, task);
  if (record?.description.kind !== 'default') return;
  const { agentId, executor } = record;
  if (turn.state.executorTasks.of(executorRecordKey(agentId, executor)).size > 0) return;
  removeExecutor(turn, record, 'exited');
}

/**
 * Its agent has it: it answered the launch of a task of it, or named it when it registered. An order to shut down
 * that overtook the launch found nothing, and goes out again.
 */
export function confirmExecutor(turn: Turn, record: ExecutorRecord): void {
  if (record.isConfirmed) return;
  const confirmed = { ...record, isConfirmed: true };
  putExecutor(turn.state, confirmed);
  if (record.isShuttingDown && record.shutdownOrder === undefined) orderShutdown(turn, confirmed);
}

/** No more tasks for it from now on. A repeated order goes out again; while one is unanswered, under the same id. */
export function orderShutdown(turn: Turn, record: ExecutorRecord, graceMs?: number): void {
  const { executor, agentId } = record;
  const orderId = record.shutdownOrder ?? nextOrderId(turn.state);
  putExecutor(turn.state, { ...record, isShuttingDown: true, shutdownOrder: orderId });
  const body = { executor, ...(graceMs !== undefined && { graceMs }) };
  sendOrder(turn, { kind: 'shutdownExecutor', orderId, agentId, body });
}

/** The agent has answered it, or it is not to be sent any more. */
export function shutdownAnswered(state: ClusterState, record: ExecutorRecord): ExecutorRecord {
  const { shutdownOrder, ...answered } = record;
  if (shutdownOrder !== undefined) dropOrder(state, shutdownOrder);
  putExecutor(state, answered);
  return answered;
}

/** Their framework was removed. The agent itself ends what it runs of a group, with the group's tasks. */
export function shutDownExecutorsOf(turn: Turn, key: string): void {
  const { state } = turn;
  for (const record of recordsOf(state, state.books.frameworks.get(key)?.executors ?? [])) {
    if (record.description.kind === 'custom') orderShutdown(turn, record);
  }
}

export function putExecutor(state: ClusterState, record: ExecutorRecord): void {
  state.executors.put(executorRecordKey(record.agentId, record.executor), record);
}

/** Tasks of it that the agent has not yet confirmed, and is still ordered: they start it anew where it is not there. */
export function isLaunchPending(state: ClusterState, record: ExecutorRecord): boolean {
  return tasksOfExecutor(state, record).some(({ runOrder }) => {
    return runOrder !== undefined && orderToSend(state, runOrder) !== undefined;
  });
}

function recordsOf(state: ClusterState, keys: Iterable<string>): ExecutorRecord[] {
  return [...keys].map((key) => state.executors.get(key)).filter((record) => record !== undefined);
}

function isRegistered(state: ClusterState, agentId: AgentId): boolean {
  return state.agents.get(agentId)?.state === 'registered';
}

function markHolder(state: ClusterState, { agentId, executor, role }: ExecutorRecord): void {
  state.marks.agentFree(agentId);
  state.marks.usage(executor, role);
}
