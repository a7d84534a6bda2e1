// Owns the leader's writing rule: gather inputs, one append in flight, step only what is committed, stop for good when
// another leader has written. It does no I/O: leader-shell.ts or the simulator carries requests and answers.
import type { LeadershipEvent } from '@parley/lifecycle/leadership-machine';
import { type LeadershipState, nextLeadershipState } from '@parley/lifecycle/transitions';
import { encode } from '@parley/protocol/codec';
import { compareEpochs, type Epoch } from '@parley/protocol/epoch';
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import { MAX_MESSAGE_BYTES } from '@parley/protocol/streams';
import { assert } from '@parley/protocol/unreachable';
import type { StepContext } from './core.ts';
import { checkedInput, fingerprintOf } from './input-check.ts';
import type { AppendRequest } from './journal.ts';
import { ENTRY_FRAME_BYTES, encodeEntry } from './journal-entry.ts';
import type { Replica, Skipped, SkippedInput } from './replica.ts';

export type LeaderLimits = {
  /** They are stepped in one go, which keeps a process from everything else. */
  readonly maxInputsPerEntry: number;
  /** Where gathering ends. One larger input is appended alone. */
  readonly maxEntryBytes: number;
  /** What the bus carries at all, the frame of the entry included. */
  readonly maxInputBytes: number;
  readonly maxQueuedInputs: number;
};
const LEADER_LIMITS: LeaderLimits = {
  maxInputsPerEntry: 1024,
  maxEntryBytes: 512 * 1024,
  maxInputBytes: MAX_MESSAGE_BYTES - ENTRY_FRAME_BYTES,
  maxQueuedInputs: 16_384,
};

export type CommitResult<Effect> =
  | {
      readonly kind: 'applied';
      readonly effects: Effect[];
      /** Inputs of this entry that were left out: their callers get `internalError`. */
      readonly skipped: readonly Skipped[];
      readonly context: StepContext;
    }
  /** A step threw: rebuild a replica up to the entry before, with `skip` in its list, and call `rebuilt`. */
  | { readonly kind: 'broken'; readonly skip: SkippedInput; readonly error: unknown };

export type LeaderOptions<State, Input, Effect> = {
  /** Holds everything that the journal held when the leader read it. Owned by the leader from now on. */
  readonly replica: Replica<State, Input, Effect>;
  readonly epoch: Epoch;
  /** Unique among all entries ever written. */
  readonly makeNonce: () => string;
  readonly limits?: Partial<LeaderLimits>;
};

export class JournaledLeader<State, Input, Effect> {
  readonly epoch: Epoch;
  readonly #makeNonce: () => string;
  readonly #limits: LeaderLimits;
  #replica: Replica<State, Input, Effect>;
  /** Of the entries to come, where it is newer than that of the last one. */
  #raisedRules = 0;
  #queue: Uint8Array[] = [];
  #inFlight: { request: AppendRequest; inputs: Uint8Array[] } | undefined;
  #termStart: { nowMs: number; coreTimeMs: number } | undefined;
  /** A leader is made by a candidate that has won the lease. */
  #leadership: LeadershipState = 'opening';

