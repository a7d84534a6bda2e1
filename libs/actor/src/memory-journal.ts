// Owns a journal in memory for tests and simulation: the rules of the real one, and its faults on demand.
// It waits for nothing: what is delayed lands when a later append says so.
import { type Outcome, succeed } from '@parley/protocol/errors';
import type {
  AppendRequest,
  AppendResult,
  Journal,
  JournalInfo,
  JournalTail,
  StoredEntry,
} from './journal.ts';

/** What happens to one append. */
export type AppendFault =
  | 'none'
  /** Stored, but the writer hears nothing. */
  | 'lostAck'
  /** Never arrives. */
  | 'lost'
  /** Arrives after the next append did, if its place is still free then. */
  | 'delayed'
  | 'diskFull';

export class MemoryJournal implements Journal, JournalTail {
  readonly #fault: (request: AppendRequest) => AppendFault;
  readonly #losesTail: (sequence: number) => boolean;
  readonly #entries: StoredEntry[] = [];
  readonly #listeners = new Set<(entry: { sequence: number; bytes: Uint8Array }) => void>();
  #firstSequence = 1;
  #createdMs = 1;
  readonly #removed = new Set<number>();
  #delayed: AppendRequest[] = [];

  constructor(
    options: {
      fault?: (request: AppendRequest) => AppendFault;
      /** Which entries followers do not get live. */
      losesTail?: (sequence: number) => boolean;
    } = {},
  ) {
    this.#fault = options.fault ?? (() => 'none');
    this.#losesTail = options.losesTail ?? (() => false);
  }

  get lastSequence(): number {
    return this.#firstSequence + this.#entries.length - 1;
  }

  async append(request: AppendRequest): Promise<AppendResult> {
    return this.appendNow(request);
  }

  /** The same without a promise, for simulators with a time of their own. */
  appendNow(request: AppendRequest): AppendResult {
    const delayed = this.#delayed;
    this.#delayed = [];
    const result = this.#appendWithFault(request);
    for (const earlier of delayed) this.#store(earlier);
    return result;
  }

  async info(): Promise<Outcome<JournalInfo>> {
    return succeed({
      createdMs: this.#createdMs,
      firstSequence: this.#firstSequence,
      lastSequence: this.lastSequence,
      bytes: this.#entries.reduce((sum, { bytes }) => sum + bytes.length, 0),
    });
  }

  async read(sequence: number, limit: number): Promise<Outcome<StoredEntry[]>> {
    const from = Math.max(sequence - this.#firstSequence, 0);
    const entries = this.#entries.slice(from).filter((entry) => !this.#removed.has(entry.sequence));
    return succeed(entries.slice(0, limit));
  }

  async entryAt(sequence: number): Promise<Outcome<StoredEntry | undefined>> {
    if (this.#removed.has(sequence)) return succeed(undefined);
    return succeed(this.#entries[sequence - this.#firstSequence]);
  }

  async purgeBelow(sequence: number): Promise<Outcome<undefined>> {
    const count = Math.min(Math.max(sequence - this.#firstSequence, 0), this.#entries.length);
    this.#entries.splice(0, count);
    this.#firstSequence += count;
    return succeed(undefined);
  }

  /** Puts other bytes in an entry's place, for tests of what readers do about it. */
  replace(sequence: number, change: (bytes: Uint8Array) => Uint8Array): void {
    const index = sequence - this.#firstSequence;
    const entry = this.#entries[index];
    if (entry !== undefined) this.#entries[index] = { ...entry, bytes: change(entry.bytes) };
  }

  /** Loses an entry, for tests as `replace`. */
  lose(sequence: number): void {
    this.#removed.add(sequence);
  }

  /** As if the stream had been made anew, or put back from a backup: with the first so many of the same entries. */
  recreate(lastSequence: number): void {
    this.#createdMs += 1;
    this.#entries.length = Math.max(0, lastSequence - this.#firstSequence + 1);
    if (lastSequence === 0) this.#firstSequence = 1;
  }

  /** Loses its end without being another stream. */
  regress(lastSequence: number): void {
    this.#entries.length = Math.max(0, lastSequence - this.#firstSequence + 1);
  }

  subscribe(handler: (entry: { sequence: number; bytes: Uint8Array }) => void): { close(): void } {
    this.#listeners.add(handler);
    return { close: () => void this.#listeners.delete(handler) };
  }

  #appendWithFault(request: AppendRequest): AppendResult {
    const fault = this.#fault(request);
    switch (fault) {
      case 'diskFull':
        return { kind: 'diskFull', message: 'no space (as asked for)' };
      case 'lost':
        return { kind: 'unknown', message: 'lost (as asked for)' };
      case 'delayed':
        this.#delayed.push(request);
        return { kind: 'unknown', message: 'delayed (as asked for)' };
      default: {
        const result = this.#store(request);
        return fault === 'none' ? result : { kind: 'unknown', message: 'lost acknowledgement' };
      }
    }
  }

  #store({ expectedSequence, bytes }: AppendRequest): AppendResult {
    if (expectedSequence !== this.lastSequence) return { kind: 'refused' };
    const sequence = expectedSequence + 1;
    this.#entries.push({ sequence, bytes, storedMs: sequence });
    if (!this.#losesTail(sequence)) {
      for (const listener of this.#listeners) listener({ sequence, bytes });
    }
    return { kind: 'committed', sequence };
  }
}
