// Owns driving a JournaledLeader over a journal: appends, identical retries, what a refusal means, effects in order,
// snapshots beside it. Which inputs there are and what effects mean is the service's.
import type { Epoch } from '@parley/protocol/epoch';
import { type Failure, fail, type Outcome } from '@parley/protocol/errors';
import type { Clock } from './clock.ts';
import type { StepContext } from './core.ts';
import type { AppendRequest } from './journal.ts';
import { decodeEntry } from './journal-entry.ts';
import { type CommitResult, JournaledLeader, type LeaderLimits } from './journaled-leader.ts';
import { catchUp, loadReplica, type ReplicaSource } from './load-replica.ts';
import { systemTimers } from './nats/system-clock.ts';
import type { Replica, Skipped, SkippedInput } from './replica.ts';
import { SnapshotKeeper, type SnapshotLimits, type SnapshotReport } from './snapshot-keeper.ts';
import type { Timers } from './timers.ts';

export type RetryLimits = {
  readonly retryFirstMs: number;
  readonly retryMaxMs: number;
  /** How long a clean stop waits for what is queued. */
  readonly stopMs: number;
};
const RETRY_LIMITS: RetryLimits = { retryFirstMs: 50, retryMaxMs: 1000, stopMs: 10_000 };

/** Each trouble is reported once, when it begins, and again when it is over. */
export type LeaderReport =
  | SnapshotReport
  | { readonly kind: 'journalTrouble'; readonly failure: Failure }
  | { readonly kind: 'journalRecovered' }
  /** A step threw: a defect. The state was made anew without that input. */
  | { readonly kind: 'inputSkipped'; readonly skip: SkippedInput; readonly error: unknown };

export type LeaderEnd =
  | { readonly reason: 'stopped' }
  /** `mayAct` said no. */
  | { readonly reason: 'leaseLost' }
  /** Another leader has written to the journal. */
  | { readonly reason: 'deposed' }
  /** The journal is not the one that was read: it was purged, restored, made anew, or is damaged. */
  | { readonly reason: 'journalLost'; readonly message: string }
  /** The journal cannot be stepped; the message says what to do. */
  | { readonly reason: 'journalUnusable'; readonly message: string };

export type LeaderShellOptions<State, Input, Effect> = ReplicaSource<State, Input, Effect> & {
  /** From `loadReplica`. */
  readonly replica: Replica<State, Input, Effect>;
  readonly epoch: Epoch;
  readonly clock: Clock;
  readonly makeNonce: () => string;
  /** Asked before every append: whether the lease still stands. */
  readonly mayAct: () => boolean;
  /** Carries effects out. Called after the commit, in the order of the journal; must not throw. */
  readonly onEffects: (effects: Effect[], context: StepContext) => void;
  /** An input that was left out: its caller gets `internalError`. */
  readonly onSkipped: (skipped: Skipped) => void;
  readonly report: (report: LeaderReport) => void;
  /** As of SnapshotKeeper: where a standby writes snapshots, the leader need not. */
  readonly mayWrite?: (sequence: number) => boolean;
  readonly limits?: Partial<LeaderLimits & SnapshotLimits & RetryLimits>;
};

export class LeaderShell<State, Input, Effect> {
  readonly #options: LeaderShellOptions<State, Input, Effect>;
  readonly #leader: JournaledLeader<State, Input, Effect>;
  readonly #keeper: SnapshotKeeper;
  readonly #retry: RetryLimits;
  readonly #timers: Timers;
  readonly #ending = Promise.withResolvers<LeaderEnd>();
  #end: LeaderEnd | undefined;
  #pumping: Promise<void> | undefined;
  #stopping = false;
  #troubled = false;

