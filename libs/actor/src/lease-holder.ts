// Owns carrying out a lease's reads and writes on the key that it stands in, and the timer between them. The rules of the
// lease are in lease.ts.
import type { Epoch } from '@parley/protocol/epoch';
import type { Clock } from './clock.ts';
import { type LeaseAction, LeaseMachine, type LeaseNote, type LeaseTiming } from './lease.ts';
import { LeasePast, type LeaseSetback } from './lease-past.ts';
import type { LeaseStore } from './lease-store.ts';
import { randomNonce, systemClock, systemTimers } from './nats/system-clock.ts';
import type { Timers } from './timers.ts';

/** Most elections of JetStream are over by then, and a leader has some seconds left to renew its lease elsewhere. */
const UNANSWERED_MS = 8000;

export type LeaseHolderOptions = {
  readonly store: LeaseStore;
  /** The actor's id: a lease that carries it already is taken over at once, unless `ownNameIsFree` says otherwise. */
  readonly holder: string;
  readonly onWon: (epoch: Epoch) => void;
  /**
   * The term is over without being released: act no more. Called once, also when `mayAct` said so before. `taken`:
   * somebody else holds the lease now; else the own renewals failed for too long, or the bucket is not what it was.
   */
  readonly onLost: (taken: boolean) => void;
  /** Nothing that was asked was answered for so long that another server may be better; told again and again. */
  readonly onUnanswered?: () => void;
  /** The lease was read while another held it, or was free. */
  readonly onSeen?: (othersEpoch: Epoch | undefined) => void;
  /** False after a term that was lost to somebody else: see `LeaseMachineOptions`. */
  readonly ownNameIsFree?: boolean;
  /** Of this process, over all candidacies. */
  readonly past?: LeasePast;
  /** The own term began in a bucket that was put back or made anew; called before `onWon`. */
  readonly onSetback?: (setback: LeaseSetback) => void;
  /** As of LeaseMachine. */
  readonly note?: () => LeaseNote | undefined;
  readonly clock?: Clock;
  readonly timers?: Timers;
  /** Differs from every other that any process ever made. */
  readonly makeNonce?: () => string;
  readonly timing?: LeaseTiming;
};

/** One candidacy: from the first look to the end of the term. A later candidacy is another object. */
export class LeaseHolder {
  readonly #options: LeaseHolderOptions;
  readonly #clock: Clock;
  readonly #timers: Timers;
  readonly #machine: LeaseMachine;
  readonly #past: LeasePast;
  /** What was read last is not the bucket as it was. */
  #isReplaced = false;
  #bucketCreatedMs = 0;
  #epoch: Epoch | undefined;
  #cancelTurn: (() => void) | undefined;
  #over = false;
  #answeredMs: number;

  constructor(options: LeaseHolderOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#timers = options.timers ?? systemTimers;
    this.#answeredMs = this.#clock.nowMs();
    const { holder, timing, ownNameIsFree, note, makeNonce = randomNonce } = options;
    const past = options.past ?? new LeasePast();
    this.#past = past;
    this.#machine = new LeaseMachine(holder, makeNonce, {
      eraAfter: (entry) => past.eraAfter(this.#bucketCreatedMs, entry),
      isOrphan: (entry) => past.isOrphan(this.#bucketCreatedMs, entry),
      ...(timing && { timing }),
      ...(note && { note }),
      ...(ownNameIsFree !== undefined && { ownNameIsFree }),
    });
  }

  /** The term of another holder, as far as known; undefined when the lease is free. */
  get othersEpoch(): Epoch | undefined {
    const term = this.#machine.othersTerm;
    return term === undefined ? undefined : this.#epochOf(term);
  }

  /** The own term; undefined before it began. */
  get epoch(): Epoch | undefined {
    return this.#epoch;
  }

  /** Who holds the lease, as far as known. */
  get holder(): string | undefined {
    return this.#machine.holder;
  }

  /** What whoever held it last has left behind, or this one. */
  get note(): LeaseNote | undefined {
    return this.#machine.note;
  }

  /** What the note says has changed: it is written at once. */
  renewNow(): void {
    this.#machine.renewNow(this.#clock.nowMs());
    this.#turn();
  }

  /** Ask before each batch of work: a timer alone may come too late. */
  mayAct(): boolean {
    return !this.#over && this.#machine.mayAct(this.#clock.nowMs());
  }

