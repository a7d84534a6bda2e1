// Owns the driver of a framework: calls the user's handlers with what the session tells, one after the other, declines
// what they leave, acknowledges what they are through with. Describing and placing tasks is in task.ts and task-pool.ts.

import type { Outcome } from '@parley/protocol/errors';
import { Demand, type DemandInput, type UpdateFrameworkRequest } from '@parley/protocol/frameworks';
import {
  AgentId,
  ExecutorId,
  type FrameworkRef,
  type OfferId,
  RoleName,
  TaskId,
} from '@parley/protocol/ids';
import type { InverseOfferAnswer } from '@parley/protocol/maintenance';
import type { AcceptResult, Filter, Offer } from '@parley/protocol/offers';
import type {
  Empty,
  KillTaskResult,
  ReconcileRequest,
  ReconcileResult,
  TaskDescription,
} from '@parley/protocol/tasks';
import { unreachable } from '@parley/protocol/unreachable';
import type { AcceptOrder } from './accept-order.ts';
import { FilterSpread } from './filter-spread.ts';
import { HandlerLane } from './handler-lane.ts';
import { connectPorts } from './nats-ports.ts';
import { type OfferDesk, OfferLease } from './offer-lease.ts';
import { SchedulerError } from './scheduler-connections.ts';
import {
  type DriverOptions,
  type SchedulerOptions,
  sessionOptionsOf,
} from './scheduler-options.ts';
import type { SchedulerPorts, WorkObjects } from './scheduler-ports.ts';
import type { Declining } from './session-calls.ts';
import { SessionShell } from './session-shell.ts';
import type { SchedulerEvent, UserCall } from './session-vocabulary.ts';
import type { Placements } from './task-pool.ts';

/** Nothing is wanted: not offered again before, unless it is revived. */
const NOTHING_WANTED: Declining = { filter: { refuseMs: 60_000 }, reason: 'noWork' };

/** Connects and subscribes. Throws `SchedulerError` when the cluster cannot be reached or refuses. */
export async function connectScheduler(options: SchedulerOptions): Promise<Scheduler> {
  const { ports, leftMs } = await connectPorts(options);
  const scheduler = new Scheduler(options, ports);
  await scheduler.subscribed(leftMs());
  return scheduler;
}

type HandledEvent = Extract<SchedulerEvent, { kind: 'event' | 'executorMessage' }>;
type OfferCall = { readonly what: string; readonly call: () => Promise<void> };

export class Scheduler implements OfferDesk {
  readonly framework: FrameworkRef;
  readonly #options: DriverOptions;
  readonly #shell: SessionShell;
  readonly #spread: FilterSpread;
  readonly #offerLane: HandlerLane<OfferCall>;
  readonly #updateLane: HandlerLane<Extract<SchedulerEvent, { kind: 'update' }>>;
  readonly #eventLane: HandlerLane<HandledEvent>;