  constructor(options: LeaderOptions<State, Input, Effect>) {
    this.epoch = options.epoch;
    this.#replica = options.replica;
    this.#makeNonce = options.makeNonce;
    this.#limits = { ...LEADER_LIMITS, ...options.limits };
    // Read so late that a later term had begun: an append would fit behind its entries. Or the epoch was there before:
    // the bucket of leases was put back, and two terms of one epoch could not be told apart.
    if (this.#isPast()) this.refused();
  }

  get replica(): Replica<State, Input, Effect> {
    return this.#replica;
  }

  get state(): State {
    return this.#replica.state;
  }

  /** Inputs that wait for an append. */
  get pending(): number {
    return this.#queue.length;
  }

  /** The append whose outcome is not known yet: send it again, unchanged, until it is. */
  get inFlight(): AppendRequest | undefined {
    return this.#inFlight?.request;
  }

  /** True for good once another leader has written. */
  get stopped(): boolean {
    return this.#leadership === 'stopped';
  }

  /** Whether an entry of this term is in the journal. */
  get hasCommitted(): boolean {
    return this.#leadership === 'leading';
  }

  /** Core time now, milliseconds: stands still until the first append of the term. */
  coreTimeMs(nowMs: number): number {
    const start = this.#termStart;
    if (start === undefined) return this.#replica.coreTimeMs;
    const running = start.coreTimeMs + Math.floor(nowMs - start.nowMs);
    return Math.max(this.#replica.coreTimeMs, running);
  }

  /** Queues an input. Fails with `overloaded`, `tooLarge`, `unavailable` (stopped, or not before all masters know it) or `internalError`: nothing was journalled then. */
  submit(input: Input): Outcome<undefined> {
    if (this.stopped) return fail('unavailable', 'this master leads no more');
    if (this.#queue.length >= this.#limits.maxQueuedInputs) {
      return fail('overloaded', `${this.#queue.length} requests wait for the journal`);
    }
    const since = this.#replica.core.inputSince?.(input) ?? 0;
    if (since > this.#rulesToCome) {
      const message = `this needs rules version ${since}: upgrade the masters that do not know it`;
      return fail('unavailable', message);
    }
    const checked = checkedInput(this.#replica.core.inputSchema, input);
    if (!checked.ok) return checked;
    const bytes = encode(checked.value);
    if (bytes.length > this.#limits.maxInputBytes) {
      const limit = this.#limits.maxInputBytes;
      return fail('tooLarge', `${bytes.length} bytes; the journal takes ${limit} at once`);
    }
    this.#queue.push(bytes);
    return succeed(undefined);
  }

  /**
   * The next entries are written under newer rules, when every master knows them. Journalled with the next input: submit
   * one. False when the rules are as new already, or are about to be.
   */
  raiseRules(rulesVersion: number): boolean {
    assert(
      rulesVersion <= this.#replica.core.rulesVersion,
      'a leader knows the rules that it raises to',
    );
    if (rulesVersion <= this.#rulesToCome) return false;
    this.#raisedRules = rulesVersion;
    return true;
  }

  /**
   * The next entry; undefined while one is in flight, when nothing waits, and after the stop.
   * `nowMs`: monotonic. `wallTimeMs`: since 1970, for people.
   */
  nextAppend(now: { nowMs: number; wallTimeMs: number }): AppendRequest | undefined {
    if (this.stopped || this.#inFlight !== undefined || this.#queue.length === 0) return undefined;
    this.#termStart ??= { nowMs: now.nowMs, coreTimeMs: this.#replica.coreTimeMs };
    const inputs = this.#gather();
    const nonce = this.#makeNonce();
    const previous = this.#replica.entryChecksum;
    const head = {
      rulesVersion: this.#rulesToCome,
      epoch: this.epoch,
      nonce,
      coreTimeMs: this.coreTimeMs(now.nowMs),
      wallTimeMs: Math.floor(now.wallTimeMs),
      sequence: this.#replica.sequence + 1,
      ...(previous !== undefined && { previous }),
      inputSchema: fingerprintOf(this.#replica.core.inputSchema),
    };
    const packsSince = this.#replica.core.packsEntriesSince ?? Number.POSITIVE_INFINITY;
    const bytes = encodeEntry(head, inputs, head.rulesVersion >= packsSince);
    const request = { expectedSequence: this.#replica.sequence, nonce, bytes };
    this.#inFlight = { request, inputs };
    return request;
  }

  /** The append in flight was acknowledged: steps it. Effects may be carried out now, in order. */
  committed(sequence: number): CommitResult<Effect> {
    assert(!this.stopped, 'a stopped leader steps nothing');
    const flight = this.#inFlight;
    assert(flight !== undefined, 'an acknowledgement needs an append in flight');
    assert(sequence === flight.request.expectedSequence + 1, `committed at ${sequence}`);
    if (this.#leadership === 'opening') this.#move('termCommitted');
    const result = this.#replica.apply(sequence, flight.request.bytes);
    assert(result.kind !== 'unknownRules', 'a leader knows its own rules');
    assert(result.kind !== 'corrupt', 'a leader steps the bytes that it has written');
    if (result.kind === 'applied') this.#inFlight = undefined;
    return result;
  }

  /** After `broken`: a replica of the entry before, with the input in its skip list. Steps the entry again. */
  rebuilt(replica: Replica<State, Input, Effect>): CommitResult<Effect> {
    const flight = this.#inFlight;
    assert(flight !== undefined, 'only an entry that broke a replica needs another replica');
    this.#replica = replica;
    return this.committed(flight.request.expectedSequence + 1);
  }

  /** Another's entry stands where the one in flight should be: nothing is appended or stepped by this leader again. */
  refused(): void {
    this.#move('stop');
    this.#queue = [];
    this.#inFlight = undefined;
  }

  /**
   * For a candidate whose first append was refused: after `replica` (its own, or another) has been moved on to the journal's end, the
   * same inputs go into a new entry. The refused one can not appear later: its place is taken.
   * False when another has begun a later term; then the leader has stopped.
   */
  rebase(replica: Replica<State, Input, Effect> = this.#replica): boolean {
    this.#replica = replica;
    this.#move('appendRefused');
    assert(this.#leadership === 'opening', 'a refusal within a term is final');
    if (this.#isPast()) {
      this.refused();
      return false;
    }
    if (this.#inFlight !== undefined) this.#queue = [...this.#inFlight.inputs, ...this.#queue];
    this.#inFlight = undefined;
    this.#termStart = undefined;
    return true;
  }

  get #rulesToCome(): number {
    return Math.max(this.#replica.rulesVersion, this.#raisedRules);
  }

  #isPast(): boolean {
    return compareEpochs(this.#replica.epoch, this.epoch) >= 0;
  }

  #move(event: LeadershipEvent): void {
    const next = nextLeadershipState(this.#leadership, event);
    assert(next !== undefined, `${event} while ${this.#leadership}`);
    this.#leadership = next;
  }

  #gather(): Uint8Array[] {
    let bytes = ENTRY_FRAME_BYTES;
    let count = 0;
    for (const input of this.#queue) {
      bytes += input.length;
      const full = count >= this.#limits.maxInputsPerEntry || bytes > this.#limits.maxEntryBytes;
      if (count > 0 && full) break;
      count += 1;
    }
    return this.#queue.splice(0, count);
  }
}
