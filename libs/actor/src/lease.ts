// Owns who tries to lead: a lease in one key, taken and renewed by compare-and-set, watched with the own monotonic
// clock only. It does no I/O: it says which read or write is next and is told the answer. What the lease cannot
// promise (that nobody else acts) the journal does. So a candidate may also be told that the holder is no more
// (leader-watch.ts) and then need not wait: the old holder may believe for seconds that it still leads.
// States: waiting -> taking -> leading -> lost; waiting and leading end in stopped.
import { assert } from '@parley/protocol/unreachable';

export type LeaseTiming = {
  /** A candidate takes over a lease that it has seen unchanged for this long. */
  readonly leaseMs: number;
  readonly renewMs: number;
  /** After this long without a successful renewal the holder stops acting. Below `leaseMs`: it stops before others start. */
  readonly selfFenceMs: number;
  /** Between two looks of a candidate, and between two tries of a write. */
  readonly retryMs: number;
};
export const LEASE_TIMING: LeaseTiming = {
  leaseMs: 20_000,
  renewMs: 3000,
  selfFenceMs: 15_000,
  retryMs: 1000,
};

export type LeaseRecord = {
  readonly holder: string;
  /** New for every write: tells the own write from another's after an answer was lost. */
  readonly nonce: string;
  /** Revision of the write that began the term; 0 in that write itself. */
  readonly term: number;
  readonly released: boolean;
  /** First half of the epochs of terms that begin here, where it is later than the creation time of the bucket (lease-past.ts). */
  readonly era?: number | undefined;
  /** The holder's, or of whoever held it before it. */
  readonly note?: LeaseNote | undefined;
};

/** What a leader leaves behind of its journal, for those who find another one in its place. */
export type LeaseNote = { readonly createdMs: number; readonly sequence: number };

/** What stands in the key. Revision 0: nothing. */
export type LeaseEntry = { readonly revision: number; readonly record: LeaseRecord | undefined };

export type LeaseAction =
  | { readonly kind: 'read' }
  | { readonly kind: 'write'; readonly expectedRevision: number; readonly record: LeaseRecord };

export type LeaseReadAnswer =
  | { readonly kind: 'found'; readonly entry: LeaseEntry }
  | { readonly kind: 'unknown' };
export type LeaseWriteAnswer =
  | { readonly kind: 'stored'; readonly revision: number }
  | { readonly kind: 'refused' }
  | { readonly kind: 'unknown' };

export type LeaseStatus = 'waiting' | 'taking' | 'leading' | 'lost' | 'stopped';

export type LeaseMachineOptions = {
  readonly timing?: LeaseTiming;
  /**
   * Whether a lease under the own name may be taken at once: it is the process's predecessor's. Not so for a process
   * that has just lost it to another of the same name, or both would take it from each other for ever.
   */
  readonly ownNameIsFree?: boolean;
  /** Read at each write; undefined: what stands there stays. */
  readonly note?: () => LeaseNote | undefined;
  /** The era of a term that begins upon that entry. Without it, as the entry says. */
  readonly eraAfter?: (entry: LeaseEntry) => number | undefined;
  /** Nobody holds a lease that says this: it is from another time. */
  readonly isOrphan?: (entry: LeaseEntry) => boolean;
};

const NOTHING_STANDS: LeaseEntry = { revision: 0, record: undefined };

type Write = {
  readonly action: Extract<LeaseAction, { kind: 'write' }>;
  /** Before the first try was sent: an answer that is lost may belong to that one. */
  readonly firstSentMs: number;
};

export class LeaseMachine {
  readonly #holder: string;
  readonly #makeNonce: () => string;
  readonly #timing: LeaseTiming;
  readonly #ownNameIsFree: boolean;
  readonly #makeNote: () => LeaseNote | undefined;
  readonly #eraAfter: (entry: LeaseEntry) => number | undefined;
  readonly #isOrphan: (entry: LeaseEntry) => boolean;
  #era: number | undefined;
  #isRaised = false;
  #note: LeaseNote | undefined;
  #wasTaken = false;
  #suspectedTerm: number | undefined;
  #isHeldBack = false;
  #readsAgain = false;
  #status: LeaseStatus = 'waiting';
  #busy = false;
  #nextMs = 0;
  #seen: { entry: LeaseEntry; sinceMs: number } | undefined;
  #write: Write | undefined;
  /** A write was refused: the next read tells whether an earlier try of it was the reason. */
  #mustRead = true;
  #term = 0;
  #ownRevision = 0;
  #renewedMs = Number.NEGATIVE_INFINITY;

