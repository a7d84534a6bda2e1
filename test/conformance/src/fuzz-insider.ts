// Owns hostile calls of a framework that is subscribed: they come past the checks that stop strangers, to what translates
// them. Part of the fuzzing in fuzz.ts.
import { encode } from '@parley/mesos-api/codec';
import type { DrawnSeries } from '@parley/mesos-api/drawn-message';
import { mediaTypeOf } from '@parley/mesos-api/media-type';
import type { MessageType } from '@parley/mesos-api/message-type';
import { MESSAGE_TYPES, type SchedulerCall } from '@parley/mesos-api/message-types';
import { MesosClient } from './mesos-client.ts';
import { modern } from './mesos-words.ts';

/** All but those that end the subscription or begin one. */
const TYPES = [
  ...(['ACCEPT', 'ACCEPT', 'ACCEPT', 'DECLINE', 'REVIVE', 'SUPPRESS', 'KILL', 'SHUTDOWN'] as const),
  ...(['ACKNOWLEDGE', 'RECONCILE', 'RECONCILE_OPERATIONS', 'MESSAGE', 'REQUEST'] as const),
  ...(['ACCEPT_INVERSE_OFFERS', 'DECLINE_INVERSE_OFFERS', 'UPDATE_FRAMEWORK'] as const),
  'ACKNOWLEDGE_OPERATION_STATUS' as const,
];

export type InsideCall = {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
};

export class FuzzInsider {
  readonly #client: MesosClient;

  private constructor(client: MesosClient) {
    this.#client = client;
  }

  static async subscribe(url: string): Promise<FuzzInsider> {
    const client = await MesosClient.subscribe(url, modern('insider'));
    return new FuzzInsider(await client.subscribed());
  }

  /** Whether the gateway still tells it what happens. */
  get isSubscribed(): boolean {
    return !this.#client.isEnded;
  }

  async leave(): Promise<void> {
    await this.#client.call({ type: 'TEARDOWN' });
  }

  drawCall(series: DrawnSeries): InsideCall {
    const type = series.oneOf(TYPES);
    const name = type.toLowerCase();
    const field = (MESSAGE_TYPES['scheduler.Call'] as MessageType).fields[name];
    const content = series.message(field?.type as MessageType);
    const call = {
      framework_id: { value: this.#client.frameworkId },
      type,
      [name]: this.#aimed(series, type, content),
    } as SchedulerCall;
    const encoding = series.oneOf(['json', 'protobuf'] as const);
    const headers = {
      'content-type': mediaTypeOf(encoding),
      'mesos-stream-id': this.#client.streamId,
    };
    return { headers, body: Uint8Array.from(encode('scheduler.Call', encoding, call)) };
  }

  /** Mostly at an offer that it was made and may still hold. */
  #aimed(series: DrawnSeries, type: string, content: object): object {
    const offer = this.#client.events.findLast(({ offers }) => offers !== undefined)?.offers
      ?.offers?.[0];
    const isOfOffers = type === 'ACCEPT' || type === 'DECLINE';
    if (offer === undefined || !isOfOffers || series.below(4) === 0) return content;
    return { ...content, offer_ids: [offer.id] };
  }
}
