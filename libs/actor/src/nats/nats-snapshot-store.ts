// Owns the snapshot store on JetStream: a message a part and one for the manifest, each on its own subject.
import { type Outcome, succeed } from '@parley/protocol/errors';
import type { ClusterName } from '@parley/protocol/ids';
import { snapshotStreamName, snapshotSubject, snapshotToken } from '@parley/protocol/streams';
import type { NatsConnection } from 'nats';
import {
  newestFirst,
  type SnapshotName,
  type SnapshotStore,
  type StoredManifest,
} from '../snapshot-store.ts';
import { purge, readMessage, readStanding, store, storeOutcome } from './jetstream-requests.ts';

/** A part is half a mebibyte: on a busy server it may take its time, and losing one costs the whole snapshot. */
const PART_TIMEOUT_MS = 10_000;

export class NatsSnapshotStore implements SnapshotStore {
  readonly writer: string;
  readonly #connection: NatsConnection;
  readonly #cluster: ClusterName;
  readonly #stream: string;

  /** `writer`: the id of the master that writes; whoever only reads needs none. */
  constructor(connection: NatsConnection, cluster: ClusterName, writer = '') {
    this.writer = writer;
    this.#connection = connection;
    this.#cluster = cluster;
    this.#stream = snapshotStreamName(cluster);
  }

  async list(): Promise<Outcome<SnapshotName[]>> {
    const standing = await readStanding(this.#connection, this.#stream, {
      subjectsFilter: snapshotSubject(this.#cluster, '*', '*'),
    });
    if (!standing.ok) return standing;
    const names = new Map<string, SnapshotName>();
    for (const subject of standing.value.subjects) {
      const token = subject.split('.').at(-2) ?? '';
      const name = parseToken(token);
      if (name !== undefined) names.set(token, name);
    }
    return succeed([...names.values()].sort(newestFirst));
  }

  async maxBytes(): Promise<Outcome<number | undefined>> {
    const standing = await readStanding(this.#connection, this.#stream);
    return standing.ok ? succeed(standing.value.maxBytes) : standing;
  }

  writePart(name: SnapshotName, part: number, bytes: Uint8Array): Promise<Outcome<undefined>> {
    return this.#write(this.#subject(name, part), bytes);
  }

  writeManifest(name: SnapshotName, bytes: Uint8Array): Promise<Outcome<undefined>> {
    return this.#write(this.#subject(name, 'manifest'), bytes);
  }

  async readPart(name: SnapshotName, part: number): Promise<Outcome<Uint8Array | undefined>> {
    const read = await this.#read(this.#subject(name, part));
    return read.ok ? succeed(read.value?.bytes) : read;
  }

  readManifest(name: SnapshotName): Promise<Outcome<StoredManifest | undefined>> {
    return this.#read(this.#subject(name, 'manifest'));
  }

  remove(name: SnapshotName): Promise<Outcome<undefined>> {
    return purge(this.#connection, this.#stream, { filter: this.#subject(name, '*') });
  }

  #subject({ sequence, writer }: SnapshotName, part: number | 'manifest' | '*'): string {
    return snapshotSubject(this.#cluster, snapshotToken(sequence, writer), part);
  }

  async #write(subject: string, bytes: Uint8Array): Promise<Outcome<undefined>> {
    const stored = storeOutcome(
      await store(this.#connection, subject, bytes, { timeoutMs: PART_TIMEOUT_MS }),
    );
    return stored.ok ? succeed(undefined) : stored;
  }

  #read(subject: string): Promise<Outcome<StoredManifest | undefined>> {
    return readMessage(
      this.#connection,
      this.#stream,
      { last_by_subj: subject },
      {
        timeoutMs: PART_TIMEOUT_MS,
      },
    );
  }
}

/** Undefined for what is no snapshot, such as a test write. */
function parseToken(token: string): SnapshotName | undefined {
  const [, sequence, writer = ''] = /^(\d{1,15})(?:-(.+))?$/.exec(token) ?? [];
  return sequence === undefined ? undefined : { sequence: Number(sequence), writer };
}
