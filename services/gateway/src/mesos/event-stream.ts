// Owns the long answer to SUBSCRIBE: one record a chunk, heartbeats, an end for who does not read. What is told is not
// its business.
import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { encodeRecord } from '@parley/mesos-api/record-io';
import type { SlowReaders } from '../slow-readers.ts';

export const HEARTBEAT_SECONDS = 15;
/** What waits for a reader at most; one that is further behind has its stream ended, and may subscribe again. */
const MAX_WAITING_BYTES = 32 * 1024 * 1024;
const MS = 1000;

export class EventStream<Event extends { readonly type: string }> {
  readonly #answer: ServerResponse;
  readonly #encode: (event: Event) => Uint8Array;
  readonly #heartbeat: Event;
  readonly #onBegin: () => OutgoingHttpHeaders;
  #timer: NodeJS.Timeout | undefined;
  readonly #maxWaitingBytes: number;
  readonly #slowReaders: SlowReaders | undefined;
  readonly #uncount: (() => void) | undefined;
  readonly #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #isWriting = false;
  #isEnded = false;

  constructor(
    answer: ServerResponse,
    {
      encode,
      heartbeat,
      onBegin,
      maxWaitingBytes = MAX_WAITING_BYTES,
      slowReaders,
    }: {
      readonly encode: (event: Event) => Uint8Array;
      readonly heartbeat: Event;
      /** From now on the answer is written here; gives the headers that every answer has. */
      readonly onBegin: () => OutgoingHttpHeaders;
      readonly maxWaitingBytes?: number;
      readonly slowReaders?: SlowReaders;
    },
  ) {
    this.#answer = answer;
    this.#encode = encode;
    this.#heartbeat = heartbeat;
    this.#onBegin = onBegin;
    this.#maxWaitingBytes = maxWaitingBytes;
    this.#slowReaders = slowReaders;
    // Of a closed one nobody would say again that it is.
    this.#uncount = answer.closed
      ? undefined
      : slowReaders?.add({
          stream: 'scheduler',
          unreadBytes: () => this.#unreadBytes(),
          end: () => answer.destroy(),
        });
    answer.once('close', () => {
      this.#uncount?.();
      this.#stop();
    });
    answer.on('error', () => this.#stop());
  }

  /** Nobody reads it any more. */
  get isClosed(): boolean {
    return this.#answer.closed || this.#answer.destroyed;
  }

  /** Status and headers; before the first record. */
  begin(headers: Readonly<Record<string, string>>): void {
    this.#answer.writeHead(200, {
      ...this.#onBegin(),
      ...headers,
      'Transfer-Encoding': 'chunked',
      'Cache-Control': 'no-store',
    });
    this.#answer.flushHeaders();
    this.#answer.socket?.setNoDelay(true);
  }

  /** Now, and from now on at regular intervals. */
  beat(): void {
    this.send(this.#heartbeat);
    if (this.#isEnded) return;
    this.#timer = setInterval(() => this.send(this.#heartbeat), HEARTBEAT_SECONDS * MS);
  }

  send(event: Event): void {
    if (this.#isEnded) return;
    const record = encodeRecord(this.#encode(event));
    this.#waiting.push(record);
    this.#waitingBytes += record.length;
    if (this.#unreadBytes() > this.#maxWaitingBytes) {
      this.#answer.destroy();
    } else if (!this.#isWriting) this.#write();
    if (this.#answer.writableNeedDrain) this.#slowReaders?.look();
  }

  #unreadBytes(): number {
    return this.#waitingBytes + this.#answer.writableLength;
  }

  /** What was sent still arrives. */
  end(): void {
    if (this.#isEnded) return;
    this.#stop();
    if (!this.#isWriting) this.#answer.end();
  }

  /**
   * Each record in a chunk of its own: there are clients that look for one only. Node makes one chunk of what is written
   * in one turn, so that there is one record a turn.
   */
  #write(): void {
    const record = this.#waiting.shift();
    this.#isWriting = record !== undefined;
    if (record === undefined) {
      if (this.#isEnded) this.#answer.end();
      return;
    }
    this.#waitingBytes -= record.length;
    this.#answer.write(record);
    process.nextTick(() => this.#write());
  }

  /** Called once, also when it has ended already. */
  onClosed(tell: () => void): void {
    if (this.#answer.closed) tell();
    else this.#answer.once('close', tell);
  }

  #stop(): void {
    this.#isEnded = true;
    clearInterval(this.#timer);
  }
}
