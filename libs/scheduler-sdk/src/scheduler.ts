// Owns a framework's place on a real cluster: connects, carries out what the session decides, calls the user's
// handlers. It decides nothing itself; describing and placing tasks is in task.ts and task-pool.ts.

import type { Identity } from '@parley/actor/nats/credential-file';
import type { BusTrouble } from '@parley/actor/nats/nats-bus';
import { NatsBus } from '@parley/actor/nats/nats-bus';
import { randomNonce, systemClock } from '@parley/actor/nats/system-clock';
import { type Failure, fail, type Outcome } from '@parley/protocol/errors';
import type { Demand } from '@parley/protocol/frameworks';
import {
  FrameworkId,
  type FrameworkRef,
  PrincipalName,
  RoleName,
  TaskId,
} from '@parley/protocol/ids';
import { decodeMessage } from '@parley/protocol/message';
import type { AcceptResult, Filter, Offer } from '@parley/protocol/offers';
import { SUBJECTS } from '@parley/protocol/subjects';
import type { TaskDescription } from '@parley/protocol/tasks';
import type { NatsConnection } from 'nats';
import { HandlerLane } from './handler-lane.ts';
import {
  type Connections,
  openBoth,
  SchedulerError,
  unreachableCluster,
} from './scheduler-connections.ts';
import { identityOf } from './scheduler-credential.ts';
import type { SchedulerOptions } from './scheduler-options.ts';
import { SchedulerSession } from './session.ts';
import type { SchedulerEvent, SessionEffect, StopReason } from './session-vocabulary.ts';
import {
  decodeCallAnswer,
  decodeSchedulerMessage,
  encodeCall,
  schedulerSubjects,
} from './session-wire.ts';
import type { Placements } from './task-pool.ts';
import { UpdateConsumer } from './update-consumer.ts';
import { isFromItsSource } from './update-message.ts';
import { openWorkBucket, type WorkBucket } from './work-bucket.ts';

const DEFAULT_FAILOVER_MS = 3600_000;
const DEFAULT_CONNECT_MS = 30_000;
const REQUEST_TIMEOUT_MS = 2000;
const CONNECT_RETRY_MS = 500;

/** Connects and subscribes. Throws `SchedulerError` when the cluster cannot be reached or refuses. */
export async function connectScheduler(options: SchedulerOptions): Promise<Scheduler> {
  const identity = expectOutcome(identityOf(options.credential));
  const timeoutMs = options.connectTimeoutMs ?? DEFAULT_CONNECT_MS;
  const deadlineMs = systemClock.nowMs() + timeoutMs;
  for (;;) {
    const connections = await openBoth(identity);
    if (connections.ok) {
      const scheduler = new Scheduler(options, identity, connections.value);
      await scheduler.subscribed(Math.max(deadlineMs - systemClock.nowMs(), 1000));
      return scheduler;
    }
    const isOver = systemClock.nowMs() + CONNECT_RETRY_MS > deadlineMs;
    if (connections.failure.code !== 'unavailable' || isOver)
      throw unreachableCluster(connections.failure);
    await new Promise((resolve) => setTimeout(resolve, CONNECT_RETRY_MS));
  }
}

export class Scheduler {
  readonly framework: FrameworkRef;
  readonly #options: SchedulerOptions;
  readonly #identity: Identity;
  readonly #bus: NatsBus;
  readonly #own: NatsConnection;
  readonly #session: SchedulerSession;
  readonly #offerLane: HandlerLane<() => Promise<void> | void>;
  readonly #updateLane: HandlerLane<Extract<SchedulerEvent, { kind: 'update' }>>;
  readonly #accepts = new Map<number, (outcome: Outcome<AcceptResult>) => void>();
  readonly #subscribedSignal = Promise.withResolvers<void>();
  readonly #ended = Promise.withResolvers<StopReason>();
  #consumer: UpdateConsumer | undefined;
  /** Closing one consumer and opening the next, one after the other. */
  #consumerChange: Promise<void> = Promise.resolve();
  #bucket: Promise<Outcome<WorkBucket>> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #closed: Promise<void> | undefined;

