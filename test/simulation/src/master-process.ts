// Owns a simulated master: the real journaled leader, books and edge. It comes to lead by being told so, which
// may be a mistake: then the journal must keep two leaders apart.

import { decodeEntry } from '@parley/actor/journal-entry';
import { type CommitResult, JournaledLeader } from '@parley/actor/journaled-leader';
import { takeoverEffects } from '@parley/cluster/cluster-core';
import type { ClusterState } from '@parley/cluster/cluster-state';
import type { Effect } from '@parley/cluster/effects';
import { type ClusterSettings, Input } from '@parley/cluster/inputs';
import { checkInvariants } from '@parley/cluster/invariants';
import { LiveClusterView } from '@parley/master/live-cluster-view';
import { MasterActor, type MasterOutput } from '@parley/master/master-actor';
import { readUpdates } from '@parley/master/update-batch';
import { inboxPrefix } from '@parley/protocol/credential';
import type { Epoch } from '@parley/protocol/epoch';
import { fail } from '@parley/protocol/errors';
import { ActorId, PrincipalName } from '@parley/protocol/ids';
import { decodeMessage } from '@parley/protocol/message';
import type { PrincipalRecord } from '@parley/protocol/operators';
import { subjectPrefix } from '@parley/protocol/subject-entry';
import { SUBJECTS } from '@parley/protocol/subjects';
import type { History } from './history.ts';
import { holdsPoison } from './simulated-core.ts';
import { SimulatedProcess } from './simulated-process.ts';
import type { Acknowledgement, Stored } from './simulated-streams.ts';
import type { World } from './world.ts';

const TICK_MS = 100;
const APPEND_RETRY_MS = 500;
const ORDER_TIMEOUT_MS = 1000;
/** A clean stop waits that long for the journal. */
const STOP_LIMIT_MS = 5000;

type Leader = JournaledLeader<ClusterState, Input, Effect>;
type Term = {
  readonly leader: Leader;
  readonly actor: MasterActor;
  /** Orders and updates that an earlier leader left, to be sent at once; undefined before the first entry. */
  inherited?: Set<string>;
};

export class MasterProcess extends SimulatedProcess {
  readonly #history: History;
  readonly #principals: ReadonlyMap<string, PrincipalRecord>;
  readonly #settings: ClusterSettings;
  #isStopping = false;
  #epoch: Epoch = { bucketCreatedMs: 1, revision: 0 };
  #term: Term | undefined;
  #appending = false;
  #orderCount = 0;
  #orders = new Map<string, (bytes: Uint8Array | undefined) => void>();

  constructor(
    world: World,
    name: string,
    options: {
      history: History;
      principals: ReadonlyMap<string, PrincipalRecord>;
      settings: ClusterSettings;
    },
  ) {
    super(world, name);
    this.#history = options.history;
    this.#principals = options.principals;
    this.#settings = options.settings;
  }

  /** Ends cleanly: what is queued is journalled first, then the process is gone. */
  stop(): void {
    this.world.note(`${this.name} is told to stop`);
    this.#isStopping = true;
    this.after(STOP_LIMIT_MS, () => this.crash());
    this.#pump();
  }

  get isLeading(): boolean {
    return this.alive && this.#term !== undefined && !this.#term.leader.stopped;
  }

  get state(): ClusterState | undefined {
    return this.#term?.leader.state;
  }

  /** Begins a term with a higher epoch than any before. */
  lead(revision: number): void {
    if (!this.alive) return;
    this.world.note(`${this.name} leads term ${revision}`);
    this.#epoch = { bucketCreatedMs: 1, revision };
    const leader: Leader = new JournaledLeader({
      replica: this.#history.load(this.random),
      epoch: this.#epoch,
      makeNonce: () =>
        `${this.name}-${this.incarnation}-${this.random.between(0, 2 ** 31)}-${this.nowMs}`,
    });
    const actor = new MasterActor({
      cluster: this.world.cluster,
      masterId: ActorId.parse(this.name),
      epoch: this.#epoch,
      view: new LiveClusterView(() => leader.state),
      submit: (input) => leader.submit(input),
    });
    this.#term = { leader, actor };
    this.#appending = false;
    leader.submit({
      kind: 'termStarted',
      epoch: this.#epoch,
      masterId: ActorId.parse(this.name),
      settings: this.#settings,
    });
    this.#pump();
  }

  protected started(): void {
    this.#orders = new Map();
    this.#isStopping = false;
    this.subscribe(`${this.#inbox()}.*`, ({ subject, bytes }) => {
      this.#orders.get(subject.slice(subject.lastIndexOf('.') + 1))?.(bytes);
    });
  }

