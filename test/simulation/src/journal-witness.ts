// Owns an independent reading of the journal: every entry is stepped the moment it is stored, and whatever a master
// says on the bus must follow from an entry that is there. Throws at the first thing that does not.
import { isDeepStrictEqual } from 'node:util';
import { decodeEntry } from '@parley/actor/journal-entry';
import { Replica } from '@parley/actor/replica';
import { StateMarks } from '@parley/actor/state-marks';
import type { Effect } from '@parley/cluster/effects';
import type { ClusterEvent } from '@parley/cluster/events';
import type { Caller, Order } from '@parley/cluster/inputs';
import { checkInvariants } from '@parley/cluster/invariants';
import { requestKey } from '@parley/master/calls';
import { decode } from '@parley/protocol/codec';
import { Envelope, type RequestId } from '@parley/protocol/envelope';
import { compareEpochs, type Epoch, NO_EPOCH } from '@parley/protocol/epoch';
import { isRetryable } from '@parley/protocol/errors';
import {
  type AgentId,
  type ClusterName,
  type FrameworkRef,
  frameworkKey,
  type TaskKey,
  taskKey,
} from '@parley/protocol/ids';
import { type Answer, decodeMessage } from '@parley/protocol/message';
import { NO_RESOURCES, type Resources } from '@parley/protocol/resources';
import type { SubjectEntry } from '@parley/protocol/subject-entry';
import { SUBJECTS } from '@parley/protocol/subjects';
import { isTerminal, type StatusUpdate, type TaskState } from '@parley/protocol/tasks';
import { FactsWitness } from './facts-witness.ts';
import { Sayable, told } from './sayable.ts';
import { type ClusterReplica, holdsPoison, replay, simulatedCore } from './simulated-core.ts';
import type { Stored } from './simulated-streams.ts';

export type WitnessedTask = {
  readonly agentId: AgentId;
  readonly resources: Resources;
  state: TaskState;
  ends: number;
};

export type WitnessListener = {
  /** The books let go of a task. */
  readonly ended: (task: TaskKey) => void;
  readonly happened: (event: ClusterEvent) => void;
  /** The books are made anew: what the old ones held is known no more, until it is told again. */
  readonly rebuilt: () => void;
};

const ORDERS = [
  SUBJECTS.run,
  SUBJECTS.runGroup,
  SUBJECTS.kill,
  SUBJECTS.askToStop,
  SUBJECTS.destroyVolume,
  SUBJECTS.shutdownExecutorOrder,
] as const;

/** Executors do so on purpose. */
const IS_DEAF = /^executor \S+ does not end it when told to$/;

/** Answered with what is true when they are asked, also when they are repeated. */
const READS: ReadonlySet<string> = new Set(['resync', 'reconcile']);

export class JournalWitness {
  readonly #cluster: ClusterName;
  readonly #entries: readonly Stored[];
  #replica: ClusterReplica = new Replica(simulatedCore);
  readonly #effects = new Map<string, readonly Effect[]>();
  /** Of the state after those entries after which masters compare theirs. */
  readonly #hashes = new Map<string, string>();
  /** The entry before the first of the present books; undefined: they begin with the journal. */
  #beganAfter: number | undefined;
  #isLost = false;
  /** The highest sequence that was ever stored. */
  #lastStored = 0;
  #rebuilds = 0;
  /** Terms that have an entry, in their order: whose they are and where they begin. */
  readonly #terms = new Map<string, { readonly speaker: string; readonly beginning: number }>();
  #epoch: Epoch = NO_EPOCH;
  /** Every task that was ever launched or rejected. */
  readonly tasks = new Map<TaskKey, WitnessedTask>();
  readonly #launched = new Set<TaskKey>();
  /** Keys of the answers to resyncs. */
  readonly #reads = new Set<string>();
  readonly #sayable = new Sayable();
  readonly #facts = new FactsWitness(this.#sayable);
  /** Tasks of books that were lost, which nobody has told again so far. */
  readonly untold = new Map<TaskKey, WitnessedTask>();
  /** Agents that an operator declared gone. */
  readonly gone = new Set<AgentId>();
  /** Tasks that are to start and to end together. */
  readonly groups = new Map<string, readonly TaskKey[]>();
  readonly #listener: WitnessListener;

