// Owns what ends an executor and who is told: its agent says so, comes back without it, or refuses to start it. Also
// the framework's wish to end one. Its tasks end by their agent's own updates, never here. Mesos docs, "Framework
// failure handling": there the end of an executor is told at most once; here until it is acknowledged.
import type { ExecutorExited } from '@parley/protocol/agents';
import { fail, succeed } from '@parley/protocol/errors';
import type { ShutdownExecutorRequest } from '@parley/protocol/frameworks';
import {
  type AgentId,
  type ExecutorRef,
  executorKey,
  frameworkKey,
  type TaskId,
} from '@parley/protocol/ids';
import type { Answer } from '@parley/protocol/message';
import {
  confirmExecutor,
  executorsOn,
  findExecutor,
  isLaunchPending,
  launchExecutor,
  orderShutdown,
  putExecutor,
  removeExecutor,
  tasksOfExecutor,
} from './executor-book.ts';
import { tellFramework } from './framework-events.ts';
import { forgetIfOver } from './framework-removal.ts';
import { confirmLaunch, orderKill } from './orders.ts';
import type { ExecutorRecord, FrameworkRecord } from './records.ts';
import type { Turn } from './turn.ts';

/** How it ended, as its agent says. */
type Ending = Omit<ExecutorExited, 'executor' | 'tasks'>;

/**
 * Of its agent. One that is not in the books has been seen off already: the call was repeated, or its agent came back
 * without it. What the agent had given to it was launched, whether the order was answered yet or not. Fails with
 * `agentGone`.
 */
export function executorExited(
  turn: Turn,
  agentId: AgentId,
  { executor, tasks, ...ending }: ExecutorExited,
): Answer {
  const { state } = turn;
  if (state.agents.get(agentId)?.state === 'gone') {
    return fail('agentGone', `an operator declared agent ${agentId} gone`);
  }
  const record = findExecutor(state, agentId, executor);
  if (record?.description.kind !== 'custom') return succeed({});
  const endedWith: ReadonlySet<TaskId> = new Set(tasks);
  for (const task of tasksOfExecutor(state, record)) {
    if (endedWith.has(task.task.taskId)) confirmLaunch(turn, task);
  }
  executorIsNoMore(turn, findExecutor(state, agentId, executor) ?? record, ending);
  return succeed({});
}

/**
 * Of its framework. One that is not there needs no end, and its exit may be on its way as an event: no failure. The
 * agent itself runs what a default executor stands for: its tasks are killed.
 */
export function shutdownExecutor(
  turn: Turn,
  { framework }: FrameworkRecord,
  { agentId, executorId, graceMs }: ShutdownExecutorRequest,
): Answer {
  const record = findExecutor(turn.state, agentId, { ...framework, executorId });
  if (record === undefined) return succeed({});
  if (record.description.kind === 'custom') {
    orderShutdown(turn, record, graceMs);
    return succeed({});
  }
  const wish = { reason: 'framework', ...(graceMs !== undefined && { graceMs }) } as const;
  for (const task of tasksOfExecutor(turn.state, record)) orderKill(turn, task, wish);
  return succeed({});
}

/**
 * Compares what an agent names with the books. Returns those that it must shut down. One that it does not name is no
 * more, unless its launch is still under way.
 */
export function reconcileExecutors(
  turn: Turn,
  agentId: AgentId,
  named: readonly ExecutorRef[],
): ExecutorRef[] {
  const unknown: ExecutorRef[] = [];
  const seen = new Set<string>();
  for (const executor of named) {
    seen.add(executorKey(executor));
    const record = findExecutor(turn.state, agentId, executor);
    if (record === undefined) unknown.push(executor);
    else confirmExecutor(turn, record);
  }
  for (const record of executorsOn(turn.state, agentId)) {
    if (seen.has(executorKey(record.executor)) || record.description.kind !== 'custom') continue;
    if (!record.isConfirmed && isLaunchPending(turn.state, record)) continue;
    const message = `agent ${agentId} came back without the executor`;
    executorIsNoMore(turn, record, { end: 'unknown', message });
  }
  return unknown;
}

/** Its agent is gone, which the framework is told by itself. */
export function endExecutorsOn(turn: Turn, agentId: AgentId): void {
  for (const record of executorsOn(turn.state, agentId)) {
    removeExecutor(turn, record, 'unknown');
    forgetIfOver(turn, frameworkKey(record.executor));
  }
}

/**
 * A task of it that is still to be launched makes the agent start it anew: what it holds stays taken. Mesos drops such
 * a task (REASON_EXECUTOR_TERMINATED).
 */
export function executorIsNoMore(turn: Turn, record: ExecutorRecord, ending: Ending): void {
  const { state } = turn;
  const { executor, agentId, isShuttingDown } = record;
  const isStartedAnew = isLaunchPending(state, record);
  removeExecutor(turn, record, ending.end);
  if (isStartedAnew) {
    const { principal, frameworkId } = executor;
    launchExecutor(turn, { ...record, framework: { principal, frameworkId } });
    const anew = findExecutor(state, agentId, executor);
    if (anew !== undefined && isShuttingDown) putExecutor(state, { ...anew, isShuttingDown });
  }
  const { executorId } = executor;
  tellFramework(turn, executor, { kind: 'executorExited', agentId, executorId, ...ending });
  forgetIfOver(turn, frameworkKey(executor));
}
