// Owns following a journal: the newest snapshot, the entries after it, then what arrives live; what the live tail
// misses is found by comparing with the journal every second. Emits effects in order, each once, numbered
// (journal sequence, index). Needs read access only.
import { type Failure, fail, type Outcome } from '@parley/protocol/errors';
import type { Clock } from './clock.ts';
import type { StepContext } from './core.ts';
import type { JournalTail } from './journal.ts';
import { type LoadOptions, loadReplica, READ_BATCH, type ReplicaSource } from './load-replica.ts';
import { systemClock, systemTimers } from './nats/system-clock.ts';
import type { Replica, SkippedInput } from './replica.ts';
import type { Timers } from './timers.ts';

export type FollowerLimits = {
  /** Between two comparisons with the journal's end. */
  readonly compareMs: number;
  /** Live entries held while an earlier one is read; beyond, all are read. */
  readonly maxHeld: number;
  readonly retryMs: number;
};
const FOLLOWER_LIMITS: FollowerLimits = { compareMs: 1000, maxHeld: 1024, retryMs: 250 };

export type FollowedEffect<Effect> = {
  readonly sequence: number;
  /** Position among the effects of the entry, from 0. */
  readonly index: number;
  readonly effect: Effect;
  readonly context: StepContext;
};

export type FollowerOptions<State, Input, Effect> = ReplicaSource<State, Input, Effect> & {
  readonly tail: JournalTail;
  /** After each entry that was applied; must not throw. */
  readonly onEntry?: (replica: Replica<State, Input, Effect>) => void;
  /** Must not throw. */
  readonly onEffect: (followed: FollowedEffect<Effect>) => void;
  /** The state was made anew from a snapshot: what happened in between is not told. */
  readonly onReset: () => void;
  /** A step threw: a defect. The state is made anew without that input, as the leader's was. Must not throw. */
  readonly onSkipped?: (skip: SkippedInput, error: unknown) => void;
  /** Told once when trouble begins; `recovered` when it is over. */
  readonly onTrouble: (failure: Failure) => void;
  readonly onRecovered: () => void;
  readonly limits?: Partial<FollowerLimits>;
  readonly clock?: Pick<Clock, 'nowMs'>;
};

export class Follower<State, Input, Effect> {
  readonly #options: FollowerOptions<State, Input, Effect>;
  readonly #limits: FollowerLimits;
  readonly #timers: Timers;
  readonly #clock: Pick<Clock, 'nowMs'>;
  readonly #held = new Map<number, Uint8Array>();
  #replica: Replica<State, Input, Effect>;
  #createdMs: number;
  #currentAtMs: number;
  #knownLast = 0;
  #tail: { close(): void } | undefined;
  #advancing: Promise<void> | undefined;
  #again = false;
  #cancelCompare: (() => void) | undefined;
  #closed = false;
  #troubled = false;
  #spoiled = false;
  /** The next entry is damaged, and no snapshot leads past it. */
  #isStuck = false;

  private constructor(
    options: FollowerOptions<State, Input, Effect>,
    replica: Replica<State, Input, Effect>,
    { createdMs, currentAtMs }: { readonly createdMs: number; readonly currentAtMs: number },
  ) {
    this.#options = options;
    this.#timers = options.timers ?? systemTimers;
    this.#clock = options.clock ?? systemClock;
    this.#limits = { ...FOLLOWER_LIMITS, ...options.limits };
    this.#replica = replica;
    this.#createdMs = createdMs;
    this.#currentAtMs = currentAtMs;
  }

  /** Loads the state and follows from there. Fails with `unavailable`, or `internalError` whose message says what to do. */
  static async open<State, Input, Effect>(
    options: FollowerOptions<State, Input, Effect>,
    from: Pick<LoadOptions, 'snapshotUpTo'> = {},
  ): Promise<Outcome<Follower<State, Input, Effect>>> {
    const currentAtMs = (options.clock ?? systemClock).nowMs();
    const info = await options.journal.info();
    if (!info.ok) return info;
    const replica = await loadReplica(options, from);
    if (!replica.ok) return replica;
    const { createdMs } = info.value;
    const follower = new Follower(options, replica.value, { createdMs, currentAtMs });
    follower.#begin();
    return { ok: true, value: follower };
  }

  /** Only to be read, and only between two effects. */
  get state(): State {
    return this.#replica.state;
  }

  get replica(): Replica<State, Input, Effect> {
    return this.#replica;
  }

  /** Entries that it knows of and has not applied yet. */
  get lagEntries(): number {
    return Math.max(this.#knownLast - this.#replica.sequence, 0);
  }

  /** By its clock: what the journal held then has been stepped. */
  get currentAtMs(): number {
    return this.#currentAtMs;
  }

  async close(): Promise<void> {
    this.#endFollowing();
    await this.#advancing;
  }

  /**
   * Ends following and gives the replica away, to be led with; undefined when a step that threw has spoiled it, or the
   * journal cannot be followed any further.
   */
  async take(): Promise<Replica<State, Input, Effect> | undefined> {
    await this.close();
    return this.#spoiled || this.#isStuck ? undefined : this.#replica;
  }

  #endFollowing(): void {
    this.#closed = true;
    this.#cancelCompare?.();
    this.#tail?.close();
  }