  constructor(cluster: ClusterName, entries: readonly Stored[], listener: WitnessListener) {
    this.#cluster = cluster;
    this.#entries = entries;
    this.#listener = listener;
  }

  get replica(): ClusterReplica {
    return this.#replica;
  }

  /** One that has stepped no entry of the present books. */
  makeFirst(): ClusterReplica {
    return this.#beganAfter === undefined
      ? new Replica(simulatedCore)
      : Replica.anew(simulatedCore, this.#beganAfter, 0);
  }

  /** How often the books were made anew. */
  get rebuilds(): number {
    return this.#rebuilds;
  }

  /** The streams of the books were harmed: whoever leads next may make them anew. */
  booksLost(): void {
    this.#isLost = true;
  }

  effectsOf(epoch: Epoch, sequence: number): readonly Effect[] | undefined {
    return this.#effects.get(entryKey(epoch, sequence));
  }

  hashOf(epoch: Epoch, sequence: number): string | undefined {
    return this.#hashes.get(entryKey(epoch, sequence));
  }

  wasLaunched(task: TaskKey): boolean {
    return this.#launched.has(task);
  }

  /** As the books have it, or had it when they were lost. */
  find(task: TaskKey): WitnessedTask | undefined {
    return this.tasks.get(task) ?? this.untold.get(task);
  }

  resourcesOf(task: TaskKey): Resources {
    return this.find(task)?.resources ?? NO_RESOURCES;
  }

  stored({ sequence, bytes }: Stored): void {
    this.#lastStored = Math.max(this.#lastStored, sequence);
    this.#noteInputs(sequence, bytes);
    this.#apply(sequence, bytes);
    const violations = checkInvariants(this.#replica.state);
    if (violations.length > 0) throw new Error(`after entry ${sequence}: ${violations.join('; ')}`);
    if (StateMarks.isAt(sequence))
      this.#hashes.set(entryKey(this.#epoch, sequence), this.#replica.hash());
  }

  #apply(sequence: number, bytes: Uint8Array): void {
    const result = this.#replica.apply(sequence, bytes);
    if (result.kind === 'applied') {
      this.#applied(sequence, result.effects);
      return;
    }
    if (result.kind === 'unknownRules' || result.kind === 'corrupt')
      throw new Error(result.message);
    if (!holdsPoison(bytes, result.skip.index)) {
      throw new Error(`entry ${sequence}: step threw: ${String(result.error)}`, {
        cause: result.error,
      });
    }
    this.#replica = replay(this.#entries, {
      makeFirst: () => this.makeFirst(),
      skips: [...this.#replica.skips, result.skip],
      onApplied: (applied, effects) => {
        if (applied === sequence) this.#applied(applied, effects);
      },
    });
  }

  /** A message that a master is about to publish. */
  said(subject: string, bytes: Uint8Array): void {
    const cluster = this.#cluster;
    const offers = decodeMessage(SUBJECTS.offers, cluster, subject, bytes);
    if (offers.ok)
      this.#sayable.must(numberKey(offers.value.parameters, offers.value.body), offers.value.body);
    const rescind = decodeMessage(SUBJECTS.rescind, cluster, subject, bytes);
    if (rescind.ok)
      this.#sayable.must(
        numberKey(rescind.value.parameters, rescind.value.body),
        rescind.value.body,
      );
    const events = decodeMessage(SUBJECTS.events, cluster, subject, bytes);
    if (events.ok)
      this.#sayable.must(numberKey(events.value.parameters, events.value.body), events.value.body);
    const facts = decodeMessage(SUBJECTS.facts, cluster, subject, bytes);
    if (!facts.ok) return;
    if (facts.value.body.snapshot === undefined) this.#facts.said(facts.value.body);
    else if (facts.value.body.sequence > this.#lastStored)
      throw new Error(
        `facts as of entry ${facts.value.body.sequence} are told before it is stored`,
      );
  }