  constructor(holder: string, makeNonce: () => string, options: LeaseMachineOptions = {}) {
    const { timing = LEASE_TIMING, ownNameIsFree = true, note } = options;
    assert(timing.renewMs < timing.selfFenceMs, 'a lease is renewed before it fences itself');
    assert(timing.selfFenceMs < timing.leaseMs, 'a holder stops before others may start');
    this.#holder = holder;
    this.#makeNonce = makeNonce;
    this.#timing = timing;
    this.#ownNameIsFree = ownNameIsFree;
    this.#makeNote = note ?? (() => undefined);
    this.#eraAfter = options.eraAfter ?? (({ record }) => record?.era);
    this.#isOrphan = options.isOrphan ?? (() => false);
  }

  get status(): LeaseStatus {
    return this.#status;
  }

  /** The own term ended because somebody else wrote the lease, not by the own silence. */
  get wasTaken(): boolean {
    return this.#wasTaken;
  }

  /** Revision of the write that began the own term; 0 before. */
  get term(): number {
    return this.#term;
  }

  /** The last one that was read or written. */
  get note(): LeaseNote | undefined {
    return this.#note;
  }

  /** Of the own term; before it, as the last entry says. */
  get era(): number | undefined {
    return this.#status === 'leading' ? this.#era : this.#seen?.entry.record?.era;
  }

  /** The own term began another era than the one of the entry before it. */
  get isRaised(): boolean {
    return this.#isRaised;
  }

