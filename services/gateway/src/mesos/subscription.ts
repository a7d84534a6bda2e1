// Owns one subscribed Mesos framework: its session on the bus, the stream that it reads, and between them what is told
// and what it calls. When the stream breaks the session is left, and the framework's failover timeout runs.
import { clearInterval, setInterval } from 'node:timers';
import { systemClock } from '@parley/actor/nats/system-clock';
import type { OfferId } from '@parley/protocol/ids';
import type { Offer } from '@parley/protocol/offers';
import type { ClientEvent, SchedulerClient } from '@parley/scheduler-sdk/client';
import type { Logger } from '@parley/telemetry/logger';
import type { FollowedCluster } from '../live-cluster.ts';
import { mesosFrameworkId } from '../read-model/mesos-ids.ts';
import { type EventStream, HEARTBEAT_SECONDS } from './event-stream.ts';
import { type CallAnswer, FrameworkCalls } from './framework-calls.ts';
import type { Capabilities } from './framework-translation.ts';
import type { HostAddresses } from './host-addresses.ts';
import type { Call, Event } from './mesos-types.ts';
import type { OfferWishes } from './offer-wishes.ts';
import { OriginalIds } from './original-ids.ts';
import type { SuppressedRoles } from './suppressed-roles.ts';
import { errorEvent, ToldEvents } from './told-events.ts';
import { UpdateLanes } from './update-lanes.ts';

export type SubscriptionParts = {
  readonly client: SchedulerClient;
  readonly stream: EventStream<Event>;
  /** The `Mesos-Stream-Id` that each call must name. */
  readonly streamId: string;
  readonly capabilities: Capabilities;
  readonly wishes: OfferWishes;
  readonly checkpoint: boolean;
  readonly suppressed: SuppressedRoles;
  readonly masterInfo: object;
  readonly live: FollowedCluster;
  readonly hosts: HostAddresses;
  readonly logger: Logger;
  readonly nowMs: () => number;
  /** Called once. */
  readonly onEnded: () => void;
};

const RETRY_LOOK_MS = 1000;
/** Offers that are of no use to a framework are kept from it so long. */
const USELESS_MS = 600_000;

export class Subscription {
  readonly streamId: string;
  readonly #parts: SubscriptionParts;
  readonly #offers = new Map<OfferId, Offer>();
  readonly #lanes = new UpdateLanes();
  readonly #told: ToldEvents;
  readonly #calls: FrameworkCalls;
  #retries: NodeJS.Timeout | undefined;
  #ended: Promise<void> | undefined;

