// Owns a simulated framework's process: a small scheduler over the real session that wants a number of tasks done, with
// the habits of its plan. What it wants and has launched is on its disk, which a second process of it may share.

import type { Demand } from '@parley/protocol/frameworks';
import {
  type FrameworkRef,
  RoleName,
  type TaskId,
  taskKey,
  type WindowId,
} from '@parley/protocol/ids';
import { DeclineReason, type Offer } from '@parley/protocol/offers';
import { isTerminal, type StatusUpdate } from '@parley/protocol/tasks';
import type { SchedulerEvent } from '@parley/scheduler-sdk/session-vocabulary';
import type { FrameworkDisk } from './framework-disk.ts';
import { OfferUse } from './offer-use.ts';
import type { Random } from './random.ts';
import { SessionProcess, type SessionWishes } from './session-process.ts';
import { isPoisonDemand, POISON } from './simulated-core.ts';
import type { World } from './world.ts';

/** Without word of a task for this long after a restart, the accept is taken for lost. */
const NO_WORD_MS = 60_000;
const SILENT_CHECK_MS = 20_000;
const POISON_CHECK_MS = 5000;
const GRACES_MS = [undefined, 0, 500, 3000] as const;
const DEFAULT_OFFER_TIMEOUT_MS = 10_000;

export class FrameworkProcess extends SessionProcess {
  readonly disk: FrameworkDisk;
  readonly #use: OfferUse;
  /** A stream of its own: how it answers inverse offers leaves all other draws as they are. */
  readonly #answers: Random;
  #tearDownWhenDone = false;
  /** It has said what makes the core throw, and has not been refused yet. */
  #isPoisoning = false;
  #stopped = false;

  constructor(world: World, disk: FrameworkDisk, label = 's') {
    super(world, `framework ${disk.ref.principal}/${disk.ref.frameworkId} ${label}`, label);
    this.disk = disk;
    this.#use = new OfferUse(world, disk, this.random);
    this.#answers = this.random.derive('answers');
  }

  get ref(): FrameworkRef {
    return this.disk.ref;
  }

  describe(): string {
    const open = [...this.disk.attempts]
      .filter(([, attempt]) => !isTerminal(attempt.state))
      .map(([id, attempt]) => `${id}=${attempt.state}`);
    const { wishes } = this.disk;
    const done = wishes.filter((wish) => wish.done).length;
    return `${this.name}: ${done}/${wishes.length} done, open ${open.join(' ')}, phase ${this.session?.phase} ${JSON.stringify(this.session?.figures)}`;
  }

  /** Ends the framework when its work is done. */
  tearDownWhenDone(): void {
    this.#tearDownWhenDone = true;
    this.tick();
  }

  override start(): void {
    if (!this.disk.removed) super.start();
  }

  protected override started(): void {
    this.#stopped = false;
    this.#isPoisoning = false;
    for (const attempt of this.disk.attempts.values()) attempt.sinceMs = this.world.clock.nowMs;
    super.started();
    this.#lookForSilence();
    this.#poison();
  }

  protected wishes(): SessionWishes {
    const { roles, failoverTimeoutMs, habits } = this.disk.plan;
    const { offerTimeoutMs, statesDemand, takesRevocable } = habits;
    return {
      name: this.name,
      roles: roles.map((role) => RoleName.parse(role)),
      failoverTimeoutMs,
      ...(offerTimeoutMs !== undefined && { offerTimeoutMs }),
      ...(takesRevocable && { takesRevocable }),
      ...(statesDemand && { demand: this.#demand() }),
    };
  }

  protected override tick(): void {
    const { session } = this;
    if (session === undefined || !this.alive) return;
    if (this.#tearDownWhenDone && this.disk.finished && !this.#stopped) {
      this.#stopped = true;
      this.carryOut(session.teardown(this.nowMs));
    }
    super.tick();
  }

  protected happened(event: SchedulerEvent): void {
    switch (event.kind) {
      case 'subscribed':
        // Told in a subscription it is a demand like any other.
        if (this.#isPoisoning) this.#takeBackPoison();
        break;
      case 'offers':
        this.#considerOffers(event.offers);
        break;
      case 'update':
        this.#update(event.update);
        break;
      case 'accepted':
        this.#restate();
        break;
      case 'event':
        if (event.event.kind === 'agentInverseOffer') this.#askedBack(event.event.windowId);
        break;
      case 'refused':
        this.#refused(event);
        break;
      case 'stopped':
        this.#ended(event.reason);
        break;
      default:
        break;
    }
  }

  #refused({ call, failure }: Extract<SchedulerEvent, { kind: 'refused' }>): void {
    if (call.name === 'demand' && isPoisonDemand(call.body.demand)) {
      this.world.poisoned += 1;
      this.#takeBackPoison();
    } else if (failure.code !== 'unknownTask' && this.session?.phase !== 'stopped')
      throw new Error(`${this.name}: ${call.name} is refused: ${JSON.stringify(failure)}`);
  }

  #ended(reason: Extract<SchedulerEvent, { kind: 'stopped' }>['reason']): void {
    if (reason.kind === 'teardown') {
      this.disk.removed = true;
      return;
    }
    const { code } = reason.failure;
    const ref = this.sessionRef;
    // Another process of this framework has its session now.
    if (code === 'sessionReplaced') this.after(0, () => this.crash());
    else if (code === 'frameworkRemoved') this.after(100, () => this.#beginAnew(ref));
    else throw new Error(`${this.name} is refused: ${JSON.stringify(reason.failure)}`);
  }

  /** Removed while it was away; or its other process has torn it down, or has begun anew already. */
  #beginAnew(removed: FrameworkRef): void {
    this.crash();
    if (this.disk.removed) return;
    if (this.#tearDownWhenDone && this.disk.finished) {
      this.disk.removed = true;
      return;
    }
    if (this.disk.ref.frameworkId === removed.frameworkId) this.disk.beginAnew();
    this.start();
  }

  #update(update: StatusUpdate): void {
    if (!this.disk.take(update, this.world.clock.nowMs)) return;
    const { state, task } = update;
    if (state === 'running' && this.random.chance(0.05)) {
      const inMs = this.random.between(0, 2000);
      this.after(inMs, () => this.#kill(task.taskId));
      if (this.random.chance(0.5)) this.after(inMs + 700, () => this.#kill(task.taskId));
    }
    if (isTerminal(state)) this.#restate();
    if (this.disk.finished) this.after(0, () => this.tick());
  }

  /** Now and then it says nothing; now and then it changes its mind. */
  #askedBack(windowId: WindowId): void {
    for (let left = this.#answers.pick([0, 1, 1, 1, 2]); left > 0; left -= 1) {
      const answer = this.#answers.pick(['accept', 'decline'] as const);
      this.after(this.#answers.between(0, 20_000), () => {
        const body = { windowId, answer };
        const call = { name: 'answerInverseOffer', body } as const;
        if (this.session) this.carryOut(this.session.call(call, this.nowMs).effects);
      });
    }
  }

