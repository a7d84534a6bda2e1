// Owns a small client of Mesos's scheduler interface for tests, in both encodings: it subscribes, keeps what it was told,
// and looks at how it came over the wire. It tests nothing itself.
import http, { type ClientRequest, type IncomingMessage } from 'node:http';
import { decode, type Encoding, encode } from '@parley/mesos-api/codec';
import { mediaTypeOf } from '@parley/mesos-api/media-type';
import type { SchedulerCall, SchedulerEvent } from '@parley/mesos-api/message-types';
import { RecordReader } from '@parley/mesos-api/record-io';
import { until } from '@parley/test-integration/cluster-fixture';

const MAX_RECORD_BYTES = 16 * 1024 * 1024;
const PATH = '/api/v1/scheduler';

export type Answer = { readonly status: number; readonly body: string; readonly headers: Headers };
export type Info = NonNullable<SchedulerCall['subscribe']>['framework_info'];
export type Offer = NonNullable<NonNullable<SchedulerEvent['offers']>['offers']>[number];
export type Status = NonNullable<SchedulerEvent['update']>['status'];

/** Any request to the endpoint; what is given as `undefined` is not sent. */
export async function post(
  url: string,
  body: string | Uint8Array | undefined,
  headers: Readonly<Record<string, string>> = {},
  method = 'POST',
): Promise<Answer> {
  const answer = await fetch(`${url}${PATH}`, {
    method,
    headers,
    ...(body !== undefined && {
      body: typeof body === 'string' ? Buffer.from(body) : Buffer.from(body),
    }),
  });
  return { status: answer.status, body: await answer.text(), headers: answer.headers };
}

export type Constraints = NonNullable<SchedulerCall['subscribe']>['offer_constraints'];
export type Subscribing = {
  readonly encoding?: Encoding;
  readonly constraints?: Constraints;
  readonly suppressed?: readonly string[];
  /** Beside those that say what the encoding is. */
  readonly headers?: Readonly<Record<string, string>>;
};

/** A framework's stream and its calls. */
export class MesosClient {
  readonly events: SchedulerEvent[] = [];
  /** How many records each chunk of the answer held. */
  readonly recordsOfChunks: number[] = [];
  readonly response: IncomingMessage;
  readonly encoding: Encoding;
  isEnded = false;
  readonly #url: string;
  readonly #outstanding = new Map<string, Offer>();
  readonly #request: ClientRequest;

  private constructor(
    url: string,
    {
      request,
      response,
      encoding,
    }: {
      readonly request: ClientRequest;
      readonly response: IncomingMessage;
      readonly encoding: Encoding;
    },
  ) {
    this.#url = url;
    this.#request = request;
    this.response = response;
    this.encoding = encoding;
    const reader = new RecordReader(MAX_RECORD_BYTES);
    response.on('data', (chunk: Buffer) => {
      const records = reader.push(chunk);
      this.recordsOfChunks.push(records.length);
      for (const record of records) {
        if (!record.ok) throw new Error(record.failure.message);
        const event = decode('scheduler.Event', encoding, record.value);
        if (!event.ok) throw new Error(event.failure.message);
        this.#hear(event.value);
      }
    });
    response.on('close', () => {
      this.isEnded = true;
    });
    response.on('error', () => undefined);
  }