  constructor(options: SchedulerOptions, identity: Identity, connections: Connections) {
    this.#own = connections.own;
    this.#options = options;
    this.#identity = identity;
    const principal = PrincipalName.parse(identity.actor.id);
    const frameworkId = FrameworkId.parse(
      options.frameworkId ?? `${safeToken(options.name)}-${randomNonce().slice(0, 13)}`,
    );
    this.framework = { principal, frameworkId };
    this.#session = new SchedulerSession({
      framework: this.framework,
      name: options.name,
      role: RoleName.parse(options.role),
      demand: options.demand ?? [],
      failoverTimeoutMs: options.failoverTimeoutMs ?? DEFAULT_FAILOVER_MS,
      callerSession: randomNonce(),
    });
    this.#offerLane = new HandlerLane({
      keyOf: () => 'offers',
      handle: (call) => call(),
      onThrow: (error) => this.#report(error),
    });
    this.#updateLane = new HandlerLane({
      keyOf: ({ update }) => update.task.taskId,
      handle: (event) => this.#handleUpdate(event),
      onThrow: (error) => this.#report(error),
    });
    this.#bus = new NatsBus({
      connection: connections.control,
      cluster: identity.cluster,
      onConnectedChange: (isConnected) => {
        if (isConnected) this.#carryOut(this.#session.reconnected(systemClock.nowMs()));
      },
      onTrouble: (trouble) => this.#reportTrouble(trouble),
      onClosed: (reason) => this.#lost(reason),
    });
    for (const subject of schedulerSubjects(identity.cluster, this.framework)) {
      this.#bus.subscribe(subject, (message) => this.#receive(message.subject, message.bytes));
    }
    this.#subscribedSignal.promise.catch(() => undefined);
    this.#carryOut(this.#session.start(systemClock.nowMs()));
  }

  /** Resolves when the leader has given a session; throws `SchedulerError` when it refuses or does not answer in time. */
  async subscribed(timeoutMs: number): Promise<void> {
    const { promise, reject } = this.#subscribedSignal;
    const late = fail('unavailable', `no master answered within ${Math.round(timeoutMs / 1000)} s`);
    const timer = setTimeout(() => reject(unreachableCluster(late.failure)), timeoutMs);
    try {
      await promise;
    } catch (error) {
      await this.close();
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Launches tasks on one offer, or on several of one agent. What is left of them is declined. */
  launch(
    offers: Offer | readonly Offer[],
    launches: readonly TaskDescription[],
    filter?: Filter,
  ): Promise<Outcome<AcceptResult>> {
    const list = 'offerId' in offers ? [offers] : offers;
    const order = { offers: list, launches, ...(filter && { filter }) };
    const { acceptId, effects } = this.#session.accept(order, systemClock.nowMs());
    const answered = new Promise<Outcome<AcceptResult>>((resolve) =>
      this.#accepts.set(acceptId, resolve),
    );
    this.#carryOut(effects);
    return answered;
  }

  decline(offers: readonly Offer[], filter?: Filter): void {
    const ids = offers.map(({ offerId }) => offerId);
    this.#carryOut(this.#session.decline(ids, systemClock.nowMs(), filter));
  }

  /** Carries out what a pool of work decided about offers. */
  place(placements: Placements): void {
    for (const { offer, launches, filter } of placements.accepted)
      void this.launch(offer, launches, filter);
    for (const { offers, filter } of placements.declined) this.decline(offers, filter);
  }

  kill(taskId: string, graceMs?: number): void {
    this.#carryOut(this.#session.kill(TaskId.parse(taskId), systemClock.nowMs(), graceMs));
  }

  setDemand(demand: Demand): void {
    this.#carryOut(this.#session.setDemand(demand, systemClock.nowMs()));
  }

  /** The principal's bucket of objects; opened at the first call. */
  async bucket(): Promise<WorkBucket> {
    this.#bucket ??= openWorkBucket(this.#own, this.#identity.cluster, this.framework.principal);
    return expectOutcome(await this.#bucket);
  }

  /** Resolves when the framework is torn down or closed; throws `SchedulerError` when the leader ended the session. */
  async ended(): Promise<void> {
    const reason = await this.#ended.promise;
    await this.close();
    if (reason.kind === 'refused') throw new SchedulerError(reason.failure);
  }

  /** Ends the framework: the leader kills its tasks, its id is not used again. */
  async teardown(): Promise<void> {
    this.#carryOut(this.#session.teardown(systemClock.nowMs()));
    await this.#ended.promise;
    await this.close();
  }

  /** Leaves without ending the framework: tasks go on, a later scheduler with the same id goes on with them. */
  async close(): Promise<void> {
    this.#closed ??= this.#close();
    await this.#closed;
  }

  async #close(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#offerLane.close();
    this.#updateLane.close();
    await this.#changeConsumer(undefined, false);
    await this.#own.close();
    await this.#bus.close();
    this.#ended.resolve({ kind: 'teardown' });
  }

  #carryOut(effects: readonly SessionEffect[]): void {
    if (this.#closed !== undefined) return;
    for (const effect of effects) {
      switch (effect.kind) {
        case 'request':
          void this.#request(effect);
          break;
        case 'publish': {
          const outgoing = encodeCall(
            this.#identity.cluster,
            this.framework,
            effect.call,
            effect.header,
          );
          // Lost while disconnected: the next one follows.
          if (outgoing.ok) this.#bus.publish(outgoing.value.subject, outgoing.value.bytes);
          break;
        }
        case 'openConsumer':
          void this.#changeConsumer(effect.session, false);
          break;
        case 'closeConsumer':
          void this.#changeConsumer(undefined, effect.remove);
          break;
        case 'acknowledge':
          this.#consumer?.acknowledge(effect.streamSequence);
          break;
        case 'deliver':
          this.#deliver(effect.event);
          break;
      }
    }
    this.#schedule();
  }

  async #request(effect: Extract<SessionEffect, { kind: 'request' }>): Promise<void> {
    const { counter, call, header } = effect;
    const outgoing = encodeCall(this.#identity.cluster, this.framework, call, header);
    if (!outgoing.ok) return this.#answer(counter, outgoing);
    const { subject, bytes } = outgoing.value;
    const reply = await this.#bus.request(subject, bytes, REQUEST_TIMEOUT_MS);
    if (!reply.ok) {
      // Nobody there: the session sends it again. Anything else would be the same the next time.
      if (reply.failure.code !== 'unavailable') this.#answer(counter, reply);
      return;
    }
    const received = decodeCallAnswer(call.name, reply.value);
    if (!received.ok) return this.#answer(counter, received);
    this.#carryOut(this.#session.answered(counter, received.value, systemClock.nowMs()));
  }

  #answer(counter: number, failed: { ok: false; failure: Failure }): void {
    this.#carryOut(this.#session.answered(counter, { answer: failed }, systemClock.nowMs()));
  }

  #receive(subject: string, bytes: Uint8Array): void {
    const message = decodeSchedulerMessage(this.#identity.cluster, subject, bytes);
    if (message.ok) this.#carryOut(this.#session.message(message.value, systemClock.nowMs()));
    else this.#report(new SchedulerError(message.failure));
  }

  #deliver(event: SchedulerEvent): void {
    switch (event.kind) {
      case 'subscribed':
        this.#subscribedSignal.resolve();
        break;
      case 'offers':
        this.#offerLane.push(() => this.#handleOffers(event.offers));
        break;
      case 'rescinded':
        this.#offerLane.push(() => this.#options.onRescind?.(event.offerIds, this));
        break;
      case 'update':
        this.#updateLane.push(event);
        break;
      case 'accepted':
        this.#accepts.get(event.acceptId)?.(event.outcome);
        this.#accepts.delete(event.acceptId);
        break;
      case 'refused':
        this.#report(new SchedulerError(event.failure));
        break;
      case 'foreignUpdate':
        this.#report(new Error(`agent ${event.agentId} reported a task that is not its own`));
        break;
      case 'stopped':
        this.#stopped(event.reason);
        break;
    }
  }

  #stopped(reason: StopReason): void {
    if (reason.kind === 'refused')
      this.#subscribedSignal.reject(new SchedulerError(reason.failure));
    this.#ended.resolve(reason);
  }

  async #handleOffers(offers: readonly Offer[]): Promise<void> {
    try {
      await this.#options.onOffers(offers, this);
    } catch (error) {
      // Not called again: the offers go back, and others follow.
      this.#report(error);
    }
    this.#carryOut(this.#session.offersHandled(offers, systemClock.nowMs()));
  }

  async #handleUpdate(event: Extract<SchedulerEvent, { kind: 'update' }>): Promise<void> {
    const { update, streamSequence } = event;
    await this.#options.onUpdate(update, this);
    if (streamSequence === undefined) return;
    this.#carryOut(this.#session.updateHandled(streamSequence, systemClock.nowMs()));
  }

  #changeConsumer(session: number | undefined, remove: boolean): Promise<void> {
    this.#consumerChange = this.#consumerChange.then(async () => {
      const old = this.#consumer;
      this.#consumer = undefined;
      try {
        await old?.close(remove);
      } catch (error) {
        this.#report(error);
      }
      if (session !== undefined) this.#openConsumer(session);
    });
    return this.#consumerChange;
  }

  #openConsumer(session: number): void {
    const { cluster } = this.#identity;
    const { framework } = this;
    this.#consumer = new UpdateConsumer(
      {
        connection: this.#own,
        cluster,
        framework,
        onMessage: (sequence, subject, bytes) => this.#read(sequence, subject, bytes),
        onTrouble: (error) => this.#report(error),
      },
      session,
    );
    this.#consumer.start();
  }

  #read(streamSequence: number, subject: string, bytes: Uint8Array): void {
    const received = decodeMessage(SUBJECTS.update, this.#identity.cluster, subject, bytes);
    const isTrue = received.ok && isFromItsSource(received.value);
    if (received.ok && isTrue) {
      const nowMs = systemClock.nowMs();
      this.#carryOut(this.#session.updateRead(streamSequence, received.value.body, nowMs));
      return;
    }
    // It would be the same the next time: acknowledged and left out.
    const why = received.ok
      ? 'it names another task or sender than its subject'
      : received.failure.message;
    this.#report(new Error(`update ${streamSequence} on ${subject} was left out: ${why}`));
    this.#consumer?.acknowledge(streamSequence);
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const wakeMs = this.#session.nextWakeMs();
    if (wakeMs === undefined || this.#closed !== undefined) return;
    const waitMs = Math.max(wakeMs - systemClock.nowMs(), 1);
    this.#timer = setTimeout(() => this.#carryOut(this.#session.tick(systemClock.nowMs())), waitMs);
  }

  #lost(reason: string): void {
    const message = `the bus closed the connection: ${reason}. The credential may have been taken away.`;
    this.#stopped({ kind: 'refused', failure: fail('notPermitted', message).failure });
  }

  #reportTrouble(trouble: BusTrouble): void {
    switch (trouble.kind) {
      case 'handlerFailed':
        this.#report(trouble.error);
        break;
      case 'steeredReply':
        this.#report(new Error(`an answer was steered to ${trouble.reply}`));
        break;
      case 'notPermitted':
      case 'serverError':
        this.#report(new Error(trouble.message));
        break;
    }
  }

  #report(error: unknown): void {
    const known = error instanceof Error ? error : new Error(String(error));
    if (this.#options.onError) this.#options.onError(known);
    else process.emitWarning(known);
  }
}

function expectOutcome<T>(outcome: Outcome<T>): T {
  if (!outcome.ok) throw new SchedulerError(outcome.failure);
  return outcome.value;
}

const safeToken = (name: string): string =>
  name.replace(/[^A-Za-z0-9_-]/g, '-').slice(0, 40) || 'framework';
