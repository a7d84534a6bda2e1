// Owns standing for leadership on a bus: the lease, signs of life in both directions, the question whether anybody
// leads, and the timer for all of it. The rules are in lease.ts and leader-watch.ts.
import { compareEpochs, type Epoch } from '@parley/protocol/epoch';
import type { ActorId, ClusterName } from '@parley/protocol/ids';
import type { LeadershipBeat } from '@parley/protocol/leadership';
import { decodeMessage, encodeAnswer, encodeMessage } from '@parley/protocol/message';
import { subjectOf } from '@parley/protocol/subject-entry';
import { SUBJECTS } from '@parley/protocol/subjects';
import type { BusSubscription, ProbingBus } from './bus.ts';
import type { Clock } from './clock.ts';
import { CONFIRM_IN_CLUSTER_MS, LeaderWatch, WATCH_TIMING } from './leader-watch.ts';
import type { LeaseNote, LeaseTiming } from './lease.ts';
import { LeaseHolder } from './lease-holder.ts';
import { LeasePast, type LeaseSetback } from './lease-past.ts';
import type { LeaseStore } from './lease-store.ts';
import { systemClock, systemTimers } from './nats/system-clock.ts';
import type { Timers } from './timers.ts';

const LOOK_MS = 50;
const STANDBY_BEAT_MS = 1000;
const PING_TIMEOUT_MS = 300;

const ENTRIES = {
  master: { beat: SUBJECTS.masterBeat, ping: SUBJECTS.masterPing },
  allocator: { beat: SUBJECTS.allocatorBeat, ping: SUBJECTS.allocatorPing },
} as const;

export type CandidacyOptions = {
  readonly bus: ProbingBus;
  /** Where the lease of `key` stands. */
  readonly store: LeaseStore;
  readonly cluster: ClusterName;
  /** What is led. */
  readonly key: 'master' | 'allocator';
  readonly id: ActorId;
  readonly clock?: Clock;
  readonly timers?: Timers;
  readonly makeNonce?: () => string;
  readonly timing?: LeaseTiming;
  /** What is said of this one now. */
  readonly beat: () => LeadershipBeat;
  readonly onBeat: (beat: LeadershipBeat, epoch: Epoch | undefined) => void;
  readonly onWon: (epoch: Epoch) => void;
  /** As of LeaseHolder. To lead again, `stand` again. */
  readonly onLost: (taken: boolean) => void;
  /** The leader of that term is believed dead: what it looked like. */
  readonly onSuspicion: (epoch: Epoch, silentMs: number) => void;
  /** Nothing that was asked about the lease was answered for so long that another server may be better. */
  readonly onUnanswered?: () => void;
  /** As of LeaseHolder. */
  readonly onSetback?: (setback: LeaseSetback) => void;
  /** As of LeaseMachine: left behind with the lease. */
  readonly note?: () => LeaseNote | undefined;
  /** Whether a free lease would be taken now. */
  readonly mayStand?: () => boolean;
};

export class Candidacy {
  readonly #options: CandidacyOptions;
  readonly #clock: Clock;
  readonly #timers: Timers;
  readonly #watch = new LeaderWatch();
  readonly #past = new LeasePast();
  #lease: LeaseHolder | undefined;
  #beats: BusSubscription | undefined;
  #pings: BusSubscription | undefined;
  #cancelLooks: (() => void) | undefined;
  #beatDueMs = Number.NEGATIVE_INFINITY;
  #suspected: Epoch | undefined;
  #wasWatching = false;

  constructor(options: CandidacyOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#timers = options.timers ?? systemTimers;
  }

