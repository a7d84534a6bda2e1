// Owns a framework's durable consumer on its principal's update stream: one a session, going on where the one of
// the session before stood, made again when it is gone. Acknowledges one by one. What updates mean is the session's.
// The server keeps its place in memory: written to a disk, the places of many frameworks cost it more than all their updates.
// Where the server is one and ends, the place is this process's to know; where this one ends too, all is delivered again.
import { setTimeout as wait } from 'node:timers/promises';
import {
  AckPolicy,
  type Consumer,
  type ConsumerInfo,
  type ConsumerMessages,
  DeliverPolicy,
  JetStreamApiError,
  type JetStreamManager,
  type JsMsg,
  jetstreamManager,
} from '@nats-io/jetstream';
import { readStanding } from '@parley/actor/nats/jetstream-requests';
import type { ClusterName } from '@parley/protocol/ids';
import { updatesStreamName } from '@parley/protocol/streams';
import { wildcardOf } from '@parley/protocol/subject-entry';
import { SUBJECTS } from '@parley/protocol/subjects';
import type { NatsConnection } from 'nats';
import type { UpdateReader, UpdateReaderOptions } from './scheduler-ports.ts';

export type UpdateConsumerOptions = UpdateReaderOptions & {
  /** To the principal's own account, where its stream is. */
  readonly connection: NatsConnection;
  readonly cluster: ClusterName;
};

const PULL_MS = 2000;
const PULL_GRACE_MS = 2000;
const BATCH_MESSAGES = 256;
const RETRY_MS = 500;
/** Pulls in a row that bring nothing, until it is asked whether the consumer is still there. */
const QUIET_PULLS = 5;
const FLUSH_MS = 2000;
/** What is handled within that is acknowledged together: one write to the server, not one each. */
const ACKNOWLEDGE_WITHIN_MS = 250;
const ACK_WAIT_MS = 30_000;
/** Not acknowledged at one time: more are not delivered until the handler is through with some. */
const MAX_UNACKNOWLEDGED = 5000;
/** Past the age of anything in the stream (updatesShape): what is forgotten is removed by the server. */
const INACTIVE_MS = 26 * 3600_000;
/** Sessions before this one that are looked at for a consumer: some may have ended before they made one. */
const MAX_SESSIONS_BACK = 64;
const NANOSECONDS_PER_MS = 1_000_000;
const CONSUMER_NOT_FOUND = 10014;

type Start = { readonly sequence: number; readonly streamCreatedMs: number };

export class UpdateConsumer implements UpdateReader {
  readonly #options: UpdateConsumerOptions;
  readonly #session: number;
  readonly #stream: string;
  readonly #closing = new AbortController();
  /** What was delivered and not acknowledged, by stream sequence. */
  readonly #unacknowledged = new Map<number, JsMsg>();
  #lastDelivered = 0;
  /** The consumer's own count of deliveries: its place in the stream also moves over what is not for it, on three nodes. */
  #lastDelivery = 0;
  /** Up to here the server had every acknowledgement when it was last asked. */
  #acknowledged = 0;
  /** The server has delivered what did not come here: it delivers that again, as long as it knows of it. */
  #hasGap = false;
  /** Pulls since something came, or somebody was asked. */
  #quietPulls = 0;
  /** Up to where somebody wants to know that all was read. */
  #wanted: number | undefined;
  #streamCreatedMs: number | undefined;
  /** To be acknowledged, by stream sequence. */
  #handled: number[] = [];
  #timer: NodeJS.Timeout | undefined;
  #pull: ConsumerMessages | undefined;
  #troubled = false;
  #running: Promise<void> | undefined;

