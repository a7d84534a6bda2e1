// Owns a small client of the operator interface of Mesos's agent for tests, in both encodings: calls, streams of output, and
// input that goes on while it is typed. It tests nothing itself.
import http, {
  type ClientRequest,
  type IncomingMessage,
  type OutgoingHttpHeaders,
} from 'node:http';
import { decode, type Encoding, encode } from '@parley/mesos-api/codec';
import { mediaTypeOf, RECORDIO_TYPE } from '@parley/mesos-api/media-type';
import type { MessageOf } from '@parley/mesos-api/message-types';
import { encodeRecord, RecordReader } from '@parley/mesos-api/record-io';
import { until } from '@parley/test-integration/cluster-fixture';

export type AgentCall = MessageOf<'agent.Call'>;
export type AgentResponse = MessageOf<'agent.Response'>;
export type ProcessIO = MessageOf<'agent.ProcessIO'>;
export type ContainerId = NonNullable<AgentCall['wait_container']>['container_id'];
type Answered = {
  readonly status: number;
  /** Undefined: there is none. */
  readonly value: AgentResponse | undefined;
  readonly text: string;
};

const MAX_RECORD_BYTES = 16 * 1024 * 1024;

export class AgentClient {
  readonly #url: string;
  readonly #encoding: Encoding;

  /** `url`: of the call, path included. */
  constructor(url: string, encoding: Encoding) {
    this.#url = url;
    this.#encoding = encoding;
  }

  async ask(call: AgentCall): Promise<Answered> {
    const type = mediaTypeOf(this.#encoding);
    const answer = await fetch(this.#url, {
      method: 'POST',
      headers: { 'Content-Type': type, Accept: type },
      body: Buffer.from(encode('agent.Call', this.#encoding, call)),
    });
    const bytes = new Uint8Array(await answer.arrayBuffer());
    const { status } = answer;
    if (answer.headers.get('content-type') !== type || bytes.length === 0) {
      return { status, value: undefined, text: Buffer.from(bytes).toString() };
    }
    const value = decode('agent.Response', this.#encoding, bytes);
    if (!value.ok) throw new Error(value.failure.message);
    return { status, value: value.value, text: '' };
  }

  /** With `asRecordIo` the stream is asked for by name, as Mesos's command line does. Throws where it is no stream. */
  async stream(call: AgentCall, asRecordIo = false): Promise<OutputReader> {
    const type = mediaTypeOf(this.#encoding);
    const accept = asRecordIo
      ? { Accept: RECORDIO_TYPE, 'Message-Accept': type }
      : { Accept: type };
    const request = this.#open({ 'Content-Type': type, ...accept });
    const response = await answered(request, encode('agent.Call', this.#encoding, call));
    if (response.statusCode === 200) return new OutputReader(request, response, this.#encoding);
    throw new Error(`${response.statusCode}: ${await textOf(response)}`);
  }

  /** Input of a container from now on. */
  input(container: ContainerId): InputWriter {
    const request = this.#open({
      'Content-Type': RECORDIO_TYPE,
      'Message-Content-Type': mediaTypeOf(this.#encoding),
    });
    return new InputWriter(request, this.#encoding, container);
  }

  #open(headers: OutgoingHttpHeaders): ClientRequest {
    return http.request(this.#url, { method: 'POST', agent: new http.Agent(), headers });
  }
}

export class OutputReader {
  readonly records: ProcessIO[] = [];
  readonly response: IncomingMessage;
  readonly #request: ClientRequest;
  isEnded = false;

  constructor(request: ClientRequest, response: IncomingMessage, encoding: Encoding) {
    this.#request = request;
    this.response = response;
    const reader = new RecordReader(MAX_RECORD_BYTES);
    request.on('error', () => undefined);
    response.on('error', () => undefined);
    response.on('close', () => {
      this.isEnded = true;
    });
    response.on('data', (chunk: Buffer) => {
      for (const record of reader.push(chunk)) {
        if (!record.ok) throw new Error(record.failure.message);
        const io = decode('agent.ProcessIO', encoding, record.value);
        if (!io.ok) throw new Error(io.failure.message);
        this.records.push(io.value);
      }
    });
  }

  text(stream: 'STDOUT' | 'STDERR' = 'STDOUT'): string {
    const parts = this.records.flatMap(({ data }) =>
      data?.type === stream && data.data !== undefined ? [Buffer.from(data.data)] : [],
    );
    return Buffer.concat(parts).toString();
  }

  async says(text: string): Promise<void> {
    await until(
      () => this.text().includes(text),
      () => `output with ${text}; there was ${this.text()}`,
    );
  }

  async ended(): Promise<void> {
    await until(
      () => this.isEnded,
      () => `the end; there was ${this.text()}`,
    );
  }

  /** As a client that is gone. */
  break(): void {
    this.#request.destroy();
  }
}

export class InputWriter {
  readonly #request: ClientRequest;
  readonly #encoding: Encoding;
  readonly #response: Promise<IncomingMessage>;

  constructor(request: ClientRequest, encoding: Encoding, container_id: ContainerId) {
    this.#request = request;
    this.#encoding = encoding;
    this.#response = answered(request);
    this.#response.catch(() => undefined);
    this.#send({ type: 'CONTAINER_ID', container_id });
  }

  type(text: string): void {
    this.io({ type: 'DATA', data: { type: 'STDIN', data: Uint8Array.from(Buffer.from(text)) } });
  }

  /** What Mesos takes for the end of the input. */
  end(): void {
    this.type('');
  }

  io(process_io: ProcessIO): void {
    this.#send({ type: 'PROCESS_IO', process_io });
  }

  /** Nothing more is sent; the status and the sentence that it is answered with. */
  async close(): Promise<readonly [number | undefined, string]> {
    this.#request.end();
    return this.answer();
  }

  async answer(): Promise<readonly [number | undefined, string]> {
    const response = await this.#response;
    return [response.statusCode, await textOf(response)];
  }

  #send(attach_container_input: NonNullable<AgentCall['attach_container_input']>): void {
    const call: AgentCall = { type: 'ATTACH_CONTAINER_INPUT', attach_container_input };
    this.#request.write(encodeRecord(encode('agent.Call', this.#encoding, call)));
  }
}

/** `body`: all of it; else it goes on. */
function answered(request: ClientRequest, body?: Uint8Array): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    request.once('response', resolve);
    request.once('error', reject);
    if (body !== undefined) request.end(body);
  });
}

async function textOf(response: IncomingMessage): Promise<string> {
  let text = '';
  for await (const part of response) text += String(part);
  return text;
}