  start(): void {
    this.#turn();
  }

  /** The holder of that term is believed to be no more: its lease is taken now. */
  suspect({ revision }: Epoch): void {
    this.#machine.suspect(this.#clock.nowMs(), revision);
    this.#turn();
  }

  /** The suspicion was wrong. */
  trust(): void {
    this.#machine.trust();
  }

  /** Something says that the lease has changed hands: it is read at once. */
  recheck(): void {
    this.#machine.recheck(this.#clock.nowMs());
    this.#turn();
  }

  /** While held back, even a free lease is left to others. */
  holdBack(isHeldBack: boolean): void {
    this.#machine.holdBack(isHeldBack);
  }

  /** Ends the candidacy; a held lease is released, so that others need not wait for its end. */
  async stop(): Promise<void> {
    this.#cancelTurn?.();
    if (this.#over) return;
    this.#over = true;
    const release = this.#machine.release();
    if (release !== undefined) await this.#options.store.write(release);
  }

  #turn(): void {
    this.#cancelTurn?.();
    if (this.#over) return;
    const action = this.#machine.next(this.#clock.nowMs());
    this.#noticeChange();
    if (action !== undefined) {
      // Both end in an answer, also when the connection is away.
      void this.#carryOut(action).then(() => this.#turn());
    }
    this.#schedule();
  }

  #schedule(): void {
    if (this.#over) return;
    const wakeMs = this.#machine.nextWakeMs();
    if (wakeMs === undefined) return;
    const waitMs = Math.max(Math.ceil(wakeMs - this.#clock.nowMs()), 1);
    this.#cancelTurn = this.#timers.after(waitMs, () => this.#turn());
  }

  async #carryOut(action: LeaseAction): Promise<void> {
    if (action.kind === 'read') {
      const answer = await this.#options.store.read();
      this.#noticeSilence(answer.kind === 'unknown');
      if (answer.kind === 'found') {
        const { bucketCreatedMs, entry } = answer;
        this.#bucketCreatedMs = bucketCreatedMs;
        this.#isReplaced = !this.#past.stood(bucketCreatedMs, entry.revision);
      }
      this.#machine.readAnswered(this.#clock.nowMs(), answer);
      if (answer.kind === 'found')
        this.#noticeOthers(answer.bucketCreatedMs, answer.entry.revision);
      this.#noticeChange();
    } else {
      const answer = await this.#options.store.write(action);
      this.#noticeSilence(answer.kind === 'unknown');
      this.#machine.writeAnswered(this.#clock.nowMs(), answer);
      this.#noticeChange();
      if (answer.kind === 'stored') this.#past.stood(this.#bucketCreatedMs, answer.revision);
    }
  }

  #noticeOthers(bucketCreatedMs: number, revision: number): void {
    const { othersEpoch } = this;
    if (othersEpoch !== undefined) {
      this.#past.heard(othersEpoch);
      this.#past.stood(bucketCreatedMs, revision);
    }
    if (!this.#over) this.#options.onSeen?.(othersEpoch);
  }

  #noticeSilence(isUnanswered: boolean): void {
    const nowMs = this.#clock.nowMs();
    if (isUnanswered && nowMs - this.#answeredMs < UNANSWERED_MS) return;
    this.#answeredMs = nowMs;
    if (isUnanswered && !this.#over) this.#options.onUnanswered?.();
  }

  #noticeChange(): void {
    if (this.#over) return;
    const { status, term } = this.#machine;
    if (this.#epoch === undefined && term > 0) {
      const stands = { bucketCreatedMs: this.#bucketCreatedMs, revision: term };
      const setback = this.#past.setbackOf(stands, this.#machine.isRaised);
      if (setback !== undefined) this.#options.onSetback?.(setback);
      this.#epoch = this.#epochOf(term);
      this.#past.heard(this.#epoch);
      if (status === 'leading') this.#options.onWon(this.#epoch);
    }
    if (status === 'lost') {
      this.#over = true;
      this.#cancelTurn?.();
      this.#options.onLost(this.#machine.wasTaken && !this.#isReplaced);
    }
  }

  #epochOf(term: number): Epoch {
    const { era = 0 } = this.#machine;
    return { bucketCreatedMs: Math.max(this.#bucketCreatedMs, era), revision: term };
  }
}
