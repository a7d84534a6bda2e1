// Owns the leading master of a test: the real core, stepped in virtual time, and what its effects do on the test's bus.
// It has no journal: a failover restores a snapshot of the state and begins a new term, as another master would.

import {
  clusterCore,
  factsSnapshot,
  nextDeadlineMs,
  takeoverEffects,
} from '@parley/cluster/cluster-core';
import type { ClusterState } from '@parley/cluster/cluster-state';
import type { Effect } from '@parley/cluster/effects';
import type { ClusterEvent } from '@parley/cluster/events';
import type { Call, Caller, ClusterSettings, Input, Order } from '@parley/cluster/inputs';
import { revocationCandidates } from '@parley/cluster/revocation-candidates';
import type { FactsMessage } from '@parley/protocol/allocation';
import type { Epoch } from '@parley/protocol/epoch';
import {
  ActorId,
  type ClusterName,
  type FrameworkRef,
  frameworkKey,
  type OfferId,
} from '@parley/protocol/ids';
import { type Answer, decodeMessage, encodeAnswer, encodeMessage } from '@parley/protocol/message';
import type { CandidatesAnswer, CandidatesQuestion } from '@parley/protocol/revocations';
import { parametersOf, subjectPrefix } from '@parley/protocol/subject-entry';
import { SUBJECTS } from '@parley/protocol/subjects';
import type { StatusUpdate } from '@parley/protocol/tasks';
import { unreachable } from '@parley/protocol/unreachable';
import { type FrameworkCall, readFrameworkCall } from './framework-calls.ts';
import type { MemoryBus, Message } from './memory-bus.ts';
import { STREAM_CREATED_MS, type StoredUpdate } from './memory-updates.ts';
import type { VirtualClock } from './virtual-clock.ts';

const LEADER = 'leader';
/** Inputs of so many milliseconds are one entry. */
const COMMIT_MS = 1;
const HEARTBEAT_MS = 5000;
const CHECK_MS = 1000;
const SNAPSHOT_ITEMS = 1000;

/** What the leader does to the rest of the cluster. */
export type LeaderListener = {
  readonly onFacts: (message: FactsMessage, epoch: Epoch) => void;
  readonly onOrder: (order: Order) => void;
  readonly onUpdate: (update: StatusUpdate) => void;
  readonly onEvent: (event: ClusterEvent) => void;
  /** Read off the bus, before it is carried out; repeated ones too. */
  readonly onCall: (call: FrameworkCall) => void;
  /** Offers are taken back by the message of this number. */
  readonly onRescind: (
    framework: FrameworkRef,
    offerIds: readonly OfferId[],
    number: number,
  ) => void;
  /** A heartbeat says that the framework has taken in every message up to this number. */
  readonly onConfirmed: (framework: FrameworkRef, number: number) => void;
  /** Agents that can be heard now. */
  readonly heardAgents: () => Iterable<string>;
};

export type TestLeaderOptions = {
  readonly cluster: ClusterName;
  readonly clock: VirtualClock;
  readonly bus: MemoryBus;
  readonly settings: ClusterSettings;
  readonly listener: LeaderListener;
};

export class TestLeader {
  readonly #options: TestLeaderOptions;
  #state: ClusterState = clusterCore.create();
  #epoch: Epoch = { bucketCreatedMs: 1, revision: 0 };
  #sequence = 0;
  #queue: Input[] = [];
  #isCommitPlanned = false;
  #isTakingOver = false;
  readonly #replies = new Map<string, string>();
  readonly #agentAnswers = new Map<string, (answer: Answer) => void>();
  #agentRequests = 0;
  /** By framework session or agent: when it was heard last. */
  readonly #heardMs = new Map<string, number>();

  /** By offer: the message that told it last. */
  readonly #numbers = new Map<OfferId, number>();

