// Owns the leader's own status updates: state until they were read back from the stream. They change the books
// only then, like every other update, because stream order is the only order of a task's states.
import { type AgentId, type TaskRef, taskKey } from '@parley/protocol/ids';
import type { StatusUpdate, TaskReason, TaskState } from '@parley/protocol/tasks';
import { isTerminal } from '@parley/protocol/tasks';
import type { ClusterState } from './cluster-state.ts';
import { MAX_UNWRITTEN_PER_TASK, MAX_UPDATE_MESSAGE_LENGTH } from './limits.ts';
import type { TaskRecord } from './records.ts';
import type { Turn } from './turn.ts';

type Wording = { readonly state: TaskState; readonly reason: TaskReason; readonly message: string };

/** The key of an unwritten update: the shell asks the table for it before it writes once more. */
export const unwrittenKey = (update: Pick<StatusUpdate, 'task' | 'sequence'>): string =>
  `${taskKey(update.task)}#${update.sequence}`;

/**
 * For a task in the books. Nothing when its last ordered state says the same or ends it already; but `gone` is the last
 * word on it, in case the task's lifecycle does not allow that other end when it is read back.
 */
export function orderUpdate(turn: Turn, task: TaskRecord, wording: Wording): void {
  const effective = effectiveState(task);
  if (effective === wording.state) return;
  if (isTerminal(effective) && wording.state !== 'gone') return;
  const waiting = turn.state.unwrittenByTask.get(taskKey(task.task))?.size ?? 0;
  if (wording.state === 'unreachable' && waiting >= MAX_UNWRITTEN_PER_TASK) return;
  const sequence = task.orderedSequence + 1;
  turn.state.tasks.put(taskKey(task.task), {
    ...task,
    orderedSequence: sequence,
    orderedState: wording.state,
  });
  write(turn, task.name, updateOf(turn, { ...task, sequence }, wording));
}

/** Its agent names it again, in that state; one that the agent has not begun to prepare counts as starting. */
export function orderReturn(turn: Turn, task: TaskRecord, named: TaskState): void {
  orderUpdate(turn, task, {
    state: named === 'killing' || named === 'running' ? named : 'starting',
    reason: 'agentReturned',
    message: `agent ${task.agentId} is back and runs the task`,
  });
}

/** For a task that was never accepted, and whose id is not known: there is no other update of it. */
export function orderRejection(
  turn: Turn,
  task: { readonly task: TaskRef; readonly agentId: AgentId; readonly name: string },
  wording: Wording,
): void {
  write(turn, task.name, updateOf(turn, { ...task, sequence: 1 }, wording));
}

/** What the task's state will be once everything that the leader ordered was read back. */
export function effectiveState(task: TaskRecord): TaskState {
  return task.orderedState ?? task.state;
}

/** It was read back, or its task ended meanwhile. */
export function dropUnwritten(state: ClusterState, task: string, key: string): void {
  state.unwritten.delete(key);
  const keys = state.unwrittenByTask.get(task);
  keys?.delete(key);
  if (keys?.size === 0) state.unwrittenByTask.delete(task);
}

export function dropAllUnwritten(state: ClusterState, task: string): void {
  for (const key of [...(state.unwrittenByTask.get(task) ?? [])]) dropUnwritten(state, task, key);
}

function write(turn: Turn, name: string, update: StatusUpdate): void {
  const { state } = turn;
  const key = unwrittenKey(update);
  const task = taskKey(update.task);
  state.unwritten.put(key, { update, name });
  state.unwrittenByTask.set(task, (state.unwrittenByTask.get(task) ?? new Set()).add(key));
  turn.effects.push({ kind: 'writeUpdate', update });
}

function updateOf(
  turn: Turn,
  { task, agentId, sequence }: { task: TaskRef; agentId: AgentId; sequence: number },
  { state, reason, message }: Wording,
): StatusUpdate {
  return {
    task,
    agentId,
    source: 'master',
    sequence,
    state,
    reason,
    message: message.slice(0, MAX_UPDATE_MESSAGE_LENGTH),
    wallTimeMs: turn.context.wallTimeMs,
  };
}