  constructor(options: UpdateConsumerOptions) {
    this.#options = options;
    this.#session = options.session;
    this.#stream = updatesStreamName(options.cluster, options.framework.principal);
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Says that the handler is through. When that gets lost the server delivers it again, and it is said again. */
  acknowledge(streamSequence: number): void {
    this.#handled.push(streamSequence);
    this.#timer ??= setTimeout(() => this.#acknowledgeAll(), ACKNOWLEDGE_WITHIN_MS);
  }

  catchUp(sequence: number): void {
    this.#wanted = Math.max(sequence, this.#wanted ?? 0);
  }

  /** Waits until the server has the acknowledgements. `remove`: the framework is gone and nobody will go on from here. */
  async close(remove: boolean): Promise<void> {
    this.#closing.abort();
    this.#pull?.stop();
    await this.#running;
    this.#acknowledgeAll();
    const { connection } = this.#options;
    const late = wait(FLUSH_MS, undefined, { ref: false });
    await Promise.race([connection.flush().catch(() => undefined), late]);
    if (!remove) return;
    // What cannot be removed now ends by its inactivity.
    const manager = await jetstreamManager(connection, { checkAPI: false });
    await manager.consumers.delete(this.#stream, this.#nameOf(this.#session)).catch(() => false);
  }

  #acknowledgeAll(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    try {
      for (const sequence of this.#handled) {
        this.#unacknowledged.get(sequence)?.ack();
        this.#unacknowledged.delete(sequence);
      }
    } catch (error) {
      // What is not acknowledged is delivered again, and handled already.
      this.#trouble(error);
    }
    this.#handled = [];
  }

