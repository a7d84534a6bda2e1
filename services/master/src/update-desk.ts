// Owns the leader's own status updates on their way into the principals' streams.
import type { Epoch } from '@parley/protocol/epoch';
import { type ClusterName, type TaskRef, taskKey } from '@parley/protocol/ids';
import { encodeMessage } from '@parley/protocol/message';
import { SUBJECTS } from '@parley/protocol/subjects';
import type { StatusUpdate } from '@parley/protocol/tasks';
import type { ClusterView } from './cluster-view.ts';
import type { MasterOutput } from './master-actor.ts';
import { RetryQueue } from './retry-queue.ts';

const MAX_IN_FLIGHT = 128;
const RETRY = { firstMs: 250, maxMs: 5000 };
const keyOf = ({ task, sequence }: StatusUpdate): string => `${taskKey(task)}#${sequence}`;

type Unwritten = Pick<ClusterView, 'unwrittenUpdate' | 'unwrittenOf'>;

export class UpdateDesk {
  readonly #cluster: ClusterName;
  readonly #epoch: Epoch;
  readonly #view: Unwritten;
  readonly #queue = new RetryQueue<StatusUpdate>(RETRY);
  readonly #inFlight = new Set<string>();
  /** In flight, and to be written once more after that. */
  readonly #again = new Map<string, StatusUpdate>();

  constructor(options: {
    readonly cluster: ClusterName;
    readonly epoch: Epoch;
    readonly view: Unwritten;
  }) {
    this.#cluster = options.cluster;
    this.#epoch = options.epoch;
    this.#view = options.view;
  }

  add(update: StatusUpdate, nowMs: number): void {
    this.#queue.add(keyOf(update), update, nowMs);
  }

  /** One of those on this task was read back damaged. Which, nobody can say: all that were not read back are written again. */
  writeAgain(task: TaskRef, nowMs: number): void {
    for (const update of this.#view.unwrittenOf(task)) {
      const key = keyOf(update);
      if (this.#inFlight.has(key)) this.#again.set(key, update);
      else this.#queue.add(key, update, nowMs + RETRY.firstMs);
    }
  }

  done(key: string, nowMs: number): void {
    this.#inFlight.delete(key);
    this.#queue.done(key);
    const again = this.#again.get(key);
    if (again !== undefined) this.#queue.add(key, again, nowMs + RETRY.firstMs);
    this.#again.delete(key);
  }

  failed(key: string, nowMs: number): void {
    this.#inFlight.delete(key);
    this.#again.delete(key);
    this.#queue.failed(key, nowMs);
  }

  /** What was read back meanwhile, or whose task has ended, is left out. */
  takeDue(nowMs: number): MasterOutput[] {
    const outputs: MasterOutput[] = [];
    for (const { key, item } of this.#queue.takeDue(nowMs, MAX_IN_FLIGHT - this.#inFlight.size)) {
      if (this.#view.unwrittenUpdate(key) === undefined) {
        this.#queue.done(key);
        continue;
      }
      this.#inFlight.add(key);
      const parameters = { source: 'master', ...item.task };
      const header = { epoch: this.#epoch };
      const message = encodeMessage(SUBJECTS.update, this.#cluster, parameters, item, header);
      outputs.push({ kind: 'writeUpdate', key, ...message });
    }
    return outputs;
  }
}
