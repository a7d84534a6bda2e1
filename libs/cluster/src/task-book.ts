// Owns tasks from launch to end, always together with the books, and the ended ones that are kept for a while.
// What makes a task change its state is in task-updates.ts.
import { frameworkKey, type TaskRef, taskKey } from '@parley/protocol/ids';
import type { StatusUpdate } from '@parley/protocol/tasks';
import { sum } from '@parley/resources/resources';
import { countEnded, countLaunched } from './cards.ts';
import type { ClusterState } from './cluster-state.ts';
import { deadlineKey } from './deadlines.ts';
import { endDefaultExecutor } from './executor-book.ts';
import { forgetGone } from './gone-agents.ts';
import { dropAllUnwritten } from './leader-updates.ts';
import { dropOrdersOf } from './orders.ts';
import { clearOvercommitment } from './overcommitment.ts';
import type { EndedTaskRecord, TaskRecord } from './records.ts';
import { revocationOver } from './revocation-book.ts';
import { ruleHolds } from './rules.ts';
import { report, type Turn } from './turn.ts';

export function launchTask(
  turn: Turn,
  launch: Pick<
    TaskRecord,
    | 'task'
    | 'name'
    | 'agentId'
    | 'role'
    | 'resources'
    | 'reserved'
    | 'revocable'
    | 'executorId'
    | 'isInGroup'
    | 'group'
    | 'priority'
  >,
): TaskRecord {
  const { state, context } = turn;
  const record: TaskRecord = {
    ...launch,
    state: 'staging',
    launchedAtMs: context.coreTimeMs,
    changedWallTimeMs: context.wallTimeMs,
    agentSequence: 0,
    masterSequence: 0,
    orderedSequence: 0,
  };
  bookTask(state, record);
  countLaunched(turn, record);
  const { task, name, agentId } = record;
  const resources = heldBy(record);
  report(turn, {
    type: 'taskStateChanged',
    task,
    name,
    agentId,
    from: undefined,
    to: 'staging',
    resources,
  });
  return record;
}

export function bookTask(state: ClusterState, record: TaskRecord): void {
  state.tasks.put(taskKey(record.task), record);
  state.books.taskLaunched(record, isRegistered(state, record));
  indexTask(state, record);
  markHolder(state, record);
}

/** Frees what the task held and keeps what people may ask about it. */
export function endTask(turn: Turn, task: TaskRecord, update: StatusUpdate): void {
  const { state } = turn;
  const key = taskKey(task.task);
  dropOrdersOf(turn, task);
  revocationOver(turn, task.task);
  dropAllUnwritten(state, key);
  state.tasks.delete(key);
  state.books.taskEnded(task, isRegistered(state, task));
  state.executorTasks.taskEnded(task);
  state.taskOrder.delete(key);
  endDefaultExecutor(turn, task);
  clearOvercommitment(state, task.agentId);
  forgetGone(state, task.agentId);
  markHolder(state, task);
  countEnded(turn, task, update);
  keepEnded(turn, { ...task, resources: heldBy(task), update });
}

/** Not reserved and reserved together; the disk of volumes is not in it, nor what is revocable. */
export function heldBy({ resources, reserved }: TaskRecord): TaskRecord['resources'] {
  if (reserved.length === 0) return resources;
  return sum([resources, ...reserved.map((part) => part.resources)]);
}

/** As derived state; of all records, when a state is restored. */
export function indexTask(state: ClusterState, task: TaskRecord): void {
  state.executorTasks.taskLaunched(task);
  state.taskOrder.add(taskKey(task.task));
}

/** Whether the id was used before, as far as is still known. */
export function isKnownTask(state: ClusterState, task: TaskRef): boolean {
  const key = taskKey(task);
  return state.tasks.has(key) || state.ended.has(key) || state.unwrittenByTask.has(key);
}

/** The newest ones of each framework stay, for a limited time. */
export function keepEnded(
  turn: Turn,
  {
    update,
    ...task
  }: Pick<TaskRecord, 'task' | 'name' | 'agentId' | 'resources' | 'revocable'> & {
    readonly update: StatusUpdate;
  },
): void {
  const { state, context } = turn;
  const { settings } = state.record;
  if (settings.endedTasksPerFramework === 0) return;
  const knowsCauses = ruleHolds(state, 'causesAreKept');
  const record: EndedTaskRecord = {
    task: task.task,
    name: task.name,
    agentId: task.agentId,
    resources: task.resources,
    ...(task.revocable !== undefined && { revocable: task.revocable }),
    state: update.state,
    ...(update.reason !== undefined && { reason: update.reason }),
    ...(update.cause !== undefined && knowsCauses && { cause: update.cause }),
    ...(update.message !== undefined && { message: update.message }),
    ...(update.exitCode !== undefined && { exitCode: update.exitCode }),
    ...(update.signal !== undefined && { signal: update.signal }),
    endedAtMs: context.coreTimeMs,
    changedWallTimeMs: update.wallTimeMs,
  };
  const key = taskKey(task.task);
  state.ended.put(key, record);
  state.books.endedTaskKept(record);
  state.deadlines.set(deadlineKey('ended', key), context.coreTimeMs + settings.endedTasksMs);
  const book = state.books.framework(frameworkKey(task.task));
  while (book.endedCount > settings.endedTasksPerFramework) {
    forgetEnded(state, book.ended.peek() ?? key);
  }
}

export function endedDeadline(state: ClusterState, key: string): number | undefined {
  const ended = state.ended.get(key);
  return ended && ended.endedAtMs + state.record.settings.endedTasksMs;
}

export function forgetEnded(state: ClusterState, key: string): void {
  const ended = state.ended.get(key);
  if (ended === undefined) return;
  const framework = frameworkKey(ended.task);
  const book = state.books.framework(framework);
  state.ended.delete(key);
  book.endedCount -= 1;
  for (let head = book.ended.peek(); head !== undefined; head = book.ended.peek()) {
    if (state.ended.has(head)) break;
    book.ended.shift();
  }
  state.books.dropFrameworkIfEmpty(framework);
}

function isRegistered(state: ClusterState, task: TaskRecord): boolean {
  return state.agents.get(task.agentId)?.state === 'registered';
}

function markHolder(state: ClusterState, { agentId, task, role }: TaskRecord): void {
  state.marks.agentFree(agentId);
  state.marks.usage(task, role);
}
