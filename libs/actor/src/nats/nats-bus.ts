// Owns the bus on a NATS connection: knows when it is disconnected, refuses what is too large before it is sent,
// checks where answers go, retries a missing responder for a moment, tells of refused permissions, and takes no more than
// the server takes from it.
import { setTimeout as wait } from 'node:timers/promises';
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import type { ClusterName } from '@parley/protocol/ids';
import { errors, type Msg, type NatsConnection, RequestError, type Status } from 'nats';
import type { BusMessage, BusSubscription, ProbingBus, SubscribeOptions } from '../bus.ts';
import type { PingAnswer } from '../leader-watch.ts';
import { mayReply } from '../reply-check.ts';
import { UnsentBytes } from '../unsent-bytes.ts';
import { describeRequestError, type Requester } from './jetstream-requests.ts';

/** Interest spreads through a NATS cluster in some milliseconds: "nobody there" is believed after these waits. */
const NO_RESPONDER_WAITS_MS = [5, 15, 30];
const CLOSE_TIMEOUT_MS = 2000;
/** Where a server does not say: its default. */
const DEFAULT_MAX_PAYLOAD = 1024 * 1024;

export type BusTrouble =
  | { readonly kind: 'notPermitted'; readonly subject: string; readonly message: string }
  /** A handler threw: a defect. */
  | { readonly kind: 'handlerFailed'; readonly subject: string; readonly error: unknown }
  /** An answer that was asked for somewhere else than in the caller's inbox; it was not sent. */
  | { readonly kind: 'steeredReply'; readonly subject: string; readonly reply: string }
  | { readonly kind: 'serverError'; readonly message: string }
  /** The server takes nothing, and so much waits in this process that it takes nothing more; told once each time. */
  | { readonly kind: 'unsent'; readonly pendingBytes: number };

export type NatsBusOptions = {
  readonly connection: NatsConnection;
  readonly cluster: ClusterName;
  readonly onConnectedChange: (connected: boolean) => void;
  readonly onTrouble: (trouble: BusTrouble) => void;
  /** The connection ended for good without `close`: the credential was taken away. */
  readonly onClosed: (reason: string) => void;
};

export class NatsBus implements ProbingBus {
  /** For JetStream, which needs more than the port. */
  readonly connection: NatsConnection;
  readonly #options: NatsBusOptions;
  readonly #unsent = new UnsentBytes();
  #isUnsentTold = false;
  #connected = true;
  #closing = false;
  #onDelivered: ((subject: string) => void) | undefined;

  constructor(options: NatsBusOptions) {
    this.connection = options.connection;
    this.#options = options;
    void this.#watch();
  }

  get connected(): boolean {
    return this.#connected;
  }

  get isClustered(): boolean {
    return this.connection.info?.cluster !== undefined;
  }

  /** Told the subject of each message that comes in on a subscription, before its handler is. */
  watchDeliveries(onDelivered: (subject: string) => void): void {
    this.#onDelivered = onDelivered;
  }

  publish(subject: string, bytes: Uint8Array): Outcome<undefined> {
    const refusal = this.#refusal(subject, bytes);
    if (refusal !== undefined) return refusal;
    this.connection.publish(subject, bytes);
    this.#count(bytes);
    return succeed(undefined);
  }

  /** `asker` takes the answer: this connection, into its own inbox, without it. */
  async request(
    subject: string,
    bytes: Uint8Array,
    timeoutMs: number,
    asker: Requester = this.connection,
  ): Promise<Outcome<Uint8Array>> {
    for (const waitMs of [...NO_RESPONDER_WAITS_MS, undefined]) {
      const refusal = this.#refusal(subject, bytes);
      if (refusal !== undefined) return refusal;
      try {
        const asked = asker.request(subject, bytes, { timeout: timeoutMs });
        this.#count(bytes);
        const answer = await asked;
        return succeed(answer.data);
      } catch (error) {
        const nobody = error instanceof RequestError && error.isNoResponders();
        if (!nobody || waitMs === undefined) return requestFailure(subject, error);
      }
      await wait(waitMs);
    }
    return fail('unavailable', `nobody answers on ${subject}`);
  }