  async #run(): Promise<void> {
    while (!this.#closing.signal.aborted) {
      try {
        const consumer = await this.#open();
        while (!this.#closing.signal.aborted) {
          await this.#pullOnce(consumer);
          this.#troubled = false;
          const wanted = this.#wanted;
          // Throws when the consumer is gone, which a pull does not always tell.
          if (wanted === undefined && this.#quietPulls < QUIET_PULLS) continue;
          const info = await consumer.info();
          this.#acknowledged = info.ack_floor.stream_seq;
          if (info.num_ack_pending === 0) this.#hasGap = false;
          this.#tellCaughtUp(info, wanted);
          this.#quietPulls = 0;
        }
      } catch (error) {
        this.#trouble(error);
        await wait(RETRY_MS, undefined, { signal: this.#closing.signal }).catch(() => undefined);
      }
    }
  }

  async #open(): Promise<Consumer> {
    const manager = await jetstreamManager(this.#options.connection, { checkAPI: false });
    const standing = await readStanding(this.#options.connection, this.#stream);
    if (!standing.ok) throw new Error(standing.failure.message);
    const { createdMs, lastSequence } = standing.value;
    const own = await this.#find(manager, this.#session);
    const start =
      own ?? (await this.#create(manager, { sequence: lastSequence, streamCreatedMs: createdMs }));
    if (this.#streamCreatedMs !== createdMs) this.#beginStream(createdMs);
    this.#acknowledged = start.ack_floor.stream_seq;
    // A new consumer counts what lies before its start as acknowledged.
    if (this.#lastDelivered === 0) this.#lastDelivered = start.ack_floor.stream_seq;
    // Three servers that were all away have it again, from its beginning.
    this.#lastDelivery = Math.min(this.#lastDelivery, start.delivered.consumer_seq);
    if (own === undefined) {
      this.#lastDelivery = start.delivered.consumer_seq;
      const begin = { streamCreatedMs: createdMs, sequence: start.delivered.stream_seq };
      this.#options.onBegin?.(begin);
    }
    return manager.jetstream().consumers.getConsumerFromInfo(start);
  }

  /** Sequences of another stream mean nothing in this one. */
  #beginStream(createdMs: number): void {
    this.#streamCreatedMs = createdMs;
    this.#lastDelivered = 0;
    this.#unacknowledged.clear();
    this.#handled = [];
    this.#hasGap = false;
  }

  async #create(manager: JetStreamManager, end: Start): Promise<ConsumerInfo> {
    const previous = await this.#findPrevious(manager);
    const from = this.#startAfter(previous, end);
    const { cluster, framework } = this.#options;
    const info = await manager.consumers.add(this.#stream, {
      durable_name: this.#nameOf(this.#session),
      filter_subject: wildcardOf(SUBJECTS.update, cluster, framework),
      deliver_policy: DeliverPolicy.StartSequence,
      opt_start_seq: from,
      ack_policy: AckPolicy.Explicit,
      ack_wait: ACK_WAIT_MS * NANOSECONDS_PER_MS,
      max_ack_pending: MAX_UNACKNOWLEDGED,
      mem_storage: true,
      inactive_threshold: INACTIVE_MS * NANOSECONDS_PER_MS,
    });
    if (previous) await manager.consumers.delete(this.#stream, previous.name);
    return info;
  }

  /** The first update that was not acknowledged, as far as anybody knows. */
  #startAfter(previous: ConsumerInfo | undefined, end: Start): number {
    if (this.#streamCreatedMs !== undefined) {
      // Made again by the same process: it knows itself how far it was, unless the stream is another one.
      const missing = this.#hasGap ? [this.#acknowledged + 1] : [];
      const next = Math.min(this.#lastDelivered + 1, ...missing, ...this.#unacknowledged.keys());
      const isSame = this.#streamCreatedMs === end.streamCreatedMs && next <= end.sequence + 1;
      return isSame ? next : 1;
    }
    if (previous === undefined) return 1;
    const next = previous.ack_floor.stream_seq + 1;
    return next <= end.sequence + 1 ? next : 1;
  }

  async #findPrevious(manager: JetStreamManager): Promise<ConsumerInfo | undefined> {
    const oldest = Math.max(1, this.#session - MAX_SESSIONS_BACK);
    for (let session = this.#session - 1; session >= oldest; session -= 1) {
      const info = await this.#find(manager, session);
      if (info) return info;
    }
    return undefined;
  }

  async #find(manager: JetStreamManager, session: number): Promise<ConsumerInfo | undefined> {
    try {
      return await manager.consumers.info(this.#stream, this.#nameOf(session));
    } catch (error) {
      if (error instanceof JetStreamApiError && error.code === CONSUMER_NOT_FOUND) return undefined;
      throw error;
    }
  }

  async #pullOnce(consumer: Consumer): Promise<void> {
    const pull = await consumer.fetch({ max_messages: BATCH_MESSAGES, expires: PULL_MS });
    this.#pull = pull;
    if (this.#closing.signal.aborted) pull.stop();
    const limit = setTimeout(() => pull.stop(), PULL_MS + PULL_GRACE_MS);
    try {
      for await (const message of pull) this.#take(message);
    } finally {
      clearTimeout(limit);
      this.#quietPulls += 1;
      this.#pull = undefined;
    }
  }

  /** `info` was asked for after `wanted` was: what it says is pending includes everything up to there. */
  #tellCaughtUp(info: ConsumerInfo, wanted: number | undefined): void {
    if (wanted === undefined || this.#streamCreatedMs === undefined) return;
    if (info.num_pending > 0 || info.delivered.consumer_seq > this.#lastDelivery) return;
    if (this.#wanted === wanted) this.#wanted = undefined;
    this.#options.onCaughtUp({ streamCreatedMs: this.#streamCreatedMs, sequence: wanted });
  }

  #take(message: JsMsg): void {
    if (this.#closing.signal.aborted) return;
    this.#quietPulls = 0;
    this.#unacknowledged.set(message.seq, message);
    this.#lastDelivered = Math.max(this.#lastDelivered, message.seq);
    const { deliverySequence } = message.info;
    if (deliverySequence > this.#lastDelivery + 1) this.#hasGap = true;
    this.#lastDelivery = Math.max(this.#lastDelivery, deliverySequence);
    const position = { streamCreatedMs: this.#streamCreatedMs ?? 0, sequence: message.seq };
    this.#options.onMessage(position, message.subject, message.data);
  }

  #nameOf(session: number): string {
    return `${this.#options.framework.frameworkId}-${session}`;
  }

  #trouble(error: unknown): void {
    if (this.#closing.signal.aborted || this.#troubled) return;
    this.#troubled = true;
    const why = error instanceof Error ? error.message : String(error);
    this.#options.onTrouble(
      new Error(`reading updates of ${this.#stream}: ${why}`, { cause: error }),
    );
  }
}