  protected crashed(): void {
    this.#term = undefined;
    for (const principal of this.#principals.keys())
      this.world.updates(PrincipalName.parse(principal)).unwatch(this.name);
  }

  protected tick(): void {
    const term = this.#term;
    if (term === undefined || term.leader.stopped) return;
    const { leader, actor } = term;
    if (leader.hasCommitted) {
      actor.tick(this.nowMs);
      const view = new LiveClusterView(() => leader.state);
      const deadlineMs = view.nextDeadlineMs();
      if (
        deadlineMs !== undefined &&
        deadlineMs <= leader.coreTimeMs(this.nowMs) &&
        leader.pending === 0 &&
        !leader.inFlight
      ) {
        leader.submit({ kind: 'tick' });
      }
    }
    this.#pump();
    this.wakeAt(this.nowMs + TICK_MS);
  }

  #inbox(): string {
    return `${inboxPrefix({ kind: 'master', id: this.name })}.${this.incarnation}`;
  }

  #pump(): void {
    const term = this.#term;
    if (term !== undefined && !this.#appending) this.#appendNext(term);
    this.#carryOut();
    if (this.#isStopping && !this.#appending) this.crash();
  }

  #appendNext(term: Term): void {
    const request = term.leader.nextAppend({ nowMs: this.nowMs, wallTimeMs: this.wallTimeMs });
    if (request) this.#append(term);
  }

  #append(term: Term): void {
    const request = term.leader.inFlight;
    if (request === undefined) return;
    this.#appending = true;
    const incarnation = this.incarnation;
    const message = {
      subject: 'journal',
      bytes: request.bytes,
      expectedSequence: request.expectedSequence,
      reachable: this.reachable,
    };
    this.world.journal.append(message, (outcome) => {
      if (!this.alive || this.incarnation !== incarnation || this.#term !== term) return;
      this.#appended(term, request.expectedSequence + 1, request.nonce, outcome);
    });
  }

  #appended(term: Term, sequence: number, nonce: string, outcome: Acknowledgement): void {
    const stored = this.world.journal.messages[sequence - 1];
    if (outcome.kind === 'unknown' || !this.reachable()) {
      this.after(APPEND_RETRY_MS, () => {
        if (this.#term === term) this.#append(term);
      });
      return;
    }
    this.#appending = false;
    const entry = stored && decodeEntry(stored.bytes);
    const own = outcome.kind === 'stored' || (entry?.ok && entry.value.nonce === nonce);
    if (own) this.#committed(term, sequence);
    else if (!term.leader.hasCommitted && this.#rebase(term)) this.#append(term);
    else {
      this.world.note(`${this.name} is refused and stops`);
      if (!term.leader.stopped) term.leader.refused();
      for (const principal of this.#principals.keys())
        this.world.updates(PrincipalName.parse(principal)).unwatch(this.name);
      return;
    }
    this.#pump();
  }

  #rebase({ leader }: Term): boolean {
    return (
      leader.rebase(this.#history.load(this.random)) &&
      leader.nextAppend({ nowMs: this.nowMs, wallTimeMs: this.wallTimeMs }) !== undefined
    );
  }

  #committed(term: Term, sequence: number): void {
    const { leader, actor } = term;
    const first = !leader.hasCommitted;
    const result = this.#step(leader, sequence);
    const violations = checkInvariants(leader.state);
    if (violations.length > 0) throw new Error(`after entry ${sequence}: ${violations.join('; ')}`);
    this.#history.stepped(sequence, result.effects, leader.replica);
    if (first) this.#serve(term, result.effects);
    else actor.carryOut(result.effects, this.nowMs);
    for (const { input, index } of result.skipped)
      this.#answerSkipped(actor, input, index, sequence);
  }

  /** As the real shell does: a step that throws makes the state anew without that input. */
  #step(leader: Leader, sequence: number): Extract<CommitResult<Effect>, { kind: 'applied' }> {
    let result = leader.committed(sequence);
    while (result.kind === 'broken') {
      const skips = [...leader.replica.skips, result.skip];
      result = leader.rebuilt(this.#history.load(this.random, sequence - 1, skips));
    }
    return result;
  }

  #answerSkipped(actor: MasterActor, input: unknown, index: number, sequence: number): void {
    const bytes = this.world.journal.messages[sequence - 1]?.bytes;
    if (bytes === undefined || !holdsPoison(bytes, index))
      throw new Error(`entry ${sequence}: input ${index} was left out`);
    const { caller, request } = Input.parse(input) as Extract<Input, { kind: 'call' }>;
    const answer = fail('internalError', 'the request was left out');
    actor.carryOut([{ kind: 'answer', caller, request, answer }], this.nowMs);
  }

