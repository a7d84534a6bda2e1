// Owns the status updates of one task until the leader has journalled them: sent one at a time, in order, again and
// again until JetStream acknowledges, kept until a watermark covers them (design 3).
import type { Watermarks } from '@parley/protocol/broadcasts';
import type { TaskKey } from '@parley/protocol/ids';
import { isTerminal, type StatusUpdate } from '@parley/protocol/tasks';

// Mesos waits 10 s, doubling to 10 min, for an acknowledgement by the framework itself. Here JetStream acknowledges
// the storing, which is a matter of milliseconds whatever the framework does, and the leader learns what is free from
// the stream alone: an update that waits for minutes would keep a task's resources for as long.
const FIRST_RETRY_MS = 2000;
const MAX_RETRY_MS = 30_000;
/** What waited for a connection, or has to go into a new stream, is sent again within this time. */
export const RESEND_SPREAD_MS = 1000;

type Watermark = Pick<Watermarks['streams'][number], 'createdMs' | 'sequence' | 'damaged'>;

type Ack = {
  readonly streamSequence: number;
  /** The stream's creation time as known when the update was sent; undefined before the first watermark. */
  readonly streamCreatedMs: number | undefined;
};

type Entry = {
  readonly update: StatusUpdate;
  /** The record with this revision holds the update. */
  readonly revision: number;
  sent: { readonly streamCreatedMs: number | undefined } | undefined;
  dueMs: number;
  waitMs: number;
  ack: Ack | undefined;
};

/** The part of a record's progress that decides what may be sent. */
export type SendableFrom = {
  /** This revision is on the disk. */
  readonly recorded: number;
  /** The writing of this revision has come to an end, with success or without. */
  readonly settled: number;
};

export class UpdateOutbox {
  readonly #resendAfterMs: number;
  #entries: Entry[] = [];

  constructor(task: TaskKey) {
    this.#resendAfterMs = resendDelayOf(task);
  }

  get size(): number {
    return this.#entries.length;
  }

  /** JetStream has all of them. */
  get isStored(): boolean {
    return this.#firstOpen() === undefined;
  }

  get isEmpty(): boolean {
    return this.#entries.length === 0;
  }

  /** Updates that no watermark has covered, in order. */
  get updates(): StatusUpdate[] {
    return this.#entries.map((entry) => entry.update);
  }

  add(update: StatusUpdate, revision: number): void {
    const timing = { dueMs: 0, waitMs: FIRST_RETRY_MS };
    this.#entries.push({ update, revision, sent: undefined, ack: undefined, ...timing });
  }

  /** The update to send now, if any: the first one that is not acknowledged, when it is due. */
  takeDue(
    nowMs: number,
    progress: SendableFrom,
    streamCreatedMs: number | undefined,
  ): StatusUpdate | undefined {
    const entry = this.#sendable(progress);
    if (entry === undefined || entry.dueMs > nowMs) return undefined;
    if (entry !== this.#firstOpen()) {
      this.#entries = this.#entries.filter((other) => other === entry || other.ack !== undefined);
    }
    entry.sent = { streamCreatedMs };
    entry.dueMs = nowMs + entry.waitMs;
    entry.waitMs = Math.min(entry.waitMs * 2, MAX_RETRY_MS);
    return entry.update;
  }

  /** False for an update that is not waiting for one: a repeated acknowledgement. */
  acknowledge(sequence: number, streamSequence: number): boolean {
    const entry = this.#firstOpen();
    if (entry?.update.sequence !== sequence || entry.sent === undefined) return false;
    entry.ack = { streamSequence, streamCreatedMs: entry.sent.streamCreatedMs };
    return true;
  }

  /**
   * Drops what the leader has journalled. An acknowledgement by another stream than the present one (or by one that
   * was not known then) counts for nothing: that update is sent again, which readers take for a duplicate. So is one
   * that the leader found damaged.
   */
  cover({ createdMs, sequence, damaged = [] }: Watermark, nowMs: number): void {
    for (const entry of this.#entries) {
      if (entry.ack === undefined) continue;
      const { streamCreatedMs, streamSequence } = entry.ack;
      if (streamCreatedMs === createdMs && !damaged.includes(streamSequence)) continue;
      entry.ack = undefined;
      entry.sent = undefined;
      entry.dueMs = nowMs + this.#resendAfterMs;
      entry.waitMs = FIRST_RETRY_MS;
    }
    const keepFrom = this.#entries.findIndex(
      ({ ack }) => ack === undefined || ack.streamSequence > sequence,
    );
    this.#entries = keepFrom < 0 ? [] : this.#entries.slice(keepFrom);
  }

  /** The connection is new: what waits is due within `RESEND_SPREAD_MS`, each task's at a moment of its own. */
  retrySoon(nowMs: number): void {
    const entry = this.#firstOpen();
    if (entry === undefined) return;
    entry.dueMs = nowMs + this.#resendAfterMs;
    entry.waitMs = FIRST_RETRY_MS;
  }

  /** When to call `takeDue` again; undefined while nothing waits or it waits for the disk. */
  nextDueMs(progress: SendableFrom): number | undefined {
    return this.#sendable(progress)?.dueMs;
  }

  /**
   * An update that is not on the disk must not be sent: after a death of this process another one could get its
   * number. The exception is the last one, the end of the task, when the disk takes nothing: it goes out alone,
   * since readers drop whatever follows an end.
   */
  #sendable({ recorded, settled }: SendableFrom): Entry | undefined {
    const first = this.#firstOpen();
    if (first === undefined || first.revision <= recorded) return first;
    const last = this.#entries.at(-1);
    const isEnd = last !== undefined && isTerminal(last.update.state);
    return isEnd && last.revision <= settled && last.ack === undefined ? last : undefined;
  }

  #firstOpen(): Entry | undefined {
    return this.#entries.find((entry) => entry.ack === undefined);
  }
}

/**
 * Milliseconds below `RESEND_SPREAD_MS`, the same for a task each time: the tasks of all agents, which hear of a new
 * connection at the same moment, do not send in the same one. FNV-1a, 32 bits.
 */
export function resendDelayOf(task: TaskKey): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < task.length; index += 1) {
    hash = Math.imul(hash ^ task.charCodeAt(index), 0x01000193);
  }
  return (hash >>> 0) % RESEND_SPREAD_MS;
}
