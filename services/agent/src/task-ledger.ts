// Owns what the agent has said of one task, whoever runs it: its state, its status updates in order, and the record that
// an update must be in before it is sent. What there is to say is decided in supervised-task.ts and executor-task.ts.
import { nextTaskState } from '@parley/lifecycle/transitions';
import { type AgentId, type TaskKey, type TaskRef, taskKey } from '@parley/protocol/ids';
import type { StatusUpdate, TaskState } from '@parley/protocol/tasks';
import { RecordProgress } from './record-progress.ts';
import type { Instant, SupervisorEffect } from './supervisor-messages.ts';
import type { Status } from './task-outcome.ts';
import { TASK_RECORD_VERSION, type TaskRecord } from './task-record.ts';
import { UpdateOutbox } from './update-outbox.ts';

/** What says no more than the last value of something waits for room: newer words replace it. */
const MAX_WAITING_UPDATES = 64;
const MAX_MESSAGE_LENGTH = 4096;

type Out = SupervisorEffect[];

export type ReportedStatus = Status &
  Pick<StatusUpdate, 'executorId' | 'healthy' | 'check' | 'data'>;

/** The part of a record that is not said in updates. */
export type RecordDetails = Omit<
  TaskRecord,
  'version' | 'task' | 'state' | 'lastSequence' | 'updates'
>;

export class TaskLedger {
  readonly outbox: UpdateOutbox;
  readonly record = new RecordProgress();
  readonly #agentId: AgentId;
  readonly #ref: TaskRef;
  readonly #key: TaskKey;
  readonly #details: () => RecordDetails;
  #state: TaskState = 'staging';
  #lastSequence = 0;

  /** `details`: read whenever the record is written. */
  constructor(agentId: AgentId, ref: TaskRef, details: () => RecordDetails) {
    this.#agentId = agentId;
    this.#ref = ref;
    this.#key = taskKey(ref);
    this.#details = details;
    this.outbox = new UpdateOutbox(this.#key);
  }

  get state(): TaskState {
    return this.#state;
  }
  get lastSequence(): number {
    return this.#lastSequence;
  }
  get hasRoom(): boolean {
    return this.outbox.size < MAX_WAITING_UPDATES;
  }

  /** Goes on from the record of an earlier process. */
  recover(record: TaskRecord): void {
    this.record.found();
    this.#state = record.state;
    this.#lastSequence = record.lastSequence;
    for (const update of record.updates) this.outbox.add(update, 0);
  }

  /** Makes an update of it and writes that into the record. Where the lifecycle does not lead is a defect: reported. */
  say(status: ReportedStatus, now: Instant, out: Out): void {
    const next = nextTaskState(this.#state, `agent.${status.state}`);
    if (next === undefined) {
      const what = `its lifecycle does not lead from ${this.#state} to ${status.state}`;
      out.push({ kind: 'report', about: this.#key, what });
      return;
    }
    this.#state = next;
    this.#lastSequence += 1;
    const { message } = status;
    const update: StatusUpdate = {
      task: this.#ref,
      agentId: this.#agentId,
      source: 'agent',
      sequence: this.#lastSequence,
      ...status,
      ...(message !== undefined && { message: message.slice(0, MAX_MESSAGE_LENGTH) }),
      wallTimeMs: now.wallTimeMs,
    };
    this.outbox.add(update, this.record.revision + 1);
    this.write(out);
  }

  write(out: Out): void {
    const record: TaskRecord = {
      version: TASK_RECORD_VERSION,
      task: this.#ref,
      ...this.#details(),
      state: this.#state,
      lastSequence: this.#lastSequence,
      updates: this.outbox.updates,
    };
    out.push({ kind: 'persist', task: this.#key, revision: this.record.next(), record });
  }

  /** Writes again what could not be written. */
  tick(nowMs: number, out: Out): void {
    if (this.record.takeDue(nowMs)) this.write(out);
  }

  /** The next update that may be sent, given the creation time of the principal's stream as far as known. */
  publish(nowMs: number, streamCreatedMs: number | undefined, out: Out): void {
    const update = this.outbox.takeDue(nowMs, this.record, streamCreatedMs);
    if (update !== undefined) out.push({ kind: 'publishUpdate', task: this.#key, update });
  }

  nextDueMs(isConnected: boolean): number {
    const outboxMs = isConnected ? this.outbox.nextDueMs(this.record) : undefined;
    return Math.min(this.record.nextDueMs(), outboxMs ?? Number.POSITIVE_INFINITY);
  }
}
