// Owns what every simulated framework process has: a real scheduler session, its way to the bus and to the update stream,
// and a witness beside it. What it wants and does with offers is in framework-process.ts and scripted-framework.ts.
import { inboxPrefix } from '@parley/protocol/credential';
import { type FrameworkRef, frameworkKey, taskKey } from '@parley/protocol/ids';
import { decodeMessage } from '@parley/protocol/message';
import { SUBJECTS } from '@parley/protocol/subjects';
import type { TaskDescription } from '@parley/protocol/tasks';
import type { AcceptOrder } from '@parley/scheduler-sdk/accept-order';
import { SchedulerSession, type SessionOptions } from '@parley/scheduler-sdk/session';
import type { SchedulerEvent, SessionEffect } from '@parley/scheduler-sdk/session-vocabulary';
import {
  decodeCallAnswer,
  decodeSchedulerMessage,
  encodeCall,
  schedulerSubjects,
} from '@parley/scheduler-sdk/session-wire';
import { SchedulerWitness } from './scheduler-witness.ts';
import type { Delivered } from './simulated-bus.ts';
import { SimulatedProcess } from './simulated-process.ts';
import type { Stored } from './simulated-streams.ts';
import type { World } from './world.ts';

export type SessionWishes = Omit<SessionOptions, 'framework' | 'callerSession'>;

export abstract class SessionProcess extends SimulatedProcess {
  /** Of several processes of one framework each has its own. */
  readonly #label: string;
  /** Of the principal's stream: everything up to here was handed to the session, or acknowledged before. */
  #readUpTo = 0;
  #session: SchedulerSession | undefined;
  #witness: SchedulerWitness;
  #sessionRef: FrameworkRef | undefined;
  readonly #witnesses: { witness: SchedulerWitness; ref: FrameworkRef }[] = [];

  constructor(world: World, name: string, label: string) {
    super(world, name);
    this.#label = label;
    this.#witness = new SchedulerWitness(name);
  }

  abstract get ref(): FrameworkRef;

  /** Whose the present session is: another process of the framework may have given it a new id meanwhile. */
  protected get sessionRef(): FrameworkRef {
    return this.#sessionRef ?? this.ref;
  }

  /** What its present session subscribes with. */
  protected abstract wishes(): SessionWishes;
  /** After the witness has seen it. */
  protected abstract happened(event: SchedulerEvent): void;

  get session(): SchedulerSession | undefined {
    return this.#session;
  }

  /** What all its processes were told of their accepts is what happened. */
  checkOutcomes(): void {
    for (const { witness, ref } of this.#witnesses) {
      witness.checkOutcomes((taskId) =>
        this.world.witness.wasLaunched(taskKey({ ...ref, taskId })),
      );
    }
  }