  async probe(subject: string, bytes: Uint8Array, timeoutMs: number): Promise<PingAnswer> {
    for (const waitMs of [...NO_RESPONDER_WAITS_MS, undefined]) {
      if (this.#refusal(subject, bytes) !== undefined) return 'unknown';
      try {
        await this.connection.request(subject, bytes, { timeout: timeoutMs });
        return 'answered';
      } catch (error) {
        const nobody = error instanceof RequestError && error.isNoResponders();
        if (!nobody) return 'unknown';
        if (waitMs === undefined) return 'nobody';
      }
      await wait(waitMs);
    }
    return 'nobody';
  }

  subscribe(
    pattern: string,
    handler: (message: BusMessage) => void,
    { queue, onRefused }: SubscribeOptions = {},
  ): BusSubscription {
    const subscription = this.connection.subscribe(pattern, {
      ...(queue !== undefined && { queue }),
      callback: (error, message) => {
        if (error !== null) {
          this.#options.onTrouble({
            kind: 'notPermitted',
            subject: pattern,
            message: error.message,
          });
          onRefused?.();
          return;
        }
        this.#handle(message, handler);
      },
    });
    return { close: () => subscription.unsubscribe() };
  }

  /** Sends what is buffered, then closes; a server that does not answer is not waited for. */
  async close(): Promise<void> {
    this.#closing = true;
    const late = new AbortController();
    const limit = wait(CLOSE_TIMEOUT_MS, undefined, { signal: late.signal });
    // A connection that is closed already cannot be drained.
    const drained = this.connection.drain().catch(() => undefined);
    await Promise.race([drained, limit.catch(() => undefined)]);
    late.abort();
    await this.connection.close();
  }

  #handle(message: Msg, handler: (message: BusMessage) => void): void {
    const { subject, data, reply } = message;
    this.#onDelivered?.(subject);
    try {
      handler({
        subject,
        bytes: data,
        ...(reply !== undefined && reply !== '' && { reply }),
        respond: (bytes) => this.#respond(subject, reply, bytes),
      });
    } catch (error) {
      this.#options.onTrouble({ kind: 'handlerFailed', subject, error });
    }
  }

  #respond(subject: string, reply: string | undefined, bytes: Uint8Array): Outcome<undefined> {
    if (reply === undefined || reply === '') {
      return fail('notPermitted', `a message on ${subject} asked for no answer`);
    }
    if (!mayReply(this.#options.cluster, subject, reply)) {
      this.#options.onTrouble({ kind: 'steeredReply', subject, reply });
      return fail('notPermitted', `an answer to ${subject} may not go to ${reply}`);
    }
    return this.publish(reply, bytes);
  }

  #refusal(subject: string, bytes: Uint8Array): ReturnType<typeof fail> | undefined {
    if (!this.#connected || this.connection.isClosed() || this.connection.isDraining()) {
      return fail('unavailable', 'not connected to the bus');
    }
    if (this.#unsent.isFull) {
      this.#tellUnsent();
      return fail('unavailable', 'the NATS server takes nothing: too much waits to be sent to it');
    }
    const limit = this.connection.info?.max_payload ?? DEFAULT_MAX_PAYLOAD;
    if (bytes.length <= limit) return undefined;
    return fail('tooLarge', `${bytes.length} bytes for ${subject}; the bus carries ${limit}`);
  }

  #count({ length }: Uint8Array): void {
    const upTo = this.#unsent.add(length);
    if (upTo === undefined) return;
    const answered = (confirmed?: number): void => {
      this.#unsent.answered(confirmed);
      this.#isUnsentTold = false;
    };
    // It fails when the connection is lost.
    this.connection.flush().then(
      () => answered(upTo),
      () => answered(),
    );
  }

  #tellUnsent(): void {
    if (this.#isUnsentTold) return;
    this.#isUnsentTold = true;
    this.#options.onTrouble({ kind: 'unsent', pendingBytes: this.#unsent.pending });
  }

  async #watch(): Promise<void> {
    for await (const status of this.connection.status()) this.#onStatus(status);
    const reason = await this.connection.closed();
    this.#setConnected(false);
    if (!this.#closing) {
      this.#options.onClosed(
        reason instanceof Error ? reason.message : 'the connection was closed',
      );
    }
  }

  #onStatus(status: Status): void {
    switch (status.type) {
      case 'disconnect':
      case 'staleConnection':
        this.#setConnected(false);
        return;
      case 'reconnect':
        this.#setConnected(true);
        return;
      case 'error':
        this.#onServerError(status.error);
        return;
      default:
    }
  }

  #onServerError(error: Error): void {
    const { message } = error;
    this.#options.onTrouble(
      error instanceof errors.PermissionViolationError
        ? { kind: 'notPermitted', subject: error.subject, message }
        : { kind: 'serverError', message },
    );
  }

  #setConnected(connected: boolean): void {
    if (this.#connected === connected) return;
    this.#connected = connected;
    this.#options.onConnectedChange(connected);
  }
}

function requestFailure(subject: string, error: unknown): ReturnType<typeof fail> {
  const denied =
    error instanceof errors.PermissionViolationError ||
    (error instanceof Error && error.cause instanceof errors.PermissionViolationError);
  return fail(denied ? 'notPermitted' : 'unavailable', describeRequestError(subject, error));
}
