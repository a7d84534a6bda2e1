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

/** A scheduler that has confirmed a rescind so long ago has no excuse: its accept is not one that waited its turn. */
const RESCIND_MARGIN_MS = 1000;
/** An update is acknowledged within this time after a delivery, while the framework is there without a break. */
const ACKNOWLEDGE_MS = 60_000;
const REVIVES = { count: 5, withinMs: 10_000 };

export type ViolationWatchOptions = {
  readonly clock: VirtualClock;
  readonly isAcknowledged: (framework: FrameworkRef, update: StoredUpdate) => boolean;
  /** When the update was first delivered to the framework at or after this time; undefined when it was not. */
  readonly deliveredMs: (
    framework: FrameworkRef,
    update: StoredUpdate,
    sinceMs: number,
  ) => number | undefined;
  /** It was torn down or removed, and never comes back. */
  readonly isGone: (framework: FrameworkRef) => boolean;
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
  /** By framework: the offers taken back that it has not confirmed, with the number of the message that said so. */
  readonly #rescinds = new Map<string, Map<OfferId, number>>();
  /** Since when it is certain that the framework knows that the offer was taken back. */
  readonly #rescindKnownMs = new Map<OfferId, number>();
  /** By request: when it was sent first. */
  readonly #sentMs = new Map<string, number>();
  readonly #revivesMs = new Map<string, number[]>();
  readonly #requests = new Set<string>();

  constructor(options: ViolationWatchOptions) {
    this.#options = options;
  }

  get found(): readonly Violation[] {
    return this.#found;
  }

  /** A framework sends it, perhaps in vain. */
  sent(call: FrameworkCall): void {
    const id = requestIdOf(call);
    if (!this.#sentMs.has(id)) this.#sentMs.set(id, this.#options.clock.nowMs());
  }

  /** A repeated request is no second one. */
  called(heard: FrameworkCall): void {
    const { caller, call } = heard;
    const id = requestIdOf(heard);
    if (this.#requests.has(id)) return;
    this.#requests.add(id);
    if (call.verb === 'revive') this.#revived(caller);
    if (call.verb !== 'accept') return;
    for (const offerId of call.body.offerIds) this.#used(caller, offerId, id);
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
    const wasThere = this.#wasThere(framework, this.#madeMs.get(offerId) ?? nowMs);
    if (reason === 'offerTimeout' && wasThere && this.#options.hasSeen(framework, offerId))
      this.#find('leakedOffer', framework, `offer ${offerId} was left unanswered`);
  }

  /** The leader says with a message of this number that offers are taken back. */
  rescindTold(framework: FrameworkRef, offerIds: readonly OfferId[], number: number): void {
    const key = frameworkKey(framework);
    const rescinds = this.#rescinds.get(key) ?? new Map<OfferId, number>();
    this.#rescinds.set(key, rescinds);
    for (const offerId of offerIds) rescinds.set(offerId, number);
  }

  /**
   * A heartbeat of the framework says that it has taken in every message up to this number. A delivery alone would not
   * do: behind a message that got lost it waits for a resync.
   */
  confirmed(framework: FrameworkRef, number: number): void {
    const rescinds = this.#rescinds.get(frameworkKey(framework)) ?? new Map<OfferId, number>();
    for (const [offerId, rescindNumber] of rescinds) {
      if (rescindNumber > number) continue;
      rescinds.delete(offerId);
      this.#rescindKnownMs.set(offerId, this.#options.clock.nowMs());
    }
  }

  stored(stored: StoredUpdate): void {
    this.#options.clock.startTimer(ACKNOWLEDGE_MS, () => this.#lookFor(stored));
  }

  /** Looks again until the update is acknowledged or the framework has had its time. */
  #lookFor(stored: StoredUpdate): void {
    const { principal, frameworkId } = stored.update.task;
    const framework = { principal, frameworkId };
    const { clock, deliveredMs, isAcknowledged, isGone, thereSinceMs } = this.#options;
    if (isAcknowledged(framework, stored) || isGone(framework)) return;
    const sinceMs = thereSinceMs(framework);
    const fromMs = sinceMs === undefined ? undefined : deliveredMs(framework, stored, sinceMs);
    const dueMs = (fromMs ?? clock.nowMs()) + ACKNOWLEDGE_MS;
    if (dueMs > clock.nowMs()) {
      clock.startTimer(dueMs - clock.nowMs(), () => this.#lookFor(stored));
      return;
    }
    const { task, state } = stored.update;
    this.#find('unacknowledgedUpdate', framework, `${task.taskId} is ${state}`);
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

  #used(framework: FrameworkRef, offerId: OfferId, request: string): void {
    const knownMs = this.#rescindKnownMs.get(offerId);
    if (knownMs === undefined) return;
    // What arrives now may be the repetition of what was sent long before.
    const sentMs = this.#sentMs.get(request) ?? this.#options.clock.nowMs();
    if (sentMs - knownMs <= RESCIND_MARGIN_MS) return;
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

function requestIdOf({ caller, request }: FrameworkCall): string {
  return `${frameworkKey(caller)}#${request.session}#${request.counter}`;
}
