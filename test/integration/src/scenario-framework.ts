// Owns a framework for scenarios that look at each step: through the SDK's plain client, which does nothing by itself, and
// with calls by hand where the client would not send what a scenario needs. It remembers what it is told; it tests nothing.

import type { RequestId } from '@parley/protocol/envelope';
import type { FrameworkEvent } from '@parley/protocol/frameworks';
import { type Answer, encodeMessage } from '@parley/protocol/message';
import { AcceptRequest, type AcceptRequestInput, type Offer } from '@parley/protocol/offers';
import { SUBJECTS } from '@parley/protocol/subjects';
import { isTerminal, type StatusUpdate, type TaskState } from '@parley/protocol/tasks';
import {
  type ClientEvent,
  connectClient,
  type SchedulerClient,
} from '@parley/scheduler-sdk/client';
import type { FrameworkOptions } from '@parley/scheduler-sdk/scheduler-options';
import type { NatsConnection } from 'nats';
import { ask } from './cluster-caller.ts';
import { type ClusterFixture, cluster, until } from './cluster-fixture.ts';

type Options = Partial<FrameworkOptions> & {
  /** Whether updates and events are acknowledged when they come; else by the test. */
  readonly acknowledges?: boolean;
};
type StopReason = Extract<ClientEvent, { kind: 'stopped' }>['reason'];
type UpdateEvent = Extract<ClientEvent, { kind: 'update' }>;

export class ScenarioFramework {
  readonly client: SchedulerClient;
  /** Neither answered through this object nor taken back. */
  readonly offers: Offer[] = [];
  readonly rescinded: Offer['offerId'][] = [];
  readonly updates: UpdateEvent[] = [];
  readonly events: FrameworkEvent[] = [];
  readonly #connection: NatsConnection;
  readonly #acknowledges: boolean;
  #session = 0;
  #stopped: StopReason | undefined;
  #counter = 0;

  private constructor(client: SchedulerClient, connection: NatsConnection, acknowledges: boolean) {
    this.client = client;
    this.#connection = connection;
    this.#acknowledges = acknowledges;
    void this.#read();
  }

  static async connect(
    fixture: ClusterFixture,
    principal: string,
    frameworkId: string,
    { acknowledges = true, ...options }: Options = {},
  ): Promise<ScenarioFramework> {
    const credential = fixture.credential('principal', principal);
    const client = await connectClient({
      credential,
      frameworkId,
      name: frameworkId,
      role: '*',
      connectTimeoutMs: 60_000,
      ...options,
    });
    const connection = await fixture.connect('principal', principal);
    const framework = new ScenarioFramework(client, connection, acknowledges);
    await until(
      () => framework.#session > 0,
      () => `${frameworkId} has a session`,
    );
    return framework;
  }

  get stopped(): StopReason | undefined {
    return this.#stopped;
  }

  /** Waits for an offer (of that agent) and takes it out of those outstanding. */
  async offer(agentId?: string): Promise<Offer> {
    const fits = (offer: Offer) => agentId === undefined || offer.agentId === agentId;
    await until(
      () => this.offers.some(fits),
      () => `an offer of ${agentId ?? 'any agent'}; ${this.said}`,
    );
    const [offer] = this.offers.splice(this.offers.findIndex(fits), 1);
    if (offer === undefined) throw new Error('no offer');
    return offer;
  }

  /** Waits until the agent's offers hold so many milli-cpus together, and takes all of them. */
  async offersOf(agentId: string, cpus: number): Promise<Offer[]> {
    const fits = (offer: Offer) => offer.agentId === agentId;
    const held = () =>
      this.offers
        .filter(fits)
        .reduce((sum, { resources }) => sum + (resources.scalars['cpus'] ?? 0), 0);
    await until(
      () => held() >= cpus,
      () => `offers of ${cpus} milli-cpus of ${agentId}; ${this.said}`,
    );
    const found = this.offers.filter(fits);
    this.#forget(found.map(({ offerId }) => offerId));
    return found;
  }

  /** The states that were told of a task, in order. */
  states(taskId: string): TaskState[] {
    return this.#of(taskId).map(({ state }) => state);
  }

  last(taskId: string): StatusUpdate | undefined {
    return this.#of(taskId).at(-1);
  }

  async untilState(state: TaskState, ...taskIds: readonly string[]): Promise<void> {
    await until(
      () => taskIds.every((taskId) => this.last(taskId)?.state === state),
      () => `${taskIds} ${state}; ${this.said}`,
    );
  }

