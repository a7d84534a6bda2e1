// Owns a small client of Mesos's operator interface for tests, in both encodings. It tests nothing itself.
import http, { type IncomingMessage } from 'node:http';
import { decode, type Encoding, encode } from '@parley/mesos-api/codec';
import { mediaTypeOf } from '@parley/mesos-api/media-type';
import type { MasterCall, MasterEvent, MasterResponse } from '@parley/mesos-api/message-types';
import { RecordReader } from '@parley/mesos-api/record-io';

const MAX_RECORD_BYTES = 16 * 1024 * 1024;

export type Answered = {
  readonly status: number;
  /** Undefined: there is none. */
  readonly value: MasterResponse | undefined;
  readonly text: string;
};

export class OperatorClient {
  readonly #url: string;
  readonly #encoding: Encoding;

  constructor(url: string, encoding: Encoding) {
    this.#url = url;
    this.#encoding = encoding;
  }

  async ask(call: MasterCall, path = '/api/v1'): Promise<Answered> {
    const type = mediaTypeOf(this.#encoding);
    const answer = await fetch(`${this.#url}${path}`, {
      method: 'POST',
      headers: { 'Content-Type': type, Accept: type },
      body: Buffer.from(encode('master.Call', this.#encoding, call)),
    });
    const bytes = new Uint8Array(await answer.arrayBuffer());
    const isMessage = answer.headers.get('content-type') === type && bytes.length > 0;
    if (!isMessage) {
      return { status: answer.status, value: undefined, text: Buffer.from(bytes).toString() };
    }
    const value = decode('master.Response', this.#encoding, bytes);
    if (!value.ok) throw new Error(value.failure.message);
    return { status: answer.status, value: value.value, text: '' };
  }

  async subscribe(): Promise<OperatorStream> {
    const type = mediaTypeOf(this.#encoding);
    const request = http.request(`${this.#url}/api/v1`, {
      method: 'POST',
      agent: new http.Agent(),
      headers: { 'Content-Type': type, Accept: type },
    });
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      request.once('response', resolve);
      request.once('error', reject);
      request.end(encode('master.Call', this.#encoding, { type: 'SUBSCRIBE' }));
    });
    return new OperatorStream(response, this.#encoding);
  }
}

export class OperatorStream {
  readonly events: MasterEvent[] = [];
  /** How many records each chunk of the answer held. */
  readonly recordsOfChunks: number[] = [];
  readonly response: IncomingMessage;

  constructor(response: IncomingMessage, encoding: Encoding) {
    this.response = response;
    const reader = new RecordReader(MAX_RECORD_BYTES);
    response.on('error', () => undefined);
    response.on('data', (chunk: Buffer) => {
      const records = reader.push(chunk);
      this.recordsOfChunks.push(records.length);
      for (const record of records) {
        if (!record.ok) throw new Error(record.failure.message);
        const event = decode('master.Event', encoding, record.value);
        if (!event.ok) throw new Error(event.failure.message);
        this.events.push(event.value);
      }
    });
  }

  close(): void {
    this.response.destroy();
  }
}
