// Owns reading a principal's update stream in order from a position, for the leader. The consumer is a throw-away: made
// anew whenever it is in doubt (an error, a delivery missing, nothing delivered although the stream holds more), because
// a consumer on a dead server does not say so. What the updates mean is not known here.
import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import {
  AckPolicy,
  type Consumer,
  type ConsumerMessages,
  DeliverPolicy,
  type JsMsg,
  jetstreamManager,
} from '@nats-io/jetstream';
import type { Failure } from '@parley/protocol/errors';
import { fail } from '@parley/protocol/errors';
import type { NatsConnection } from 'nats';
import { readStanding } from './jetstream-requests.ts';

export type UpdateBatch = {
  readonly streamCreatedMs: number;
  /** As stored: parsing them is the caller's. In stream order. */
  readonly messages: readonly {
    readonly streamSequence: number;
    readonly subject: string;
    readonly bytes: Uint8Array;
  }[];
  /** Everything up to this sequence has been handed over, in this batch or before it. */
  readonly readUpTo: number;
};

export type ReadPosition = {
  /** Creation time of the stream that the sequence belongs to; another stream is read from its beginning. */
  readonly streamCreatedMs: number;
  readonly sequence: number;
};

export type UpdateStreamReaderOptions = {
  readonly connection: NatsConnection;
  readonly stream: string;
  /** Under which the connection's account imports the principals' streams; `$JS.API` where they are its own. */
  readonly apiPrefix?: string;
  readonly from: ReadPosition;
  /** The next batch is handed over when the promise has resolved: the reader waits for a slow caller. */
  readonly onBatch: (batch: UpdateBatch) => Promise<void> | void;
  /** Told once when trouble begins; reading goes on by itself. */
  readonly onTrouble: (failure: Failure) => void;
};

const BATCH_MESSAGES = 256;
/** Length of one pull; after an empty one the position is compared with the stream's end. */
const PULL_MS = 2000;
const RETRY_MS = 500;
/** The server removes a consumer that was forgotten. */
const INACTIVE_MS = 30_000;
const NANOSECONDS_PER_MS = 1_000_000;

/** A pull that ends neither by itself nor by its time is given up after this. */
const PULL_GRACE_MS = 2000;

export class UpdateStreamReader {
  readonly #options: UpdateStreamReaderOptions;
  readonly #closing = new AbortController();
  readonly #name = `reader-${randomUUID()}`;
  #position: ReadPosition;
  #consumer: { readonly pulls: Consumer; delivered: number } | undefined;
  #consumers = 0;
  #pull: ConsumerMessages | undefined;
  #troubled = false;
  #running: Promise<void> | undefined;

  constructor(options: UpdateStreamReaderOptions) {
    this.#options = options;
    this.#position = options.from;
  }

  /** Creation time and sequence up to which everything was handed over. */
  get position(): ReadPosition {
    return this.#position;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#pull?.stop();
    await this.#running;
  }