  constructor(options: LeaderShellOptions<State, Input, Effect>) {
    this.#options = options;
    this.#leader = new JournaledLeader(options);
    this.#timers = options.timers ?? systemTimers;
    this.#retry = { ...RETRY_LIMITS, ...options.limits };
    this.#keeper = new SnapshotKeeper(options, options.replica);
    if (this.#leader.stopped) this.#finish({ reason: 'deposed' });
  }

  /** Resolves when this leader writes no more. Rejects when the process must end (full stack or heap, or a defect). */
  get ended(): Promise<LeaderEnd> {
    return this.#ending.promise;
  }

  /** The books; only read, and only between inputs. */
  get state(): State {
    return this.#leader.state;
  }

  /** Likewise, as of the last entry that was stepped. */
  get replica(): Replica<State, Input, Effect> {
    return this.#leader.replica;
  }

  /** Sequence of the last entry that was stepped. */
  get sequence(): number {
    return this.#leader.replica.sequence;
  }

  get pending(): number {
    return this.#leader.pending;
  }

  /** Core time now, milliseconds. */
  coreTimeMs(): number {
    return this.#leader.coreTimeMs(this.#options.clock.nowMs());
  }

  /** Queues an input. Fails with `overloaded`, `tooLarge` or `unavailable`: nothing was or will be journalled then. */
  submit(input: Input): Outcome<undefined> {
    if (this.#stopping || this.#end !== undefined) {
      return fail('unavailable', 'this master is stopping');
    }
    const queued = this.#leader.submit(input);
    if (queued.ok) this.#pump();
    return queued;
  }

  /** Of the last entry that was stepped. */
  get rulesVersion(): number {
    return this.#leader.replica.rulesVersion;
  }

  /** Entries are written under newer rules from now on; `input` carries the raise. */
  raiseRules(rulesVersion: number, input: Input): void {
    if (this.#stopping || this.#end !== undefined) return;
    if (this.#leader.raiseRules(rulesVersion)) this.submit(input);
  }

  /** Hexadecimal hash of the state after `sequence`. */
  hash(): string {
    return this.#leader.replica.hash();
  }

  /** A standby has written a snapshot of that entry. */
  snapshotWritten(sequence: number): void {
    if (this.#end === undefined && !this.#stopping) this.#keeper.writtenElsewhere(sequence);
  }

  /** Clean stop: takes no more inputs, journals what is queued, writes a snapshot where that is wanted. */
  async stop({ snapshot = true }: { readonly snapshot?: boolean } = {}): Promise<LeaderEnd> {
    this.#stopping = true;
    const late = Promise.withResolvers<void>();
    const cancel = this.#timers.after(this.#retry.stopMs, late.resolve, { ref: false });
    await Promise.race([this.#pumping, late.promise]);
    cancel();
    if (snapshot && this.#end === undefined && this.#leader.inFlight === undefined) {
      await this.#keeper.finish(this.#leader.replica);
    }
    this.#finish({ reason: 'stopped' });
    return this.ended;
  }

  /** The lease is lost: nothing is appended or carried out from now on. */
  leaseLost(): void {
    this.#finish({ reason: 'leaseLost' });
  }

  /** Somebody has looked: the journal is not the one that this leader writes to. */
  journalLost(message: string): void {
    this.#finish({ reason: 'journalLost', message });
  }

  #pump(): void {
    this.#pumping ??= this.#run().catch((error: unknown) => {
      this.#end ??= { reason: 'stopped' };
      this.#ending.reject(error);
    });
  }

  async #run(): Promise<void> {
    const { clock } = this.#options;
    try {
      while (this.#end === undefined) {
        // What came in with the same read of the socket goes into the same entry.
        await this.#timers.yieldToOthers();
        const request = this.#leader.nextAppend({
          nowMs: clock.nowMs(),
          wallTimeMs: clock.wallTimeMs(),
        });
        if (request === undefined) return;
        const result = await this.#append(request);
        if (result !== undefined) this.#carryOut(result);
      }
    } finally {
      // In the same breath as the last look at the queue: what is queued from now on begins anew.
      this.#pumping = undefined;
    }
  }

