// Owns an operator's connection to a cluster: calls that are repeated until answered, and the followed state with its
// events. Built on the follower of @parley/actor; it decides nothing. The CLI and the gateway are its users.
import { setTimeout as delay } from 'node:timers/promises';
import type { FollowedEffect, Follower, FollowerOptions } from '@parley/actor/follower';
import { catchUp, loadReplica } from '@parley/actor/load-replica';
import type { Identity } from '@parley/actor/nats/credential-file';
import { readStanding, type StreamStanding } from '@parley/actor/nats/jetstream-requests';
import { type BusTrouble, NatsBus } from '@parley/actor/nats/nats-bus';
import { openNatsFollower } from '@parley/actor/nats/nats-follower';
import { NatsJournal } from '@parley/actor/nats/nats-journal';
import { NatsSnapshotStore } from '@parley/actor/nats/nats-snapshot-store';
import { openConnection } from '@parley/actor/nats/open-connection';
import { randomNonce, systemClock } from '@parley/actor/nats/system-clock';
import { Replica } from '@parley/actor/replica';
import { clusterCore } from '@parley/cluster/cluster-core';
import type { ClusterState } from '@parley/cluster/cluster-state';
import type { Effect } from '@parley/cluster/effects';
import type { ClusterEvent } from '@parley/cluster/events';
import type { Input } from '@parley/cluster/inputs';
import type { UsageReport } from '@parley/protocol/agents';
import type { Epoch } from '@parley/protocol/epoch';
import { type Failure, fail, isRetryable, type Outcome, succeed } from '@parley/protocol/errors';
import { type AgentId, type ClusterName, PrincipalName } from '@parley/protocol/ids';
import type { GatewayBeat, LeadershipBeat } from '@parley/protocol/leadership';
import { decodeAnswer, decodeMessage, encodeMessage } from '@parley/protocol/message';
import { journalStreamName, snapshotStreamName } from '@parley/protocol/streams';
import {
  type BodyOf,
  type ParametersOfEntry,
  type ReplyOf,
  type SubjectEntry,
  wildcardOf,
} from '@parley/protocol/subject-entry';
import { SUBJECTS } from '@parley/protocol/subjects';
import type { UnitsUsage } from '@parley/protocol/usage';
import type { ReplaySource } from '@parley/replay/replay-source';
import type { NatsConnection } from 'nats';

const CALL_TIMEOUT_MS = 2000;
/** How long a call is repeated while nobody answers. */
const CALL_PATIENCE_MS = 15_000;
const CALL_AGAIN_MS = 250;

export type NumberedEvent = {
  readonly sequence: number;
  readonly index: number;
  readonly coreTimeMs: number;
  /** Of the entry: milliseconds since 1970, for people. */
  readonly wallTimeMs: number;
  readonly event: ClusterEvent;
  /** It happened after this command began to follow. */
  readonly isNew: boolean;
};
export type FollowedHistory = Followed & { readonly events: readonly NumberedEvent[] };

type ClusterFollower = Follower<ClusterState, Input, Effect>;

/** The state at one entry of the journal. */
export type Followed = {
  readonly cluster: string;
  readonly state: ClusterState;
  readonly sequence: number;
};

export type StandingStream = StreamStanding & { readonly name: string };

/** What a follower tells beside events: see `FollowerOptions`. */
export type FollowWatch = Pick<
  FollowerOptions<ClusterState, Input, Effect>,
  'onReset' | 'onTrouble' | 'onRecovered' | 'limits'
>;

export type LinkTrouble = 'closed' | 'unreadable' | 'timedOut';

/** The link cannot do what it was asked; `failure` says why. */
export class LinkError extends Error {
  override readonly name = 'LinkError';
  readonly trouble: LinkTrouble;
  readonly failure: Failure;

  constructor(trouble: LinkTrouble, what: string, failure: Failure) {
    super(what);
    this.trouble = trouble;
    this.failure = failure;
  }
}

/** Opens both connections of an operator. Fails as `openConnection` does. */
export async function connectOperator(identity: Identity): Promise<Outcome<OperatorLink>> {
  const control = await openConnection(identity);
  if (!control.ok) return control;
  const books = await openConnection(identity, 'books');
  if (books.ok) return succeed(new OperatorLink(identity, control.value, books.value));
  await control.value.close();
  return books;
}