  /** The term has begun: only now does anybody hear of it. */
  #serve(term: Term, effects: readonly Effect[]): void {
    const { leader, actor } = term;
    term.inherited = inheritedOf(leader.state);
    actor.principalsRead(this.#principals, this.nowMs);
    actor.begin(takeoverEffects(leader.state), this.nowMs);
    actor.carryOut(effects, this.nowMs);
    const prefix = subjectPrefix(this.world.cluster);
    for (const pattern of [
      `${prefix}.master.call.>`,
      `${prefix}.offers.>`,
      `${prefix}.master.proposals`,
    ]) {
      this.subscribe(pattern, ({ subject, bytes, reply }) => {
        if (this.#term?.actor !== actor) return;
        actor.received(subject, bytes, reply, this.nowMs);
        this.#pump();
      });
    }
    this.wakeAt(this.nowMs);
  }

  /** Nothing is said before the term's first entry is in the journal: who hears of a later epoch drops the earlier one. */
  #carryOut(): void {
    const term = this.#term;
    if (term === undefined || term.leader.stopped || !term.leader.hasCommitted) return;
    term.actor.tick(this.nowMs);
    for (const output of term.actor.takeOutputs()) this.#carryOutOne(term, output);
    const [left] = term.inherited ?? [];
    if (left !== undefined) throw new Error(`${this.name} takes over and does not send ${left}`);
  }

  #carryOutOne(term: Term, output: MasterOutput): void {
    switch (output.kind) {
      case 'publish':
        this.world.witness.said(output.subject, output.bytes);
        this.publish(output.subject, output.bytes);
        break;
      case 'order':
        this.#order(term, output);
        break;
      case 'writeUpdate':
        this.#writeUpdate(term, output);
        break;
      case 'readStream':
        this.world
          .updates(output.principal)
          .watch(this.name, output.sequence, this.reachable, (stored) =>
            this.#updateStored(term, output.principal, stored),
          );
        break;
      case 'readPrincipals':
        this.after(5, () => term.actor.principalsRead(this.#principals, this.nowMs));
        break;
      case 'log':
        if (output.level !== 'info')
          this.world.note(`${this.name}: ${output.message} ${JSON.stringify(output.fields)}`);
        break;
    }
  }

  #order(term: Term, { orderId, subject, bytes }: Extract<MasterOutput, { kind: 'order' }>): void {
    term.inherited?.delete(`order ${orderId}`);
    this.world.witness.ordered(orderId, subject, bytes);
    this.#orderCount += 1;
    const token = String(this.#orderCount);
    const replied = (answer: Uint8Array | undefined): void => {
      if (!this.#orders.delete(token) || this.#term !== term) return;
      term.actor.orderReplied(orderId, answer, this.nowMs);
      this.#pump();
    };
    this.#orders.set(token, replied);
    this.after(ORDER_TIMEOUT_MS, () => replied(undefined));
    this.publish(subject, bytes, `${this.#inbox()}.${token}`);
  }

  #writeUpdate(
    term: Term,
    { key, subject, bytes }: Extract<MasterOutput, { kind: 'writeUpdate' }>,
  ): void {
    const message = decodeMessage(SUBJECTS.update, this.world.cluster, subject, bytes);
    if (!message.ok) throw new Error(message.failure.message);
    term.inherited?.delete(`update ${key}`);
    this.world.witness.written(message.value.body);
    const incarnation = this.incarnation;
    this.world
      .updates(message.value.parameters.principal)
      .append({ subject, bytes, reachable: this.reachable }, (outcome) => {
        if (!this.alive || this.incarnation !== incarnation || this.#term !== term) return;
        term.actor.updateWritten(key, outcome.kind === 'stored', this.nowMs);
      });
  }

  #updateStored(term: Term, principal: PrincipalName, { sequence, subject, bytes }: Stored): void {
    if (this.#term !== term || term.leader.stopped) return;
    const { createdMs: streamCreatedMs } = this.world.updates(principal);
    const messages = [{ streamSequence: sequence, subject, bytes }];
    const batch = { streamCreatedMs, messages, readUpTo: sequence };
    for (const input of readUpdates(this.world.cluster, principal, batch).inputs) {
      if (!term.actor.updatesRead(input, this.nowMs))
        throw new Error('the queue of a simulated master is never full');
    }
    this.#pump();
  }
}

/** What the first entry of a term finds under way: the earlier leader may have sent it or not. */
function inheritedOf(state: ClusterState): Set<string> {
  return new Set([
    ...[...state.orders.keys()].map((orderId) => `order ${orderId}`),
    ...[...state.unwritten.keys()].map((key) => `update ${key}`),
  ]);
}