  constructor(parts: SubscriptionParts) {
    const { client, stream, live, hosts, logger, nowMs } = parts;
    this.#parts = parts;
    this.streamId = parts.streamId;
    const ids = new OriginalIds(client.framework, () => live.followed.state);
    const id = mesosFrameworkId(client.framework);
    this.#told = new ToldEvents(
      { mesosFrameworkId: id, live, hosts, ids },
      parts.capabilities,
      parts.wishes,
    );
    this.#calls = new FrameworkCalls(
      {
        ...{ client, ids, told: this.#told, lanes: this.#lanes, offers: this.#offers },
        checkpoint: parts.checkpoint,
        ...{ mesosFrameworkId: id, send: (event: Event) => stream.send(event), logger, nowMs },
        wallMs: () => systemClock.wallTimeMs(),
        toreDown: () => void this.close(),
      },
      parts.suppressed,
    );
  }

  /** Tells the framework that it is subscribed, and goes on from there. */
  begin(): void {
    const { client, stream, masterInfo } = this.#parts;
    stream.send({
      type: 'SUBSCRIBED',
      subscribed: {
        framework_id: { value: mesosFrameworkId(client.framework) },
        heartbeat_interval_seconds: HEARTBEAT_SECONDS,
        master_info: masterInfo,
      },
    });
    stream.beat();
    this.#retries = setInterval(() => this.#retry(), RETRY_LOOK_MS);
    stream.onClosed(() => void this.close());
    void this.#pump();
  }

  handle(call: Call): Promise<CallAnswer> {
    return this.#calls.handle(call);
  }

  /** A newer stream of the framework is there. */
  replaced(): Promise<void> {
    this.#parts.stream.send(errorEvent('Framework failed over'));
    return this.close();
  }

  /** Ends the stream and leaves the session. */
  close(): Promise<void> {
    this.#ended ??= this.#close();
    return this.#ended;
  }

  async #close(): Promise<void> {
    clearInterval(this.#retries);
    this.#parts.stream.end();
    this.#parts.onEnded();
    try {
      await this.#parts.client.close();
    } catch (error) {
      this.#parts.logger.warn({ why: String(error) }, 'a session of a Mesos framework ended badly');
    }
  }

  async #pump(): Promise<void> {
    const { client, logger } = this.#parts;
    try {
      for await (const event of client.events()) {
        if (this.#ended !== undefined) return;
        await this.#tell(event);
      }
    } catch (error) {
      logger.error({ why: String(error) }, 'a stream of a Mesos framework cannot go on');
    }
    await this.close();
  }

  async #tell(event: ClientEvent): Promise<void> {
    const { client, stream, logger } = this.#parts;
    switch (event.kind) {
      case 'offers':
        await this.#offersMade(event.offers);
        break;
      case 'rescinded':
        for (const offerId of event.offerIds) {
          if (this.#offers.delete(offerId)) stream.send(this.#told.rescind(offerId));
        }
        break;
      case 'update':
        await this.#updated(event);
        break;
      case 'event':
        for (const one of this.#told.event(event.event)) stream.send(one);
        client.acknowledgeEvents(event.event.eventId);
        break;
      case 'executorMessage':
        stream.send(this.#told.message(event));
        break;
      case 'stopped':
        for (const one of this.#told.stopped(event.reason)) stream.send(one);
        break;
      case 'subscribed':
        break;
      case 'trouble':
        logger.warn({ why: event.error.message }, 'a session of a Mesos framework has trouble');
        break;
      case 'eventsDropped':
      case 'refused':
      case 'foreignUpdate':
        logger.warn({ kind: event.kind }, 'a Mesos framework was not told of something');
        break;
    }
  }

  async #offersMade(offers: readonly Offer[]): Promise<void> {
    const { client, stream } = this.#parts;
    const wanted = offers.filter((offer) => this.#told.isWanted(offer));
    const useless = offers.filter((offer) => !wanted.includes(offer)).map((one) => one.offerId);
    if (useless.length > 0) {
      client.decline(useless, { filter: { refuseMs: USELESS_MS }, reason: 'constraints' });
    }
    if (wanted.length === 0) return;
    await this.#told.prepareHosts(wanted.map(({ hostname }) => hostname));
    for (const offer of wanted) this.#offers.set(offer.offerId, offer);
    stream.send(this.#told.offers(wanted));
  }

  async #updated({
    update,
    streamSequence,
  }: Extract<ClientEvent, { kind: 'update' }>): Promise<void> {
    const { live, stream, nowMs } = this.#parts;
    const hostname = live.followed.state.agents.get(update.agentId)?.hostname;
    if (hostname !== undefined) await this.#told.prepareHosts([hostname]);
    if (streamSequence === undefined) {
      // Of an accept that failed as a whole.
      const why = { ...update, reason: update.reason ?? ('invalidOffers' as const) };
      stream.send(this.#told.update({ update: why, streamSequence }));
      return;
    }
    const one = { update, streamSequence };
    if (this.#lanes.add(one, nowMs())) stream.send(this.#told.update(one));
  }

  #retry(): void {
    const { stream, nowMs } = this.#parts;
    for (const one of this.#lanes.takeDue(nowMs())) stream.send(this.#told.update(one));
  }
}
