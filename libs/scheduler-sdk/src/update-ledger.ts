// Owns which status updates reach the user: each (source, task, sequence) once, nothing after a task's first terminal
// update, nothing from an agent that the task was not launched on, no word of the leader that the agent was ahead of; and
// what a reconciliation tells beyond them. Reads no stream.
import type { AgentId, FrameworkRef, TaskId } from '@parley/protocol/ids';
import {
  isTerminal,
  type StatusUpdate,
  type TaskState,
  type TaskStatus,
} from '@parley/protocol/tasks';
import type { LaunchedTask } from './accept-order.ts';

/** Ended tasks that are remembered, to drop what comes after their end. The oldest are forgotten first. */
const MAX_ENDED = 100_000;
/** A task on its agent never goes back in this. */
const COURSE: readonly (TaskState | undefined)[] = ['starting', 'running', 'killing'];

export type UpdateVerdict =
  | 'deliver'
  /** Seen, after the end, or overtaken: acknowledge at once, tell nobody. */
  | 'drop'
  /** The handler is at it: say nothing until it is through. */
  | 'inHand'
  /** Not from the agent that the task was launched on: acknowledge and report. */
  | 'foreign';

type TaskRecord = {
  readonly seen: Set<string>;
  agentId?: AgentId;
  /** The leader has said that it launched the task, or something was heard of it. */
  isCertain: boolean;
  state?: TaskState;
  /** Of the stream message that told `state`. */
  streamSequence: number;
};

export class UpdateLedger {
  readonly #live = new Map<TaskId, TaskRecord>();
  readonly #ended = new Set<TaskId>();
  /** Stream sequence to identity of what the handler has not finished. */
  readonly #inHand = new Map<number, string>();

  /** Decides about one update read from the stream; undefined is the sequence of the SDK's own. */
  decide(streamSequence: number | undefined, update: StatusUpdate): UpdateVerdict {
    const { taskId } = update.task;
    const step = `${update.source}:${update.sequence}`;
    const identity = `${taskId}:${step}`;
    if (streamSequence !== undefined && this.#inHand.get(streamSequence) === identity) {
      return 'inHand';
    }
    if (this.#ended.has(taskId)) return 'drop';
    const record = this.#record(taskId);
    if (this.#isForeign(record, update)) return 'foreign';
    if (record.seen.has(step)) return 'drop';
    record.seen.add(step);
    if (isOvertaken(record, update)) return 'drop';
    if (streamSequence !== undefined) this.#inHand.set(streamSequence, identity);
    this.#delivered(record, update, streamSequence ?? 0);
    return 'deliver';
  }

  launched({ taskId, agentId }: LaunchedTask): void {
    if (!this.#ended.has(taskId)) this.#record(taskId).agentId = agentId;
  }

  /** The leader has answered that it launched the task. False when it has ended since. */
  confirmed(taskId: TaskId): boolean {
    const record = this.#live.get(taskId);
    if (record) record.isCertain = true;
    return record !== undefined;
  }

  /** It has not ended, and something was heard of it. */
  isHeardOf(taskId: TaskId): boolean {
    return this.#live.get(taskId)?.state !== undefined;
  }

  /** Nothing was heard of the task since it was launched. */
  isSilent(taskId: TaskId): boolean {
    const record = this.#live.get(taskId);
    return record !== undefined && record.state === undefined;
  }

  /** The handler is through with it. False when it was not in hand. */
  handled(streamSequence: number): boolean {
    return this.#inHand.delete(streamSequence);
  }

  /** Tasks of which it is certain that they were launched, and of which no end is known. */
  running(): LaunchedTask[] {
    return [...this.#live].flatMap(([taskId, { agentId, isCertain }]) =>
      isCertain && agentId !== undefined ? [{ taskId, agentId }] : [],
    );
  }

  /**
   * The update to deliver for what the leader knows of a task, when that is news: an end that was not told, another
   * state than the last one told, or a task that is not known here. `unknown` of a task that was launched for certain
   * is its end as `gone`: the leader's books are durable, so a task that is not in them does not run. Undefined when it
   * is no news, or something later was delivered. `readUpTo`: the status holds up to this message of the stream.
   */
  reconcile(
    framework: FrameworkRef,
    status: TaskStatus,
    readUpTo: number,
  ): StatusUpdate | undefined {
    const { taskId } = status;
    const known = this.#live.get(taskId);
    if (this.#ended.has(taskId) || (known && known.streamSequence > readUpTo)) return undefined;
    const state = stateToTell(status, known);
    const agentId = status.agentId ?? known?.agentId;
    if (state === undefined || agentId === undefined) return undefined;
    const update = reconciledUpdate({ task: { ...framework, taskId }, agentId, state }, status);
    this.#delivered(this.#record(taskId), update, known?.streamSequence ?? 0);
    return update;
  }

  #delivered(record: TaskRecord, update: StatusUpdate, streamSequence: number): void {
    record.isCertain = true;
    record.state = update.state;
    record.agentId ??= update.agentId;
    record.streamSequence = streamSequence;
    if (isTerminal(update.state)) this.#end(update.task.taskId);
  }

  #isForeign(record: TaskRecord, update: StatusUpdate): boolean {
    if (update.source !== 'agent' || record.agentId === undefined) return false;
    return record.agentId !== update.agentId;
  }

  #record(taskId: TaskId): TaskRecord {
    const known = this.#live.get(taskId);
    if (known) return known;
    const record: TaskRecord = { seen: new Set(), isCertain: false, streamSequence: 0 };
    this.#live.set(taskId, record);
    return record;
  }

  #end(taskId: TaskId): void {
    this.#live.delete(taskId);
    this.#ended.add(taskId);
    for (const id of this.#ended) {
      if (this.#ended.size <= MAX_ENDED) break;
      this.#ended.delete(id);
    }
  }
}

/**
 * The leader says that a task is back, in the state that its agent named by registering. The agent's own update may say
 * more and be in the stream first; then the leader's changes nothing, here as in the books (lifecycle/task-machine.ts).
 * One that says the same is delivered: what was told may be a duplicate of an update from before this process began.
 */
function isOvertaken({ state: told }: TaskRecord, { state, reason }: StatusUpdate): boolean {
  return reason === 'agentReturned' && COURSE.indexOf(state) < COURSE.indexOf(told);
}

function stateToTell(
  { state }: TaskStatus,
  known: Pick<TaskRecord, 'isCertain' | 'state'> | undefined,
): TaskState | undefined {
  if (state === 'unknown') return known?.isCertain ? 'gone' : undefined;
  if (known === undefined) return state;
  // Staging is what is believed anyway of a task of which nothing was heard.
  const believed = known.state ?? 'staging';
  return state === believed ? undefined : state;
}

function reconciledUpdate(
  core: Pick<StatusUpdate, 'task' | 'agentId' | 'state'>,
  status: TaskStatus,
): StatusUpdate {
  const { message, healthy } = status;
  const why = status.state === 'unknown' ? 'the leader knows no such task' : undefined;
  const text = message ?? why ?? status.reason;
  return {
    ...core,
    source: 'master',
    sequence: 1,
    reason: 'reconciliation',
    ...(text !== undefined && { message: text }),
    ...(healthy !== undefined && { healthy }),
    wallTimeMs: 0,
  };
}