  /** Resolves with the head of the answer; throws where it is no stream. */
  static async subscribe(url: string, info: Info, how: Subscribing = {}): Promise<MesosClient> {
    const { encoding = 'json', suppressed = [], headers, constraints } = how;
    const call: SchedulerCall = {
      type: 'SUBSCRIBE',
      ...(info.id !== undefined && { framework_id: info.id }),
      subscribe: {
        ...{ framework_info: info, suppressed_roles: [...suppressed] },
        ...(constraints !== undefined && { offer_constraints: constraints }),
      },
    };
    const type = mediaTypeOf(encoding);
    const request = http.request(`${url}${PATH}`, {
      method: 'POST',
      agent: new http.Agent(),
      headers: { 'Content-Type': type, Accept: type, ...headers },
    });
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      request.once('response', resolve);
      request.once('error', reject);
      request.end(encode('scheduler.Call', encoding, call));
    });
    request.on('error', () => undefined);
    if (response.statusCode === 200) return new MesosClient(url, { request, response, encoding });
    let text = '';
    for await (const part of response) text += String(part);
    throw new Error(`${response.statusCode}: ${text}`);
  }

  get streamId(): string {
    return String(this.response.headers['mesos-stream-id']);
  }

  get frameworkId(): string {
    const first = this.events[0]?.subscribed?.framework_id.value;
    if (first === undefined) throw new Error(`not subscribed: ${this.texts()}`);
    return first;
  }

  async subscribed(): Promise<this> {
    await until(
      () => this.events.length > 0,
      () => 'the first event',
    );
    return this;
  }

  /** A call of this framework on its stream. */
  call(call: SchedulerCall, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
    for (const { value } of call.accept?.offer_ids ?? []) this.#outstanding.delete(value);
    const whole = { framework_id: { value: this.frameworkId }, ...call };
    return post(this.#url, encode('scheduler.Call', this.encoding, whole), {
      'Content-Type': mediaTypeOf(this.encoding),
      'Mesos-Stream-Id': this.streamId,
      ...headers,
    });
  }

  /** The first event that is such, from this place on in what it was told. */
  async told<Found>(find: (event: SchedulerEvent) => Found | undefined, from = 0): Promise<Found> {
    let found: Found | undefined;
    await until(
      () => {
        for (const event of this.events.slice(from)) found ??= find(event);
        return found !== undefined;
      },
      () => `an event; there were ${this.texts()}`,
    );
    if (found === undefined) throw new Error('found nothing');
    return found;
  }

  /** One that is outstanding and is such. */
  async offer(isSuch: (offer: Offer) => boolean = () => true): Promise<Offer> {
    await until(
      () => [...this.#outstanding.values()].some(isSuch),
      () => `an offer; there were ${this.texts()}`,
    );
    const offer = [...this.#outstanding.values()].find(isSuch);
    if (offer === undefined) throw new Error('found nothing');
    return offer;
  }

  /** The status of that task in that state. */
  status(taskId: string, state: string, from = 0): Promise<Status> {
    return this.told(
      ({ update }) =>
        update?.status.task_id.value === taskId && update.status.state === state
          ? update.status
          : undefined,
      from,
    );
  }

  acknowledge({ agent_id, task_id, uuid }: Status): Promise<Answer> {
    if (agent_id === undefined || uuid === undefined) throw new Error('nothing to acknowledge');
    return this.call({ type: 'ACKNOWLEDGE', acknowledge: { agent_id, task_id, uuid } });
  }

  /** Each update as it comes, until the task is in that state. */
  async follow(taskId: string, state: string, from = 0): Promise<Status> {
    let place = from;
    for (;;) {
      const [status, at] = await this.told((event) => {
        const one = event.update?.status;
        return one?.task_id.value === taskId
          ? ([one, this.events.indexOf(event)] as const)
          : undefined;
      }, place);
      place = at + 1;
      if (status.uuid !== undefined) await this.acknowledge(status);
      if (status.state === state) return status;
    }
  }

  async ended(): Promise<void> {
    await until(
      () => this.isEnded,
      () => 'the stream ends',
    );
  }

  texts(): string {
    return this.events
      .map((event) =>
        JSON.stringify(event, (_, value) => (typeof value === 'bigint' ? String(value) : value)),
      )
      .join('\n')
      .slice(-6000);
  }

  #hear(event: SchedulerEvent): void {
    this.events.push(event);
    for (const offer of event.offers?.offers ?? []) this.#outstanding.set(offer.id.value, offer);
    if (event.rescind !== undefined) this.#outstanding.delete(event.rescind.offer_id.value);
  }

  /** Breaks the stream, as a process that dies does. */
  break(): void {
    this.#request.destroy();
  }
}
