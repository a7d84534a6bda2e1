// Owns the long answer to an executor's SUBSCRIBE: one record a chunk, a sign of life each half hour, an end for who does
// not read. What is told is not its business.
import type { ServerResponse } from 'node:http';
import { type Encoding, encode } from '@parley/mesos-api/codec';
import { mediaTypeOf } from '@parley/mesos-api/media-type';
import type { ExecutorEvent } from '@parley/mesos-api/message-types';
import { encodeRecord } from '@parley/mesos-api/record-io';
import type { SlowReaders } from '../slow-readers.ts';

/** Mesos's DEFAULT_EXECUTOR_HEARTBEAT_INTERVAL, in milliseconds. */
const HEARTBEAT_MS = 30 * 60_000;
/** What waits for an executor that does not read; beyond, it has to subscribe again. */
const MAX_WAITING_BYTES = 16 * 1024 * 1024;

export class ExecutorStream {
  readonly #answer: ServerResponse;
  readonly #encoding: Encoding;
  readonly #slowReaders: SlowReaders;
  #heartbeat: NodeJS.Timeout | undefined;

  constructor(answer: ServerResponse, encoding: Encoding, slowReaders: SlowReaders) {
    this.#answer = answer;
    this.#encoding = encoding;
    this.#slowReaders = slowReaders;
    // Of a closed one nobody would say again that it is.
    const uncount = answer.closed
      ? undefined
      : slowReaders.add({
          stream: 'executor',
          unreadBytes: () => answer.writableLength,
          end: () => answer.destroy(),
        });
    answer.once('close', () => {
      uncount?.();
      clearInterval(this.#heartbeat);
    });
    // Its `close` follows.
    answer.on('error', () => undefined);
  }

  begin(headers: Readonly<Record<string, string>>): void {
    this.#answer.writeHead(200, {
      ...headers,
      'Content-Type': mediaTypeOf(this.#encoding),
      'Transfer-Encoding': 'chunked',
    });
    this.#answer.flushHeaders();
    this.#answer.socket?.setNoDelay(true);
    if (this.#answer.closed) return;
    this.#heartbeat = setInterval(() => this.send({ type: 'HEARTBEAT' }), HEARTBEAT_MS);
  }

  send(event: ExecutorEvent): void {
    if (this.#answer.writableEnded || this.#answer.destroyed) return;
    const record = encodeRecord(encode('executor.Event', this.#encoding, event));
    const isRead = this.#answer.write(record);
    if (this.#answer.writableLength > MAX_WAITING_BYTES) this.#answer.destroy();
    else if (!isRead) this.#slowReaders.look();
  }

  /** What was sent still arrives. */
  end(): void {
    this.#answer.end();
  }

  onClosed(tell: () => void): void {
    if (this.#answer.closed) tell();
    else this.#answer.once('close', tell);
  }
}
