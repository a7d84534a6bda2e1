// Owns a simulated framework: the real scheduler session with a small scheduler that wants a number of tasks done.
// What it wants and has launched is on its own disk, written before each accept, as frameworks are told to do.

import { inboxPrefix } from '@parley/protocol/credential';
import {
  FrameworkId,
  type FrameworkRef,
  RoleName,
  TaskId,
  type TaskKey,
  taskKey,
} from '@parley/protocol/ids';
import { decodeMessage } from '@parley/protocol/message';
import type { Offer } from '@parley/protocol/offers';
import type { Resources } from '@parley/protocol/resources';
import { SUBJECTS } from '@parley/protocol/subjects';
import {
  isTerminal,
  type StatusUpdate,
  TaskDescription,
  type TaskState,
} from '@parley/protocol/tasks';
import { contains, subtract } from '@parley/resources/resources';
import { SchedulerSession } from '@parley/scheduler-sdk/session';
import type { SchedulerEvent, SessionEffect } from '@parley/scheduler-sdk/session-vocabulary';
import {
  decodeCallAnswer,
  decodeSchedulerMessage,
  encodeCall,
  schedulerSubjects,
} from '@parley/scheduler-sdk/session-wire';
import type { FrameworkPlan, WishPlan } from './plan.ts';
import { SchedulerWitness } from './scheduler-witness.ts';
import type { Delivered } from './simulated-bus.ts';
import { isPoisonDemand, POISON } from './simulated-core.ts';
import { SimulatedProcess } from './simulated-process.ts';
import type { Stored } from './simulated-streams.ts';
import type { World } from './world.ts';

/** One thing to get done; each attempt has a task id of its own. */
type Wish = WishPlan & { attempt: number; done: boolean };
type Attempt = {
  readonly wish: number;
  state: TaskState;
  sinceMs: number;
  /** Last update that counted, by source: what is told again after a crash says nothing new. */
  readonly sequences: { agent: number; master: number };
  /** Taken for lost, so that what became of it is not followed. */
  givenUp?: boolean;
};

/** Without word of a task for this long after a restart, the accept is taken for lost. */
const NO_WORD_MS = 60_000;
const SILENT_CHECK_MS = 20_000;
const POISON_CHECK_MS = 5000;
const GREEDY_CHANCE = 0.03;
const TOO_MUCH: Resources = { scalars: { cpus: 1_000_000 }, ports: [], sets: {} };

export class FrameworkProcess extends SimulatedProcess {
  readonly #plan: FrameworkPlan;
  #ref: FrameworkRef;
  #lives = 1;
  readonly #wishes: Wish[];
  /** On the framework's disk. */
  readonly #attempts = new Map<TaskId, Attempt>();
  /** Stream sequences acknowledged so far: they survive in the consumer. */
  readonly #acknowledged = new Set<number>();
  /** Of the principal's stream: everything up to here was handed to the session, or acknowledged before. */
  #readUpTo = 0;
  #session: SchedulerSession | undefined;
  #witness: SchedulerWitness;
  readonly #witnesses: { witness: SchedulerWitness; ref: FrameworkRef }[] = [];
  #tearDownWhenDone = false;
  #stopped = false;
  #removed = false;

  constructor(world: World, plan: FrameworkPlan) {
    super(world, `framework ${plan.ref.principal}/${plan.ref.frameworkId}`);
    this.#plan = plan;
    this.#ref = plan.ref;
    this.#witness = new SchedulerWitness(this.name);
    this.#wishes = plan.wishes.map((wish) => ({ ...wish, attempt: 0, done: false }));
  }