  #kill(taskId: TaskId): void {
    if (this.session)
      this.carryOut(this.session.kill(taskId, this.nowMs, this.random.pick(GRACES_MS)));
  }

  /** What is open has changed: the demand, and whether offers are wanted at all. */
  #restate(): void {
    const { session } = this;
    if (session === undefined) return;
    const { statesDemand, suppresses } = this.disk.plan.habits;
    if (statesDemand) this.carryOut(session.setDemand(this.#demand(), this.nowMs));
    if (!suppresses) return;
    const wantsOffers = this.disk.open().length > 0;
    this.carryOut(session.want(wantsOffers ? 'all' : [], this.nowMs));
  }

  #statedDemand(): Demand | undefined {
    return this.disk.plan.habits.statesDemand ? this.#demand() : undefined;
  }

  #demand(): Demand {
    return this.disk.open().map(({ wish, index }) => {
      const { roles, habits } = this.disk.plan;
      const role = RoleName.parse(roles[index % roles.length]);
      const mayBorrow = habits.takesRevocable && index % 2 === 1;
      const use = mayBorrow ? ({ revocable: 'also' } as const) : {};
      return { role, count: 1, resources: wish.resources, constraints: [], ...use };
    });
  }

  #considerOffers(offers: readonly Offer[]): void {
    const { slowChance, ignoreChance, offerTimeoutMs } = this.disk.plan.habits;
    if (this.random.chance(ignoreChance)) return;
    const timeoutMs = offerTimeoutMs ?? DEFAULT_OFFER_TIMEOUT_MS;
    const isSlow = this.random.chance(slowChance);
    const inMs = isSlow ? timeoutMs + this.random.between(-100, 500) : this.random.between(0, 300);
    this.after(inMs, () => this.#useOffers(offers));
  }

  #useOffers(offers: readonly Offer[]): void {
    if (this.session === undefined) return;
    for (const order of this.#use.orders(offers)) this.sendAccept(order);
    const reason = this.random.pick([undefined, ...DeclineReason.options]);
    const refuseMs = this.random.pick([0, 5000, 5000]);
    const how = { filter: { refuseMs }, ...(reason !== undefined && { reason }) };
    this.carryOut(this.session.offersHandled(offers, this.nowMs, how));
  }

  /** Says now and then what makes the core throw: it must be refused, and nothing else suffer. */
  #poison(): void {
    this.after(POISON_CHECK_MS, () => {
      const { poisonPerMinute } = this.world.faults;
      if (this.session && this.random.chance((poisonPerMinute * POISON_CHECK_MS) / 60_000)) {
        this.#isPoisoning = true;
        this.carryOut(this.session.setDemand(POISON, this.nowMs));
      }
      this.#poison();
    });
  }

  #takeBackPoison(): void {
    this.#isPoisoning = false;
    if (this.session) this.carryOut(this.session.setDemand(this.#statedDemand(), this.nowMs));
  }

  /** An accept of an earlier process may have been lost: after long silence the attempt is given up (and killed). */
  #lookForSilence(): void {
    this.after(SILENT_CHECK_MS, () => {
      for (const [taskId, attempt] of this.disk.attempts) {
        const silent = this.world.clock.nowMs - attempt.sinceMs > NO_WORD_MS;
        const known = this.world.accepted.has(taskKey({ ...this.ref, taskId }));
        if (attempt.state !== 'staging' || !silent || known) continue;
        this.#kill(taskId);
        attempt.state = 'dropped';
        attempt.givenUp = true;
      }
      this.#restate();
      this.#lookForSilence();
    });
  }
}