  get #api(): { apiPrefix?: string } {
    const { apiPrefix } = this.#options;
    return apiPrefix === undefined ? {} : { apiPrefix };
  }

  get #closed(): boolean {
    return this.#closing.signal.aborted;
  }

  async #run(): Promise<void> {
    while (!this.#closed) {
      try {
        this.#consumer ??= await this.#makeConsumer();
        const count = await this.#pullOnce(this.#consumer);
        this.#troubled = false;
        if (count === 0 && !this.#closed) await this.#compare();
      } catch (error) {
        await this.#giveUpConsumer(error);
      }
    }
    await this.#removeConsumer();
  }

  /** From the position on, after a look whether the stream is still the same. */
  async #makeConsumer(): Promise<{ pulls: Consumer; delivered: number }> {
    const { connection, stream } = this.#options;
    const standing = await readStanding(connection, stream, this.#api);
    if (!standing.ok) throw new Error(standing.failure.message);
    const { createdMs, lastSequence } = standing.value;
    if (createdMs !== this.#position.streamCreatedMs) {
      this.#position = { streamCreatedMs: createdMs, sequence: 0 };
    }
    if (lastSequence < this.#position.sequence) {
      this.#trouble(
        `${stream} ends at ${lastSequence}, before what was read (${this.#position.sequence}): it was restored from an old copy`,
      );
      this.#position = { streamCreatedMs: createdMs, sequence: lastSequence };
    }
    const manager = await jetstreamManager(connection, { ...this.#api, checkAPI: false });
    this.#consumers += 1;
    const info = await manager.consumers.add(stream, {
      name: `${this.#name}-${this.#consumers}`,
      deliver_policy: DeliverPolicy.StartSequence,
      opt_start_seq: this.#position.sequence + 1,
      ack_policy: AckPolicy.None,
      mem_storage: true,
      num_replicas: 1,
      inactive_threshold: INACTIVE_MS * NANOSECONDS_PER_MS,
    });
    return { pulls: manager.jetstream().consumers.getConsumerFromInfo(info), delivered: 0 };
  }

  /** One pull, handed over as it comes in; the value is the number of messages. */
  async #pullOnce(consumer: { readonly pulls: Consumer; delivered: number }): Promise<number> {
    const pull = await consumer.pulls.fetch({ max_messages: BATCH_MESSAGES, expires: PULL_MS });
    this.#pull = pull;
    if (this.#closed) pull.stop();
    const limit = setTimeout(() => pull.stop(), PULL_MS + PULL_GRACE_MS);
    let count = 0;
    let batch: JsMsg[] = [];
    try {
      for await (const message of pull) {
        consumer.delivered += 1;
        if (message.info.deliverySequence !== consumer.delivered) {
          throw new Error(`a delivery of ${this.#options.stream} was missed`);
        }
        batch.push(message);
        count += 1;
        // Whatever has arrived by now goes together; the handing over of it lets the next ones gather.
        if (pull.getPending() > 0) continue;
        await this.#handOver(batch);
        batch = [];
      }
    } finally {
      clearTimeout(limit);
      this.#pull = undefined;
    }
    if (batch.length > 0) await this.#handOver(batch);
    return count;
  }

  async #handOver(messages: readonly JsMsg[]): Promise<void> {
    const last = messages.at(-1);
    if (last === undefined || this.#closed) return;
    const { streamCreatedMs } = this.#position;
    await this.#options.onBatch({
      streamCreatedMs,
      messages: messages.map(({ seq, subject, data }) => ({
        streamSequence: seq,
        subject,
        bytes: data,
      })),
      readUpTo: last.seq,
    });
    this.#position = { streamCreatedMs, sequence: last.seq };
  }

  /** Nothing came for a whole pull: right only when there is nothing more, in the same stream. */
  async #compare(): Promise<void> {
    const { connection, stream } = this.#options;
    const standing = await readStanding(connection, stream, this.#api);
    if (!standing.ok) throw new Error(standing.failure.message);
    const { createdMs, firstSequence, lastSequence } = standing.value;
    const { streamCreatedMs, sequence } = this.#position;
    const same = createdMs === streamCreatedMs;
    if (same && lastSequence === sequence) return;
    // Everything beyond the position is past its age: there is nothing to deliver.
    if (same && lastSequence > sequence && firstSequence > lastSequence) {
      await this.#options.onBatch({ streamCreatedMs, messages: [], readUpTo: lastSequence });
      this.#position = { streamCreatedMs, sequence: lastSequence };
      return;
    }
    throw new Error(`${stream} holds ${lastSequence} and delivered ${sequence}`);
  }

  async #giveUpConsumer(error: unknown): Promise<void> {
    this.#trouble(error instanceof Error ? error.message : String(error));
    await this.#removeConsumer();
    await wait(RETRY_MS, undefined, { signal: this.#closing.signal }).catch(() => undefined);
  }

  async #removeConsumer(): Promise<void> {
    const consumer = this.#consumer;
    this.#consumer = undefined;
    // One that can not be removed now ends by its inactivity.
    await consumer?.pulls.delete().catch(() => undefined);
  }

  #trouble(message: string): void {
    if (this.#closed) return;
    if (!this.#troubled) this.#options.onTrouble(fail('unavailable', message).failure);
    this.#troubled = true;
  }
}