  /** The order that a message is, if it is one. */
  ordered(subject: string, bytes: Uint8Array): { agentId: string; body: object } | undefined {
    for (const entry of ORDERS) {
      const order = decodeMessage<SubjectEntry>(entry, this.#cluster, subject, bytes);
      if (!order.ok) continue;
      const { agentId = '' } = order.value.parameters as { readonly agentId?: string };
      const body = order.value.body as object;
      this.#sayable.must(`order to ${agentId}`, body);
      return { agentId, body };
    }
    return undefined;
  }

  /** How many terms have an entry. */
  get terms(): number {
    return this.#terms.size;
  }

  /** Of the last entry. */
  get epoch(): Epoch {
    return this.#epoch;
  }

  /** Which master has begun the term. */
  speakerOf(epoch: Epoch): string | undefined {
    return this.#terms.get(termKey(epoch))?.speaker;
  }

  /** The first entry of the term. */
  beginningOf(epoch: Epoch): number | undefined {
    return this.#terms.get(termKey(epoch))?.beginning;
  }

  /** Only who has begun a term speaks in it, and nobody speaks for the cluster outside of one. */
  speaks(master: string, subject: string, bytes: Uint8Array): void {
    if (subject.startsWith('_INBOX.master.')) return;
    const { kind = 'answer', epoch } = EnvelopeHead.parse(decode(bytes));
    // What candidates ask each other belongs to no term.
    if (kind === SUBJECTS.masterPing.kind) return;
    if (epoch === undefined) {
      if (kind === 'answer') return;
      throw new Error(`${master} says ${subject} outside of any term`);
    }
    const speaker = this.speakerOf(epoch);
    if (speaker !== master)
      throw new Error(
        `${master} says ${subject} in term ${epoch.revision}, which is of ${speaker ?? 'nobody'}`,
      );
  }

  written(update: StatusUpdate): void {
    this.#sayable.must(updateKey(update), update);
  }

  /** An answer that a caller received. What is refused before the journal comes from no entry. */
  answered(caller: Caller, request: RequestId, answer: Answer): void {
    if (!answer.ok && (isRetryable(answer.failure.code) || answer.failure.code === 'internalError'))
      return;
    this.#sayable.must(`answer ${requestKey(caller, request)}`, answer);
  }

  /**
   * Terms follow each other, and each has one master. A resync is a read: a repeated one is answered with what is true
   * then.
   */
  #noteInputs(sequence: number, bytes: Uint8Array): void {
    const entry = decodeEntry(bytes);
    if (!entry.ok) throw new Error(entry.failure.message);
    const { epoch, inputs } = entry.value;
    if (compareEpochs(epoch, this.#epoch) < 0)
      throw new Error(
        `entry ${sequence} of term ${epoch.revision} is stored after one of term ${this.#epoch.revision}`,
      );
    this.#epoch = epoch;
    for (const raw of inputs) {
      const input = simulatedCore.inputSchema.safeParse(raw).data;
      if (input?.kind === 'termStarted') {
        this.#noteTerm(sequence, epoch, input.masterId);
        if (input.rebuilding !== undefined) this.#rebuild(sequence);
      }
      if (input?.kind === 'call' && READS.has(input.call.verb))
        this.#reads.add(`answer ${requestKey(input.caller, input.request)}`);
    }
    if (this.speakerOf(epoch) === undefined)
      throw new Error(`entry ${sequence} is of a term that never began`);
  }

  #rebuild(sequence: number): void {
    if (!this.#isLost) throw new Error(`entry ${sequence} makes the books anew and none were lost`);
    this.#rebuilds += 1;
    this.#beganAfter = sequence - 1;
    this.#replica = this.makeFirst();
    this.#sayable.beginBooks();
    for (const [key, task] of this.tasks) {
      if (isTerminal(task.state)) continue;
      this.tasks.delete(key);
      this.untold.set(key, task);
    }
    this.#listener.rebuilt();
  }

  #noteTerm(sequence: number, epoch: Epoch, speaker: string): void {
    if (this.speakerOf(epoch) !== undefined) throw new Error(`term ${epoch.revision} begins twice`);
    this.#terms.set(termKey(epoch), { speaker, beginning: sequence });
  }

  #applied(sequence: number, effects: readonly Effect[]): void {
    this.#effects.set(entryKey(this.#epoch, sequence), effects);
    for (const effect of effects) this.#note(effect);
  }

