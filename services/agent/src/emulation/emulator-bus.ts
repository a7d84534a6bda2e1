// Owns the bus as one emulated agent has it: a connection that it shares with others, and an inbox of its own, because a
// leader answers an agent into that agent's inbox and nowhere else. Waiting for answers costs no timer of its own.
import type { Bus, BusMessage, BusSubscription, SubscribeOptions } from '@parley/actor/bus';
import type { Requester } from '@parley/actor/nats/jetstream-requests';
import type { NatsBus } from '@parley/actor/nats/nats-bus';
import { inboxPrefix } from '@parley/protocol/credential';
import type { Outcome } from '@parley/protocol/errors';
import type { AgentId } from '@parley/protocol/ids';
import {
  type Msg,
  type NatsConnection,
  NoRespondersError,
  type Payload,
  RequestError,
  type RequestOptions,
  TimeoutError,
} from 'nats';
import type { TimerWheel, WheelEntry } from './timer-wheel.ts';

const DEFAULT_TIMEOUT_MS = 2000;
/** NATS says with this status that nobody listens. */
const NO_RESPONDERS = 503;

export type EmulatorBusOptions = {
  readonly shared: NatsBus;
  readonly agentId: AgentId;
  /** Random: answers to another process that emulated the same agent are nothing to this one. */
  readonly session: string;
  readonly wheel: TimerWheel;
  readonly nowMs: () => number;
};

export class EmulatorBus implements Bus {
  readonly #shared: NatsBus;
  readonly #inbox: AgentInbox;

  constructor(options: EmulatorBusOptions) {
    this.#shared = options.shared;
    this.#inbox = new AgentInbox(options);
  }

  get connected(): boolean {
    return this.#shared.connected;
  }

  get requester(): Requester {
    return this.#inbox;
  }

  publish(subject: string, bytes: Uint8Array): Outcome<undefined> {
    return this.#shared.publish(subject, bytes);
  }

  request(subject: string, bytes: Uint8Array, timeoutMs: number): Promise<Outcome<Uint8Array>> {
    return this.#shared.request(subject, bytes, timeoutMs, this.#inbox);
  }

  subscribe(
    pattern: string,
    handler: (message: BusMessage) => void,
    options?: SubscribeOptions,
  ): BusSubscription {
    return this.#shared.subscribe(pattern, handler, options);
  }

  close(): void {
    this.#inbox.close();
  }
}

/** As the client library has it for a connection: one subscription, and a token an answer that is waited for. */
class AgentInbox implements Requester {
  readonly #connection: NatsConnection;
  readonly #wheel: TimerWheel;
  readonly #nowMs: () => number;
  readonly #prefix: string;
  readonly #waiting = new Map<string, Waiting>();
  #subscription: BusSubscription | undefined;
  #count = 0;

  constructor({ shared, agentId, session, wheel, nowMs }: EmulatorBusOptions) {
    this.#connection = shared.connection;
    this.#wheel = wheel;
    this.#nowMs = nowMs;
    this.#prefix = `${inboxPrefix({ kind: 'agent', id: agentId })}.${session}.`;
  }

  async request(subject: string, payload?: Payload, options?: RequestOptions): Promise<Msg> {
    this.#subscription ??= this.#subscribe();
    this.#count += 1;
    const token = this.#count.toString(36);
    const reply = `${this.#prefix}${token}`;
    const { headers, timeout = DEFAULT_TIMEOUT_MS } = options ?? {};
    this.#connection.publish(subject, payload, { reply, ...(headers && { headers }) });
    const waiting = new Waiting(subject);
    this.#waiting.set(token, waiting);
    this.#wheel.plan(waiting, this.#nowMs() + timeout);
    try {
      return await waiting.answer;
    } finally {
      this.#wheel.cancel(waiting);
      this.#waiting.delete(token);
    }
  }

  close(): void {
    for (const waiting of this.#waiting.values()) waiting.give(new RequestError('closed'));
    this.#subscription?.close();
  }

  #subscribe(): BusSubscription {
    const subscription = this.#connection.subscribe(`${this.#prefix}*`, {
      callback: (error, message) => {
        if (error !== null) {
          for (const waiting of this.#waiting.values()) waiting.give(error);
          return;
        }
        const waiting = this.#waiting.get(message.subject.slice(this.#prefix.length));
        if (waiting === undefined) return;
        const isNobody = message.data.length === 0 && message.headers?.code === NO_RESPONDERS;
        waiting.give(isNobody ? nobodyAt(waiting.subject) : message);
      },
    });
    return { close: () => subscription.unsubscribe() };
  }
}

class Waiting implements WheelEntry {
  wheelTick: number | undefined;
  readonly subject: string;
  readonly #settled = Promise.withResolvers<Msg>();

  constructor(subject: string) {
    this.subject = subject;
  }

  get answer(): Promise<Msg> {
    return this.#settled.promise;
  }

  give(answer: Msg | Error): void {
    if (answer instanceof Error) this.#settled.reject(answer);
    else this.#settled.resolve(answer);
  }

  /** A time out that comes after the answer changes nothing. */
  wake(): void {
    this.give(new TimeoutError());
  }
}

const nobodyAt = (subject: string): Error =>
  new RequestError(`nobody answers on ${subject}`, { cause: new NoRespondersError(subject) });
