// Owns a framework of a scenario: it does nothing by itself, does what the scenario says, and remembers what it was told.
import type { Failure } from '@parley/protocol/errors';
import type { Demand, FrameworkEvent } from '@parley/protocol/frameworks';
import {
  FrameworkId,
  type FrameworkRef,
  frameworkKey,
  type OfferId,
  PrincipalName,
  type TaskId,
} from '@parley/protocol/ids';
import type { Offer } from '@parley/protocol/offers';
import type { StatusUpdate } from '@parley/protocol/tasks';
import type { AcceptOrder } from '@parley/scheduler-sdk/accept-order';
import type { SchedulerSession } from '@parley/scheduler-sdk/session';
import type {
  SchedulerEvent,
  SessionEffect,
  StopReason,
} from '@parley/scheduler-sdk/session-vocabulary';
import { SessionProcess, type SessionWishes } from './session-process.ts';
import type { World } from './world.ts';

type Outcome = Extract<SchedulerEvent, { kind: 'accepted' }>['outcome'];
type Answer = Extract<SchedulerEvent, { kind: 'answered' }>['outcome'];

export class ScriptedFramework extends SessionProcess {
  readonly ref: FrameworkRef;
  readonly #wishes: SessionWishes;
  /** Offers that it could use now. */
  readonly held = new Map<OfferId, Offer>();
  readonly seen: { readonly atMs: number; readonly offer: Offer }[] = [];
  readonly rescinded = new Set<OfferId>();
  readonly outcomes = new Map<number, Outcome>();
  readonly answers = new Map<number, Answer>();
  readonly updates: StatusUpdate[] = [];
  readonly events: FrameworkEvent[] = [];
  /** What was refused of what the session says by itself. */
  readonly refusals: Failure[] = [];
  stopped: StopReason | undefined;

  constructor(world: World, id: string, wishes: SessionWishes, label = 's') {
    super(world, `framework ${id} ${label}`, label);
    this.ref = { principal: PrincipalName.parse('alice'), frameworkId: FrameworkId.parse(id) };
    this.#wishes = wishes;
  }

  override start(): void {
    if (this.stopped === undefined) super.start();
  }

  /** Updates of this task, as they came. */
  updatesOf(taskId: TaskId): StatusUpdate[] {
    return this.updates.filter(({ task }) => task.taskId === taskId);
  }

  isTold(taskId: TaskId, state: StatusUpdate['state']): boolean {
    return this.updatesOf(taskId).at(-1)?.state === state;
  }

  /** The id of its outcome. */
  accept(order: AcceptOrder): number {
    for (const { offerId } of order.offers) this.held.delete(offerId);
    const acceptId = this.sendAccept(order);
    if (acceptId === undefined) throw new Error(`${this.name} accepts and has no session`);
    return acceptId;
  }

  decline(offers: readonly Offer[], refuseMs: number): void {
    for (const { offerId } of offers) this.held.delete(offerId);
    const ids = offers.map(({ offerId }) => offerId);
    this.#do((session) => session.decline(ids, this.nowMs, { filter: { refuseMs } }));
  }

  /** Undefined: none is stated. */
  demand(demand: Demand | undefined): void {
    this.#do((session) => session.setDemand(demand, this.nowMs));
  }

  interest(interest: 'suppress' | 'revive', roles: SessionWishes['roles'] = []): void {
    this.#do((session) => session.setInterest(interest, roles, this.nowMs));
  }

  /** The id of its answer. */
  kill(taskId: TaskId, graceMs?: number): number {
    const body = graceMs === undefined ? { taskId } : { taskId, graceMs };
    let id = 0;
    this.#do((session) => {
      const { callId, effects } = session.call({ name: 'killTask', body }, this.nowMs);
      id = callId;
      return effects;
    });
    return id;
  }

  tearDown(): void {
    this.#do((session) => session.teardown(this.nowMs));
  }

  /** Acknowledgements were lost: the stream delivers again. */
  loseAcknowledgements(chance: number): void {
    const acknowledged = this.world.consumer(frameworkKey(this.ref));
    for (const sequence of [...acknowledged])
      if (this.random.chance(chance)) acknowledged.delete(sequence);
    this.openConsumer();
  }

  protected override crashed(): void {
    this.held.clear();
    super.crashed();
  }

  protected wishes(): SessionWishes {
    return this.#wishes;
  }

  protected happened(event: SchedulerEvent): void {
    switch (event.kind) {
      case 'offers':
        for (const offer of event.offers) {
          this.held.set(offer.offerId, offer);
          this.seen.push({ atMs: this.world.clock.nowMs, offer });
        }
        break;
      case 'rescinded':
        for (const offerId of event.offerIds) {
          this.held.delete(offerId);
          this.rescinded.add(offerId);
        }
        break;
      case 'update':
        this.world.note(
          `${this.name} is told ${event.update.task.taskId} is ${event.update.state}`,
        );
        this.updates.push(event.update);
        break;
      case 'accepted':
        this.outcomes.set(event.acceptId, event.outcome);
        break;
      case 'answered':
        this.answers.set(event.callId, event.outcome);
        break;
      case 'refused':
        this.refusals.push(event.failure);
        break;
      case 'event':
        this.events.push(event.event);
        break;
      case 'stopped':
        this.stopped = event.reason;
        break;
      default:
        break;
    }
  }

  #do(make: (session: SchedulerSession) => readonly SessionEffect[]): void {
    if (this.session === undefined) throw new Error(`${this.name} is not there`);
    this.carryOut(make(this.session));
  }
}
