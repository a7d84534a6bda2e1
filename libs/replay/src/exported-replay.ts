// Owns an exported replay as a source: where each record is, and journal and snapshots read from there. Entries stay in the
// file until they are asked for. It reads bytes through a port, writes nothing, and needs no cluster.
import type { AppendResult, Journal, JournalInfo, StoredEntry } from '@parley/actor/journal';
import type { SnapshotName, SnapshotStore, StoredManifest } from '@parley/actor/snapshot-store';
import { clusterCore } from '@parley/cluster/cluster-core';
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import {
  EXPORT_VERSION,
  ExportDecoder,
  type ExportHeader,
  type ExportRecord,
  type PlacedRecord,
  readFrame,
} from './export-format.ts';
import type { ReplaySource } from './replay-source.ts';

/** So many bytes from there on, or fewer at the end of the file. */
export type ReadBytes = (offset: number, length: number) => Promise<Uint8Array>;

type Place = { readonly offset: number; readonly length: number };
type RecordOf<Kind extends ExportRecord['kind']> = Extract<ExportRecord, { kind: Kind }>;

const PIECE_BYTES = 1024 * 1024;

export type ExportedReplay = { readonly header: ExportHeader; readonly source: ReplaySource };

/** Looks at the whole file once. Fails with `malformed`, saying what is wrong and where; rejects as `read` does. */
export async function openExport(read: ReadBytes): Promise<Outcome<ExportedReplay>> {
  const decoder = new ExportDecoder();
  const index = new ExportIndex();
  for (let offset = 0; ; ) {
    const bytes = await read(offset, PIECE_BYTES);
    if (bytes.length === 0) break;
    offset += bytes.length;
    const records = decoder.push(bytes);
    if (!records.ok) return records;
    for (const placed of records.value) {
      const taken = index.take(placed);
      if (!taken.ok) return taken;
    }
  }
  const closed = decoder.close();
  if (!closed.ok) return closed;
  return index.finish(read);
}

class ExportIndex {
  readonly #entries: Place[] = [];
  readonly #snapshots = new Map<string, Place>();
  #header: ExportHeader | undefined;

  take({ record, offset, length }: PlacedRecord): Outcome<undefined> {
    const place = { offset, length };
    if (record.kind === 'header') {
      if (record.version !== EXPORT_VERSION) {
        return fail(
          'malformed',
          `it is of version ${record.version}; this release reads version ${EXPORT_VERSION}`,
        );
      }
      this.#header = record;
    } else if (this.#header === undefined) {
      return fail('malformed', 'it has no header');
    } else if (record.kind === 'entry') {
      if (record.sequence !== this.#header.firstSequence + this.#entries.length) {
        return fail('malformed', `entry ${record.sequence} is not where it belongs`);
      }
      this.#entries.push(place);
    } else if (record.kind !== 'end') {
      const part = record.kind === 'part' ? record.part : 'manifest';
      this.#snapshots.set(`${record.sequence}.${part}`, place);
    }
    return succeed(undefined);
  }

