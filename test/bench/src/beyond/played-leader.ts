// Owns the leading master of a cluster in virtual time: the real actor between bus and books, the real writer of the journal,
// the real core, every input as bytes of an entry. There is no bus and no disk: an append is acknowledged at once.
import { JournaledLeader } from '@parley/actor/journaled-leader';
import { Replica } from '@parley/actor/replica';
import { StateMarks } from '@parley/actor/state-marks';
import { clusterCore, takeoverEffects } from '@parley/cluster/cluster-core';
import type { ClusterState } from '@parley/cluster/cluster-state';
import type { Effect } from '@parley/cluster/effects';
import { ClusterSettings, type Input } from '@parley/cluster/inputs';
import { LiveClusterView } from '@parley/master/live-cluster-view';
import { MasterActor, type MasterOutput } from '@parley/master/master-actor';
import { readUpdates, type StreamMessage } from '@parley/master/update-batch';
import type { Epoch } from '@parley/protocol/epoch';
import { ActorId, ClusterName, type PrincipalName } from '@parley/protocol/ids';
import { encodeAnswer, type Outgoing } from '@parley/protocol/message';
import type { PrincipalRecord } from '@parley/protocol/operators';
import type { Stopwatch } from './stopwatch.ts';

export const CLUSTER = ClusterName.parse('beyond');
export const EPOCH: Epoch = { bucketCreatedMs: 1, revision: 1 };
const MASTER = ActorId.parse('master-1');
const WALL_TIME_MS = 1_790_000_000_000;
const STREAM_CREATED_MS = 1;
/** Limits are checked, and never reached: while the cluster fills, its frameworks call thousands of times in one turn. */
const RATE_LIMITS = { callsPerSecond: 1_000_000, outstandingCalls: 1_000_000 };

/** `messages`: reading and writing those of the bus. `marks`: the hash by which standbys compare their state. */
export type Part = 'messages' | 'journal' | 'steps' | 'marks' | 'heartbeats' | 'allocator';
export type Heard = Outgoing & { readonly reply?: string };

export class PlayedLeader {
  readonly replica = new Replica<ClusterState, Input, Effect>(clusterCore);
  readonly #leader: JournaledLeader<ClusterState, Input, Effect>;
  readonly #actor: MasterActor;
  readonly #watch: Stopwatch<Part>;
  readonly #streamEnds = new Map<PrincipalName, number>();
  #submitted: Input[] = [];
  #entries = 0;
  #inputs = 0;
  #bytes = 0;

  constructor(watch: Stopwatch<Part>, principals: ReadonlyMap<string, PrincipalRecord>) {
    this.#watch = watch;
    const leader = new JournaledLeader<ClusterState, Input, Effect>({
      replica: this.replica,
      epoch: EPOCH,
      makeNonce: () => `beyond-${this.#entries}`,
    });
    this.#leader = leader;
    this.#actor = new MasterActor({
      ...{ cluster: CLUSTER, masterId: MASTER, epoch: EPOCH, rateLimits: RATE_LIMITS },
      view: new LiveClusterView(() => leader.state),
      submit: (input) => {
        this.#submitted.push(input);
        return { ok: true, value: undefined };
      },
    });
    const settings = ClusterSettings.parse({});
    this.#submitted.push({ kind: 'termStarted', epoch: EPOCH, masterId: MASTER, settings });
    this.commit(0);
    this.#actor.begin(takeoverEffects(leader.state), 0);
    this.#actor.principalsRead(principals, 0);
  }

  /** Of the journal so far; bytes include the frames of entries. */
  get written(): { readonly entries: number; readonly inputs: number; readonly bytes: number } {
    return { entries: this.#entries, inputs: this.#inputs, bytes: this.#bytes };
  }

  hear(messages: readonly Heard[], nowMs: number, part: Part = 'messages'): void {
    this.#watch.run(part, () => {
      for (const { subject, bytes, reply } of messages) {
        this.#actor.received(subject, bytes, reply, nowMs);
      }
    });
  }

  orderReplied(orderIds: readonly string[], nowMs: number): void {
    const answer = encodeAnswer({ ok: true, value: {} });
    this.#watch.run('messages', () => {
      for (const orderId of orderIds) this.#actor.orderReplied(orderId, answer, nowMs);
    });
  }

  /** What a principal's stream holds beyond what was read of it. */
  readStream(principal: PrincipalName, messages: readonly Outgoing[], nowMs: number): void {
    const end = this.#streamEnds.get(principal) ?? 0;
    const readUpTo = end + messages.length;
    this.#streamEnds.set(principal, readUpTo);
    const stored: StreamMessage[] = messages.map((message, index) => ({
      ...message,
      streamSequence: end + index + 1,
    }));
    this.#watch.run('messages', () => {
      const batch = { streamCreatedMs: STREAM_CREATED_MS, messages: stored, readUpTo };
      const { inputs, passedOver } = readUpdates(CLUSTER, principal, batch);
      if (passedOver.length > 0) throw new Error(`an update is none: ${passedOver[0]?.reason}`);
      for (const input of inputs) this.#actor.updatesRead(input, nowMs);
    });
  }

  /** Everything heard is journalled and stepped; the value is what is to be carried out then. */
  commit(nowMs: number): MasterOutput[] {
    const inputs = this.#submitted;
    this.#submitted = [];
    this.#inputs += inputs.length;
    this.#watch.run('journal', () => {
      for (const input of inputs) {
        const queued = this.#leader.submit(input);
        if (!queued.ok) throw new Error(queued.failure.message);
      }
    });
    const now = { nowMs, wallTimeMs: WALL_TIME_MS + nowMs };
    while (this.#leader.pending > 0) {
      const request = this.#watch.run('journal', () => this.#leader.nextAppend(now));
      if (request === undefined) throw new Error('an entry is due');
      this.#entries += 1;
      this.#bytes += request.bytes.length;
      const result = this.#watch.run('steps', () => this.#leader.committed(this.#entries));
      if (result.kind !== 'applied' || result.skipped.length > 0) throw new Error('not stepped');
      if (StateMarks.isAt(this.#entries)) this.#watch.run('marks', () => this.replica.hash());
      // The first entry of a term begins it.
      if (this.#entries === 1) continue;
      this.#watch.run('messages', () => this.#actor.carryOut(result.effects, nowMs));
    }
    return this.#watch.run('messages', () => {
      this.#actor.tick(nowMs);
      return this.#actor.takeOutputs();
    });
  }
}
