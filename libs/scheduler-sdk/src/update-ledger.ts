// Owns which status updates reach the user: each (source, task, sequence) once, nothing after a task's
// first terminal update, nothing from an agent that the task was not launched on. Reads no stream.
import type { AgentId, TaskId } from '@parley/protocol/ids';
import { isTerminal, type StatusUpdate } from '@parley/protocol/tasks';

/** Ended tasks that are remembered, to drop what comes after their end. The oldest are forgotten first. */
const MAX_ENDED = 100_000;

export type UpdateVerdict =
  | 'deliver'
  /** Seen, or after the end: acknowledge at once, tell nobody. */
  | 'drop'
  /** The handler is at it: say nothing until it is through. */
  | 'inHand'
  /** Not from the agent that the task was launched on: acknowledge and report. */
  | 'foreign';

type TaskRecord = { readonly seen: Set<string>; agentId?: AgentId };

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
    if (streamSequence !== undefined) this.#inHand.set(streamSequence, identity);
    if (isTerminal(update.state)) this.#end(taskId);
    return 'deliver';
  }

  launched(taskId: TaskId, agentId: AgentId): void {
    if (!this.#ended.has(taskId)) this.#record(taskId).agentId = agentId;
  }

  /** The handler is through with it. False when it was not in hand. */
  handled(streamSequence: number): boolean {
    return this.#inHand.delete(streamSequence);
  }

  #isForeign(record: TaskRecord, update: StatusUpdate): boolean {
    if (update.source !== 'agent' || record.agentId === undefined) return false;
    return record.agentId !== update.agentId;
  }

  #record(taskId: TaskId): TaskRecord {
    const known = this.#live.get(taskId);
    if (known) return known;
    const record: TaskRecord = { seen: new Set() };
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