  finish(read: ReadBytes): Outcome<ExportedReplay> {
    const header = this.#header;
    if (header === undefined) return fail('malformed', 'it has no header');
    const file = new RecordFile(read);
    const journal = new ExportedJournal(file, header, this.#entries);
    const snapshots = new ExportedSnapshots(file, this.#snapshots);
    return succeed({ header, source: { core: clusterCore, journal, snapshots } });
  }
}

class RecordFile {
  readonly #read: ReadBytes;

  constructor(read: ReadBytes) {
    this.#read = read;
  }

  /** Frames that lie one behind the other. Fails with `malformed` when the file was changed since it was opened. */
  async records<Kind extends ExportRecord['kind']>(
    places: readonly Place[],
    kind: Kind,
  ): Promise<Outcome<RecordOf<Kind>[]>> {
    const [first, last] = [places[0], places.at(-1)];
    if (first === undefined || last === undefined) return succeed([]);
    const bytes = await this.#read(first.offset, last.offset + last.length - first.offset);
    const records: RecordOf<Kind>[] = [];
    for (const { offset, length } of places) {
      const start = offset - first.offset;
      const frame = bytes.subarray(start, start + length);
      const record = frame.length < length ? CHANGED : readFrame(frame);
      if (!record.ok || record.value.kind !== kind) return CHANGED;
      // Its kind was compared just now.
      records.push(record.value as RecordOf<Kind>);
    }
    return succeed(records);
  }
}

const asStored = ({ sequence, storedMs, bytes }: RecordOf<'entry'>): StoredEntry => ({
  ...{ sequence, storedMs, bytes },
});
const CHANGED = fail('malformed', 'the file was changed while it was read');
const noWriting = (): never => {
  throw new Error('an exported replay is only read');
};

class ExportedJournal implements Journal {
  readonly #file: RecordFile;
  readonly #header: ExportHeader;
  readonly #entries: readonly Place[];

  constructor(file: RecordFile, header: ExportHeader, entries: readonly Place[]) {
    this.#file = file;
    this.#header = header;
    this.#entries = entries;
  }

  append(): Promise<AppendResult> {
    return noWriting();
  }

  purgeBelow(): Promise<Outcome<undefined>> {
    return noWriting();
  }

  async info(): Promise<Outcome<JournalInfo>> {
    const { journalCreatedMs, firstSequence } = this.#header;
    return succeed({
      createdMs: journalCreatedMs,
      firstSequence,
      lastSequence: firstSequence + this.#entries.length - 1,
      bytes: this.#entries.reduce((sum, { length }) => sum + length, 0),
    });
  }

  async read(sequence: number, limit: number): Promise<Outcome<StoredEntry[]>> {
    const from = Math.max(0, sequence - this.#header.firstSequence);
    const records = await this.#file.records(this.#entries.slice(from, from + limit), 'entry');
    return records.ok ? succeed(records.value.map(asStored)) : records;
  }

  async entryAt(sequence: number): Promise<Outcome<StoredEntry | undefined>> {
    const place = this.#entries[sequence - this.#header.firstSequence];
    if (place === undefined) return succeed(undefined);
    const records = await this.#file.records([place], 'entry');
    return records.ok ? succeed(records.value.map(asStored)[0]) : records;
  }
}

class ExportedSnapshots implements SnapshotStore {
  readonly writer = '';
  readonly #file: RecordFile;
  readonly #places: ReadonlyMap<string, Place>;

  constructor(file: RecordFile, places: ReadonlyMap<string, Place>) {
    this.#file = file;
    this.#places = places;
  }

  async list(): Promise<Outcome<SnapshotName[]>> {
    const sequences = new Set([...this.#places.keys()].map((key) => Number.parseInt(key, 10)));
    const { writer } = this;
    return succeed([...sequences].sort((a, b) => b - a).map((sequence) => ({ sequence, writer })));
  }

  async maxBytes(): Promise<Outcome<number | undefined>> {
    return succeed(undefined);
  }

  async readPart(
    { sequence }: SnapshotName,
    part: number,
  ): Promise<Outcome<Uint8Array | undefined>> {
    const records = await this.#file.records(this.#at(`${sequence}.${part}`), 'part');
    return records.ok ? succeed(records.value[0]?.bytes) : records;
  }

  async readManifest({ sequence }: SnapshotName): Promise<Outcome<StoredManifest | undefined>> {
    const records = await this.#file.records(this.#at(`${sequence}.manifest`), 'manifest');
    if (!records.ok) return records;
    const bytes = records.value[0]?.bytes;
    // When it was stored matters only to who keeps the store.
    return succeed(bytes && { bytes, storedMs: 0 });
  }

  writePart(): Promise<Outcome<undefined>> {
    return noWriting();
  }

  writeManifest(): Promise<Outcome<undefined>> {
    return noWriting();
  }

  remove(): Promise<Outcome<undefined>> {
    return noWriting();
  }

  #at(key: string): Place[] {
    const place = this.#places.get(key);
    return place === undefined ? [] : [place];
  }
}
