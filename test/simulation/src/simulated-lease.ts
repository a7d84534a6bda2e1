// Owns the simulated bucket of leases: keys with revisions, written by compare-and-set. Answers may be late or lost, and
// a write may land after its writer has given it up.
import type { LeaseAction, LeaseEntry, LeaseNote, LeaseWriteAnswer } from '@parley/actor/lease';
import type { LeaseReading } from '@parley/actor/lease-store';
import type { Clock } from './clock.ts';
import type { Faults } from './faults.ts';
import type { Random } from './random.ts';

export type LeaseKey = 'master' | 'allocator';
type LeaseWrite = Extract<LeaseAction, { kind: 'write' }>;
/** Whether a request gets there, and whether the answer gets back. */
export type Way = { readonly reachable: () => boolean; readonly hears: () => boolean };

/** How long a candidate waits for an answer. */
const TIMEOUT_MS = 1000;
const MAX_LATE_MS = 4000;
const NOBODY: LeaseEntry = { revision: 0, record: undefined };

export class SimulatedLeases {
  readonly createdMs = 1;
  readonly #clock: Clock;
  readonly #random: Random;
  #faults: Faults;
  readonly #entries = new Map<LeaseKey, LeaseEntry>();
  #revision = 0;

  constructor(clock: Clock, random: Random, faults: Faults) {
    this.#clock = clock;
    this.#random = random;
    this.#faults = faults;
  }

  heal(faults: Faults): void {
    this.#faults = faults;
  }

  read(key: LeaseKey, way: Way, done: (reading: LeaseReading) => void): void {
    let reading: LeaseReading = { kind: 'unknown', bucketCreatedMs: this.createdMs };
    const isLost = !this.#arrives(way) || this.#random.chance(this.#faults.leaseTimeoutChance);
    if (!isLost)
      this.#clock.after(this.#delay(), () => {
        const entry = this.#entries.get(key) ?? NOBODY;
        reading = { kind: 'found', bucketCreatedMs: this.createdMs, entry };
      });
    const waitMs = isLost ? TIMEOUT_MS : 2 * this.#faults.maxDelayMs + 1;
    this.#clock.after(waitMs, () =>
      done(way.hears() ? reading : { kind: 'unknown', bucketCreatedMs: this.createdMs }),
    );
  }

  write(
    key: LeaseKey,
    write: LeaseWrite,
    way: Way,
    done: (answer: LeaseWriteAnswer) => void,
  ): void {
    let answer: LeaseWriteAnswer = { kind: 'unknown' };
    const arrives = this.#arrives(way);
    const isTimedOut = this.#random.chance(this.#faults.leaseTimeoutChance);
    const lateMs = isTimedOut ? this.#random.between(TIMEOUT_MS, MAX_LATE_MS) : 0;
    if (arrives)
      this.#clock.after(this.#delay() + lateMs, () => {
        answer = this.#store(key, write);
      });
    const isLost = !arrives || isTimedOut || this.#random.chance(this.#faults.lostAckChance);
    const waitMs = isLost ? TIMEOUT_MS : 2 * this.#faults.maxDelayMs + 1;
    this.#clock.after(waitMs, () => done(!isLost && way.hears() ? answer : { kind: 'unknown' }));
  }

  /** What its holder, or whoever held it last, has left behind with it. */
  noteOf(key: LeaseKey): LeaseNote | undefined {
    return this.#entries.get(key)?.record?.note;
  }

  /** Somebody else frees it although its holder still leads: an operator, or a copy of the bucket that is put back. */
  free(key: LeaseKey): void {
    const record = this.#entries.get(key)?.record;
    if (record === undefined) return;
    this.#revision += 1;
    const freed = { ...record, nonce: `freed ${this.#revision}`, released: true };
    this.#entries.set(key, { revision: this.#revision, record: freed });
  }

  #store(key: LeaseKey, { expectedRevision, record }: LeaseWrite): LeaseWriteAnswer {
    const { revision } = this.#entries.get(key) ?? NOBODY;
    if (revision !== expectedRevision) return { kind: 'refused' };
    this.#revision += 1;
    this.#entries.set(key, { revision: this.#revision, record });
    return { kind: 'stored', revision: this.#revision };
  }

  #arrives(way: Way): boolean {
    return way.reachable() && !this.#random.chance(this.#faults.dropChance);
  }

  #delay(): number {
    return this.#random.between(0, this.#faults.maxDelayMs);
  }
}
