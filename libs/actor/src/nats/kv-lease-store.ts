// Owns a lease's key in its key-value bucket. Buckets are read and written as the streams that they are: with conditions
// and revisions.
import { openJson, sealJson } from '@parley/protocol/checksum';
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

/** How records of releases begin that knew no checksum. */
const WITHOUT_CHECKSUM = '{"holder":"';

/** Of a lease that cannot be read: nobody's until it has stood still long enough. */
const FOREIGN: LeaseRecord = { holder: '', nonce: '', term: 0, released: false };

/** For the log of whoever is told of one. */
export const DAMAGED_LEASE =
  'the stored lease is damaged: its holder writes it anew, or it is taken once it has stood still. If this comes again, look at the disks of the NATS servers';

const LEASE_REQUEST_TIMEOUT_MS = 1000;

export type KvLeaseStoreOptions = {
  readonly connection: NatsConnection;
  readonly cluster: ClusterName;
  /** What is led. */
  readonly key: 'master' | 'allocator';
  /** What stands there is not what was written; told once a revision. Its holder writes it anew, or others take it. */
  readonly onDamaged: (damaged: { readonly revision: number; readonly why: string }) => void;
};

export class KvLeaseStore implements LeaseStore {
  readonly #connection: NatsConnection;
  readonly #stream: string;
  readonly #subject: string;
  readonly #onDamaged: KvLeaseStoreOptions['onDamaged'];
  #lastGood: LeaseRecord = FOREIGN;
  #toldRevision = 0;

  constructor({ connection, cluster, key, onDamaged }: KvLeaseStoreOptions) {
    this.#connection = connection;
    this.#onDamaged = onDamaged;
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
    const entry = { revision: sequence, record: this.#parse(sequence, bytes) };
    return { kind: 'found', bucketCreatedMs, entry };
  }

  async write(action: Extract<LeaseAction, { kind: 'write' }>): Promise<LeaseWriteAnswer> {
    const bytes = sealJson(action.record);
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

  /** Undefined for the mark of a deleted key. */
  #parse(revision: number, bytes: Uint8Array): LeaseRecord | undefined {
    if (bytes.length === 0) return undefined;
    const opened = openJson(bytes, WITHOUT_CHECKSUM);
    if (opened.ok) {
      const { data: record = FOREIGN } = Record.safeParse(opened.value);
      // What begins a term names none: its revision is the term.
      this.#lastGood = record === FOREIGN ? FOREIGN : { ...record, term: record.term || revision };
      return record;
    }
    if (this.#toldRevision !== revision) {
      this.#toldRevision = revision;
      this.#onDamaged({ revision, why: opened.failure.message });
    }
    // Whoever held it before is likely to hold it still; it is not taken for free, though it may have been released.
    return { ...this.#lastGood, nonce: '', released: false };
  }
}
