// Owns the plain client of a framework: typed calls, one iterator of events, acknowledged by hand. Nothing is done by
// itself but what keeps the session alive: offers are not declined, nobody is asked for tasks. The driver is scheduler.ts.

import type { Outcome } from '@parley/protocol/errors';
import type {
  Demand,
  RolesRequest,
  ShutdownExecutorRequest,
  UpdateFrameworkRequest,
} from '@parley/protocol/frameworks';
import type { FrameworkRef, OfferId } from '@parley/protocol/ids';
import type { InverseOfferAnswer } from '@parley/protocol/maintenance';
import type { AcceptResult } from '@parley/protocol/offers';
import type {
  Empty,
  KillTaskRequest,
  KillTaskResult,
  ReconcileRequest,
  ReconcileResult,
} from '@parley/protocol/tasks';
import type { AcceptOrder } from './accept-order.ts';
import { EventQueue } from './event-queue.ts';
import { connectPorts } from './nats-ports.ts';
import {
  type ConnectOptions,
  type FrameworkOptions,
  sessionOptionsOf,
} from './scheduler-options.ts';
import type { SchedulerPorts } from './scheduler-ports.ts';
import type { Declining } from './session-calls.ts';
import { SessionShell } from './session-shell.ts';
import type { SchedulerEvent, UserCall } from './session-vocabulary.ts';

/** Accepts and other calls are answered where they are made. */
export type ClientEvent =
  | Exclude<SchedulerEvent, { kind: 'accepted' | 'answered' }>
  /** Trouble that is not the end. */
  | { readonly kind: 'trouble'; readonly error: Error };

export type ToldUpdate = Extract<ClientEvent, { kind: 'update' }>;

/** Connects and subscribes. Throws `SchedulerError` when the cluster cannot be reached or refuses. */
export async function connectClient(
  options: FrameworkOptions & ConnectOptions,
): Promise<SchedulerClient> {
  const { ports, leftMs } = await connectPorts(options);
  const client = new SchedulerClient(options, ports);
  await client.subscribed(leftMs());
  return client;
}

export class SchedulerClient {
  readonly framework: FrameworkRef;
  readonly #shell: SessionShell;
  readonly #events = new EventQueue<ClientEvent>();

  /** Subscribes at once; `subscribed` tells when a leader has answered. */
  constructor(options: FrameworkOptions, ports: SchedulerPorts) {
    const session = sessionOptionsOf(options, ports.principal, () => ports.randomToken());
    this.framework = session.framework;
    this.#shell = new SessionShell(
      {
        session: { ...session, reconcile: false },
        onEvent: (event) => this.#tell(event),
        onError: (error) => this.#events.push({ kind: 'trouble', error }),
      },
      ports,
    );
    this.#shell.start();
  }

  /** Resolves when the leader has given a session; throws `SchedulerError` when it refuses or does not answer in time. */
  subscribed(timeoutMs: number): Promise<void> {
    return this.#shell.subscribed(timeoutMs);
  }

  /** To be read by one reader; ends after `stopped`, or when the client is closed. Nothing is acknowledged by reading. */
  events(): AsyncIterableIterator<ClientEvent> {
    return this.#events;
  }

  /** Says that an update was handled, so that it does not come again. */
  acknowledge({ streamSequence }: Pick<ToldUpdate, 'streamSequence'>): void {
    if (streamSequence === undefined) return;
    this.#shell.run((session, nowMs) => session.updateHandled(streamSequence, nowMs));
  }

  /** Says that an event and all before it were handled. */
  acknowledgeEvents(upTo: number): void {
    this.#shell.run((session, nowMs) => session.eventHandled(upTo, nowMs));
  }

  accept(order: AcceptOrder): Promise<Outcome<AcceptResult>> {
    return this.#shell.call((session, nowMs) => {
      const { acceptId, effects } = session.accept(order, nowMs);
      return { callId: acceptId, effects };
    });
  }

  /** Offers that are not outstanding any more are left out. */
  decline(offerIds: readonly OfferId[], how?: Declining): void {
    this.#shell.run((session, nowMs) => session.decline(offerIds, nowMs, how));
  }

  suppress(roles: RolesRequest['roles'] = []): Promise<Outcome<Empty>> {
    return this.#call({ name: 'suppress', body: { roles } });
  }

  revive(roles: RolesRequest['roles'] = []): Promise<Outcome<Empty>> {
    return this.#call({ name: 'revive', body: { roles } });
  }

  setDemand(demand: Demand | undefined): void {
    this.#shell.run((session, nowMs) => session.setDemand(demand, nowMs));
  }

  kill(body: KillTaskRequest): Promise<Outcome<KillTaskResult>> {
    return this.#call({ name: 'killTask', body });
  }

  /** One page of the answer. Nothing comes of it but the answer. */
  reconcile(body: ReconcileRequest): Promise<Outcome<ReconcileResult>> {
    return this.#call({ name: 'reconcile', body });
  }

  updateFramework(body: UpdateFrameworkRequest): Promise<Outcome<Empty>> {
    return this.#call({ name: 'updateFramework', body });
  }

  shutdownExecutor(body: ShutdownExecutorRequest): Promise<Outcome<Empty>> {
    return this.#call({ name: 'shutdownExecutor', body });
  }

  /** Whether it frees the agents of a maintenance window by itself: shown to operators. The last answer counts. */
  answerInverseOffer(body: InverseOfferAnswer): Promise<Outcome<Empty>> {
    return this.#call({ name: 'answerInverseOffer', body });
  }

  /** At most once. Fails with `malformed`, `tooLarge` or `unavailable`. */
  sendMessage(agentId: string, executorId: string, data: Uint8Array): Outcome<undefined> {
    return this.#shell.sendMessage(agentId, executorId, data);
  }

  /** Ends the framework: the leader kills its tasks, its id is not used again. */
  async teardown(): Promise<void> {
    await this.#shell.teardown();
    this.#events.end();
  }

  /** Leaves without ending the framework. */
  async close(): Promise<void> {
    this.#events.end();
    await this.#shell.close();
  }

  #call<T>(call: UserCall): Promise<Outcome<T>> {
    return this.#shell.call((session, nowMs) => session.call(call, nowMs));
  }

  #tell(event: SchedulerEvent): void {
    if (event.kind === 'accepted' || event.kind === 'answered') return;
    this.#events.push(event);
    if (event.kind === 'stopped') this.#events.end();
  }
}
