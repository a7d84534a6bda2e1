// Owns the list of what a framework must not do and is found out by a test: offers left to expire, updates never
// acknowledged, a task id launched twice, offers used after they were rescinded, revives in a storm.
import type { ClusterEvent } from '@parley/cluster/events';
import { type FrameworkRef, frameworkKey, type OfferId } from '@parley/protocol/ids';
import type { FrameworkCall } from './framework-calls.ts';
import type { StoredUpdate } from './memory-updates.ts';
import type { VirtualClock } from './virtual-clock.ts';

export type ViolationKind =
  | 'leakedOffer'
  | 'unacknowledgedUpdate'
  | 'doubleLaunch'
  | 'usedRescindedOffer'
  | 'reviveStorm';

export type Violation = {
  readonly kind: ViolationKind;
  readonly framework: FrameworkRef;
  readonly what: string;
  readonly atMs: number;
};

/** A scheduler that has heard of a rescind for so long has no excuse. */
const RESCIND_MARGIN_MS = 1000;
/** An update is acknowledged within this time, while the framework is there. */
const ACKNOWLEDGE_MS = 60_000;
const REVIVES = { count: 5, withinMs: 10_000 };

export type ViolationWatchOptions = {
  readonly clock: VirtualClock;
  readonly isAcknowledged: (framework: FrameworkRef, update: StoredUpdate) => boolean;
  /** The framework has confirmed the message that told the offer. */
  readonly hasSeen: (framework: FrameworkRef, offerId: OfferId) => boolean;
  /** Since when the framework has been subscribed and reachable without a break; undefined when it is not. */
  readonly thereSinceMs: (framework: FrameworkRef) => number | undefined;
};

export class ViolationWatch {
  readonly #options: ViolationWatchOptions;
  readonly #found: Violation[] = [];
  /** Which request launched a task id of a framework. */
  readonly #launches = new Map<string, string>();
  readonly #madeMs = new Map<OfferId, number>();
  readonly #rescindedMs = new Map<OfferId, number>();
  readonly #revivesMs = new Map<string, number[]>();
  readonly #requests = new Set<string>();

  constructor(options: ViolationWatchOptions) {
    this.#options = options;
  }

  get found(): readonly Violation[] {
    return this.#found;
  }

  /** A repeated request is no second one. */
  called({ caller, request, call }: FrameworkCall): void {
    const id = `${frameworkKey(caller)}#${request.session}#${request.counter}`;
    if (this.#requests.has(id)) return;
    this.#requests.add(id);
    if (call.verb === 'revive') this.#revived(caller);
    if (call.verb !== 'accept') return;
    for (const offerId of call.body.offerIds) this.#used(caller, offerId);
    for (const operation of call.body.operations) {
      if (operation.kind !== 'launch' && operation.kind !== 'launchGroup') continue;
      for (const { taskId } of operation.tasks) this.#launched(caller, taskId, id);
    }
  }

  happened(event: ClusterEvent): void {
    const nowMs = this.#options.clock.nowMs();
    if (event.type === 'offerMade') this.#madeMs.set(event.offerId, nowMs);
    if (event.type !== 'offerRescinded') return;
    const { offerId, framework, reason } = event;
    this.#rescindedMs.set(offerId, nowMs);
    const wasThere = this.#wasThere(framework, this.#madeMs.get(offerId) ?? nowMs);
    if (reason === 'offerTimeout' && wasThere && this.#options.hasSeen(framework, offerId))
      this.#find('leakedOffer', framework, `offer ${offerId} was left unanswered`);
  }

  stored(stored: StoredUpdate): void {
    const { principal, frameworkId } = stored.update.task;
    const framework = { principal, frameworkId };
    const { clock, isAcknowledged } = this.#options;
    clock.startTimer(ACKNOWLEDGE_MS, () => {
      if (!this.#wasThere(framework, clock.nowMs() - ACKNOWLEDGE_MS)) return;
      if (isAcknowledged(framework, stored)) return;
      const { task, state } = stored.update;
      this.#find('unacknowledgedUpdate', framework, `${task.taskId} is ${state}`);
    });
  }

  /** Subscribed and in reach, from then on without a break. */
  #wasThere(framework: FrameworkRef, fromMs: number): boolean {
    const sinceMs = this.#options.thereSinceMs(framework);
    return sinceMs !== undefined && sinceMs <= fromMs;
  }

  #revived(framework: FrameworkRef): void {
    const nowMs = this.#options.clock.nowMs();
    const key = frameworkKey(framework);
    const recent = (this.#revivesMs.get(key) ?? []).filter((ms) => nowMs - ms < REVIVES.withinMs);
    recent.push(nowMs);
    this.#revivesMs.set(key, recent);
    if (recent.length === REVIVES.count + 1) {
      const what = `${recent.length} revives in ${REVIVES.withinMs / 1000} s`;
      this.#find('reviveStorm', framework, what);
    }
  }

  #used(framework: FrameworkRef, offerId: OfferId): void {
    const rescindedMs = this.#rescindedMs.get(offerId);
    if (rescindedMs === undefined) return;
    if (this.#options.clock.nowMs() - rescindedMs <= RESCIND_MARGIN_MS) return;
    // One that was out of reach may have answered before, and repeats that now.
    if (!this.#wasThere(framework, rescindedMs)) return;
    this.#find('usedRescindedOffer', framework, `offer ${offerId} had been taken back`);
  }

  #launched(framework: FrameworkRef, taskId: string, request: string): void {
    const key = `${frameworkKey(framework)}/${taskId}`;
    const before = this.#launches.get(key);
    if (before === undefined) this.#launches.set(key, request);
    else if (before !== request)
      this.#find('doubleLaunch', framework, `task ${taskId} was launched before`);
  }

  #find(kind: ViolationKind, { principal, frameworkId }: FrameworkRef, what: string): void {
    const framework = { principal, frameworkId };
    this.#found.push({ kind, framework, what, atMs: this.#options.clock.nowMs() });
  }
}
