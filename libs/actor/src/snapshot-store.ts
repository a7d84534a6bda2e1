// Owns the port of the snapshot store: numbered parts of bytes and, written last, a manifest. What the bytes hold and
// which snapshot is good is in snapshots.ts.
import type { Outcome } from '@parley/protocol/errors';

/** Two writers may have written one of the same entry: each is judged for itself. */
export type SnapshotName = {
  readonly sequence: number;
  /** Empty when it was written by a release that named none. */
  readonly writer: string;
};

export type StoredManifest = {
  readonly bytes: Uint8Array;
  /** Wall clock of the store's server, milliseconds since 1970; the journal's entries are stamped by the same. */
  readonly storedMs: number;
};

/** Everything fails with `unavailable` (may be tried again); writes also with `diskFull`. */
export interface SnapshotStore {
  /** Whose snapshots this one writes. */
  readonly writer: string;
  /** Of which anything is kept, the newest first: whole snapshots and what is left of others. */
  list(): Promise<Outcome<SnapshotName[]>>;
  /** Undefined: as much as the disk holds. */
  maxBytes(): Promise<Outcome<number | undefined>>;
  writePart(name: SnapshotName, part: number, bytes: Uint8Array): Promise<Outcome<undefined>>;
  writeManifest(name: SnapshotName, bytes: Uint8Array): Promise<Outcome<undefined>>;
  /** Undefined when it is not there. */
  readPart(name: SnapshotName, part: number): Promise<Outcome<Uint8Array | undefined>>;
  readManifest(name: SnapshotName): Promise<Outcome<StoredManifest | undefined>>;
  /** Removes manifest and parts. */
  remove(name: SnapshotName): Promise<Outcome<undefined>>;
}

export const snapshotKey = ({ sequence, writer }: SnapshotName): string => `${sequence}-${writer}`;

/** Of one entry that two have written, that of the writer whose name comes first is taken first. */
export function newestFirst(a: SnapshotName, b: SnapshotName): number {
  if (a.sequence !== b.sequence) return b.sequence - a.sequence;
  if (a.writer === b.writer) return 0;
  return a.writer < b.writer ? -1 : 1;
}
