// Owns the leader's own status updates on their way into the principals' streams.
import type { Epoch } from '@parley/protocol/epoch';
import { type ClusterName, taskKey } from '@parley/protocol/ids';
import { encodeMessage } from '@parley/protocol/message';
import { SUBJECTS } from '@parley/protocol/subjects';
import type { StatusUpdate } from '@parley/protocol/tasks';
import type { ClusterView } from './cluster-view.ts';
import type { MasterOutput } from './master-actor.ts';
import { RetryQueue } from './retry-queue.ts';

const MAX_IN_FLIGHT = 128;
const RETRY = { firstMs: 250, maxMs: 5000 };

export class UpdateDesk {
  readonly #cluster: ClusterName;
  readonly #epoch: Epoch;
  readonly #view: Pick<ClusterView, 'unwrittenUpdate'>;
  readonly #queue = new RetryQueue<StatusUpdate>(RETRY);
  #inFlight = 0;

  constructor(options: {
    readonly cluster: ClusterName;
    readonly epoch: Epoch;
    readonly view: Pick<ClusterView, 'unwrittenUpdate'>;
  }) {
    this.#cluster = options.cluster;
    this.#epoch = options.epoch;
    this.#view = options.view;
  }

  add(update: StatusUpdate, nowMs: number): void {
    this.#queue.add(`${taskKey(update.task)}#${update.sequence}`, update, nowMs);
  }

  done(key: string): void {
    this.#inFlight -= 1;
    this.#queue.done(key);
  }

  failed(key: string, nowMs: number): void {
    this.#inFlight -= 1;
    this.#queue.failed(key, nowMs);
  }

  /** What was read back meanwhile, or whose task has ended, is left out. */
  takeDue(nowMs: number): MasterOutput[] {
    const outputs: MasterOutput[] = [];
    for (const { key, item } of this.#queue.takeDue(nowMs, MAX_IN_FLIGHT - this.#inFlight)) {
      if (this.#view.unwrittenUpdate(key) === undefined) {
        this.#queue.done(key);
        continue;
      }
      this.#inFlight += 1;
      const parameters = { source: 'master', ...item.task };
      const header = { epoch: this.#epoch };
      const message = encodeMessage(SUBJECTS.update, this.#cluster, parameters, item, header);
      outputs.push({ kind: 'writeUpdate', key, ...message });
    }
    return outputs;
  }
}
