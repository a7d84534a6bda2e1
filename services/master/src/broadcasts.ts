// Owns what the leader says unasked and regularly: presence, watermarks, heartbeats to frameworks.
import type { Epoch } from '@parley/protocol/epoch';
import type { ActorId, ClusterName } from '@parley/protocol/ids';
import { encodeMessage } from '@parley/protocol/message';
import { SUBJECTS } from '@parley/protocol/subjects';
import type { ClusterView } from './cluster-view.ts';
import type { MasterOutput } from './master-actor.ts';

/** Watermarks and presence every 5 s (design: "the leader's broadcast watermark"). */
const BROADCAST_INTERVAL_MS = 5000;
const CHECK_INTERVAL_MS = 1000;

export type BroadcastsOptions = {
  readonly cluster: ClusterName;
  readonly masterId: ActorId;
  readonly epoch: Epoch;
  readonly view: ClusterView;
};

export class Broadcasts {
  readonly #options: BroadcastsOptions;
  #checkDueMs = Number.NEGATIVE_INFINITY;
  #broadcastDueMs = Number.NEGATIVE_INFINITY;
  #heartbeatDueMs = Number.NEGATIVE_INFINITY;

  constructor(options: BroadcastsOptions) {
    this.#options = options;
  }

  /** True once a second: then `take` and the silence check are worth their scan. */
  isDue(nowMs: number): boolean {
    return nowMs >= this.#checkDueMs;
  }

  take(nowMs: number): MasterOutput[] {
    this.#checkDueMs = nowMs + CHECK_INTERVAL_MS;
    const outputs: MasterOutput[] = [];
    if (nowMs >= this.#broadcastDueMs) {
      this.#broadcastDueMs = nowMs + BROADCAST_INTERVAL_MS;
      outputs.push(this.#presence(), this.#watermarks());
    }
    if (nowMs >= this.#heartbeatDueMs) {
      this.#heartbeatDueMs = nowMs + this.#options.view.settings().frameworkHeartbeatIntervalMs;
      outputs.push(...this.#heartbeats());
    }
    return outputs;
  }

  #presence(): MasterOutput {
    const { cluster, epoch, masterId } = this.#options;
    return {
      kind: 'publish',
      ...encodeMessage(SUBJECTS.presence, cluster, {}, { masterId }, { epoch }),
    };
  }

  #watermarks(): MasterOutput {
    const { cluster, epoch, view } = this.#options;
    const streams = [...view.streamPositions()].map(({ principal, createdMs, sequence }) => ({
      principal,
      createdMs,
      sequence,
    }));
    return {
      kind: 'publish',
      ...encodeMessage(SUBJECTS.watermarks, cluster, {}, { streams }, { epoch }),
    };
  }

  #heartbeats(): MasterOutput[] {
    const { cluster, epoch, view } = this.#options;
    return [...view.subscribedFrameworks()].map(({ ref, session, lastNumber }) => ({
      kind: 'publish',
      ...encodeMessage(SUBJECTS.leaderHeartbeat, cluster, ref, { session, lastNumber }, { epoch }),
    }));
  }
}