  protected started(): void {
    const { cluster } = this.world;
    this.#sessionRef = this.ref;
    this.#witness = new SchedulerWitness(this.name);
    this.#witnesses.push({ witness: this.#witness, ref: this.ref });
    const session = new SchedulerSession({
      ...this.wishes(),
      framework: this.ref,
      callerSession: this.#callerSession(),
    });
    this.#session = session;
    for (const subject of schedulerSubjects(cluster, this.ref))
      this.subscribe(subject, (message) => this.#message(message));
    this.subscribe(`${this.#inbox()}.*.*`, (message) => this.#answer(message));
    this.carryOut(session.start(this.nowMs));
  }

  protected crashed(): void {
    this.#session = undefined;
    this.world.updates(this.sessionRef.principal).unwatch(this.name);
  }

  protected tick(): void {
    if (this.#session !== undefined && this.alive) this.carryOut(this.#session.tick(this.nowMs));
  }

  protected carryOut(effects: readonly SessionEffect[]): void {
    for (const effect of effects) if (this.alive) this.#carryOutOne(effect);
    this.wakeAt(this.#session?.nextWakeMs());
  }

  /** Undefined while there is no process. */
  protected sendAccept(order: AcceptOrder): number | undefined {
    if (this.#session === undefined) return undefined;
    const { acceptId, effects } = this.#session.accept(order, this.nowMs);
    this.#witness.accepts(acceptId, tasksOf(order));
    this.carryOut(effects);
    return acceptId;
  }

  #callerSession(): string {
    return `${this.#label}${this.incarnation}`;
  }

  #inbox(): string {
    const prefix = inboxPrefix({ kind: 'principal', id: this.sessionRef.principal });
    return `${prefix}.${this.sessionRef.frameworkId}.${this.#callerSession()}`;
  }

  #message({ subject, bytes }: Delivered): void {
    const message = decodeSchedulerMessage(this.world.cluster, subject, bytes);
    if (!message.ok || !this.#session) return;
    const { value } = message;
    if (value.kind === 'offers' || value.kind === 'rescind' || value.kind === 'events')
      this.#witness.heard(value.body.number);
    this.carryOut(this.#session.message(value, this.nowMs));
  }

  #answer({ subject, bytes }: Delivered): void {
    const [name = '', counter] = subject.split('.').slice(-2);
    const received = decodeCallAnswer(name as 'subscribe', bytes);
    if (!received.ok || !this.#session) return;
    const { answer } = received.value;
    const request = { session: this.#callerSession(), counter: Number(counter), lowest: 1 };
    this.world.witness.answered({ kind: 'framework', ...this.sessionRef }, request, answer);
    this.#witness.answered(name, received.value);
    this.carryOut(this.#session.answered(Number(counter), received.value, this.nowMs));
  }

  #carryOutOne(effect: SessionEffect): void {
    switch (effect.kind) {
      case 'request': {
        this.#witness.requests(effect);
        const message = encodeCall(this.world.cluster, this.sessionRef, effect.call, effect.header);
        if (!message.ok) throw new Error(message.failure.message);
        const reply = `${this.#inbox()}.${effect.call.name}.${effect.counter}`;
        this.publish(message.value.subject, message.value.bytes, reply);
        break;
      }
      case 'publish': {
        this.#witness.confirms(effect.call.body.confirmed);
        const message = encodeCall(this.world.cluster, this.sessionRef, effect.call, effect.header);
        if (message.ok) this.publish(message.value.subject, message.value.bytes);
        break;
      }
      case 'openConsumer':
        this.openConsumer();
        break;
      case 'closeConsumer':
        this.world.updates(this.sessionRef.principal).unwatch(this.name);
        break;
      case 'acknowledge':
        this.#acknowledge(effect.streamSequence);
        break;
      case 'catchUp':
        this.#catchUp(effect.streamSequence);
        break;
      case 'deliver':
        this.#deliver(effect.event);
        break;
    }
  }

  /** Stream sequences acknowledged so far: they survive in the consumer, which is the framework's, not the process'. */
  #acknowledged(): Set<number> {
    return this.world.consumer(frameworkKey(this.sessionRef));
  }

  #acknowledge(streamSequence: number): void {
    const stored = this.world.updates(this.sessionRef.principal).messages[streamSequence - 1];
    const { cluster } = this.world;
    const message = stored && decodeMessage(SUBJECTS.update, cluster, stored.subject, stored.bytes);
    this.#witness.acknowledges(streamSequence, message?.ok ? message.value.body : undefined);
    this.#acknowledged().add(streamSequence);
  }

  /** The stream's reader has come this far once everything before it was handed over. */
  #catchUp(streamSequence: number): void {
    this.after(this.random.between(0, 100), () => {
      if (this.#readUpTo < streamSequence) return this.#catchUp(streamSequence);
      const { createdMs: streamCreatedMs } = this.world.updates(this.sessionRef.principal);
      const position = { streamCreatedMs, sequence: this.#readUpTo };
      if (this.#session) this.carryOut(this.#session.caughtUp(position, this.nowMs));
    });
  }

  /** Delivers from the first message that is not acknowledged. */
  protected openConsumer(): void {
    let floor = 0;
    while (this.#acknowledged().has(floor + 1)) floor += 1;
    this.#readUpTo = floor;
    const stream = this.world.updates(this.sessionRef.principal);
    stream.watch(this.name, floor, this.reachable, (stored) => this.#updateStored(stored));
  }

  #updateStored({ sequence, subject, bytes }: Stored): void {
    this.#readUpTo = Math.max(this.#readUpTo, sequence);
    if (this.#acknowledged().has(sequence)) return;
    const message = decodeMessage(SUBJECTS.update, this.world.cluster, subject, bytes);
    const mine = message.ok && message.value.parameters.frameworkId === this.sessionRef.frameworkId;
    if (!mine) this.#acknowledged().add(sequence);
    else if (this.#session)
      this.carryOut(this.#session.updateRead(sequence, message.value.body, this.nowMs));
  }

  #deliver(event: SchedulerEvent): void {
    switch (event.kind) {
      case 'offers':
        this.#witness.offered(event.offers);
        break;
      case 'update':
        this.#witness.delivered(event.update, event.streamSequence);
        if (event.streamSequence !== undefined) this.#handleUpdate(event.streamSequence);
        break;
      case 'accepted':
        this.#witness.outcome(event.acceptId, event.outcome);
        if (!event.outcome.ok) break;
        for (const taskId of event.outcome.value.launched)
          this.world.accepted.add(taskKey({ ...this.sessionRef, taskId }));
        break;
      case 'event':
        this.#witness.told(event.event);
        this.world.told(frameworkKey(this.sessionRef), event.event.eventId);
        this.#handleEvent(event.event.eventId);
        break;
      case 'foreignUpdate':
        throw new Error(`${this.name} gets an update from an agent that its task is not on`);
      case 'stopped':
        this.world.note(`${this.name} stops: ${JSON.stringify(event.reason)}`);
        break;
      default:
        break;
    }
    this.happened(event);
  }

  #handleUpdate(streamSequence: number): void {
    this.after(this.random.between(0, 30), () => {
      this.#witness.handled(streamSequence);
      if (this.#session) this.carryOut(this.#session.updateHandled(streamSequence, this.nowMs));
    });
  }

  #handleEvent(eventId: number): void {
    this.after(this.random.between(0, 30), () => {
      if (this.#session) this.carryOut(this.#session.eventHandled(eventId, this.nowMs));
    });
  }
}

function tasksOf({ launches = [], operations = [] }: AcceptOrder): TaskDescription['taskId'][] {
  const named = operations.flatMap((operation) =>
    operation.kind === 'launch' || operation.kind === 'launchGroup' ? operation.tasks : [],
  );
  return [...launches, ...named].map(({ taskId }) => taskId as TaskDescription['taskId']);
}
