// Owns the leader's own status updates on their way into the principals' streams.
import type { Epoch } from '@parley/protocol/epoch';
import { type ClusterName, taskKey } from '@parley/protocol/ids';
import { encodeMessage } from '@parley/protocol/message';
import { SUBJECTS } from '@parley/protocol/subjects';
import type { StatusUpdate } from '@parley/protocol/tasks';
import type { MasterOutput } from './master-actor.ts';
import { RetryQueue } from './retry-queue.ts';

const MAX_IN_FLIGHT = 128;
const RETRY = { firstMs: 250, maxMs: 5000 };

export class UpdateDesk {
  readonly #cluster: ClusterName;
  readonly #epoch: Epoch;
  readonly #queue = new RetryQueue<StatusUpdate>(RETRY);
  #inFlight = 0;

  constructor(cluster: ClusterName, epoch: Epoch) {
    this.#cluster = cluster;
    this.#epoch = epoch;
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

  takeDue(nowMs: number): MasterOutput[] {
    return this.#queue.takeDue(nowMs, MAX_IN_FLIGHT - this.#inFlight).map(({ key, item }) => {
      this.#inFlight += 1;
      const parameters = { source: 'master', ...item.task };
      return {
        kind: 'writeUpdate',
        key,
        ...encodeMessage(SUBJECTS.update, this.#cluster, parameters, item, { epoch: this.#epoch }),
      };
    });
  }
}
