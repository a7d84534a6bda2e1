// Owns the simulated JetStream: the journal with its expected sequence, and the principals' update streams.
// What was stored stays stored; acknowledgements may be late or lost, as real ones are.
import type { Clock } from './clock.ts';
import type { Faults } from './faults.ts';
import type { Random } from './random.ts';

export type Stored = {
  readonly sequence: number;
  readonly subject: string;
  readonly bytes: Uint8Array;
};
export type Acknowledgement =
  | { readonly kind: 'stored'; readonly sequence: number }
  | { readonly kind: 'refused' }
  /** There was no space: it is not stored. */
  | { readonly kind: 'full' }
  | { readonly kind: 'unknown' };

/** How long a writer waits for an acknowledgement before it knows nothing. */
const ACK_TIMEOUT_MS = 2000;
/** A message under way in the servers may be stored that long after it was sent. */
const MAX_LATE_MS = 8000;

/** A message on its way to a stream: whether it gets there, and whether the answer gets back. */
export type Sent = {
  readonly subject: string;
  readonly bytes: Uint8Array;
  readonly expectedSequence?: number;
  readonly reachable: () => boolean;
  /** Absent: as `reachable`. */
  readonly hears?: () => boolean;
};

export class SimulatedStream {
  #createdMs = 1;
  #firstSequence = 1;
  /** What is on its way to a stream that is deleted or put back does not get there. */
  #generation = 0;
  readonly messages: Stored[] = [];
  /** What was asked to be stored, and when. */
  readonly attempts: {
    readonly atMs: number;
    readonly subject: string;
    readonly bytes: Uint8Array;
  }[] = [];
  #isRefusing = false;
  #isFull = false;
  #slowMs = 0;
  readonly #clock: Clock;
  readonly #random: Random;
  #faults: Faults;
  readonly #watchers = new Map<string, (message: Stored) => void>();
  readonly #listeners: ((message: Stored) => void)[] = [];

  constructor(clock: Clock, random: Random, faults: Faults) {
    this.#clock = clock;
    this.#random = random;
    this.#faults = faults;
  }

  heal(faults: Faults): void {
    this.#faults = faults;
    this.#isFull = false;
    this.#slowMs = 0;
  }

  /** Called for each message in the moment it is stored. */
  onStored(tell: (message: Stored) => void): void {
    this.#listeners.push(tell);
  }

  /** It takes nothing until it is told otherwise. */
  refuse(isRefusing: boolean): void {
    this.#isRefusing = isRefusing;
  }

  /** Its disk is full: what is to be stored is refused, and says why. */
  fill(isFull: boolean): void {
    this.#isFull = isFull;
  }

  /** Its disk is slow: everything takes so much longer. */
  slowDown(slowMs: number): void {
    this.#slowMs = slowMs;
  }

  /** How long an answer takes; undefined: none comes. */
  drawAnswer(): number | undefined {
    if (this.#random.chance(this.#faults.dropChance)) return undefined;
    return this.#delay() + this.#slowMs;
  }

  get lastSequence(): number {
    return this.messages.length;
  }

  get createdMs(): number {
    return this.#createdMs;
  }

  /** Of what can be read. */
  get firstSequence(): number {
    return this.#firstSequence;
  }

  purgeBelow(sequence: number): void {
    const first = Math.min(sequence, this.lastSequence + 1);
    this.#firstSequence = Math.max(this.#firstSequence, first);
  }

  /** It is deleted and made again. */
  makeAnew(): void {
    this.#generation += 1;
    this.#createdMs = this.#clock.nowMs + 1;
    this.#firstSequence = 1;
    this.messages.length = 0;
  }

  /** It is put back as it was when that was its last message. */
  cutBack(lastSequence: number): void {
    this.#generation += 1;
    this.messages.length = Math.min(this.messages.length, lastSequence);
    // The copy is from before that was removed.
    if (lastSequence < this.#firstSequence) this.#firstSequence = 1;
  }

  /** Stores after a delay, then acknowledges after another, unless one of the two ways is lost. */
  append(message: Sent, done: (acknowledgement: Acknowledgement) => void): void {
    const { subject, bytes, hears = message.reachable } = message;
    this.attempts.push({ atMs: this.#clock.nowMs, subject, bytes });
    const arrives = message.reachable() && !this.#random.chance(this.#faults.dropChance);
    const isLate = arrives && this.#random.chance(this.#faults.lateStoreChance);
    let outcome: Acknowledgement = { kind: 'unknown' };
    const generation = this.#generation;
    const delayMs =
      this.#slowMs + (isLate ? this.#random.between(ACK_TIMEOUT_MS, MAX_LATE_MS) : this.#delay());
    if (arrives)
      this.#clock.after(delayMs, () => {
        if (generation === this.#generation) outcome = this.#store(message);
      });
    const isSlow = this.#slowMs + 2 * this.#faults.maxDelayMs >= ACK_TIMEOUT_MS;
    const lost = !arrives || isLate || isSlow || this.#random.chance(this.#faults.lostAckChance);
    const waitMs = this.#slowMs + 2 * this.#faults.maxDelayMs + 1;
    if (lost) this.#clock.after(ACK_TIMEOUT_MS, () => done({ kind: 'unknown' }));
    else this.#clock.after(waitMs, () => done(hears() ? outcome : { kind: 'unknown' }));
  }

  /** From the sequence after `position` on, in order, each at least once while `reachable`. */
  watch(
    owner: string,
    position: number,
    reachable: () => boolean,
    handle: (message: Stored) => void,
  ): void {
    let next = position;
    const pump = (): void => {
      if (this.#watchers.get(owner) !== handle) return;
      while (reachable() && next < this.messages.length) {
        const message = this.messages[next];
        next += 1;
        if (message !== undefined) handle(message);
        if (this.#watchers.get(owner) !== handle) return;
      }
      this.#clock.after(this.#delay() + 1, pump);
    };
    this.#watchers.set(owner, handle);
    this.#clock.after(this.#delay(), pump);
  }

  unwatch(owner: string): void {
    this.#watchers.delete(owner);
  }

  #store({ subject, bytes, expectedSequence }: Sent): Acknowledgement {
    if (this.#isRefusing) return { kind: 'refused' };
    if (expectedSequence !== undefined && expectedSequence !== this.lastSequence)
      return { kind: 'refused' };
    if (this.#isFull) return { kind: 'full' };
    const sequence = this.messages.length + 1;
    const stored = { sequence, subject, bytes };
    this.messages.push(stored);
    for (const tell of this.#listeners) tell(stored);
    return { kind: 'stored', sequence };
  }

  #delay(): number {
    return this.#random.between(0, this.#faults.maxDelayMs);
  }
}