  /** Listens and gives signs of life from now on. */
  start(): void {
    const { bus, cluster, key } = this.#options;
    const { beat } = ENTRIES[key];
    this.#beats = bus.subscribe(subjectOf(beat, cluster, {}), ({ subject, bytes }) => {
      const message = decodeMessage(beat, cluster, subject, bytes);
      if (message.ok) this.#heard(message.value.body, message.value.epoch);
    });
    this.#cancelLooks = this.#timers.every(LOOK_MS, () => this.#look());
  }

  /** One candidacy, until `onLost` or `release`. `ownNameIsFree`: as of LeaseHolder. */
  stand(ownNameIsFree: boolean): void {
    const { store, id, timing, makeNonce, note } = this.#options;
    this.#lease = new LeaseHolder({
      store,
      holder: id,
      ownNameIsFree,
      clock: this.#clock,
      timers: this.#timers,
      ...(makeNonce && { makeNonce }),
      ...(timing && { timing }),
      ...(note && { note }),
      past: this.#past,
      onSetback: (setback) => this.#options.onSetback?.(setback),
      onWon: (epoch) => this.#won(epoch),
      onLost: (taken) => {
        this.#stopAnswering();
        this.#options.onLost(taken);
      },
      onSeen: (othersEpoch) => this.#seen(othersEpoch),
      onUnanswered: () => this.#options.onUnanswered?.(),
    });
    this.#suspected = undefined;
    this.#watch.begin();
    this.#lease.holdBack(this.#options.mayStand?.() === false);
    this.#lease.start();
  }

  /** Of the term under way; undefined while another leads. */
  get epoch(): Epoch | undefined {
    return this.#lease?.epoch;
  }

  mayAct(): boolean {
    return this.#lease?.mayAct() === true;
  }

  /** What the last holder of the lease has left behind. */
  get note(): LeaseNote | undefined {
    return this.#lease?.note;
  }

  /** What is to be left behind has changed: it is written at once. */
  renewNow(): void {
    this.#lease?.renewNow();
  }

  /** A term that was, as the books know: no later one gets an epoch that is not above it. */
  knows(epoch: Epoch): void {
    this.#past.heard(epoch);
  }

  /** The lease may have changed hands: read it at once. */
  recheck(): void {
    this.#lease?.recheck();
  }

  /** Says at once what has changed. */
  beatNow(): void {
    this.#beatDueMs = Number.NEGATIVE_INFINITY;
    this.#beatIfDue();
  }

  /** Ends the candidacy or the term: the lease is free, and who hears the last sign of life may take it at once. */
  async release(): Promise<void> {
    this.#stopAnswering();
    const lease = this.#lease;
    const held = lease?.epoch;
    await lease?.stop();
    if (this.#lease === lease) this.#lease = undefined;
    this.#publish({ ...this.#options.beat(), phase: 'left' }, held);
  }

  /** Listens no more. */
  close(): void {
    this.#cancelLooks?.();
    this.#beats?.close();
    this.#stopAnswering();
  }

  #won(epoch: Epoch): void {
    const { bus, cluster, key, id, onWon } = this.#options;
    this.#pings = bus.subscribe(subjectOf(ENTRIES[key].ping, cluster, {}), ({ respond }) => {
      respond(encodeAnswer({ ok: true, value: { id } }, epoch));
    });
    onWon(epoch);
    this.beatNow();
  }

  #seen(othersEpoch: Epoch | undefined): void {
    this.#watch.held(othersEpoch);
    const isAnother =
      othersEpoch !== undefined &&
      this.#suspected !== undefined &&
      compareEpochs(othersEpoch, this.#suspected) > 0;
    if (isAnother) this.#suspected = undefined;
  }

  #stopAnswering(): void {
    this.#pings?.close();
    this.#pings = undefined;
  }

  #heard(beat: LeadershipBeat, epoch: Epoch | undefined): void {
    if (epoch !== undefined) this.#past.heard(epoch);
    const leads = beat.phase !== 'following' && beat.phase !== 'left';
    if (leads && epoch !== undefined) {
      this.#watch.heard(epoch);
      if (this.#suspected !== undefined && compareEpochs(epoch, this.#suspected) >= 0) {
        this.#suspected = undefined;
        this.#lease?.trust();
      }
    }
    this.#options.onBeat(beat, epoch);
  }

  #look(): void {
    this.#beatIfDue();
    const { bus, mayStand } = this.#options;
    this.#lease?.holdBack(mayStand?.() === false);
    const isWatching = bus.connected && this.#lease !== undefined && !this.#lease.mayAct();
    if (isWatching && !this.#wasWatching) this.#watch.begin();
    this.#wasWatching = isWatching;
    if (!isWatching) return;
    this.#watch.confirmMs = bus.isClustered ? CONFIRM_IN_CLUSTER_MS : 0;
    const advice = this.#watch.look(this.#clock.nowMs());
    if (advice === 'ping') void this.#ping();
    else if (advice === 'suspect') this.#suspect();
  }

  async #ping(): Promise<void> {
    const { bus, cluster, key } = this.#options;
    const { subject, bytes } = encodeMessage(ENTRIES[key].ping, cluster, {}, {});
    this.#watch.pinged(await bus.probe(subject, bytes, PING_TIMEOUT_MS));
    // What was learnt may be all that was missing.
    this.#look();
  }

  #suspect(): void {
    const { leader, silentMs } = this.#watch;
    if (leader === undefined || this.#suspected !== undefined) return;
    this.#suspected = leader;
    this.#options.onSuspicion(leader, Math.round(silentMs));
    this.#lease?.suspect(leader);
  }

  #beatIfDue(): void {
    const nowMs = this.#clock.nowMs();
    if (nowMs < this.#beatDueMs) return;
    const leads = this.mayAct();
    this.#beatDueMs = nowMs + (leads ? WATCH_TIMING.beatMs : STANDBY_BEAT_MS);
    this.#publish(this.#options.beat(), leads ? this.#lease?.epoch : undefined);
  }

  #publish(beat: LeadershipBeat, epoch: Epoch | undefined): void {
    const { bus, cluster, key } = this.#options;
    const message = encodeMessage(ENTRIES[key].beat, cluster, {}, beat, epoch ? { epoch } : {});
    // Comes again; whoever misses it asks.
    bus.publish(message.subject, message.bytes);
  }
}
