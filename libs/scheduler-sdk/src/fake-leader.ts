// Owns a leader small enough for the tests of a session: one framework, offers on demand, answers remembered
// by request id, an update stream, events told until acknowledged, what it knows of tasks. It is no model of the real books; those are in @parley/cluster.
import type { RequestId } from '@parley/protocol/envelope';
import type { Epoch } from '@parley/protocol/epoch';
import { fail } from '@parley/protocol/errors';
import type { FrameworkEvent } from '@parley/protocol/frameworks';
import {
  ActorId,
  AgentId,
  type FrameworkRef,
  OfferId,
  RoleName,
  type TaskId,
  type WindowId,
} from '@parley/protocol/ids';
import type { Answer, ReceivedAnswer } from '@parley/protocol/message';
import type { AcceptRequest, Offer } from '@parley/protocol/offers';
import type { ReconcileRequest, StatusUpdate, TaskState, TaskStatus } from '@parley/protocol/tasks';
import type { SchedulerMessage, SchedulerRequest } from './session-vocabulary.ts';

const EMPTY = { ok: true, value: {} } as const;

export class FakeLeader {
  readonly framework: FrameworkRef;
  readonly outstanding = new Map<OfferId, Offer>();
  /** Index + 1 is the stream sequence. */
  readonly stream: StatusUpdate[] = [];
  readonly launches = new Map<string, number>();
  readonly answers = new Map<string, Answer>();
  /** The calls that were decided, in order, without those that were repeated. */
  readonly calls: SchedulerRequest[] = [];
  /** Not acknowledged. */
  events: FrameworkEvent[] = [];
  /** What it knows of tasks when it is asked, beside the last state in the stream. */
  readonly beliefs = new Map<TaskId, TaskState | 'unknown'>();
  /** The next calls are refused so, before anything is decided. */
  rateLimited = 0;
  /** Messages at the end of the stream that it has not read yet. */
  lag = 0;
  /** Launches that are answered as done and of which nothing is ever heard. */
  isMute = false;
  readonly forgotten = new Set<TaskId>();
  /** Tasks on a page of an answer about all. */
  pageSize = 1000;
  role = RoleName.parse('batch');
  agentId = AgentId.parse('agent-1');
  /** Messages to the framework that the test's network has to carry. */
  outbox: SchedulerMessage[] = [];
  session = 0;
  subscribed = false;
  lastNumber = 0;
  #epochRevision = 1;
  #nextOffer = 1;
  #nextEvent = 1;

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
    const body = { number: this.lastNumber, offerIds: gone, reason: 'agentGone' } as const;
    this.outbox.push({ kind: 'rescind', epoch: this.epoch, body });
  }

  /** An agent went: told now, and again until it is acknowledged. */
  event(): void {
    const event = {
      kind: 'agentUnreachable',
      eventId: this.#nextEvent,
      agentId: this.agentId,
    } as const;
    this.#nextEvent += 1;
    this.events.push(event);
    if (this.subscribed) this.#tell([event]);
  }

  /** Asks for a task's resources back. */
  inverseOffer(taskId: TaskId): void {
    const event: FrameworkEvent = {
      kind: 'inverseOffer',
      eventId: this.#nextEvent,
      taskId,
      agentId: this.agentId,
      resources: { scalars: {}, ports: [], sets: {} },
      reason: 'starved',
      graceMs: 1000,
      wallTimeMs: 0,
    };
    this.#nextEvent += 1;
    this.events.push(event);
    if (this.subscribed) this.#tell([event]);
  }

  /** Agents of it are to be maintained. */
  agentInverseOffer(windowId: WindowId): void {
    const event: FrameworkEvent = {
      kind: 'agentInverseOffer',
      eventId: this.#nextEvent,
      windowId,
      agents: [this.agentId],
      startWallTimeMs: 1000,
      durationMs: 1000,
      reason: '',
      wallTimeMs: 0,
    };
    this.#nextEvent += 1;
    this.events.push(event);
    if (this.subscribed) this.#tell([event]);
  }

  /** What was not acknowledged, as after a new subscription. */
  tellAgain(): void {
    if (this.events.length > 0) this.#tell(this.events);
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
    if (before === undefined && this.rateLimited > 0) {
      this.rateLimited -= 1;
      const failure = { code: 'rateLimited', message: 'slower', retryAfterMs: 7000 } as const;
      return { epoch: this.epoch, answer: { ok: false, failure } };
    }
    if (before === undefined) this.calls.push(call);
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
          value: {
            lastNumber: this.lastNumber,
            offers: [...this.outstanding.values()],
            events: [...this.events],
          },
        };
      case 'accept':
        return this.#accept(call.body);
      case 'reconcile':
        return { ok: true, value: this.#reconcile(call.body) };
      case 'killTask': {
        const { taskId } = call.body;
        const status = this.#known().get(taskId) ?? { taskId, state: 'unknown' };
        return { ok: true, value: { status } };
      }
      case 'acknowledgeEvents': {
        const { upTo } = call.body;
        this.events = this.events.filter(({ eventId }) => eventId > upTo);
        return EMPTY;
      }
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
    this.tellAgain();
    return { ok: true, value: { session, lastNumber, heartbeatIntervalMs: 5000 } };
  }

  #accept({ offerIds, operations }: AcceptRequest): Answer {
    const stale = offerIds.filter((id) => !this.outstanding.has(id));
    const valid = stale.length === 0;
    for (const id of offerIds) this.outstanding.delete(id);
    const tasks = operations.flatMap((one) =>
      one.kind === 'launch' || one.kind === 'launchGroup' ? one.tasks : [],
    );
    for (const { taskId } of tasks) {
      if (valid) {
        this.launches.set(taskId, (this.launches.get(taskId) ?? 0) + 1);
        if (this.isMute) {
          this.forgotten.add(taskId);
          continue;
        }
        this.update(taskId, 'agent', 1, 'running');
        this.update(taskId, 'agent', 2, 'finished');
      } else this.update(taskId, 'master', 1, 'dropped');
    }
    const taskIds = tasks.map(({ taskId }) => taskId);
    const { failure } = fail('invalidOffers', 'not outstanding');
    const rejected = valid ? [] : taskIds.map((taskId) => ({ taskId, failure }));
    const launched = valid ? taskIds : [];
    return { ok: true, value: { launched, rejected, staleOffers: stale, refusedOperations: [] } };
  }

  #reconcile({ tasks, after }: ReconcileRequest) {
    const position = { streamCreatedMs: 1, sequence: this.stream.length - this.lag };
    const known = this.#known();
    if (tasks.length > 0) {
      const statuses = tasks.map(
        ({ taskId }): TaskStatus => known.get(taskId) ?? { taskId, state: 'unknown' },
      );
      return { statuses, position };
    }
    const all = [...known.values()].filter(({ taskId }) => after === undefined || taskId > after);
    const statuses = all.sort((a, b) => (a.taskId < b.taskId ? -1 : 1)).slice(0, this.pageSize);
    const next = all.length > statuses.length ? statuses.at(-1)?.taskId : undefined;
    return { statuses, position, ...(next !== undefined && { next }) };
  }

  #known(): Map<TaskId, TaskStatus> {
    const known = new Map<TaskId, TaskStatus>();
    const read = this.stream.slice(0, this.stream.length - this.lag);
    for (const { task, state, agentId } of read) {
      known.set(task.taskId, { taskId: task.taskId, agentId, state });
    }
    for (const [taskId, state] of this.beliefs) {
      if (state === 'unknown') known.delete(taskId);
      else known.set(taskId, { taskId, agentId: this.agentId, state });
    }
    return known;
  }

  update(
    taskId: StatusUpdate['task']['taskId'],
    source: StatusUpdate['source'],
    sequence: number,
    state: TaskState,
  ): void {
    const task = { ...this.framework, taskId };
    this.stream.push({ task, agentId: this.agentId, source, sequence, state, wallTimeMs: 0 });
  }

  #makeOffer(): Offer {
    const offerId = OfferId.parse(`o${this.#nextOffer++}`);
    const resources = { scalars: { cpus: 1000 }, ports: [], sets: {} };
    const offer: Offer = {
      offerId,
      agentId: this.agentId,
      hostname: 'h',
      role: this.role,
      resources,
      reservations: [],
      attributes: {},
      executors: [],
    };
    this.outstanding.set(offerId, offer);
    return offer;
  }

  #tell(events: readonly FrameworkEvent[]): void {
    this.lastNumber += 1;
    const body = { number: this.lastNumber, events: [...events], dropped: 0 };
    this.outbox.push({ kind: 'events', epoch: this.epoch, body });
  }

  #publish(offers: Offer[]): void {
    if (offers.length === 0) return;
    this.lastNumber += 1;
    const body = { number: this.lastNumber, offers };
    this.outbox.push({ kind: 'offers', epoch: this.epoch, body });
  }
}

const masterId = ActorId.parse('master-1');
