// Owns how much may wait in memory for all that read streams of events, together: where it is too much, whoever leaves the
// most unread is ended, until it is not. What may wait for one is for its stream to say.
import type { ActorLog } from '@parley/telemetry/logger';
import type { Metrics } from '@parley/telemetry/metrics';

/** The greatest bounds of single readers lie far below it, so that it takes many. */
const MAX_TOTAL_BYTES = 256 * 1024 * 1024;

export type Reader = {
  /** Which stream it reads, as a word for logs and metrics. */
  readonly stream: 'scheduler' | 'operator' | 'executor' | 'feed' | 'socket';
  readonly unreadBytes: () => number;
  /** At once: what waits for it is let go. */
  readonly end: () => void;
};

export class SlowReaders {
  readonly #readers = new Set<Reader>();
  readonly #logger: Pick<ActorLog, 'warn'>;
  readonly #metrics: Pick<Metrics, 'count'>;
  readonly #maxTotalBytes: number;

  constructor(
    logger: Pick<ActorLog, 'warn'>,
    metrics: Pick<Metrics, 'count'>,
    maxTotalBytes = MAX_TOTAL_BYTES,
  ) {
    this.#logger = logger;
    this.#metrics = metrics;
    this.#maxTotalBytes = maxTotalBytes;
  }

  /** Returns how to forget it, which is for when its stream has ended. */
  add(reader: Reader): () => void {
    this.#readers.add(reader);
    return () => this.#readers.delete(reader);
  }

  get count(): number {
    return this.#readers.size;
  }

  totalBytes(): number {
    let total = 0;
    for (const { unreadBytes } of this.#readers) total += unreadBytes();
    return total;
  }

  /** To be called when something was left unread. */
  look(): void {
    let total = this.totalBytes();
    while (total > this.#maxTotalBytes) {
      const slowest = this.#slowest();
      if (slowest === undefined) return;
      const bytes = slowest.unreadBytes();
      total -= bytes;
      this.#readers.delete(slowest);
      slowest.end();
      this.#metrics.count('parley_gateway_slow_readers_ended_total', { stream: slowest.stream });
      this.#logger.warn(
        { stream: slowest.stream, bytes },
        'a reader was ended: what waits for all is too much, and for it the most',
      );
    }
  }

  /** Of those alike the one that came first. */
  #slowest(): Reader | undefined {
    let slowest: Reader | undefined;
    let most = -1;
    for (const reader of this.#readers) {
      const bytes = reader.unreadBytes();
      if (bytes > most) [slowest, most] = [reader, bytes];
    }
    return slowest;
  }
}