  /** Sends one entry until its fate is known. Undefined: it was not journalled by this leader, or the term is over. */
  async #append(request: AppendRequest): Promise<CommitResult<Effect> | undefined> {
    let waitMs = this.#retry.retryFirstMs;
    while (this.#mayGoOn()) {
      const result = await this.#options.journal.append(request);
      if (this.#end !== undefined) return undefined;
      if (result.kind === 'committed') return this.#step(result.sequence);
      if (result.kind === 'refused') return this.#examineRefusal(request);
      const code = result.kind === 'diskFull' ? 'diskFull' : 'unavailable';
      this.#trouble({ code, message: result.message });
      await this.#timers.wait(waitMs);
      waitMs = Math.min(waitMs * 2, this.#retry.retryMaxMs);
    }
    return undefined;
  }

  /** Own entry at that place: an earlier try of it was stored. Another's: this leader is none, or not yet. */
  async #examineRefusal(request: AppendRequest): Promise<CommitResult<Effect> | undefined> {
    const sequence = request.expectedSequence + 1;
    const stored = await this.#untilAnswered(() => this.#options.journal.entryAt(sequence));
    if (stored === undefined) return undefined;
    if (!stored.ok || stored.value === undefined) {
      this.#finish({
        reason: 'journalLost',
        message: `the journal has no entry ${sequence} but refuses one: it was purged, restored or made anew`,
      });
      return undefined;
    }
    const entry = decodeEntry(stored.value.bytes);
    if (entry.ok && entry.value.nonce === request.nonce) return this.#step(sequence);
    if (this.#leader.hasCommitted) {
      this.#leader.refused();
      this.#finish({ reason: 'deposed' });
      return undefined;
    }
    await this.#catchUpAndRebase();
    return undefined;
  }

  async #catchUpAndRebase(): Promise<void> {
    const source = { journal: this.#options.journal, timers: this.#timers };
    const replica = this.#leader.replica;
    const caughtUp = await this.#untilAnswered(() => catchUp(source, replica));
    if (caughtUp === undefined) return;
    if (!caughtUp.ok) return this.#unusable(caughtUp.failure);
    if (caughtUp.value === undefined) return this.#rebase(replica);
    const skips = [...replica.skips, caughtUp.value];
    const loaded = await this.#untilAnswered(() => loadReplica(this.#options, { skips }));
    if (loaded === undefined) return;
    if (!loaded.ok) return this.#unusable(loaded.failure);
    this.#rebase(loaded.value);
  }

  #rebase(replica: Replica<State, Input, Effect>): void {
    if (!this.#leader.rebase(replica)) this.#finish({ reason: 'deposed' });
  }

  async #step(sequence: number): Promise<CommitResult<Effect> | undefined> {
    if (this.#troubled) this.#options.report({ kind: 'journalRecovered' });
    this.#troubled = false;
    let result = this.#leader.committed(sequence);
    while (result.kind === 'broken') {
      const { skip, error } = result;
      this.#options.report({ kind: 'inputSkipped', skip, error });
      const options = { upTo: sequence - 1, skips: [...this.#leader.replica.skips, skip] };
      const replica = await this.#untilAnswered(() => loadReplica(this.#options, options));
      if (replica === undefined) return undefined;
      if (!replica.ok) {
        this.#unusable(replica.failure);
        return undefined;
      }
      result = this.#leader.rebuilt(replica.value);
    }
    return result;
  }

  #carryOut(result: CommitResult<Effect>): void {
    if (result.kind !== 'applied') return;
    this.#options.onEffects(result.effects, result.context);
    for (const skipped of result.skipped) this.#options.onSkipped(skipped);
    this.#keeper.entryApplied(this.#leader.replica);
  }

  /** Tries again while nobody answers; undefined when the term ended meanwhile. */
  async #untilAnswered<Value>(
    ask: () => Promise<Outcome<Value>>,
  ): Promise<Outcome<Value> | undefined> {
    let waitMs = this.#retry.retryFirstMs;
    while (this.#mayGoOn()) {
      const answer = await ask();
      if (answer.ok || answer.failure.code !== 'unavailable') return answer;
      this.#trouble(answer.failure);
      await this.#timers.wait(waitMs);
      waitMs = Math.min(waitMs * 2, this.#retry.retryMaxMs);
    }
    return undefined;
  }

  #mayGoOn(): boolean {
    if (this.#end !== undefined) return false;
    if (this.#options.mayAct()) return true;
    this.#finish({ reason: 'leaseLost' });
    return false;
  }

  #trouble(failure: Failure): void {
    if (!this.#troubled) this.#options.report({ kind: 'journalTrouble', failure });
    this.#troubled = true;
  }

  #unusable({ code, message }: Failure): void {
    const reason = code === 'booksDamaged' ? 'journalLost' : 'journalUnusable';
    this.#finish({ reason, message });
  }

  #finish(end: LeaderEnd): void {
    this.#end ??= end;
    this.#ending.resolve(this.#end);
  }
}
