// Owns the journal on JetStream: the fence is the expected last sequence of each publish; reads go through the
// stream's leader, message by message, because hidden consumers go deaf when the node that holds them dies.
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import type { ClusterName } from '@parley/protocol/ids';
import {
  journalRepublishSubject,
  journalStreamName,
  journalSubject,
} from '@parley/protocol/streams';
import { assert } from '@parley/protocol/unreachable';
import type { NatsConnection } from 'nats';
import type {
  AppendRequest,
  AppendResult,
  Journal,
  JournalInfo,
  JournalTail,
  StoredEntry,
} from '../journal.ts';
import {
  purge,
  readMessage,
  readStanding,
  type StoredMessage,
  store,
} from './jetstream-requests.ts';

/** Reads that are under way at the same time. */
const READS_IN_FLIGHT = 32;

export class NatsJournal implements Journal, JournalTail {
  readonly #connection: NatsConnection;
  readonly #stream: string;
  readonly #subject: string;
  readonly #republished: string;
  #appending = false;

  constructor(connection: NatsConnection, cluster: ClusterName) {
    this.#connection = connection;
    this.#stream = journalStreamName(cluster);
    this.#subject = journalSubject(cluster);
    this.#republished = journalRepublishSubject(cluster);
  }

  async append({ expectedSequence, bytes }: AppendRequest): Promise<AppendResult> {
    // Two appends in flight would be no fence: after a takeover the second one lines up again.
    assert(!this.#appending, 'one append in flight');
    this.#appending = true;
    try {
      const result = await store(this.#connection, this.#subject, bytes, {
        lastSequence: expectedSequence,
      });
      return result.kind === 'stored' ? { kind: 'committed', sequence: result.sequence } : result;
    } finally {
      this.#appending = false;
    }
  }

  info(): Promise<Outcome<JournalInfo>> {
    return readStanding(this.#connection, this.#stream);
  }

  async read(sequence: number, limit: number): Promise<Outcome<StoredEntry[]>> {
    // The first entry that there is from here on: one further ahead shows that some were purged.
    const first = await this.#message({ seq: sequence, next_by_subj: this.#subject });
    if (!first.ok) return first;
    if (first.value === undefined) return succeed([]);
    const entries: StoredEntry[] = [first.value];
    const end = first.value.sequence + limit;
    for (let next = first.value.sequence + 1; next < end; next += READS_IN_FLIGHT) {
      const count = Math.min(READS_IN_FLIGHT, end - next);
      const reads = Array.from({ length: count }, (_, index) => this.entryAt(next + index));
      for (const entry of await Promise.all(reads)) {
        if (!entry.ok) return entry;
        if (entry.value === undefined) return succeed(entries);
        entries.push(entry.value);
      }
    }
    return succeed(entries);
  }

  entryAt(sequence: number): Promise<Outcome<StoredEntry | undefined>> {
    return this.#message({ seq: sequence });
  }

  async purgeBelow(sequence: number): Promise<Outcome<undefined>> {
    // A server keeps `seq` itself; 0 would mean everything.
    if (sequence <= 1) return succeed(undefined);
    return purge(this.#connection, this.#stream, { seq: sequence });
  }

  subscribe(handler: (entry: { sequence: number; bytes: Uint8Array }) => void): { close(): void } {
    const subscription = this.#connection.subscribe(this.#republished, {
      callback: (error, message) => {
        // A refused subscription: followers then live on the comparison with the stream every second.
        if (error !== null) return;
        const sequence = Number(message.headers?.get('Nats-Sequence'));
        if (Number.isSafeInteger(sequence) && sequence > 0) {
          handler({ sequence, bytes: message.data });
        }
      },
    });
    return { close: () => subscription.unsubscribe() };
  }

  async #message(query: {
    seq: number;
    next_by_subj?: string;
  }): Promise<Outcome<StoredMessage | undefined>> {
    if (query.seq < 1) return fail('internalError', 'journal sequences begin at 1');
    return readMessage(this.#connection, this.#stream, query);
  }
}
