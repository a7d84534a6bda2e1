// Owns the streams of Mesos's operator interface: each subscriber gets the state as it is, then what happens, and a
// heartbeat; one record a chunk. Who reads too slowly is ended, and so are all when the books were made anew: they
// subscribe again.
import type { ServerResponse } from 'node:http';
import { systemTimers } from '@parley/actor/nats/system-clock';
import type { ClusterEvent } from '@parley/cluster/events';
import type { Encoding } from '@parley/mesos-api/codec';
import { encodeRecord } from '@parley/mesos-api/record-io';
import { endSoon } from '../end-answer.ts';
import type { Model } from '../read-model/model.ts';
import type { SlowReaders } from '../slow-readers.ts';
import { type OperatorEvent, OperatorEvents } from './operator-events.ts';

/** Mesos's. */
export const HEARTBEAT_SECONDS = 15;
/** Mesos's: beyond it the oldest is ended. */
const MAX_SUBSCRIBERS = 1000;
/** What may wait for a subscriber to read it, beside the state that it begins with. */
const MAX_WAITING_BYTES = 8 * 1024 * 1024;

export type EncodeEvent = (event: OperatorEvent, encoding: Encoding) => Uint8Array;

type Subscriber = {
  readonly response: ServerResponse;
  readonly encoding: Encoding;
  /** Of its beginning, which may be larger than what else may wait. */
  readonly beginBytes: number;
  readonly uncount: () => void;
};

export class OperatorStreams {
  readonly #subscribers = new Set<Subscriber>();
  readonly #encode: EncodeEvent;
  readonly #slowReaders: SlowReaders;
  #events: OperatorEvents | undefined;
  #stopBeating: (() => void) | undefined;

  constructor(encode: EncodeEvent, slowReaders: SlowReaders) {
    this.#encode = encode;
    this.#slowReaders = slowReaders;
  }

  /**
   * `first`: of the state as it is now. The head of the response has been sent. Returns how to end it; undefined when it is
   * closed already.
   */
  add(
    response: ServerResponse,
    encoding: Encoding,
    model: Model,
    first: OperatorEvent,
  ): (() => void) | undefined {
    // Closed while it was asked whether it may: nobody would tell of it again.
    if (response.closed || response.destroyed) return undefined;
    this.#events ??= new OperatorEvents(model);
    const record = encodeRecord(this.#encode(first, encoding));
    const subscriber: Subscriber = {
      ...{ response, encoding, beginBytes: record.length },
      uncount: this.#slowReaders.add({
        stream: 'operator',
        unreadBytes: () => response.writableLength,
        end: () => this.#end(subscriber, true),
      }),
    };
    for (const oldest of this.#subscribers) {
      if (this.#subscribers.size < MAX_SUBSCRIBERS) break;
      this.#end(oldest);
    }
    this.#subscribers.add(subscriber);
    response.on('close', () => this.#forget(subscriber));
    response.on('error', () => this.#forget(subscriber));
    if (!response.write(record)) this.#slowReaders.look();
    this.#stopBeating ??= systemTimers.every(HEARTBEAT_SECONDS * 1000, () =>
      this.#send({ type: 'HEARTBEAT' }),
    );
    return () => this.#end(subscriber);
  }

  happened(model: () => Model, event: ClusterEvent, wallTimeMs: number): void {
    if (this.#events === undefined) return;
    for (const told of this.#events.of(model(), event, wallTimeMs)) this.#send(told);
  }

  endAll(): void {
    for (const subscriber of this.#subscribers) this.#end(subscriber);
  }

  /** Encoded once for all that read the same encoding type. */
  #send(event: OperatorEvent): void {
    const records = new Map<Encoding, Uint8Array>();
    let isLeft = false;
    for (const subscriber of this.#subscribers) {
      const { encoding, response, beginBytes } = subscriber;
      const record = records.get(encoding) ?? encodeRecord(this.#encode(event, encoding));
      records.set(encoding, record);
      isLeft = !response.write(record) || isLeft;
      if (response.writableLength > beginBytes + MAX_WAITING_BYTES) this.#end(subscriber, true);
    }
    if (isLeft) this.#slowReaders.look();
  }

  #end(subscriber: Subscriber, atOnce = false): void {
    this.#forget(subscriber);
    if (atOnce) subscriber.response.destroy();
    else endSoon(subscriber.response);
  }

  #forget(subscriber: Subscriber): void {
    this.#subscribers.delete(subscriber);
    subscriber.uncount();
    if (this.#subscribers.size > 0) return;
    this.#stopBeating?.();
    this.#stopBeating = undefined;
    this.#events = undefined;
  }
}
