// Owns the status updates of one task until the leader has journalled them: sent one at a time, in order, again and
// again until JetStream acknowledges, kept until a watermark covers them (design 3).
import type { StatusUpdate } from '@parley/protocol/tasks';

export const FIRST_RETRY_MS = 2000;
export const MAX_RETRY_MS = 30_000;

type Ack = {
  readonly streamSequence: number;
  /** The stream's creation time as known when the update was sent; undefined before the first watermark. */
  readonly streamCreatedMs: number | undefined;
};

type Entry = {
  readonly update: StatusUpdate;
  /** The record with this revision holds the update: it is not sent before that was written or has failed. */
  readonly revision: number;
  sent: { readonly streamCreatedMs: number | undefined } | undefined;
  dueMs: number;
  waitMs: number;
  ack: Ack | undefined;
};

export class UpdateOutbox {
  #entries: Entry[] = [];

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
    settledRevision: number,
    streamCreatedMs: number | undefined,
  ): StatusUpdate | undefined {
    const entry = this.#firstOpen();
    if (entry === undefined || entry.revision > settledRevision || entry.dueMs > nowMs) {
      return undefined;
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
   * was not known then) counts for nothing: that update is sent again, which readers take for a duplicate.
   */
  cover(streamCreatedMs: number, sequence: number): void {
    for (const entry of this.#entries) {
      if (entry.ack === undefined || entry.ack.streamCreatedMs === streamCreatedMs) continue;
      entry.ack = undefined;
      entry.sent = undefined;
      entry.dueMs = 0;
      entry.waitMs = FIRST_RETRY_MS;
    }
    const keepFrom = this.#entries.findIndex(
      ({ ack }) => ack === undefined || ack.streamSequence > sequence,
    );
    this.#entries = keepFrom < 0 ? [] : this.#entries.slice(keepFrom);
  }

  /** Makes what waits due at once: the connection is new. */
  retryNow(): void {
    const entry = this.#firstOpen();
    if (entry === undefined) return;
    entry.dueMs = 0;
    entry.waitMs = FIRST_RETRY_MS;
  }

  /** When to call `takeDue` again; undefined while nothing waits or it waits for the disk. */
  nextDueMs(settledRevision: number): number | undefined {
    const entry = this.#firstOpen();
    return entry === undefined || entry.revision > settledRevision ? undefined : entry.dueMs;
  }

  #firstOpen(): Entry | undefined {
    return this.#entries.find((entry) => entry.ack === undefined);
  }
}
