// Owns the long answer in which a process's output goes to a client of Mesos: a record a chunk, a sign of life each half
// minute. Whoever waits for room is told of it; a reader that nobody waits for is left when it is far behind.
import type { ServerResponse } from 'node:http';
import { type Encoding, encode } from '@parley/mesos-api/codec';
import { mediaTypeOf, RECORDIO_TYPE } from '@parley/mesos-api/media-type';
import type { MessageOf } from '@parley/mesos-api/message-types';
import { encodeRecord } from '@parley/mesos-api/record-io';
import { endSoon } from '../end-answer.ts';

/** Mesos's DEFAULT_AGENT_HTTP_HEARTBEAT_INTERVAL of its switchboard, in seconds. */
const HEARTBEAT_SECONDS = 30;
/** What waits for a reader that the process does not wait for. */
const MAX_WAITING_BYTES = 8 * 1024 * 1024;

export type OutputStream = 'stdout' | 'stderr';
export type OutputForm = {
  readonly encoding: Encoding;
  /** The client asked for a stream by name, and is told beside it what the records are. */
  readonly isRecordIo: boolean;
};
type ProcessIO = MessageOf<'agent.ProcessIO'>;

const TYPES = { stdout: 'STDOUT', stderr: 'STDERR' } as const;

export class ProcessStream {
  readonly #answer: ServerResponse;
  readonly #encoding: Encoding;
  readonly #heartbeat: NodeJS.Timeout;

  /** Sends the head. */
  constructor(
    answer: ServerResponse,
    { encoding, isRecordIo }: OutputForm,
    headers: Readonly<Record<string, string>>,
  ) {
    this.#answer = answer;
    this.#encoding = encoding;
    // Its `close` follows.
    answer.on('error', () => undefined);
    const type = mediaTypeOf(encoding);
    answer.writeHead(200, {
      ...headers,
      ...(isRecordIo
        ? { 'Content-Type': RECORDIO_TYPE, 'Message-Content-Type': type }
        : { 'Content-Type': type }),
      'Transfer-Encoding': 'chunked',
      'Cache-Control': 'no-store',
    });
    answer.flushHeaders();
    answer.socket?.setNoDelay(true);
    this.#heartbeat = setInterval(() => this.#beat(), HEARTBEAT_SECONDS * 1000);
    this.onClosed(() => clearInterval(this.#heartbeat));
  }

  get isClosed(): boolean {
    return this.#answer.closed || this.#answer.destroyed || this.#answer.writableEnded;
  }

  /** Resolves when there is room for more, or when nobody reads any more. */
  async write(stream: OutputStream, data: Uint8Array): Promise<void> {
    if (this.#send(stream, data) || this.isClosed) return;
    await new Promise<void>((resolve) => {
      const go = (): void => {
        this.#answer.off('drain', go);
        this.#answer.off('close', go);
        resolve();
      };
      this.#answer.once('drain', go);
      this.#answer.once('close', go);
    });
  }

  /** For a reader beside others. */
  writeOrLeave(stream: OutputStream, data: Uint8Array): void {
    this.#send(stream, data);
    if (this.#answer.writableLength > MAX_WAITING_BYTES) this.#answer.destroy();
  }

  /** Ends, and says why in words, among the errors: records have no other place for it. */
  endBecause(why: string): void {
    this.#say(why);
    this.end();
  }

  /** Likewise, of who may not read on: whoever does not take the end is broken off. */
  dismiss(why: string): void {
    this.#say(why);
    clearInterval(this.#heartbeat);
    endSoon(this.#answer);
  }

  /** What was sent still arrives. */
  end(): void {
    clearInterval(this.#heartbeat);
    this.#answer.end();
  }

  onClosed(tell: () => void): void {
    if (this.#answer.closed) tell();
    else this.#answer.once('close', tell);
  }

  #say(why: string): void {
    this.#send('stderr', new TextEncoder().encode(`parley: ${why}\n`));
  }

  /** False: there is no room for more. */
  #send(stream: OutputStream, data: Uint8Array): boolean {
    return this.#record({ type: 'DATA', data: { type: TYPES[stream], data } });
  }

  #beat(): void {
    const interval = { nanoseconds: BigInt(HEARTBEAT_SECONDS) * 1_000_000_000n };
    this.#record({ type: 'CONTROL', control: { type: 'HEARTBEAT', heartbeat: { interval } } });
  }

  #record(record: ProcessIO): boolean {
    if (this.isClosed) return true;
    return this.#answer.write(encodeRecord(encode('agent.ProcessIO', this.#encoding, record)));
  }
}