  #note(effect: Effect): void {
    switch (effect.kind) {
      case 'offers':
      case 'rescind':
      case 'events':
        this.#sayable.once(numberKey(effect.framework, effect.message), effect.message);
        break;
      case 'facts':
        this.#facts.stored(effect);
        break;
      case 'order':
        this.#sayable.may(`order to ${effect.order.agentId}`, effect.order.body);
        this.#noteOrder(effect.order);
        break;
      case 'writeUpdate':
        this.#sayable.once(updateKey(effect.update), effect.update);
        break;
      case 'answer':
        this.#noteAnswer(effect);
        break;
      case 'event':
        this.#noteEvent(effect.event);
        break;
    }
  }

  #noteOrder(order: Order): void {
    if (order.kind !== 'runGroup') return;
    const { framework, descriptions, executor } = order.body;
    const tasks = descriptions.map(({ taskId }) => taskKey({ ...framework, taskId }));
    this.groups.set(`${frameworkKey(framework)}/${executor.executorId}/${order.orderId}`, tasks);
  }

  /** One request has one answer: what may pass, and a repetition that is too late, say nothing about it. */
  #noteAnswer({ caller, request, answer }: Extract<Effect, { kind: 'answer' }>): void {
    const key = `answer ${requestKey(caller, request)}`;
    const isVoid =
      !answer.ok && (isRetryable(answer.failure.code) || answer.failure.code === 'requestExpired');
    const before = this.#sayable.saidOf(key);
    const others = before.filter((one) => !isDeepStrictEqual(one, answer) && !isExpiry(one));
    if (!this.#reads.has(key) && !isVoid && others.length > 0) {
      throw new Error(
        `${key} is answered ${told(answer)} after it was answered ${told(others[0])}`,
      );
    }
    this.#sayable.may(key, answer);
  }

  #noteEvent(event: ClusterEvent): void {
    this.#listener.happened(event);
    if (event.type === 'agentGone') this.gone.add(event.agentId);
    if (event.type === 'protocolViolation') {
      if (!this.#isOfForgotten(event.what) && !IS_DEAF.test(event.what))
        throw new Error(`protocol violation: ${event.about}: ${event.what}`);
      return;
    }
    if (event.type === 'agentDiffers') {
      throw new Error(`agent ${event.agentId} and the books differ: ${JSON.stringify(event)}`);
    }
    if (event.type !== 'taskStateChanged') return;
    const key = taskKey(event.task);
    const known = this.tasks.get(key);
    if (event.from === undefined) this.#noteTold(key, event.agentId);
    if (event.to === 'staging') this.#launched.add(key);
    if (known !== undefined && event.from === undefined) throw new Error(`${key} begins twice`);
    if (known !== undefined && known.state !== event.from)
      throw new Error(`${key} goes from ${event.from} to ${event.to} and was ${known.state}`);
    const { agentId, resources } = event;
    const task = known ?? { agentId, resources, state: event.to, ends: 0 };
    this.tasks.set(key, task);
    task.state = event.to;
    if (!isTerminal(event.to)) return;
    task.ends += 1;
    this.#listener.ended(key);
  }

  /** What the lost books had is told by the agent that has it. */
  #noteTold(key: TaskKey, agentId: AgentId): void {
    const untold = this.untold.get(key);
    if (untold !== undefined && untold.agentId !== agentId)
      throw new Error(`${key} of ${untold.agentId} is taken over from ${agentId}`);
    this.untold.delete(key);
  }

  /**
   * Of a task that ended and is not kept any more, or that was in books that were lost, a late update is that of an
   * unknown one.
   */
  #isOfForgotten(what: string): boolean {
    const [, task] = /^reports (\S+), an unknown task$/.exec(what) ?? [];
    const known = [...this.tasks].some(([key, { ends }]) => key === task && ends === 1);
    return known || [...this.untold.keys()].some((key) => key === task);
  }
}

const EnvelopeHead = Envelope.pick({ epoch: true }).extend({
  kind: Envelope.shape.kind.optional(),
});

const termKey = ({ bucketCreatedMs, revision }: Epoch) => `${bucketCreatedMs}/${revision}`;
const numberKey = (framework: FrameworkRef, { number }: { readonly number: number }) =>
  `message ${frameworkKey(framework)} ${number}`;
const updateKey = ({ task, sequence }: StatusUpdate) => `update ${taskKey(task)} ${sequence}`;
const entryKey = (epoch: Epoch, sequence: number) => `${termKey(epoch)} ${sequence}`;

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function isExpiry(answer: unknown): boolean {
  return (
    isRecord(answer) &&
    isRecord(answer['failure']) &&
    answer['failure']['code'] === 'requestExpired'
  );
}
