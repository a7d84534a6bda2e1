// Owns the connections of executors that gateways speak for: who may open one, which question is for which, and their end
// when nobody asks any more. What is said on them goes the way of what is said on an executor's socket.
import { type Outcome, succeed } from '@parley/protocol/errors';
import type { ExecutorDescription } from '@parley/protocol/executor-description';
import {
  type ExecutorProof,
  type ExecutorRelayAsk,
  type ExecutorRelayRequest,
  type ExecutorRelayResult,
  RELAY_LEASE_MS,
} from '@parley/protocol/executor-relay';
import type { FromExecutor, ToExecutor } from '@parley/protocol/executors';
import type { ExecutorRef } from '@parley/protocol/ids';
import { unreachable } from '@parley/protocol/unreachable';
import type { ConnectionNumber, ExecutorPlace } from './executor-messages.ts';
import { RelayConnection } from './relay-connection.ts';

/** One that was written for Mesos and has processes. */
export type RelayedExecutor = {
  readonly place: ExecutorPlace;
  readonly description: ExecutorDescription;
  readonly lastSequence: number;
};

export type ExecutorRelayOptions = {
  readonly find: (executor: ExecutorRef) => RelayedExecutor | undefined;
  /** Why this does not show that somebody is the executor; undefined when it does. */
  readonly faultOf: (
    executor: RelayedExecutor,
    proof: ExecutorProof,
  ) => 'noProof' | 'wrongProof' | undefined;
  /** Numbers that no other connection of an executor has. */
  readonly nextNumber: () => ConnectionNumber;
  readonly onMessage: (
    place: ExecutorPlace,
    connection: ConnectionNumber,
    message: FromExecutor,
  ) => void;
  readonly onClosed: (place: ExecutorPlace, connection: ConnectionNumber) => void;
  readonly leaseMs?: number;
};

type Entry = {
  readonly id: string;
  readonly place: ExecutorPlace;
  readonly number: ConnectionNumber;
  readonly connection: RelayConnection;
  lease: NodeJS.Timeout;
};

/** Of all executors together: an agent has at most a thousand of them. */
const MAX_CONNECTIONS = 2000;
const ENDED = { kind: 'ended' } as const;

export class ExecutorRelay {
  readonly #options: ExecutorRelayOptions;
  readonly #byId = new Map<string, Entry>();
  readonly #byNumber = new Map<ConnectionNumber, Entry>();

  constructor(options: ExecutorRelayOptions) {
    this.#options = options;
  }

  /** Never rejects, never fails. */
  async answer({
    connection: id,
    ask,
  }: ExecutorRelayRequest): Promise<Outcome<ExecutorRelayResult>> {
    return succeed(await this.#answer(id, ask));
  }

  /** Whether the connection is one of these. */
  has(number: ConnectionNumber): boolean {
    return this.#byNumber.has(number);
  }

  /** False when it was not sent: the connection is gone, or nobody fetches what was sent before. */
  send(number: ConnectionNumber, message: ToExecutor): boolean {
    const entry = this.#byNumber.get(number);
    if (entry === undefined) return false;
    const { isSent, isBroken } = entry.connection.send(message);
    if (isBroken) this.#close(entry);
    return isSent;
  }

  /** What was sent before can be fetched until the lease is over. */
  end(number: ConnectionNumber): void {
    this.#byNumber.get(number)?.connection.end();
  }

  /** Nobody is told: the gateway finds that they are gone, as the end of an agent's process closes its sockets. */
  closeAll(): void {
    for (const { lease, connection } of this.#byId.values()) {
      clearTimeout(lease);
      connection.end();
    }
    this.#byId.clear();
    this.#byNumber.clear();
  }

  async #answer(id: string, ask: ExecutorRelayAsk): Promise<ExecutorRelayResult> {
    if (ask.kind === 'open' || ask.kind === 'prove') return this.#prove(id, ask);
    const entry = this.#byId.get(id);
    if (entry === undefined) return ENDED;
    this.#renew(entry);
    switch (ask.kind) {
      case 'say':
        return entry.connection.take(ask.number, ask.message);
      case 'hear': {
        const heard = await entry.connection.hear(ask.from, ask.waitMs);
        if (heard.isLast && heard.messages.length === 0) this.#close(entry);
        return heard;
      }
      case 'end':
        this.#close(entry);
        return ENDED;
      default:
        return unreachable(ask);
    }
  }

  #prove(
    id: string,
    { kind, executor, proof }: Extract<ExecutorRelayAsk, { kind: 'open' | 'prove' }>,
  ): ExecutorRelayResult {
    const found = this.#options.find(executor);
    if (found === undefined) {
      const message = `no executor ${executor.executorId} that was written for Mesos runs here`;
      return { kind: 'refused', why: 'unknownExecutor', message };
    }
    const why = this.#options.faultOf(found, proof);
    if (why === 'noProof') {
      const message = 'it does not show who it is: MESOS_EXECUTOR_AUTHENTICATION_TOKEN as a bearer';
      return { kind: 'refused', why, message };
    }
    if (why !== undefined) {
      return { kind: 'refused', why, message: `it is not executor ${executor.executorId}` };
    }
    if (kind === 'open' && !this.#byId.has(id)) this.#open(id, found.place);
    const { description, lastSequence } = found;
    return { kind: 'accepted', description, lastSequence };
  }

  #open(id: string, place: ExecutorPlace): void {
    const number = this.#options.nextNumber();
    const connection = new RelayConnection((message) =>
      this.#options.onMessage(place, number, message),
    );
    const entry: Entry = { id, place, number, connection, lease: setTimeout(() => undefined, 0) };
    this.#byId.set(id, entry);
    this.#byNumber.set(number, entry);
    this.#renew(entry);
    const [oldest] = this.#byId.values();
    if (this.#byId.size > MAX_CONNECTIONS && oldest !== undefined) this.#close(oldest);
  }

  #renew(entry: Entry): void {
    clearTimeout(entry.lease);
    const { leaseMs = RELAY_LEASE_MS } = this.#options;
    entry.lease = setTimeout(() => this.#close(entry), leaseMs);
  }

  #close(entry: Entry): void {
    clearTimeout(entry.lease);
    if (!this.#byId.delete(entry.id)) return;
    this.#byNumber.delete(entry.number);
    entry.connection.end();
    this.#options.onClosed(entry.place, entry.number);
  }
}