  /** Subscribes at once; `subscribed` tells when a leader has answered. */
  constructor(options: DriverOptions, ports: SchedulerPorts) {
    const session = sessionOptionsOf(options, ports.principal, () => ports.randomToken());
    this.#options = options;
    this.framework = session.framework;
    this.#spread = new FilterSpread(session.framework.frameworkId);
    const report = (error: unknown): void => this.#shell.report(error);
    const lane = { clock: ports.clock, onThrow: report, onSlow: report };
    this.#offerLane = new HandlerLane({
      ...lane,
      keyOf: () => 'offers',
      describe: ({ what }) => what,
      handle: ({ call }) => call(),
    });
    this.#updateLane = new HandlerLane({
      ...lane,
      keyOf: ({ update }) => update.task.taskId,
      describe: ({ update }) => `onUpdate of task ${update.task.taskId} (${update.state})`,
      handle: (event) => this.#handleUpdate(event),
    });
    this.#eventLane = new HandlerLane({
      ...lane,
      keyOf: () => 'events',
      describe: describeEvent,
      handle: (event) => this.#handleEvent(event),
    });
    this.#shell = new SessionShell(
      {
        session: { ...session, reconcile: options.reconcile ?? {} },
        onEvent: (event) => this.#tell(event),
        onError: (error) => (options.onError ? options.onError(error) : ports.warn(error)),
      },
      ports,
    );
    this.#shell.start();
  }

  /** Resolves when the leader has given a session; throws `SchedulerError` when it refuses or does not answer in time. */
  subscribed(timeoutMs: number): Promise<void> {
    return this.#shell.subscribed(timeoutMs);
  }

  /** Launches tasks on one offer, or on several of one agent. What is left of them is declined. */
  launch(
    offers: Offer | readonly Offer[],
    launches: readonly TaskDescription[],
    filter?: Filter,
  ): Promise<Outcome<AcceptResult>> {
    const list = 'offerId' in offers ? [offers] : offers;
    return this.accept({ offers: list, launches, ...(filter && { filter }) });
  }

  /**
   * Carries out operations on offers of one role, of one agent or of several, in order. What is left is declined. When
   * the call fails as a whole each task in it ends with a `dropped` update.
   */
  accept(order: AcceptOrder): Promise<Outcome<AcceptResult>> {
    return this.#shell.call((session, nowMs) => {
      const { acceptId, effects } = session.accept(order, nowMs);
      return { callId: acceptId, effects };
    });
  }

  /** One lease an offer: each that is left unused when its scope ends is declined. */
  leases(offers: readonly Offer[]): OfferLease[] {
    return offers.map((offer) => new OfferLease(offer, this));
  }

  /** Refuses for 5 s where no filter is given. A long refusal is shortened by up to a quarter, at random. */
  decline(offers: readonly Offer[], how: Filter | Declining = {}): void {
    const plain = 'refuseMs' in how ? { filter: how } : how;
    const spread = plain.filter ? { ...plain, filter: this.#spread.spread(plain.filter) } : plain;
    const ids = offers.map(({ offerId }) => offerId);
    this.#shell.run((session, nowMs) => session.decline(ids, nowMs, spread));
  }

  /** Carries out what a pool of work decided about offers. */
  place(placements: Placements): void {
    for (const { offer, launches, filter } of placements.accepted)
      void this.launch(offer, launches, filter);
    for (const { offers, ...how } of placements.declined) this.decline(offers, how);
  }

  /** The task's end comes as an update. A repeated kill may shorten the grace. */
  kill(taskId: string, graceMs?: number): Promise<Outcome<KillTaskResult>> {
    const grace = graceMs === undefined ? {} : { graceMs };
    return this.#call({ name: 'killTask', body: { taskId: TaskId.parse(taskId), ...grace } });
  }

  /** Undefined: none is stated any more. */
  setDemand(demand: DemandInput | undefined): void {
    const parsed = demand && Demand.parse(demand);
    this.#shell.run((session, nowMs) => session.setDemand(parsed, nowMs));
  }

  /** No more offers in these roles (in all, when none is named); those outstanding stay. */
  suppress(...roles: readonly string[]): void {
    const names = roles.map((role) => RoleName.parse(role));
    this.#shell.run((session, nowMs) => session.setInterest('suppress', names, nowMs));
  }

  /** Offers in these roles again, and an end of all filters; sent at most once a second. */
  revive(...roles: readonly string[]): void {
    const names = roles.map((role) => RoleName.parse(role));
    this.#shell.run((session, nowMs) => session.setInterest('revive', names, nowMs));
  }

  /** Asks `wanted` now, when something has changed outside the handlers. */
  checkWanted(): void {
    const roles = this.#wantedRoles();
    if (roles === undefined) return;
    this.#shell.run((session, nowMs) => session.want(roles, nowMs));
  }

  /** Changes what is given and leaves the rest. */
  updateFramework(change: UpdateFrameworkRequest): Promise<Outcome<Empty>> {
    return this.#call({ name: 'updateFramework', body: change });
  }

  /**
   * Beside what the scheduler asks by itself: of these tasks, or a page of all. What is news comes as an update, too.
   */
  reconcile(request: Partial<ReconcileRequest> = {}): Promise<Outcome<ReconcileResult>> {
    return this.#call({ name: 'reconcile', body: { tasks: [], ...request } });
  }

  /** Its exit comes as an event. */
  shutdownExecutor(agentId: string, executorId: string, graceMs?: number): Promise<Outcome<Empty>> {
    const ids = { agentId: AgentId.parse(agentId), executorId: ExecutorId.parse(executorId) };
    const grace = graceMs === undefined ? {} : { graceMs };
    return this.#call({ name: 'shutdownExecutor', body: { ...ids, ...grace } });
  }

  /** As what `onInverseOffer` returns, later or with a reason for people. The last answer counts. */
  answerInverseOffer(answer: InverseOfferAnswer): Promise<Outcome<Empty>> {
    return this.#call({ name: 'answerInverseOffer', body: answer });
  }

  /** To one of the framework's executors, at most once. Fails with `malformed`, `tooLarge` or `unavailable`. */
  sendMessage(agentId: string, executorId: string, data: Uint8Array): Outcome<undefined> {
    return this.#shell.sendMessage(agentId, executorId, data);
  }

  /** The principal's bucket of objects; opened at the first call. */
  bucket(): Promise<WorkObjects> {
    return this.#shell.bucket();
  }

  /** Resolves when the framework is torn down or closed; throws `SchedulerError` when the leader ended the session. */
  async ended(): Promise<void> {
    await this.#shell.ended().finally(() => this.close());
  }

  /** Ends the framework: the leader kills its tasks, its id is not used again. */
  async teardown(): Promise<void> {
    await this.#shell.teardown();
    await this.close();
  }

  /** Leaves without ending the framework: tasks go on, a later scheduler with the same id goes on with them. */
  async close(): Promise<void> {
    this.#offerLane.close();
    this.#updateLane.close();
    this.#eventLane.close();
    await this.#shell.close();
  }

  #call<T>(call: UserCall): Promise<Outcome<T>> {
    return this.#shell.call((session, nowMs) => session.call(call, nowMs));
  }

  #tell(event: SchedulerEvent): void {
    switch (event.kind) {
      case 'offers':
        this.#offerLane.push({
          what: `onOffers of ${event.offers.length} offers`,
          call: () => this.#handleOffers(event.offers),
        });
        break;
      case 'rescinded':
        this.#offerLane.push({
          what: `onRescind of ${event.offerIds.length} offers`,
          call: () => this.#handleRescind(event.offerIds),
        });
        break;
      case 'update':
        this.#updateLane.push(event);
        break;
      case 'event':
      case 'executorMessage':
        this.#eventLane.push(event);
        break;
      case 'eventsDropped':
        this.#shell.report(new Error(`${event.count} events were not acknowledged in time`));
        break;
      case 'refused':
        this.#shell.report(new SchedulerError(event.failure));
        break;
      case 'foreignUpdate':
        this.#shell.report(new Error(`agent ${event.agentId} reported a task that is not its own`));
        break;
      case 'subscribed':
      case 'accepted':
      case 'answered':
      case 'stopped':
        break;
      default:
        unreachable(event);
    }
  }

  async #handleOffers(offers: readonly Offer[]): Promise<void> {
    try {
      await this.#options.onOffers(offers, this);
    } catch (error) {
      // Not called again: the offers go back, and others follow.
      this.#shell.report(error);
    }
    this.checkWanted();
    const nothingWanted = this.#wantedRoles()?.length === 0;
    this.decline(offers, nothingWanted ? NOTHING_WANTED : { reason: 'unused' });
  }

  async #handleRescind(offerIds: readonly OfferId[]): Promise<void> {
    try {
      await this.#options.onRescind?.(offerIds, this);
    } catch (error) {
      // Not called again: offers behind it would wait until they expire.
      this.#shell.report(error);
    }
  }

  async #handleUpdate(event: Extract<SchedulerEvent, { kind: 'update' }>): Promise<void> {
    const { update, streamSequence } = event;
    await this.#options.onUpdate(update, this);
    this.checkWanted();
    if (streamSequence === undefined) return;
    this.#shell.run((session, nowMs) => session.updateHandled(streamSequence, nowMs));
  }

  async #handleEvent(told: HandledEvent): Promise<void> {
    if (told.kind === 'executorMessage') {
      try {
        await this.#options.onMessage?.(told, this);
      } catch (error) {
        // Not called again: it may be lost anyway, and must not keep events waiting.
        this.#shell.report(error);
      }
      return;
    }
    const { event } = told;
    if (event.kind === 'inverseOffer' || event.kind === 'agentInverseOffer') {
      const answer = await this.#options.onInverseOffer?.(event, this);
      if (event.kind === 'agentInverseOffer' && answer !== undefined) {
        await this.answerInverseOffer({ windowId: event.windowId, answer });
      }
    }
    await this.#options.onEvent?.(event, this);
    this.checkWanted();
    this.#shell.run((session, nowMs) => session.eventHandled(event.eventId, nowMs));
  }

  /** Undefined when the user does not say. */
  #wantedRoles(): RoleName[] | 'all' | undefined {
    try {
      const wanted = this.#options.wanted?.();
      if (wanted === undefined) return undefined;
      if (wanted === true) return 'all';
      return wanted === false ? [] : wanted.map((role) => RoleName.parse(role));
    } catch (error) {
      this.#shell.report(error);
      return undefined;
    }
  }
}

function describeEvent(told: HandledEvent): string {
  return told.kind === 'event'
    ? `onEvent of event ${told.event.eventId} (${told.event.kind})`
    : `onMessage of executor ${told.executorId}`;
}