  /** What the note says has changed: it is written at once. */
  renewNow(nowMs: number): void {
    if (this.#status === 'leading') this.#nextMs = Math.min(this.#nextMs, nowMs);
  }

  /** Who holds the lease, as far as known. */
  get holder(): string | undefined {
    const record = this.#seen?.entry.record;
    return record === undefined || record.released ? undefined : record.holder;
  }

  /** The term of another holder, as far as known; undefined when the lease is free. */
  get othersTerm(): number | undefined {
    const entry = this.#seen?.entry;
    const isCandidate = this.#status === 'waiting' || this.#status === 'taking';
    if (!isCandidate || entry === undefined || isFree(entry)) return undefined;
    return termOf(entry);
  }

  /** Whether the holder may still act; to be asked before each batch, not only by a timer. */
  mayAct(nowMs: number): boolean {
    if (this.#status !== 'leading') return false;
    return nowMs - this.#renewedMs <= this.#timing.selfFenceMs;
  }

  /** When `next` has something to do; undefined while an answer is awaited or all is over. */
  nextWakeMs(): number | undefined {
    if (this.#busy || this.#status === 'lost' || this.#status === 'stopped') return undefined;
    if (this.#status !== 'leading') return this.#nextMs;
    return Math.min(this.#nextMs, this.#renewedMs + this.#timing.selfFenceMs);
  }

  /** What to do now; one action at a time, each answered by `readAnswered` or `writeAnswered`. Milliseconds, monotonic. */
  next(nowMs: number): LeaseAction | undefined {
    this.fence(nowMs);
    if (this.#busy || this.#status === 'lost' || this.#status === 'stopped') return undefined;
    if (nowMs < this.#nextMs) return undefined;
    this.#busy = true;
    if (this.#mustRead) return { kind: 'read' };
    this.#write ??= this.#newWrite(nowMs);
    return this.#write.action;
  }

  /** Ends a term whose renewals failed for too long. True when the term is over. */
  fence(nowMs: number): boolean {
    if (this.#status === 'leading' && !this.mayAct(nowMs)) this.#status = 'lost';
    return this.#status === 'lost';
  }

  /** The holder of that term is believed to be no more: a candidate takes over without waiting for the lease's end. */
  suspect(nowMs: number, term: number): void {
    this.#suspectedTerm = term;
    this.recheck(nowMs);
  }

  /** The suspicion was wrong: its holder was heard of. */
  trust(): void {
    this.#suspectedTerm = undefined;
  }

  /** Something says that the lease has changed hands: it is read at once. */
  recheck(nowMs: number): void {
    if (this.#isOver() || this.#status === 'taking') return;
    this.#mustRead = true;
    this.#nextMs = nowMs;
    // What is being read may be from before.
    this.#readsAgain = this.#busy;
  }

  /** While held back, a candidate leaves even a free lease to others. */
  holdBack(isHeldBack: boolean): void {
    this.#isHeldBack = isHeldBack;
  }

  readAnswered(nowMs: number, answer: LeaseReadAnswer): void {
    this.#busy = false;
    this.#nextMs = this.#readsAgain ? nowMs : nowMs + this.#timing.retryMs;
    this.#readsAgain = false;
    if (answer.kind === 'unknown' || this.#isOver()) return;
    const { entry } = answer;
    const own = this.#write;
    if (own !== undefined && entry.record?.nonce === own.action.record.nonce) {
      this.#adopt(nowMs, entry.revision);
      return;
    }
    if (this.#status === 'leading') this.#readWhileLeading(nowMs, entry);
    else this.#readWhileWaiting(nowMs, entry);
  }

  writeAnswered(nowMs: number, answer: LeaseWriteAnswer): void {
    this.#busy = false;
    if (this.#isOver()) return;
    if (answer.kind === 'stored') this.#adopt(nowMs, answer.revision);
    else if (answer.kind === 'refused') {
      this.#mustRead = true;
      this.#nextMs = nowMs;
    } else this.#nextMs = nowMs + this.#timing.retryMs;
  }

  /**
   * Ends the machine. The value is the write that lets others take over at once, when there is something to
   * release; its answer need not be waited for.
   */
  release(): Extract<LeaseAction, { kind: 'write' }> | undefined {
    const leading = this.#status === 'leading';
    this.#status = 'stopped';
    // With a renewal under way its revision may or may not stand: the refused release then only costs time.
    if (!leading) return undefined;
    return { kind: 'write', expectedRevision: this.#ownRevision, record: this.#record(true) };
  }

  /**
   * The own last write may still stand: a read proves nothing more than that, so it is no renewal, and a renewal whose
   * answer is awaited may land yet and is sent again as it was.
   */
  #readWhileLeading(nowMs: number, { revision }: LeaseEntry): void {
    if (revision === this.#ownRevision) {
      const { renewMs, retryMs } = this.#timing;
      this.#mustRead = false;
      this.#nextMs =
        this.#write === undefined ? Math.max(nowMs, this.#renewedMs + renewMs) : nowMs + retryMs;
      return;
    }
    this.#write = undefined;
    this.#status = 'lost';
    this.#wasTaken = true;
  }

  #isOver(): boolean {
    return this.#status === 'lost' || this.#status === 'stopped';
  }

  #newWrite(nowMs: number): Write {
    const leading = this.#status === 'leading';
    if (!leading) this.#status = 'taking';
    const before = this.#seen?.entry ?? NOTHING_STANDS;
    if (!leading) {
      this.#era = this.#eraAfter(before);
      this.#isRaised = this.#era !== before.record?.era;
    }
    const expectedRevision = leading ? this.#ownRevision : before.revision;
    const action = { kind: 'write', expectedRevision, record: this.#record(false) } as const;
    return { action, firstSentMs: nowMs };
  }

  #record(released: boolean): LeaseRecord {
    this.#note = this.#makeNote() ?? this.#note;
    const own = { holder: this.#holder, nonce: this.#makeNonce(), term: this.#term, released };
    return {
      ...own,
      ...(this.#era !== undefined && { era: this.#era }),
      ...(this.#note !== undefined && { note: this.#note }),
    };
  }

  /** The own write stands at `revision`. */
  #adopt(nowMs: number, revision: number): void {
    const write = this.#write;
    assert(write !== undefined, 'only an own write is adopted');
    this.#write = undefined;
    this.#mustRead = false;
    this.#ownRevision = revision;
    this.#renewedMs = write.firstSentMs;
    this.#seen = { entry: { revision, record: write.action.record }, sinceMs: nowMs };
    if (this.#term === 0) this.#term = revision;
    this.#status = 'leading';
    this.#nextMs = write.firstSentMs + this.#timing.renewMs;
    this.fence(nowMs);
  }

  #readWhileWaiting(nowMs: number, entry: LeaseEntry): void {
    this.#write = undefined;
    this.#status = 'waiting';
    this.#note = entry.record?.note ?? this.#note;
    const before = this.#seen;
    const seen = before && isSame(before.entry, entry) ? before : { entry, sinceMs: nowMs };
    this.#seen = seen;
    const mayTake = !this.#isHeldBack && this.#mayBeTaken(nowMs, entry, seen.sinceMs);
    this.#mustRead = !mayTake;
    if (mayTake) this.#nextMs = nowMs;
  }

  #mayBeTaken(nowMs: number, entry: LeaseEntry, sinceMs: number): boolean {
    return (
      isFree(entry) ||
      this.#isOrphan(entry) ||
      // The own name: this process's predecessor, or a second one under the same id, which the journal fences.
      (this.#ownNameIsFree && entry.record?.holder === this.#holder) ||
      termOf(entry) === this.#suspectedTerm ||
      nowMs - sinceMs > this.#timing.leaseMs
    );
  }
}

/** In a bucket that was put back or made anew, another write may have the same revision. */
function isSame(before: LeaseEntry, { revision, record }: LeaseEntry): boolean {
  return before.revision === revision && before.record?.nonce === record?.nonce;
}

const isFree = ({ record }: LeaseEntry): boolean => record === undefined || record.released;

/** The write that begins a term does not know its own revision yet. */
const termOf = ({ revision, record }: LeaseEntry): number => record?.term || revision;
