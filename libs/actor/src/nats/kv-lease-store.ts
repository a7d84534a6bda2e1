// Owns a lease's key in its key-value bucket. Buckets are read and written as the streams that they are: with conditions
// and revisions.
import type { ClusterName } from '@parley/protocol/ids';
import { leaseBucketName } from '@parley/protocol/streams';
import type { NatsConnection } from 'nats';
import * as z from 'zod';
import type { LeaseAction, LeaseRecord, LeaseWriteAnswer } from '../lease.ts';
import type { LeaseReading, LeaseStore } from '../lease-store.ts';
import { readMessage, readStanding, store } from './jetstream-requests.ts';

const Record = z.object({
  holder: z.string(),
  nonce: z.string(),
  term: z.int(),
  released: z.boolean(),
  era: z.int().optional(),
  note: z.object({ createdMs: z.int(), sequence: z.int() }).optional(),
});

/** Of a lease that is written by a release with another idea of it: nobody's until it has stood still long enough. */
const FOREIGN: LeaseRecord = { holder: '', nonce: '', term: 0, released: false };

const LEASE_REQUEST_TIMEOUT_MS = 1000;

export type KvLeaseStoreOptions = {
  readonly connection: NatsConnection;
  readonly cluster: ClusterName;
  /** What is led. */
  readonly key: 'master' | 'allocator';
};

export class KvLeaseStore implements LeaseStore {
  readonly #connection: NatsConnection;
  readonly #stream: string;
  readonly #subject: string;

  constructor({ connection, cluster, key }: KvLeaseStoreOptions) {
    this.#connection = connection;
    const bucket = leaseBucketName(cluster);
    this.#stream = `KV_${bucket}`;
    this.#subject = `$KV.${bucket}.${key}`;
  }

  async read(): Promise<LeaseReading> {
    const standing = await readStanding(this.#connection, this.#stream);
    const message = await readMessage(this.#connection, this.#stream, {
      last_by_subj: this.#subject,
    });
    if (!standing.ok || !message.ok) return { kind: 'unknown', bucketCreatedMs: 0 };
    const bucketCreatedMs = standing.value.createdMs;
    if (message.value === undefined) {
      return { kind: 'found', bucketCreatedMs, entry: { revision: 0, record: undefined } };
    }
    const { sequence, bytes } = message.value;
    const entry = { revision: sequence, record: parseRecord(bytes) };
    return { kind: 'found', bucketCreatedMs, entry };
  }

  async write(action: Extract<LeaseAction, { kind: 'write' }>): Promise<LeaseWriteAnswer> {
    const bytes = Buffer.from(JSON.stringify(action.record));
    const result = await store(this.#connection, this.#subject, bytes, {
      lastSubjectSequence: action.expectedRevision,
      timeoutMs: LEASE_REQUEST_TIMEOUT_MS,
    });
    switch (result.kind) {
      case 'stored':
        return { kind: 'stored', revision: result.sequence };
      case 'refused':
        return result;
      default:
        return { kind: 'unknown' };
    }
  }
}

/** Undefined for the mark of a deleted key. */
function parseRecord(bytes: Uint8Array): LeaseRecord | undefined {
  if (bytes.length === 0) return undefined;
  try {
    return Record.parse(JSON.parse(Buffer.from(bytes).toString()));
  } catch {
    return FOREIGN;
  }
}