  constructor(options: TestLeaderOptions) {
    this.#options = options;
    const { bus, cluster } = options;
    const prefix = subjectPrefix(cluster);
    for (const pattern of [`${prefix}.master.call.framework.>`, `${prefix}.offers.>`]) {
      bus.subscribe(LEADER, pattern, (message) => this.#receive(message));
    }
    this.#beginTerm();
    this.#beat();
    this.#check();
  }

  get state(): ClusterState {
    return this.#state;
  }

  get epoch(): Epoch {
    return this.#epoch;
  }

  /** The framework has confirmed the message that told it the offer. */
  hasSeen(framework: FrameworkRef, offerId: OfferId): boolean {
    const confirmed = this.#state.frameworks.get(frameworkKey(framework))?.confirmedNumber ?? 0;
    return (this.#numbers.get(offerId) ?? Number.POSITIVE_INFINITY) <= confirmed;
  }

  /** Another master takes over: same state out of a snapshot, a later term, what was not committed is lost. */
  failOver(): void {
    const reader = clusterCore.snapshot(this.#state);
    const items = [];
    for (
      let part = reader.next(SNAPSHOT_ITEMS);
      part.length > 0;
      part = reader.next(SNAPSHOT_ITEMS)
    ) {
      items.push(...part);
    }
    this.#state = clusterCore.restore(items);
    this.#queue = [];
    this.#replies.clear();
    this.#heardMs.clear();
    this.#isTakingOver = true;
    this.#beginTerm();
  }

  submit(input: Input): void {
    this.#queue.push(input);
    if (this.#isCommitPlanned) return;
    this.#isCommitPlanned = true;
    this.#options.clock.startTimer(COMMIT_MS, () => this.#commit());
  }

  /** A call of an agent or an operator, which in a test is made without the bus. */
  call(caller: Caller, call: Call): Promise<Answer> {
    this.#agentRequests += 1;
    const counter = this.#agentRequests;
    const request = { session: 'test', counter, lowest: counter };
    const { promise, resolve } = Promise.withResolvers<Answer>();
    this.#agentAnswers.set(requestKey(caller, counter), resolve);
    this.submit({ kind: 'call', caller, request, call });
    return promise;
  }

  updateStored({ sequence, update }: StoredUpdate): void {
    this.submit({
      kind: 'updates',
      principal: update.task.principal,
      streamCreatedMs: STREAM_CREATED_MS,
      updates: [{ streamSequence: sequence, update }],
      readUpTo: sequence,
    });
  }

  /** All facts, as the allocator asks for them when it begins or has missed something. */
  sendAllFacts(): void {
    const { factsSequence: sequence } = this.#state.record;
    const facts = factsSnapshot(this.#state);
    const snapshot = { part: 1, parts: 1 };
    this.#options.listener.onFacts({ sequence, previous: sequence, facts, snapshot }, this.#epoch);
  }

  /** Which tasks could be taken back. */
  candidates({ question, ...about }: CandidatesQuestion): CandidatesAnswer {
    const { factsSequence: sequence } = this.#state.record;
    return { question, sequence, tasks: revocationCandidates(this.#state, about) };
  }

  #beginTerm(): void {
    this.#epoch = { ...this.#epoch, revision: this.#epoch.revision + 1 };
    const { settings } = this.#options;
    const masterId = ActorId.parse(`master-${this.#epoch.revision}`);
    this.submit({ kind: 'termStarted', epoch: this.#epoch, masterId, settings });
  }

  #commit(): void {
    this.#isCommitPlanned = false;
    const inputs = this.#queue;
    this.#queue = [];
    this.#sequence += 1;
    const nowMs = this.#options.clock.nowMs();
    const context = {
      sequence: this.#sequence,
      epoch: this.#epoch,
      coreTimeMs: nowMs,
      wallTimeMs: nowMs,
      rulesVersion: clusterCore.rulesVersion,
    };
    const effects = clusterCore.begin(this.#state, context);
    for (const input of inputs) effects.push(...clusterCore.step(this.#state, context, input));
    effects.push(...clusterCore.finish(this.#state, context));
    if (this.#isTakingOver) effects.push(...takeoverEffects(this.#state));
    this.#isTakingOver = false;
    for (const effect of effects) this.#carryOut(effect);
    this.#planDeadline();
  }

  /** Something falls due though nothing else happens. */
  #planDeadline(): void {
    const atMs = nextDeadlineMs(this.#state);
    if (atMs === undefined) return;
    const { clock } = this.#options;
    const sequence = this.#sequence;
    clock.startTimer(atMs - clock.nowMs(), () => {
      if (this.#sequence === sequence) this.submit({ kind: 'tick' });
    });
  }

  #carryOut(effect: Effect): void {
    const { cluster, listener } = this.#options;
    const header = { epoch: this.#epoch };
    switch (effect.kind) {
      case 'answer':
        this.#answer(effect);
        break;
      case 'offers':
        for (const { offerId } of effect.message.offers)
          this.#numbers.set(offerId, effect.message.number);
        this.#publish(
          encodeMessage(SUBJECTS.offers, cluster, effect.framework, effect.message, header),
        );
        break;
      case 'rescind':
        listener.onRescind(effect.framework, effect.message.offerIds, effect.message.number);
        this.#publish(
          encodeMessage(SUBJECTS.rescind, cluster, effect.framework, effect.message, header),
        );
        break;
      case 'events':
        this.#publish(
          encodeMessage(SUBJECTS.events, cluster, effect.framework, effect.message, header),
        );
        break;
      case 'order':
        listener.onOrder(effect.order);
        break;
      case 'writeUpdate':
        listener.onUpdate(effect.update);
        break;
      case 'facts':
        listener.onFacts({ ...effect, facts: [...effect.facts] }, this.#epoch);
        break;
      case 'event':
        listener.onEvent(effect.event);
        break;
      default:
        unreachable(effect);
    }
  }

  #answer({ caller, request, answer }: Extract<Effect, { kind: 'answer' }>): void {
    const key = requestKey(caller, request.counter);
    const resolve = this.#agentAnswers.get(key);
    this.#agentAnswers.delete(key);
    resolve?.(answer);
    const reply = this.#replies.get(`${key}#${request.session}`);
    this.#replies.delete(`${key}#${request.session}`);
    if (reply !== undefined)
      this.#publish({ subject: reply, bytes: encodeAnswer(answer, this.#epoch) });
  }

  #publish(message: Message): void {
    this.#options.bus.publish(LEADER, message);
  }

  #receive({ subject, bytes, reply }: Message): void {
    const { cluster } = this.#options;
    if (parametersOf(SUBJECTS.frameworkHeartbeat, cluster, subject) !== undefined) {
      this.#heartbeat(subject, bytes);
      return;
    }
    const read = readFrameworkCall(cluster, subject, bytes);
    if (read === undefined || reply === undefined) return;
    if (!read.ok) {
      this.#publish({ subject: reply, bytes: encodeAnswer(read, this.#epoch) });
      return;
    }
    const call = read.value;
    this.#options.listener.onCall(call);
    if (call.frameworkSession !== undefined) this.#heard(call.caller, call.frameworkSession);
    this.#replies.set(
      `${requestKey(call.caller, call.request.counter)}#${call.request.session}`,
      reply,
    );
    this.submit(call);
  }

  #heartbeat(subject: string, bytes: Uint8Array): void {
    const { cluster } = this.#options;
    const received = decodeMessage(SUBJECTS.frameworkHeartbeat, cluster, subject, bytes);
    if (!received.ok) return;
    const { parameters, body } = received.value;
    const { principal, frameworkId } = parameters;
    const framework = { principal, frameworkId };
    this.#heard(framework, body.session);
    const record = this.#state.frameworks.get(frameworkKey(framework));
    if (record?.session === body.session)
      this.#options.listener.onConfirmed(framework, body.confirmed);
    if (record === undefined || body.confirmed <= record.confirmedNumber) return;
    const { session, confirmed: number } = body;
    this.submit({ kind: 'frameworkConfirmed', framework, session, number });
  }

  #heard(framework: Parameters<typeof frameworkKey>[0], session: number): void {
    this.#heardMs.set(`${frameworkKey(framework)}#${session}`, this.#options.clock.nowMs());
  }

  /** To every framework: the number of the last message to it. */
  #beat(): void {
    const { cluster, clock } = this.#options;
    for (const { framework, session, lastNumber, state } of this.#state.frameworks.rows()) {
      if (state !== 'subscribed') continue;
      const body = { session, lastNumber };
      const header = { epoch: this.#epoch };
      this.#publish(encodeMessage(SUBJECTS.leaderHeartbeat, cluster, framework, body, header));
    }
    clock.startTimer(HEARTBEAT_MS, () => this.#beat());
  }

  /** Who was not heard for too long is said to be silent. */
  #check(): void {
    const { clock, listener } = this.#options;
    const { settings } = this.#state.record;
    for (const agentId of listener.heardAgents()) this.#heardMs.set(agentId, clock.nowMs());
    for (const { agentId, registration, state } of this.#state.agents.rows()) {
      if (state === 'registered' && this.#isSilent(agentId, settings.agentSilenceMs))
        this.submit({ kind: 'agentSilent', agentId, registration });
    }
    for (const { framework, session, state } of this.#state.frameworks.rows()) {
      const key = `${frameworkKey(framework)}#${session}`;
      if (state === 'subscribed' && this.#isSilent(key, settings.frameworkSilenceMs))
        this.submit({ kind: 'frameworkSilent', framework, session });
    }
    clock.startTimer(CHECK_MS, () => this.#check());
  }

  /** A new leader counts everybody's silence from its own beginning. */
  #isSilent(key: string, limitMs: number): boolean {
    const nowMs = this.#options.clock.nowMs();
    const heardMs = this.#heardMs.get(key) ?? nowMs;
    this.#heardMs.set(key, heardMs);
    return nowMs - heardMs > limitMs;
  }
}

function requestKey(caller: Caller, counter: number): string {
  switch (caller.kind) {
    case 'framework':
      return `framework/${frameworkKey(caller)}#${counter}`;
    case 'agent':
      return `agent/${caller.agentId}#${counter}`;
    case 'operator':
      return `operator/${caller.operator}#${counter}`;
    default:
      return unreachable(caller);
  }
}