  async untilEnded(...taskIds: readonly string[]): Promise<void> {
    const isEnded = (taskId: string) => isTerminal(this.last(taskId)?.state ?? 'staging');
    await until(
      () => taskIds.every(isEnded),
      () => `${taskIds} ended; ${this.said}`,
    );
  }

  async untilEvent(kind: FrameworkEvent['kind'], agentId: string): Promise<FrameworkEvent> {
    const isIt = (one: FrameworkEvent) => one.kind === kind && agentsIn(one).includes(agentId);
    await until(
      () => this.events.some(isIt),
      () => `${kind} of ${agentId}; ${JSON.stringify(this.events)}`,
    );
    const found = this.events.findLast(isIt);
    if (found === undefined) throw new Error('no event');
    return found;
  }

  nextRequest(): RequestId {
    this.#counter += 1;
    return { session: 'by-hand', counter: this.#counter, lowest: 1 };
  }

  /** By hand: sent whatever the client believes of the offer, and not repeated when it is not answered. */
  accept(body: AcceptRequestInput, request: RequestId = this.nextRequest()): Promise<Answer> {
    const parsed = AcceptRequest.parse(body);
    const [offerId] = parsed.offerIds;
    if (offerId === undefined) throw new Error('no offer is named');
    const target = { ...this.client.framework, offerId };
    const header = { request, frameworkSession: this.#session };
    const { subject, bytes } = encodeMessage(SUBJECTS.accept, cluster, target, parsed, header);
    return ask(this.#connection, SUBJECTS.accept, subject, bytes);
  }

  /** Likewise, repeated with the same id until somebody answers. */
  async acceptUntilAnswered(body: AcceptRequestInput, request: RequestId): Promise<Answer> {
    let answer: Answer | undefined;
    await until(
      async () => {
        answer = await this.accept(body, request).catch(() => undefined);
        return answer !== undefined;
      },
      () => `an answer to ${JSON.stringify(request)}`,
    );
    if (answer === undefined) throw new Error('no answer');
    return answer;
  }

  /** Likewise; the answer says that the filter is set. */
  decline(offers: readonly Offer[], refuseMs: number): Promise<Answer> {
    const [first] = offers;
    if (first === undefined) throw new Error('no offer is named');
    const target = { ...this.client.framework, offerId: first.offerId };
    const header = { request: this.nextRequest(), frameworkSession: this.#session };
    const body = { offerIds: offers.map(({ offerId }) => offerId), filter: { refuseMs } };
    const { subject, bytes } = encodeMessage(SUBJECTS.decline, cluster, target, body, header);
    return ask(this.#connection, SUBJECTS.decline, subject, bytes);
  }

  /** For the message of a wait that failed. */
  get said(): string {
    const updates = this.updates.map(({ update }) => `${update.task.taskId} ${update.state}`);
    const offers = this.offers.map(({ offerId, agentId }) => `${offerId} of ${agentId}`);
    return `updates: ${updates}; offers: ${offers}; rescinded: ${this.rescinded}`;
  }

  close(): Promise<void> {
    return this.client.close();
  }

  #of(taskId: string): StatusUpdate[] {
    return this.updates.map(({ update }) => update).filter(({ task }) => task.taskId === taskId);
  }

  async #read(): Promise<void> {
    for await (const event of this.client.events()) this.#take(event);
  }

  #take(event: ClientEvent): void {
    switch (event.kind) {
      case 'subscribed':
        this.#session = event.session;
        break;
      case 'offers':
        this.offers.push(...event.offers);
        break;
      case 'rescinded':
        this.rescinded.push(...event.offerIds);
        this.#forget(event.offerIds);
        break;
      case 'update':
        this.updates.push(event);
        if (this.#acknowledges) this.client.acknowledge(event);
        break;
      case 'event':
        this.events.push(event.event);
        if (this.#acknowledges) this.client.acknowledgeEvents(event.event.eventId);
        break;
      case 'stopped':
        this.#stopped = event.reason;
        break;
      case 'refused':
      case 'foreignUpdate':
      case 'eventsDropped':
      case 'executorMessage':
      case 'trouble':
        break;
      default:
        event satisfies never;
    }
  }

  #forget(offerIds: readonly Offer['offerId'][]): void {
    const left = this.offers.filter(({ offerId }) => !offerIds.includes(offerId));
    this.offers.splice(0, this.offers.length, ...left);
  }
}

/** Agents that an event is about. */
function agentsIn(event: FrameworkEvent): readonly string[] {
  if (event.kind === 'agentInverseOffer') return event.agents;
  return event.kind === 'agentInverseOfferWithdrawn' ? [] : [event.agentId];
}