  /** Reads to the journal's end now. */
  async compare(): Promise<void> {
    // What is stepped while the answer is on its way may be more than it tells of.
    const stepped = this.#replica.sequence;
    const askedMs = this.#clock.nowMs();
    const info = await this.#options.journal.info();
    if (this.#closed) return;
    if (!info.ok) return this.#trouble(info.failure);
    if (!this.#isStuck) this.#recovered();
    const { createdMs, lastSequence } = info.value;
    // Made anew, or restored from an old copy: what was stepped is no longer what is kept.
    if (createdMs !== this.#createdMs || lastSequence < stepped) {
      this.#knownLast = 0;
      this.#held.clear();
      await this.#advancing;
      if (!(await this.#reload())) return;
      this.#createdMs = createdMs;
    }
    this.#knownLast = Math.max(this.#knownLast, lastSequence);
    await this.#advance();
    if (this.#replica.sequence >= lastSequence) this.#currentAtMs = askedMs;
  }

  #begin(): void {
    this.#tail = this.#options.tail.subscribe((entry) => {
      this.#knownLast = Math.max(this.#knownLast, entry.sequence);
      if (entry.sequence > this.#replica.sequence && this.#held.size < this.#limits.maxHeld) {
        this.#held.set(entry.sequence, entry.bytes);
      }
      void this.#advance();
    });
    this.#scheduleCompare(0);
  }

  #scheduleCompare(afterMs: number): void {
    if (this.#closed) return;
    const compare = (): void => {
      void this.compare().finally(() => this.#scheduleCompare(this.#limits.compareMs));
    };
    this.#cancelCompare = this.#timers.after(afterMs, compare, { ref: false });
  }

  /** One at a time; whoever comes meanwhile waits for the same end. */
  #advance(): Promise<void> {
    this.#again = true;
    this.#advancing ??= this.#advanceWhileAsked();
    return this.#advancing;
  }

  async #advanceWhileAsked(): Promise<void> {
    try {
      while (this.#again) {
        this.#again = false;
        await this.#advanceToEnd();
      }
    } finally {
      // In the same breath as the last look: whoever asks from now on begins anew.
      this.#advancing = undefined;
    }
  }

  async #advanceToEnd(): Promise<void> {
    while (!this.#closed && this.#replica.sequence < this.#knownLast) {
      const next = this.#replica.sequence + 1;
      const held = this.#held.get(next);
      if (held !== undefined) {
        this.#held.delete(next);
        if (!(await this.#apply(next, held))) return;
        continue;
      }
      if (!(await this.#readOn(next))) return;
    }
  }

  /** False when there was nothing to read: the next comparison tries again. */
  async #readOn(next: number): Promise<boolean> {
    const entries = await this.#options.journal.read(next, READ_BATCH);
    if (this.#closed) return false;
    if (!entries.ok) {
      this.#trouble(entries.failure);
      return false;
    }
    const first = entries.value[0];
    if (first === undefined) return false;
    if (first.sequence !== next) return this.#reload();
    for (const { sequence, bytes } of entries.value) {
      this.#held.delete(sequence);
      if (this.#closed || sequence !== this.#replica.sequence + 1) return true;
      if (!(await this.#apply(sequence, bytes))) return false;
    }
    return true;
  }

  /** False when the entry could not be stepped. */
  async #apply(sequence: number, bytes: Uint8Array, isReadAgain = false): Promise<boolean> {
    const result = this.#replica.apply(sequence, bytes);
    if (result.kind === 'applied') {
      this.#isStuck = false;
      for (const [index, effect] of result.effects.entries()) {
        this.#options.onEffect({ sequence, index, effect, context: result.context });
      }
      this.#options.onEntry?.(this.#replica);
      return true;
    }
    if (result.kind === 'unknownRules') {
      this.#trouble(fail('internalError', result.message).failure);
      this.#endFollowing();
      return false;
    }
    if (result.kind === 'corrupt') return isReadAgain ? this.#reload() : this.#readAgain(sequence);
    this.#options.onSkipped?.(result.skip, result.error);
    // The same input is left out by every replica; this entry's effects are told when it is applied again.
    if (!(await this.#rebuild(sequence - 1, [...this.#replica.skips, result.skip]))) return false;
    return this.#apply(sequence, bytes);
  }

  /** A damaged entry once more: the copy in the journal may be whole. If it is not, a snapshot may lead past it. */
  async #readAgain(sequence: number): Promise<boolean> {
    const entry = await this.#options.journal.entryAt(sequence);
    if (this.#closed) return false;
    if (!entry.ok) {
      this.#trouble(entry.failure);
      return false;
    }
    return entry.value === undefined
      ? this.#reload()
      : this.#apply(sequence, entry.value.bytes, true);
  }

  /** Until it works: a spoiled replica is of no use. */
  async #rebuild(upTo: number, skips: readonly SkippedInput[]): Promise<boolean> {
    this.#spoiled = true;
    while (!this.#closed) {
      const replica = await loadReplica(this.#options, { upTo, skips });
      if (replica.ok) {
        this.#replica = replica.value;
        this.#spoiled = false;
        return true;
      }
      this.#trouble(replica.failure);
      await this.#timers.wait(this.#limits.retryMs);
    }
    return false;
  }

  async #reload(): Promise<boolean> {
    const replica = await loadReplica(this.#options);
    if (this.#closed) return false;
    if (!replica.ok) {
      this.#isStuck ||= replica.failure.code !== 'unavailable';
      this.#trouble(replica.failure);
      return false;
    }
    this.#isStuck = false;
    this.#replica = replica.value;
    this.#options.onReset();
    return true;
  }

  #trouble(failure: Failure): void {
    if (!this.#troubled) this.#options.onTrouble(failure);
    this.#troubled = true;
  }

  #recovered(): void {
    if (this.#troubled) this.#options.onRecovered();
    this.#troubled = false;
  }
}
