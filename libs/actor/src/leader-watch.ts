// Owns when a candidate believes that the leader is no more: signs of life that stay away, and a question that nobody
// is there to answer. It may be wrong: the journal keeps two leaders apart, a mistake costs time only. It does no I/O.
import { compareEpochs, type Epoch } from '@parley/protocol/epoch';

export type WatchTiming = {
  /** Between two signs of life. */
  readonly beatMs: number;
  /** So much later than due, one sign of life counts as missing, and the question is put. */
  readonly lateMs: number;
  /** After so much silence the leader is given up whatever is answered: it may hang. */
  readonly hungMs: number;
  /** Nobody must be there for so long: where a server of several ends, a leader needs a moment to find another one. */
  readonly confirmMs: number;
};
export const WATCH_TIMING: WatchTiming = {
  beatMs: 300,
  lateMs: 150,
  hungMs: 5000,
  confirmMs: 0,
};
export const CONFIRM_IN_CLUSTER_MS = 300;

/** Silence counts only while this process looked on: a look that comes later than this was itself held up. */
const ATTENTION_MS = 150;

export type PingAnswer = 'answered' | 'nobody' | 'unknown';
export type WatchAdvice = 'wait' | 'ping' | 'suspect';

export class LeaderWatch {
  #timing: WatchTiming;
  #leader: Epoch | undefined;
  #lookedMs: number | undefined;
  #silentMs = 0;
  #nobodySince: number | undefined;
  #pinging = false;
  #pingAtSilentMs = 0;

  constructor(timing: WatchTiming = WATCH_TIMING) {
    this.#timing = timing;
  }

  set confirmMs(confirmMs: number) {
    this.#timing = { ...this.#timing, confirmMs };
  }

  /** Whose silence is counted; undefined while nobody is known to lead. */
  get leader(): Epoch | undefined {
    return this.#leader;
  }

  /** How long the leader has been silent while this process looked on, milliseconds. */
  get silentMs(): number {
    return this.#silentMs;
  }

  /** A sign of life of the leader of that term; those of earlier terms are nothing. */
  heard(epoch: Epoch): void {
    if (this.#leader !== undefined && compareEpochs(epoch, this.#leader) < 0) return;
    this.#leader = epoch;
    this.#countAnew();
  }

  /** What the lease says: somebody's term, or that it is free. */
  held(epoch: Epoch | undefined): void {
    const { leader } = this;
    if (epoch === undefined) this.#leader = undefined;
    else if (leader === undefined || compareEpochs(epoch, leader) > 0) {
      this.#leader = epoch;
      this.#countAnew();
    }
  }

  /** From now on this process looks: what was missed before, with the connection away, says nothing. */
  begin(): void {
    this.#lookedMs = undefined;
    this.#pinging = false;
    this.#countAnew();
  }

  /** To be called several times in each `lateMs`, monotonic milliseconds; after `ping`, `pinged` has to be called. */
  look(nowMs: number): WatchAdvice {
    const passedMs = nowMs - (this.#lookedMs ?? nowMs);
    this.#lookedMs = nowMs;
    if (this.#leader === undefined) return 'wait';
    this.#silentMs += Math.min(passedMs, ATTENTION_MS);
    if (this.#silentMs >= this.#timing.hungMs || this.#isConfirmed()) return 'suspect';
    if (this.#pinging || this.#silentMs < this.#pingAtSilentMs) return 'wait';
    this.#pinging = true;
    return 'ping';
  }

  pinged(answer: PingAnswer): void {
    this.#pinging = false;
    const { beatMs, lateMs } = this.#timing;
    // A sign of life came in meanwhile.
    if (this.#silentMs < beatMs + lateMs) return;
    if (answer === 'nobody') {
      this.#nobodySince ??= this.#silentMs;
      this.#pingAtSilentMs = this.#silentMs;
    } else {
      this.#nobodySince = undefined;
      this.#pingAtSilentMs = this.#silentMs + beatMs;
    }
  }

  #isConfirmed(): boolean {
    if (this.#nobodySince === undefined) return false;
    return this.#silentMs - this.#nobodySince >= this.#timing.confirmMs;
  }

  #countAnew(): void {
    this.#silentMs = 0;
    this.#nobodySince = undefined;
    this.#pingAtSilentMs = this.#timing.beatMs + this.#timing.lateMs;
  }
}
