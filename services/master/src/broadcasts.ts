// Owns what the leader says unasked and regularly: presence, watermarks, heartbeats to frameworks.
import type { Epoch } from '@parley/protocol/epoch';
import type { ActorId, ClusterName } from '@parley/protocol/ids';
import { encodeMessage } from '@parley/protocol/message';
import { SUBJECTS } from '@parley/protocol/subjects';
import type { ClusterView } from './cluster-view.ts';
import { DamagedUpdates } from './damaged-updates.ts';
import type { MasterOutput } from './master-actor.ts';

/** Presence, and watermarks of a small cluster, every 5 s (design: "the leader's broadcast watermark"). */
const BROADCAST_INTERVAL_MS = 5000;
/** Each agent gets each of them. Nobody waits for watermarks: of thousands of agents so many get theirs in a second. */
const WATERMARKS_PER_SECOND = 2000;
const CHECK_INTERVAL_MS = 1000;
/** Reports of a new term and the answers to them, of all agents and frameworks together. */
const MESSAGES_PER_SECOND = 10_000;
/** Standings, and heartbeats of frameworks; the rest is left for registrations of those that differ, and for work. */
const MESSAGES_A_REPORT = 1.25;
const MAX_REPORT_WITHIN_MS = 60_000;
/** A leader that has just begun has work that others wait for: a second that has room is used, a millisecond for each. */
const UNHURRIED_MS = 1000;

export type BroadcastsOptions = {
  readonly cluster: ClusterName;
  readonly masterId: ActorId;
  readonly epoch: Epoch;
  readonly view: ClusterView;
};

/** So many tell a new leader what they have within so long, milliseconds. */
export function reportWithinMs(reporters: number): number {
  const wantedMs = Math.ceil((reporters * MESSAGES_A_REPORT * 1000) / MESSAGES_PER_SECOND);
  return Math.min(Math.max(wantedMs, Math.min(reporters, UNHURRIED_MS)), MAX_REPORT_WITHIN_MS);
}

export class Broadcasts {
  readonly #options: BroadcastsOptions;
  readonly damaged = new DamagedUpdates();
  #checkDueMs = Number.NEGATIVE_INFINITY;
  #presenceDueMs = Number.NEGATIVE_INFINITY;
  #watermarksDueMs = Number.NEGATIVE_INFINITY;
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
    if (nowMs >= this.#presenceDueMs) {
      this.#presenceDueMs = nowMs + BROADCAST_INTERVAL_MS;
      outputs.push(this.#presence());
    }
    if (nowMs >= this.#watermarksDueMs) {
      this.#watermarksDueMs = nowMs + this.#watermarksIntervalMs();
      outputs.push(this.#watermarks());
    }
    if (nowMs >= this.#heartbeatDueMs) {
      this.#heartbeatDueMs = nowMs + this.#options.view.settings().frameworkHeartbeatIntervalMs;
      outputs.push(...this.#heartbeats());
    }
    return outputs;
  }

  #watermarksIntervalMs(): number {
    const wantedMs = (this.#options.view.registeredAgentCount() * 1000) / WATERMARKS_PER_SECOND;
    return Math.max(BROADCAST_INTERVAL_MS, wantedMs);
  }

  #presence(): MasterOutput {
    const { cluster, epoch, masterId, view } = this.#options;
    const within = reportWithinMs(view.reporters());
    const body = { masterId, reportWithinMs: within, takesStandings: true as const };
    return {
      kind: 'publish',
      ...encodeMessage(SUBJECTS.presence, cluster, {}, body, { epoch }),
    };
  }

  #watermarks(): MasterOutput {
    const { cluster, epoch, view } = this.#options;
    const streams = [...view.streamPositions()].map(({ principal, createdMs, sequence }) => {
      const damaged = this.damaged.of(principal, createdMs);
      return { principal, createdMs, sequence, ...(damaged && { damaged: [...damaged] }) };
    });
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