  /** Every wish came true, or runs as long as it is let; no other attempt is open. */
  get finished(): boolean {
    const lasting = new Set<number>();
    for (const { wish, state } of this.#attempts.values()) {
      if (isTerminal(state)) continue;
      if (state !== 'running' || this.#wishes[wish]?.kind !== 'lasts') return false;
      lasting.add(wish);
    }
    return this.#wishes.every((wish, index) => wish.done || lasting.has(index));
  }

  get removed(): boolean {
    return this.#removed;
  }

  describe(): string {
    const open = [...this.#attempts]
      .filter(([, attempt]) => !isTerminal(attempt.state))
      .map(([id, attempt]) => `${id}=${attempt.state}`);
    const figures = this.#session?.figures;
    return `${this.name}: ${this.#wishes.filter((wish) => wish.done).length}/${this.#wishes.length} done, open ${open.join(' ')}, phase ${this.#session?.phase} ${JSON.stringify(figures)}`;
  }

  /** What it believes of each task that it has not given up, in its present life. */
  views(): Map<TaskKey, TaskState> {
    const followed = [...this.#attempts].filter(([, { givenUp }]) => givenUp !== true);
    return new Map(
      followed.map(([taskId, { state }]) => [taskKey({ ...this.#ref, taskId }), state]),
    );
  }

  /** What all its processes were told of their accepts is what happened. */
  checkOutcomes(): void {
    for (const { witness, ref } of this.#witnesses) {
      witness.checkOutcomes((taskId) =>
        this.world.witness.wasLaunched(taskKey({ ...ref, taskId })),
      );
    }
  }

  /** Ends the framework when its work is done. */
  tearDownWhenDone(): void {
    this.#tearDownWhenDone = true;
    this.tick();
  }

  protected started(): void {
    if (this.#removed) return;
    const { cluster } = this.world;
    this.#stopped = false;
    for (const attempt of this.#attempts.values()) attempt.sinceMs = this.world.clock.nowMs;
    this.#witness = new SchedulerWitness(this.name);
    this.#witnesses.push({ witness: this.#witness, ref: this.#ref });
    const session = new SchedulerSession({
      framework: this.#ref,
      name: this.name,
      roles: [RoleName.parse(this.#plan.role)],
      failoverTimeoutMs: this.#plan.failoverTimeoutMs,
      callerSession: `s${this.incarnation}`,
    });
    this.#session = session;
    for (const subject of schedulerSubjects(cluster, this.#ref))
      this.subscribe(subject, (message) => this.#message(message));
    this.subscribe(`${this.#inbox()}.*.*`, (message) => this.#answer(message));
    this.#carryOut(session.start(this.nowMs));
    this.#lookForSilence();
    this.#poison();
  }

  protected crashed(): void {
    this.#session = undefined;
    this.world.updates(this.#ref.principal).unwatch(this.name);
  }

  protected tick(): void {
    const session = this.#session;
    if (session === undefined || !this.alive) return;
    if (this.#tearDownWhenDone && this.finished && !this.#stopped) {
      this.#stopped = true;
      this.#carryOut(session.teardown(this.nowMs));
    }
    this.#carryOut(session.tick(this.nowMs));
  }

  #inbox(): string {
    const prefix = inboxPrefix({ kind: 'principal', id: this.#ref.principal });
    return `${prefix}.${this.#ref.frameworkId}.${this.incarnation}`;
  }

  #message({ subject, bytes }: Delivered): void {
    const message = decodeSchedulerMessage(this.world.cluster, subject, bytes);
    if (!message.ok || !this.#session) return;
    const { value } = message;
    if (value.kind === 'offers' || value.kind === 'rescind' || value.kind === 'events')
      this.#witness.heard(value.body.number);
    this.#carryOut(this.#session.message(value, this.nowMs));
  }

  #answer({ subject, bytes }: Delivered): void {
    const [name = '', counter] = subject.split('.').slice(-2);
    const received = decodeCallAnswer(name as 'subscribe', bytes);
    if (!received.ok || !this.#session) return;
    const { answer } = received.value;
    const request = { session: `s${this.incarnation}`, counter: Number(counter), lowest: 1 };
    this.world.witness.answered({ kind: 'framework', ...this.#ref }, request, answer);
    this.#witness.answered(name, received.value);
    this.#carryOut(this.#session.answered(Number(counter), received.value, this.nowMs));
  }

  #carryOut(effects: readonly SessionEffect[]): void {
    for (const effect of effects) if (this.alive) this.#carryOutOne(effect);
    this.wakeAt(this.#session?.nextWakeMs());
  }

  #carryOutOne(effect: SessionEffect): void {
    switch (effect.kind) {
      case 'request': {
        this.#witness.requests(effect);
        const message = encodeCall(this.world.cluster, this.#ref, effect.call, effect.header);
        if (!message.ok) throw new Error(message.failure.message);
        const reply = `${this.#inbox()}.${effect.call.name}.${effect.counter}`;
        this.publish(message.value.subject, message.value.bytes, reply);
        break;
      }
      case 'publish': {
        this.#witness.confirms(effect.call.body.confirmed);
        const message = encodeCall(this.world.cluster, this.#ref, effect.call, effect.header);
        if (message.ok) this.publish(message.value.subject, message.value.bytes);
        break;
      }
      case 'openConsumer':
        this.#openConsumer();
        break;
      case 'closeConsumer':
        this.world.updates(this.#ref.principal).unwatch(this.name);
        break;
      case 'acknowledge':
        this.#acknowledge(effect.streamSequence);
        break;
      case 'catchUp':
        this.#catchUp(effect.streamSequence);
        break;
      case 'deliver':
        this.#event(effect.event);
        break;
    }
  }

  #acknowledge(streamSequence: number): void {
    const stored = this.world.updates(this.#ref.principal).messages[streamSequence - 1];
    const { cluster } = this.world;
    const message = stored && decodeMessage(SUBJECTS.update, cluster, stored.subject, stored.bytes);
    this.#witness.acknowledges(streamSequence, message?.ok ? message.value.body : undefined);
    this.#acknowledged.add(streamSequence);
  }

  /** The stream's reader has come this far once everything before it was handed over. */
  #catchUp(streamSequence: number): void {
    this.after(this.random.between(0, 100), () => {
      if (this.#readUpTo < streamSequence) return this.#catchUp(streamSequence);
      const { createdMs: streamCreatedMs } = this.world.updates(this.#ref.principal);
      const position = { streamCreatedMs, sequence: this.#readUpTo };
      if (this.#session) this.#carryOut(this.#session.caughtUp(position, this.nowMs));
    });
  }

  #openConsumer(): void {
    let floor = 0;
    while (this.#acknowledged.has(floor + 1)) floor += 1;
    this.#readUpTo = floor;
    const stream = this.world.updates(this.#ref.principal);
    stream.watch(this.name, floor, this.reachable, (stored) => this.#updateStored(stored));
  }

  #updateStored({ sequence, subject, bytes }: Stored): void {
    this.#readUpTo = Math.max(this.#readUpTo, sequence);
    if (this.#acknowledged.has(sequence)) return;
    const message = decodeMessage(SUBJECTS.update, this.world.cluster, subject, bytes);
    const mine = message.ok && message.value.parameters.frameworkId === this.#ref.frameworkId;
    if (!mine) this.#acknowledged.add(sequence);
    else if (this.#session)
      this.#carryOut(this.#session.updateRead(sequence, message.value.body, this.nowMs));
  }

  #event(event: SchedulerEvent): void {
    switch (event.kind) {
      case 'offers':
        this.#witness.offered(event.offers);
        this.after(this.random.between(0, 300), () => this.#useOffers(event.offers));
        break;
      case 'update':
        this.#witness.delivered(event.update, event.streamSequence);
        this.#update(event.update);
        if (event.streamSequence !== undefined) this.#handled(event.streamSequence);
        break;
      case 'accepted':
        this.#witness.outcome(event.acceptId, event.outcome);
        if (!event.outcome.ok) break;
        for (const taskId of event.outcome.value.launched)
          this.world.accepted.add(taskKey({ ...this.#ref, taskId }));
        break;
      case 'refused':
        this.#refused(event);
        break;
      case 'foreignUpdate':
        throw new Error(`${this.name} gets an update from an agent that its task is not on`);
      case 'stopped':
        this.world.note(`${this.name} stops: ${JSON.stringify(event.reason)}`);
        if (event.reason.kind === 'teardown') this.#removed = true;
        else if (event.reason.failure.code === 'frameworkRemoved')
          this.after(100, () => this.#beginAnew());
        break;
      default:
        break;
    }
  }

  #refused({ call, failure }: Extract<SchedulerEvent, { kind: 'refused' }>): void {
    if (call.name === 'demand' && isPoisonDemand(call.body.demand)) {
      this.world.poisoned += 1;
      if (this.#session) this.#carryOut(this.#session.setDemand(undefined, this.nowMs));
    } else if (failure.code !== 'unknownTask' && this.#session?.phase !== 'stopped')
      throw new Error(`${this.name}: ${call.name} is refused: ${JSON.stringify(failure)}`);
  }

  /** Removed while it was away: its id is used up, its tasks are killed. It wants the same under a new one. */
  #beginAnew(): void {
    this.crash();
    this.#lives += 1;
    const { frameworkId } = this.#plan.ref;
    this.#ref = {
      principal: this.#ref.principal,
      frameworkId: FrameworkId.parse(`${frameworkId}-${this.#lives}`),
    };
    this.#attempts.clear();
    this.start();
  }

  #handled(streamSequence: number): void {
    this.after(this.random.between(0, 30), () => {
      this.#witness.handled(streamSequence);
      if (this.#session) this.#carryOut(this.#session.updateHandled(streamSequence, this.nowMs));
    });
  }

  #update({ task, state, source, sequence }: StatusUpdate): void {
    const attempt = this.#attempts.get(task.taskId);
    if (attempt === undefined || isTerminal(attempt.state)) return;
    if (sequence <= attempt.sequences[source]) return;
    attempt.sequences[source] = sequence;
    attempt.state = state;
    attempt.sinceMs = this.world.clock.nowMs;
    const wish = this.#wishes[attempt.wish];
    if (wish && state === 'finished') wish.done = true;
    if (state === 'running' && this.random.chance(0.05)) {
      this.after(this.random.between(0, 2000), () => this.#kill(task.taskId));
    }
    if (this.finished) this.after(0, () => this.tick());
  }

  #kill(taskId: TaskId): void {
    if (this.#session)
      this.#carryOut(this.#session.kill(taskId, this.nowMs, this.random.pick([0, 500, 3000])));
  }

  #useOffers(offers: readonly Offer[]): void {
    const session = this.#session;
    if (session === undefined) return;
    for (const offer of offers) {
      const launches = this.#choose(offer);
      if (launches.length === 0) continue;
      const filter = { refuseMs: this.random.pick([0, 1000, 5000]) };
      const { acceptId, effects } = session.accept(
        { offers: [offer], launches, filter },
        this.nowMs,
      );
      this.#witness.accepts(
        acceptId,
        launches.map(({ taskId }) => taskId),
      );
      this.#carryOut(effects);
    }
    this.#carryOut(session.offersHandled(offers, this.nowMs));
  }

  /** First fit of what is neither done nor under way. */
  #choose(offer: Offer): TaskDescription[] {
    const launches: TaskDescription[] = [];
    let rest = offer.resources;
    for (const [index, wish] of this.#wishes.entries()) {
      if (wish.done || this.#isUnderWay(index) || !contains(rest, wish.resources)) continue;
      rest = subtract(rest, wish.resources);
      wish.attempt += 1;
      const taskId = TaskId.parse(`t${index}-${wish.attempt}`);
      this.#attempts.set(taskId, {
        wish: index,
        state: 'staging',
        sequences: { agent: 0, master: 0 },
        sinceMs: this.world.clock.nowMs,
      });
      const { kind, durationMs } = wish;
      // Every third attempt goes well in any case.
      const isEasy = wish.attempt % 3 === 0 && kind !== 'lasts';
      const command = { argv: [isEasy ? 'works' : kind, String(durationMs)] };
      // Now and then it asks for more than there is: the leader has to say so.
      const resources = this.random.chance(GREEDY_CHANCE) ? TOO_MUCH : wish.resources;
      launches.push(
        TaskDescription.parse({ taskId, resources, command, inputs: [{ object: 'o', path: 'p' }] }),
      );
    }
    return launches;
  }

  #isUnderWay(wish: number): boolean {
    return [...this.#attempts.values()].some(
      (attempt) => attempt.wish === wish && !isTerminal(attempt.state),
    );
  }

  /** Says now and then what makes the core throw: it must be refused, and nothing else suffer. */
  #poison(): void {
    this.after(POISON_CHECK_MS, () => {
      const { poisonPerMinute } = this.world.faults;
      if (this.#session && this.random.chance((poisonPerMinute * POISON_CHECK_MS) / 60_000))
        this.#carryOut(this.#session.setDemand(POISON, this.nowMs));
      this.#poison();
    });
  }

  /** An accept of an earlier process may have been lost: after long silence the attempt is given up (and killed). */
  #lookForSilence(): void {
    this.after(SILENT_CHECK_MS, () => {
      for (const [taskId, attempt] of this.#attempts) {
        const silent = this.world.clock.nowMs - attempt.sinceMs > NO_WORD_MS;
        const known = this.world.accepted.has(taskKey({ ...this.#ref, taskId }));
        if (attempt.state !== 'staging' || !silent || known) continue;
        this.#kill(taskId);
        attempt.state = 'dropped';
        attempt.givenUp = true;
      }
      this.#lookForSilence();
    });
  }
}
