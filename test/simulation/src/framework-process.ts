// Owns a simulated framework: the real scheduler session with a small scheduler that wants a number of tasks done.
// What it wants and has launched is on its own disk, written before each accept, as frameworks are told to do.

import { inboxPrefix } from '@parley/protocol/credential';
import { type FrameworkRef, RoleName, TaskId, taskKey } from '@parley/protocol/ids';
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
import type { Delivered } from './simulated-bus.ts';
import { SimulatedProcess } from './simulated-process.ts';
import type { Stored } from './simulated-streams.ts';
import type { World } from './world.ts';

/** One thing to get done; each attempt has a task id of its own. */
type Wish = {
  readonly resources: Resources;
  readonly argv: string[];
  attempt: number;
  done: boolean;
};
type Attempt = { readonly wish: number; state: TaskState; sinceMs: number };

/** Without word of a task for this long after a restart, the accept is taken for lost. */
const NO_WORD_MS = 60_000;
const SILENT_CHECK_MS = 20_000;

export class FrameworkProcess extends SimulatedProcess {
  readonly ref: FrameworkRef;
  readonly #role: RoleName;
  readonly #wishes: Wish[];
  /** On the framework's disk. */
  readonly #attempts = new Map<TaskId, Attempt>();
  /** Stream sequences acknowledged so far: they survive in the consumer. */
  readonly #acknowledged = new Set<number>();
  #session: SchedulerSession | undefined;
  #tearDownWhenDone = false;
  #stopped = false;
  #removed = false;

  constructor(
    world: World,
    ref: FrameworkRef,
    options: { role: string; wishes: { resources: Resources; argv: string[] }[] },
  ) {
    super(world, `framework ${ref.principal}/${ref.frameworkId}`);
    this.ref = ref;
    this.#role = RoleName.parse(options.role);
    this.#wishes = options.wishes.map((wish) => ({ ...wish, attempt: 0, done: false }));
  }

  /** Every wish came true, and no attempt is still open. */
  get finished(): boolean {
    return (
      this.#wishes.every((wish) => wish.done) &&
      [...this.#attempts.values()].every(({ state }) => isTerminal(state))
    );
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
    const session = new SchedulerSession({
      framework: this.ref,
      name: this.name,
      role: this.#role,
      demand: [],
      failoverTimeoutMs: 24 * 3600_000,
      callerSession: `s${this.incarnation}`,
    });
    this.#session = session;
    for (const subject of schedulerSubjects(cluster, this.ref))
      this.subscribe(subject, (message) => this.#message(message));
    this.subscribe(`${this.#inbox()}.*.*`, (message) => this.#answer(message));
    this.#carryOut(session.start(this.nowMs));
    this.#lookForSilence();
  }

  protected crashed(): void {
    this.#session = undefined;
    this.world.updates(this.ref.principal).unwatch(this.name);
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
    const prefix = inboxPrefix({ kind: 'principal', id: this.ref.principal });
    return `${prefix}.${this.ref.frameworkId}.${this.incarnation}`;
  }

  #message({ subject, bytes }: Delivered): void {
    const message = decodeSchedulerMessage(this.world.cluster, subject, bytes);
    if (message.ok && this.#session)
      this.#carryOut(this.#session.message(message.value, this.nowMs));
  }

  #answer({ subject, bytes }: Delivered): void {
    const [name, counter] = subject.split('.').slice(-2);
    const received = decodeCallAnswer(name as 'subscribe', bytes);
    if (received.ok && this.#session)
      this.#carryOut(this.#session.answered(Number(counter), received.value, this.nowMs));
  }

  #carryOut(effects: readonly SessionEffect[]): void {
    for (const effect of effects) if (this.alive) this.#carryOutOne(effect);
    this.wakeAt(this.#session?.nextWakeMs());
  }

  #carryOutOne(effect: SessionEffect): void {
    switch (effect.kind) {
      case 'request': {
        const message = encodeCall(this.world.cluster, this.ref, effect.call, effect.header);
        if (!message.ok) throw new Error(message.failure.message);
        const reply = `${this.#inbox()}.${effect.call.name}.${effect.counter}`;
        this.publish(message.value.subject, message.value.bytes, reply);
        break;
      }
      case 'publish': {
        const message = encodeCall(this.world.cluster, this.ref, effect.call, effect.header);
        if (message.ok) this.publish(message.value.subject, message.value.bytes);
        break;
      }
      case 'openConsumer':
        this.#openConsumer();
        break;
      case 'closeConsumer':
        this.world.updates(this.ref.principal).unwatch(this.name);
        break;
      case 'acknowledge':
        this.#acknowledged.add(effect.streamSequence);
        break;
      case 'deliver':
        this.#event(effect.event);
        break;
    }
  }

  #openConsumer(): void {
    let floor = 0;
    while (this.#acknowledged.has(floor + 1)) floor += 1;
    const stream = this.world.updates(this.ref.principal);
    stream.watch(this.name, floor, this.reachable, (stored) => this.#updateStored(stored));
  }

  #updateStored({ sequence, subject, bytes }: Stored): void {
    if (this.#acknowledged.has(sequence)) return;
    const message = decodeMessage(SUBJECTS.update, this.world.cluster, subject, bytes);
    const mine = message.ok && message.value.parameters.frameworkId === this.ref.frameworkId;
    if (!mine) this.#acknowledged.add(sequence);
    else if (this.#session)
      this.#carryOut(this.#session.updateRead(sequence, message.value.body, this.nowMs));
  }

  #event(event: SchedulerEvent): void {
    switch (event.kind) {
      case 'offers':
        this.after(this.random.between(0, 300), () => this.#useOffers(event.offers));
        break;
      case 'update':
        this.#update(event.update);
        if (event.streamSequence !== undefined) this.#handled(event.streamSequence);
        break;
      case 'accepted':
        if (!event.outcome.ok) break;
        for (const taskId of event.outcome.value.launched)
          this.world.accepted.add(taskKey({ ...this.ref, taskId }));
        break;
      case 'stopped':
        this.world.note(`${this.name} stops: ${JSON.stringify(event.reason)}`);
        this.#removed = event.reason.kind === 'teardown';
        break;
      default:
        break;
    }
  }

  #handled(streamSequence: number): void {
    this.after(this.random.between(0, 30), () => {
      if (this.#session) this.#carryOut(this.#session.updateHandled(streamSequence, this.nowMs));
    });
  }

  #update({ task, state }: StatusUpdate): void {
    const attempt = this.#attempts.get(task.taskId);
    if (attempt === undefined || isTerminal(attempt.state)) return;
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
      this.#carryOut(session.accept({ offers: [offer], launches, filter }, this.nowMs).effects);
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
        sinceMs: this.world.clock.nowMs,
      });
      const { resources, argv } = wish;
      // Every third attempt goes well in any case.
      const command = { argv: wish.attempt % 3 === 0 ? ['works', argv[1] ?? '0'] : argv };
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

  /** An accept of an earlier process may have been lost: after long silence the attempt is given up (and killed). */
  #lookForSilence(): void {
    this.after(SILENT_CHECK_MS, () => {
      for (const [taskId, attempt] of this.#attempts) {
        const silent = this.world.clock.nowMs - attempt.sinceMs > NO_WORD_MS;
        const known = this.world.accepted.has(taskKey({ ...this.ref, taskId }));
        if (attempt.state !== 'staging' || !silent || known) continue;
        this.#kill(taskId);
        attempt.state = 'dropped';
      }
      this.#lookForSilence();
    });
  }
}
