// Owns the snapshot store on JetStream: a message a part and one for the manifest, each on its own subject.
import { type Outcome, succeed } from '@parley/protocol/errors';
import type { ClusterName } from '@parley/protocol/ids';
import { snapshotStreamName, snapshotSubject } from '@parley/protocol/streams';
import { subjectPrefix } from '@parley/protocol/subject-entry';
import type { NatsConnection } from 'nats';
import type { SnapshotStore } from '../snapshot-store.ts';
import { purge, readMessage, readStanding, store, storeOutcome } from './jetstream-requests.ts';

export class NatsSnapshotStore implements SnapshotStore {
  readonly #connection: NatsConnection;
  readonly #cluster: ClusterName;
  readonly #stream: string;

  constructor(connection: NatsConnection, cluster: ClusterName) {
    this.#connection = connection;
    this.#cluster = cluster;
    this.#stream = snapshotStreamName(cluster);
  }

  async list(): Promise<Outcome<number[]>> {
    const prefix = `${subjectPrefix(this.#cluster)}.snapshot.`;
    const standing = await readStanding(this.#connection, this.#stream, {
      subjectsFilter: `${prefix}*.*`,
    });
    if (!standing.ok) return standing;
    const sequences = standing.value.subjects
      .map((subject) => Number.parseInt(subject.slice(prefix.length), 10))
      .filter((sequence) => Number.isSafeInteger(sequence));
    return succeed([...new Set(sequences)].sort((a, b) => b - a));
  }

  writePart(sequence: number, part: number, bytes: Uint8Array): Promise<Outcome<undefined>> {
    return this.#write(snapshotSubject(this.#cluster, sequence, part), bytes);
  }

  writeManifest(sequence: number, bytes: Uint8Array): Promise<Outcome<undefined>> {
    return this.#write(snapshotSubject(this.#cluster, sequence, 'manifest'), bytes);
  }

  readPart(sequence: number, part: number): Promise<Outcome<Uint8Array | undefined>> {
    return this.#read(snapshotSubject(this.#cluster, sequence, part));
  }

  readManifest(sequence: number): Promise<Outcome<Uint8Array | undefined>> {
    return this.#read(snapshotSubject(this.#cluster, sequence, 'manifest'));
  }

  remove(sequence: number): Promise<Outcome<undefined>> {
    const filter = `${subjectPrefix(this.#cluster)}.snapshot.${sequence}.*`;
    return purge(this.#connection, this.#stream, { filter });
  }

  async #write(subject: string, bytes: Uint8Array): Promise<Outcome<undefined>> {
    const stored = storeOutcome(await store(this.#connection, subject, bytes));
    return stored.ok ? succeed(undefined) : stored;
  }

  async #read(subject: string): Promise<Outcome<Uint8Array | undefined>> {
    const message = await readMessage(this.#connection, this.#stream, { last_by_subj: subject });
    return message.ok ? succeed(message.value?.bytes) : message;
  }
}
