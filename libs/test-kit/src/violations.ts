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
  /** Since when the framework has been subscribed and reachable without a break; undefined when it is not. */
  readonly thereSinceMs: (framework: FrameworkRef) => number | undefined;
};

export class ViolationWatch {
  readonly #options: ViolationWatchOptions;
  readonly #found: Violation[] = [];
  /** Which request launched a task id of a framework. */
  readonly #launches = new Map<string, string>();
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
    if (event.type !== 'offerRescinded') return;
    this.#rescindedMs.set(event.offerId, this.#options.clock.nowMs());
    if (event.reason === 'offerTimeout')
      this.#find('leakedOffer', event.framework, `offer ${event.offerId} was left unanswered`);
  }

  stored(stored: StoredUpdate): void {
    const { principal, frameworkId } = stored.update.task;
    const framework = { principal, frameworkId };
    const { clock, isAcknowledged, thereSinceMs } = this.#options;
    clock.startTimer(ACKNOWLEDGE_MS, () => {
      const sinceMs = thereSinceMs(framework);
      const wasThere = sinceMs !== undefined && clock.nowMs() - sinceMs >= ACKNOWLEDGE_MS;
      if (!wasThere || isAcknowledged(framework, stored)) return;
      const { task, state } = stored.update;
      this.#find('unacknowledgedUpdate', framework, `${task.taskId} is ${state}`);
    });
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
