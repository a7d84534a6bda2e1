// Owns a leader small enough for the tests of a session: one framework, offers on demand, answers remembered
// by request id, an update stream. It is no model of the real books; those are in @parley/cluster.
import type { RequestId } from '@parley/protocol/envelope';
import type { Epoch } from '@parley/protocol/epoch';
import { fail } from '@parley/protocol/errors';
import { ActorId, AgentId, type FrameworkRef, OfferId, RoleName } from '@parley/protocol/ids';
import type { Answer, ReceivedAnswer } from '@parley/protocol/message';
import type { Offer } from '@parley/protocol/offers';
import type { StatusUpdate, TaskState } from '@parley/protocol/tasks';
import type { SchedulerMessage, SchedulerRequest } from './session-vocabulary.ts';

const EMPTY = { ok: true, value: {} } as const;

export class FakeLeader {
  readonly framework: FrameworkRef;
  readonly outstanding = new Map<OfferId, Offer>();
  /** Index + 1 is the stream sequence. */
  readonly stream: StatusUpdate[] = [];
  readonly launches = new Map<string, number>();
  readonly answers = new Map<string, Answer>();
  /** Messages to the framework that the test's network has to carry. */
  outbox: SchedulerMessage[] = [];
  session = 0;
  subscribed = false;
  lastNumber = 0;
  #epochRevision = 1;
  #nextOffer = 1;

  constructor(framework: FrameworkRef) {
    this.framework = framework;
  }

  get epoch(): Epoch {
    return { bucketCreatedMs: 1, revision: this.#epochRevision };
  }

  /** A new leader: state goes on, outstanding offers are published again. */
  takeOver(): void {
    this.#epochRevision += 1;
    this.outbox.push({ kind: 'presence', epoch: this.epoch, body: { masterId } });
    this.#publish([...this.outstanding.values()]);
  }

  /** The verdict on a framework that was silent. */
  disconnect(): void {
    this.subscribed = false;
    this.outstanding.clear();
  }

  offer(count: number): void {
    if (!this.subscribed) return;
    const offers = Array.from({ length: count }, () => this.#makeOffer());
    this.#publish(offers);
  }

  rescind(offerIds: readonly OfferId[]): void {
    const gone = offerIds.filter((id) => this.outstanding.delete(id));
    if (gone.length === 0) return;
    this.lastNumber += 1;
    const body = { number: this.lastNumber, offerIds: gone, reason: 'agentRemoved' } as const;
    this.outbox.push({ kind: 'rescind', epoch: this.epoch, body });
  }

  heartbeat(): void {
    if (!this.subscribed) return;
    const body = { session: this.session, lastNumber: this.lastNumber };
    this.outbox.push({ kind: 'leaderHeartbeat', epoch: this.epoch, body });
  }

  request(
    call: SchedulerRequest,
    header: { request: RequestId; frameworkSession?: number },
  ): ReceivedAnswer {
    const id = `${header.request.session}:${header.request.counter}`;
    const before = this.answers.get(id);
    const answer = before ?? this.#decide(call, header.frameworkSession);
    this.answers.set(id, answer);
    return { epoch: this.epoch, answer };
  }

  #decide(call: SchedulerRequest, session: number | undefined): Answer {
    if (call.name === 'subscribe') return this.#subscribe();
    if (!this.subscribed) return fail('notSubscribed', 'subscribe first');
    if (session !== this.session) return fail('sessionReplaced', 'a newer session exists');
    switch (call.name) {
      case 'resync':
        return {
          ok: true,
          value: { lastNumber: this.lastNumber, offers: [...this.outstanding.values()] },
        };
      case 'accept':
        return this.#accept(call.body.offerIds, call.body.launches);
      case 'decline':
        for (const id of call.body.offerIds) this.outstanding.delete(id);
        return { ok: true, value: { declined: call.body.offerIds.length, unknown: 0 } };
      default:
        return EMPTY;
    }
  }

  #subscribe(): Answer {
    this.session += 1;
    this.subscribed = true;
    this.outstanding.clear();
    const { session, lastNumber } = this;
    return { ok: true, value: { session, lastNumber, heartbeatIntervalMs: 5000 } };
  }

  #accept(
    offerIds: readonly OfferId[],
    launches: readonly { taskId: StatusUpdate['task']['taskId'] }[],
  ): Answer {
    const valid = offerIds.every((id) => this.outstanding.has(id));
    for (const id of offerIds) this.outstanding.delete(id);
    for (const { taskId } of launches) {
      if (valid) {
        this.launches.set(taskId, (this.launches.get(taskId) ?? 0) + 1);
        this.update(taskId, 'agent', 1, 'running');
        this.update(taskId, 'agent', 2, 'finished');
      } else this.update(taskId, 'master', 1, 'dropped');
    }
    const taskIds = launches.map(({ taskId }) => taskId);
    const { failure } = fail('invalidOffers', 'not outstanding');
    const rejected = valid ? [] : taskIds.map((taskId) => ({ taskId, failure }));
    return { ok: true, value: { launched: valid ? taskIds : [], rejected } };
  }

  update(
    taskId: StatusUpdate['task']['taskId'],
    source: StatusUpdate['source'],
    sequence: number,
    state: TaskState,
  ): void {
    const task = { ...this.framework, taskId };
    this.stream.push({ task, agentId, source, sequence, state, wallTimeMs: 0 });
  }

  #makeOffer(): Offer {
    const offerId = OfferId.parse(`o${this.#nextOffer++}`);
    const resources = { scalars: { cpus: 1000 }, ports: [], sets: {} };
    const offer = { offerId, agentId, hostname: 'h', role, resources, attributes: {} };
    this.outstanding.set(offerId, offer);
    return offer;
  }

  #publish(offers: Offer[]): void {
    if (offers.length === 0) return;
    this.lastNumber += 1;
    const body = { number: this.lastNumber, offers };
    this.outbox.push({ kind: 'offers', epoch: this.epoch, body });
  }
}

const agentId = AgentId.parse('agent-1');
const role = RoleName.parse('batch');
const masterId = ActorId.parse('master-1');
