// Owns the order in which the updates of each task are told: as in Mesos, the next one when the one before it was
// acknowledged, and again when it was not for a while. Pure: time comes in.
import type { TaskId } from '@parley/protocol/ids';
import type { StatusUpdate } from '@parley/protocol/tasks';

export type StreamUpdate = { readonly update: StatusUpdate; readonly streamSequence: number };

/** Mesos's agents send an update again after this, then after twice as long, and so on. */
const FIRST_RETRY_MS = 10_000;
const MAX_RETRY_MS = 600_000;

type Lane = { readonly waiting: StreamUpdate[]; dueMs: number; waitMs: number };

export class UpdateLanes {
  readonly #lanes = new Map<TaskId, Lane>();

  /** Whether it is to be told now. */
  add(one: StreamUpdate, nowMs: number): boolean {
    const { taskId } = one.update.task;
    const lane = this.#lanes.get(taskId);
    if (lane !== undefined) {
      lane.waiting.push(one);
      return false;
    }
    this.#lanes.set(taskId, {
      ...{ waiting: [one], dueMs: nowMs + FIRST_RETRY_MS },
      waitMs: FIRST_RETRY_MS,
    });
    return true;
  }

  /** The one that is to be told next, if there is one. An acknowledgement of another than the one told has no effect. */
  acknowledge(
    taskId: TaskId,
    streamSequence: number,
    nowMs: number,
  ): { readonly isDue: boolean; readonly next: StreamUpdate | undefined } {
    const lane = this.#lanes.get(taskId);
    if (lane?.waiting[0]?.streamSequence !== streamSequence) {
      return { isDue: false, next: undefined };
    }
    lane.waiting.shift();
    const [next] = lane.waiting;
    if (next === undefined) this.#lanes.delete(taskId);
    lane.waitMs = FIRST_RETRY_MS;
    lane.dueMs = nowMs + FIRST_RETRY_MS;
    return { isDue: true, next };
  }

  /** Those that were told and not acknowledged for so long that they are told again. */
  takeDue(nowMs: number): StreamUpdate[] {
    const due: StreamUpdate[] = [];
    for (const lane of this.#lanes.values()) {
      const [head] = lane.waiting;
      if (head === undefined || lane.dueMs > nowMs) continue;
      due.push(head);
      lane.waitMs = Math.min(lane.waitMs * 2, MAX_RETRY_MS);
      lane.dueMs = nowMs + lane.waitMs;
    }
    return due;
  }

  /** What the framework was told last and has not acknowledged. */
  told(taskId: TaskId): StatusUpdate | undefined {
    return this.#lanes.get(taskId)?.waiting[0]?.update;
  }
}