export class OperatorLink {
  readonly operator: PrincipalName;
  readonly #identity: Identity;
  readonly #bus: NatsBus;
  readonly #books: NatsConnection;
  readonly #session = randomNonce().slice(0, 12);
  readonly #onEvent: ((event: NumberedEvent) => void)[] = [];
  readonly #onChange: ((followed: Followed) => void)[] = [];
  readonly #onBeatRefused: ((why: string) => void)[] = [];
  readonly #ending = Promise.withResolvers<never>();
  #follower: ClusterFollower | undefined;
  #requests = 0;
  #isClosed = false;

  constructor(identity: Identity, control: NatsConnection, books: NatsConnection) {
    this.#identity = identity;
    this.#books = books;
    this.operator = PrincipalName.parse(identity.actor.id);
    this.#ending.promise.catch(() => undefined);
    this.#bus = new NatsBus({
      connection: control,
      cluster: identity.cluster,
      onConnectedChange: () => undefined,
      onTrouble: (trouble) => this.#onTrouble(trouble),
      onClosed: (reason) =>
        this.#ending.reject(
          new LinkError(
            'closed',
            'the bus closed the connection',
            fail('unavailable', reason).failure,
          ),
        ),
    });
  }

  /** Calls that nobody has answered yet are not repeated any more. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#follower?.close();
    await this.#bus.close();
    await this.#books.close();
  }

  /** The state at the journal's end. */
  async load(): Promise<Followed> {
    const replica = this.#orThrow(await loadReplica(this.source()));
    return this.#followed(replica.state, replica.sequence);
  }

  /** The state, and what happened as far back as the journal is kept. */
  async loadWithHistory(): Promise<FollowedHistory> {
    const source = this.source();
    const info = this.#orThrow(await source.journal.info());
    const snapshots = this.#orThrow(await source.snapshots.list());
    const oldest = snapshots.at(-1);
    const replica =
      info.firstSequence <= 1 || oldest === undefined
        ? new Replica(clusterCore)
        : this.#orThrow(await loadReplica(source, { upTo: oldest.sequence }));
    const events: NumberedEvent[] = [];
    const outcome = await catchUp(
      source,
      replica,
      Number.MAX_SAFE_INTEGER,
      ({ effects, context }) => {
        for (const [index, effect] of effects.entries()) {
          if (effect.kind !== 'event') continue;
          const { sequence, coreTimeMs, wallTimeMs } = context;
          const at = { sequence, index, coreTimeMs, wallTimeMs };
          events.push({ ...at, event: effect.event, isNew: false });
        }
      },
    );
    // A step that threw has been left out by every replica: the loader knows how.
    if (this.#orThrow(outcome) !== undefined) return { ...(await this.load()), events };
    return { ...this.#followed(replica.state, replica.sequence), events };
  }

  onEvent(handle: (event: NumberedEvent) => void): void {
    this.#onEvent.push(handle);
  }

  /** Called for every entry that changed something, with the state after it. */
  onChange(handle: (followed: Followed) => void): void {
    this.#onChange.push(handle);
    if (this.#follower)
      handle(this.#followed(this.#follower.state, this.#follower.replica.sequence));
  }

  onUsage(handle: (agentId: AgentId, usage: UsageReport) => void): void {
    const { cluster } = this.#identity;
    this.#bus.subscribe(wildcardOf(SUBJECTS.usage, cluster), ({ subject, bytes }) => {
      const report = decodeMessage(SUBJECTS.usage, cluster, subject, bytes);
      if (report.ok) handle(report.value.parameters.agentId, report.value.body);
    });
  }

  onUnitsUsage(handle: (agentId: AgentId, part: UnitsUsage) => void): void {
    const { cluster } = this.#identity;
    this.#bus.subscribe(wildcardOf(SUBJECTS.unitsUsage, cluster), ({ subject, bytes }) => {
      const part = decodeMessage(SUBJECTS.unitsUsage, cluster, subject, bytes);
      if (part.ok) handle(part.value.parameters.agentId, part.value.body);
    });
  }

  /** Signs of life of masters. `epoch`: of the term of one that leads. */
  onMasterBeat(handle: (beat: LeadershipBeat, epoch: Epoch | undefined) => void): void {
    const { cluster } = this.#identity;
    this.#bus.subscribe(wildcardOf(SUBJECTS.masterBeat, cluster), ({ subject, bytes }) => {
      const beat = decodeMessage(SUBJECTS.masterBeat, cluster, subject, bytes);
      if (beat.ok) handle(beat.value.body, beat.value.epoch);
    });
  }

  /** Signs of life of gateways; `operator`: as whom it runs. */
  onGatewayBeat(handle: (operator: PrincipalName, beat: GatewayBeat) => void): void {
    const { cluster } = this.#identity;
    this.#bus.subscribe(wildcardOf(SUBJECTS.gatewayBeat, cluster), ({ subject, bytes }) => {
      const beat = decodeMessage(SUBJECTS.gatewayBeat, cluster, subject, bytes);
      if (beat.ok) handle(beat.value.parameters.gateway, beat.value.body);
    });
  }

  /** A gateway that runs as this operator is there. */
  beatAsGateway(beat: GatewayBeat): void {
    const { cluster } = this.#identity;
    const message = encodeMessage(SUBJECTS.gatewayBeat, cluster, { gateway: this.operator }, beat);
    this.#bus.publish(message.subject, message.bytes);
  }

  /** Called for each `beatAsGateway` that the bus refuses: the permissions of this operator are those of an earlier release. */
  onBeatRefused(handle: (why: string) => void): void {
    this.#onBeatRefused.push(handle);
  }

  /** Agents tell of each task for so long from now on; whoever goes on looking repeats it. */
  watchUsage(leaseMs: number): void {
    const message = encodeMessage(SUBJECTS.watchUsage, this.#identity.cluster, {}, { leaseMs });
    this.#bus.publish(message.subject, message.bytes);
  }

  /** Begins to follow; what happens from now on is told. Throws `LinkError` when the journal cannot be read. */
  async follow(watch: Partial<FollowWatch> = {}): Promise<void> {
    const follower = await openNatsFollower<ClusterState, Input, Effect>({
      connection: this.#books,
      cluster: this.#identity.cluster,
      core: clusterCore,
      onEffect: (followed) => this.#tell(followed),
      onReset: watch.onReset ?? (() => undefined),
      onTrouble: watch.onTrouble ?? (() => undefined),
      onRecovered: watch.onRecovered ?? (() => undefined),
      ...(watch.limits && { limits: watch.limits }),
    });
    this.#follower = this.#orThrow(follower);
  }

  /** Follows until the state satisfies `look`. Throws a `LinkError` (`timedOut` with `what`, or `closed`). */
  async waitFor<Value>(
    look: (followed: Followed) => Value | undefined,
    { timeoutMs, what }: { readonly timeoutMs: number; readonly what: string },
  ): Promise<Value> {
    if (this.#follower === undefined) await this.follow();
    const found = Promise.withResolvers<Value>();
    const why = fail('unavailable', `waited for ${Math.round(timeoutMs / 1000)} s`);
    const late = new LinkError('timedOut', what, why.failure);
    const timer = setTimeout(() => found.reject(late), timeoutMs);
    this.onChange((followed) => {
      const value = look(followed);
      if (value !== undefined) found.resolve(value);
    });
    try {
      return await Promise.race([found.promise, this.#ending.promise]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** A call to the leader: repeated with one id until answered. */
  callLeader<Entry extends SubjectEntry>(
    entry: Entry,
    parameters: ParametersOfEntry<Entry>,
    body: BodyOf<Entry>,
  ): Promise<Outcome<ReplyOf<Entry>>> {
    this.#requests += 1;
    const counter = this.#requests;
    return this.#call(
      { entry, parameters, body },
      { session: this.#session, counter, lowest: counter },
    );
  }

  /** A call to an agent or another service: repeated while nobody answers. */
  call<Entry extends SubjectEntry>(
    entry: Entry,
    parameters: ParametersOfEntry<Entry>,
    body: BodyOf<Entry>,
  ): Promise<Outcome<ReplyOf<Entry>>> {
    return this.#call({ entry, parameters, body }, undefined);
  }

  async #call<Entry extends SubjectEntry>(
    what: { entry: Entry; parameters: ParametersOfEntry<Entry>; body: BodyOf<Entry> },
    request: { session: string; counter: number; lowest: number } | undefined,
  ): Promise<Outcome<ReplyOf<Entry>>> {
    const { entry, parameters, body } = what;
    const header = request ? { request } : {};
    const message = encodeMessage<SubjectEntry>(
      entry,
      this.#identity.cluster,
      parameters,
      body,
      header,
    );
    const deadlineMs = systemClock.nowMs() + CALL_PATIENCE_MS;
    for (;;) {
      const reply = await this.#bus.request(message.subject, message.bytes, CALL_TIMEOUT_MS);
      const answer = reply.ok ? answerOf<Entry>(entry, reply.value) : reply;
      const isLast = this.#isClosed || systemClock.nowMs() > deadlineMs;
      if (answer.ok || !isRetryable(answer.failure.code) || isLast) return answer;
      await delay(CALL_AGAIN_MS);
    }
  }

  /** By `systemClock.nowMs`: what the journal held then is followed. Throws before `follow`. */
  get currentAtMs(): number {
    if (this.#follower === undefined) throw new Error('nothing is followed yet');
    return this.#follower.currentAtMs;
  }

  /** What is followed, now. Throws before `follow`. */
  get followed(): Followed {
    if (this.#follower === undefined) throw new Error('nothing is followed yet');
    return this.#followed(this.#follower.state, this.#follower.replica.sequence);
  }

  /** Rejects with a `LinkError` when the bus has closed the connection for good. */
  get ending(): Promise<never> {
    return this.#ending.promise;
  }

  get cluster(): ClusterName {
    return this.#identity.cluster;
  }

  /** Journal and snapshots, to be read. */
  source(): ReplaySource {
    const { cluster } = this.#identity;
    return {
      core: clusterCore,
      journal: new NatsJournal(this.#books, cluster),
      snapshots: new NatsSnapshotStore(this.#books, cluster),
    };
  }

  /** Where the streams of the books stand, in the order of their names. Fails with `unavailable`. */
  async streams(): Promise<Outcome<readonly StandingStream[]>> {
    const { cluster } = this.#identity;
    const found: StandingStream[] = [];
    for (const name of [journalStreamName(cluster), snapshotStreamName(cluster)]) {
      const standing = await readStanding(this.#books, name);
      if (!standing.ok) return standing;
      found.push({ name, ...standing.value });
    }
    return succeed(found);
  }

  #onTrouble(trouble: BusTrouble): void {
    const { cluster } = this.#identity;
    const beat = wildcardOf(SUBJECTS.gatewayBeat, cluster, { gateway: this.operator });
    if (trouble.kind !== 'notPermitted' || trouble.subject !== beat) return;
    for (const handle of this.#onBeatRefused) handle(trouble.message);
  }

  #followed(state: ClusterState, sequence: number): Followed {
    return { cluster: this.#identity.cluster, state, sequence };
  }

  #tell({ sequence, index, effect, context }: FollowedEffect<Effect>): void {
    if (effect.kind !== 'event') return;
    const { coreTimeMs, wallTimeMs } = context;
    for (const handle of this.#onEvent)
      handle({ sequence, index, coreTimeMs, wallTimeMs, event: effect.event, isNew: true });
    const state = this.#follower?.state;
    if (state === undefined) return;
    for (const handle of this.#onChange) handle(this.#followed(state, sequence));
  }

  #orThrow<Value>(outcome: Outcome<Value>): Value {
    if (outcome.ok) return outcome.value;
    throw new LinkError('unreadable', 'the journal of the cluster cannot be read', outcome.failure);
  }
}

function answerOf<Entry extends SubjectEntry>(
  entry: Entry,
  bytes: Uint8Array,
): Outcome<ReplyOf<Entry>> {
  const answer = decodeAnswer(entry, bytes);
  if (!answer.ok) return answer;
  const received = answer.value.answer;
  // Parsed against the entry's own reply schema just now.
  return received.ok ? { ok: true, value: received.value as ReplyOf<Entry> } : received;
}
