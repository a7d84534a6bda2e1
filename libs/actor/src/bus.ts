// Owns the port of the bus as actors see it: bytes on subjects. What the bytes mean is in @parley/protocol;
// the NATS adapter is nats/nats-connection.ts, the simulator has its own.
import type { Outcome } from '@parley/protocol/errors';
import type { PingAnswer } from './leader-watch.ts';

export type BusMessage = {
  readonly subject: string;
  readonly bytes: Uint8Array;
  readonly reply?: string;
  /**
   * Answers into the caller's own inbox. Fails with `notPermitted` when there is no reply subject or it is not in
   * the inbox of who may send on this subject (an answer steered at somebody else), `tooLarge`, `unavailable`.
   */
  respond(bytes: Uint8Array): Outcome<undefined>;
};

export type SubscribeOptions = {
  /** Of all that name the same one each message reaches one. */
  readonly queue?: string;
  /** The server does not let this connection hear it, by the permissions that it has now. */
  readonly onRefused?: () => void;
};

export interface BusSubscription {
  close(): void;
}

export interface Bus {
  /** False between the loss of the connection and the next one: what is published then would be lost. */
  readonly connected: boolean;
  /** At most once. Fails with `tooLarge`, or `unavailable` while disconnected. */
  publish(subject: string, bytes: Uint8Array): Outcome<undefined>;
  /** Fails with `tooLarge`, `notPermitted` or `unavailable` (no answer in `timeoutMs`, nobody there, disconnected). */
  request(subject: string, bytes: Uint8Array, timeoutMs: number): Promise<Outcome<Uint8Array>>;
  /** The handler must not wait for anything: it blocks what arrives after it. */
  subscribe(
    pattern: string,
    handler: (message: BusMessage) => void,
    options?: SubscribeOptions,
  ): BusSubscription;
}

/** A bus for whoever has to find out whether somebody else is still there. */
export interface ProbingBus extends Bus {
  /** Whether there are several servers: then somebody whose own server has died is away for a moment. */
  readonly isClustered: boolean;
  /** Whether anybody listens on a subject: to be told that nobody does takes the same moment as for `request`. */
  probe(subject: string, bytes: Uint8Array, timeoutMs: number): Promise<PingAnswer>;
}
