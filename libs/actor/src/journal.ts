// Owns the port of the journal: an ordered stream of entries with one writer at a time.
// The expected last sequence in every append is the fence between leaders; adapters add nothing to that rule.
import type { Outcome } from '@parley/protocol/errors';

/** One append. A retry is the identical request: same expected sequence, same nonce, same bytes. */
export type AppendRequest = {
  /** Sequence of the entry before this one; 0 for the first. */
  readonly expectedSequence: number;
  /** Also inside `bytes`: tells the writer's own entry from another's. */
  readonly nonce: string;
  readonly bytes: Uint8Array;
};

export type AppendResult =
  | { readonly kind: 'committed'; readonly sequence: number }
  /** The journal's end is not where the writer thinks. Its own earlier try may be why: read that sequence. */
  | { readonly kind: 'refused' }
  /** Not stored: there is no space. */
  | { readonly kind: 'diskFull'; readonly message: string }
  /** Stored or not, now or later: only an identical retry tells. */
  | { readonly kind: 'unknown'; readonly message: string };

export type StoredEntry = {
  readonly sequence: number;
  readonly bytes: Uint8Array;
  /** Wall clock of the journal's server, milliseconds since 1970. */
  readonly storedMs: number;
};

export type JournalInfo = {
  /** Creation time of the stream: another one means that the journal was made anew. */
  readonly createdMs: number;
  /** One past the last sequence when there is no entry. */
  readonly firstSequence: number;
  readonly lastSequence: number;
  readonly bytes: number;
  /** Where appends begin to be refused as `diskFull`; undefined without such a limit. */
  readonly maxBytes?: number;
};

/** Reads are answered by whoever leads the stream; all fail with `unavailable` and may be tried again. */
export interface Journal {
  append(request: AppendRequest): Promise<AppendResult>;
  info(): Promise<Outcome<JournalInfo>>;
  /** At most `limit` entries from `sequence` on, in order, without gaps; empty at the end. */
  read(sequence: number, limit: number): Promise<Outcome<StoredEntry[]>>;
  /** Undefined when there is no such entry (any more). */
  entryAt(sequence: number): Promise<Outcome<StoredEntry | undefined>>;
  /** Removes the entries before `sequence`. */
  purgeBelow(sequence: number): Promise<Outcome<undefined>>;
}

/** What arrives live while the journal grows. May lose, repeat and reorder: followers compare and read what is missing. */
export interface JournalTail {
  subscribe(handler: (entry: { sequence: number; bytes: Uint8Array }) => void): { close(): void };
}
