// Owns what status updates do to the books. They come in the order of the stream, which is the only order of a
// task's states: the first terminal one ends it, the rest is dropped, duplicates by (source, sequence) too.
import type { TaskEvent } from '@parley/lifecycle/task-machine';
import { nextTaskState } from '@parley/lifecycle/transitions';
import { frameworkKey, taskKey } from '@parley/protocol/ids';
import { NO_RESOURCES } from '@parley/protocol/resources';
import { isTerminal, type StatusUpdate, type TaskState } from '@parley/protocol/tasks';
import { countRunning } from './cards.ts';
import { forgetIfOver } from './framework-removal.ts';
import type { Input } from './inputs.ts';
import { dropUnwritten, unwrittenKey } from './leader-updates.ts';
import type { TaskRecord } from './records.ts';
import { takeBackRevocable } from './revocable-resources.ts';
import { ruleHolds } from './rules.ts';
import { endTask, heldBy, keepEnded } from './task-book.ts';
import { report, reportViolation, type Turn } from './turn.ts';

/** A stream that was made anew is read from its start; what it repeats is told by source and sequence. */
export function stepUpdates(turn: Turn, input: Extract<Input, { kind: 'updates' }>): void {
  const { state } = turn;
  const { principal, streamCreatedMs: createdMs } = input;
  const before = state.streams.get(principal);
  const readBefore = before?.createdMs === createdMs ? before.readUpTo : 0;
  let readUpTo = Math.max(readBefore, input.readUpTo);
  for (const { streamSequence, update } of input.updates) {
    if (streamSequence <= readBefore) continue;
    readUpTo = Math.max(readUpTo, streamSequence);
    if (update.task.principal === principal) applyUpdate(turn, update);
    else reportViolation(turn, principal, `its stream holds an update of ${taskKey(update.task)}`);
  }
  state.streams.put(principal, { principal, createdMs, readUpTo });
}

function applyUpdate(turn: Turn, update: StatusUpdate): void {
  const key = taskKey(update.task);
  const task = turn.state.tasks.get(key);
  if (task === undefined) {
    applyToNoTask(turn, update);
    return;
  }
  if (update.source === 'master') dropUnwritten(turn.state, key, unwrittenKey(update));
  const last = update.source === 'agent' ? task.agentSequence : task.masterSequence;
  if (update.sequence <= last) return;
  if (update.source === 'agent' && update.agentId !== task.agentId) {
    reportViolation(turn, update.agentId, `reports ${key}, a task of agent ${task.agentId}`);
    return;
  }
  const seen = withSequence(task, update);
  turn.state.tasks.put(key, seen);
  const event: TaskEvent = `${update.source}.${update.state}`;
  const next = nextTaskState(seen.state, event);
  if (next === undefined) {
    reportViolation(turn, key, `${event} while ${seen.state}`);
    checkStaying(turn, seen, update);
  } else if (next !== seen.state) changeState(turn, seen, next, update);
}

/** An end that the leader ordered does not come, because of what its agent said first: nothing counted on what it was lent. */
function checkStaying(turn: Turn, { agentId }: TaskRecord, { state }: StatusUpdate): void {
  if (!isTerminal(state) || !ruleHolds(turn.state, 'stayingIsChecked')) return;
  takeBackRevocable(turn, agentId);
}

function changeState(turn: Turn, task: TaskRecord, next: TaskState, update: StatusUpdate): void {
  if (isTerminal(next)) endTask(turn, task, { ...update, state: next });
  else goOn(turn, task, next, update);
  const { name, agentId, state: from } = task;
  const resources = heldBy(task);
  report(turn, {
    type: 'taskStateChanged',
    task: task.task,
    name,
    agentId,
    from,
    to: next,
    resources,
    ...worded(update),
  });
  if (isTerminal(next)) forgetIfOver(turn, frameworkKey(task.task));
}

function goOn(turn: Turn, task: TaskRecord, next: TaskState, update: StatusUpdate): void {
  const { reason: _reason, message: _message, unreachableSinceMs: _since, ...rest } = task;
  const isFirstRun = next === 'running' && task.runningAtMs === undefined;
  turn.state.tasks.put(taskKey(task.task), {
    ...rest,
    state: next,
    ...worded(update),
    ...(isFirstRun && { runningAtMs: turn.context.coreTimeMs }),
    ...(next === 'unreachable' && { unreachableSinceMs: update.wallTimeMs }),
    changedWallTimeMs: update.wallTimeMs,
  });
  if (isFirstRun) countRunning(turn, task);
}

/** The leader's word on a task that was never accepted, or something about a task that has ended. */
function applyToNoTask(turn: Turn, update: StatusUpdate): void {
  const { state } = turn;
  const { task, agentId } = update;
  const key = taskKey(task);
  const unwritten = state.unwritten.get(unwrittenKey(update));
  if (update.source === 'agent') {
    if (!state.ended.has(key)) reportViolation(turn, agentId, `reports ${key}, an unknown task`);
    return;
  }
  if (unwritten === undefined) return;
  dropUnwritten(state, key, unwrittenKey(update));
  const { name } = unwritten;
  const resources = NO_RESOURCES;
  keepEnded(turn, { task, name, agentId, resources, update });
  report(turn, {
    type: 'taskStateChanged',
    task,
    name,
    agentId,
    from: undefined,
    to: update.state,
    resources,
    ...worded(update),
  });
}

/** Whatever the state does with it, the update was seen; health is the agent's word, in every state the last one counts. */
function withSequence(task: TaskRecord, { source, sequence, healthy }: StatusUpdate): TaskRecord {
  if (source === 'agent') {
    return { ...task, agentSequence: sequence, ...(healthy !== undefined && { healthy }) };
  }
  const { orderedState, ...rest } = task;
  const isLast = sequence >= task.orderedSequence;
  return {
    ...rest,
    masterSequence: sequence,
    orderedSequence: Math.max(sequence, task.orderedSequence),
    ...(!isLast && orderedState !== undefined && { orderedState }),
  };
}

function worded({ reason, message }: StatusUpdate): Pick<TaskRecord, 'reason' | 'message'> {
  return { ...(reason !== undefined && { reason }), ...(message !== undefined && { message }) };
}
