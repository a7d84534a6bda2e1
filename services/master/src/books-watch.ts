// Owns what a master does about its streams and buckets beside using them: it waits, loudly, until they are as they must
// be, and looks again and again whether they still are and take writes: also the principals' streams of updates.
import { setTimeout as wait } from 'node:timers/promises';
import {
  checkBooks,
  checkUpdates,
  type StreamHealth,
  testUpdates,
  testWrites,
} from '@parley/actor/nats/books-check';
import type { Outcome } from '@parley/protocol/errors';
import type { ActorId, ClusterName, PrincipalName } from '@parley/protocol/ids';
import type { ActorLog } from '@parley/telemetry/logger';
import type { NatsConnection } from 'nats';
import { StreamTroubles } from './stream-troubles.ts';

const CHECK_AGAIN_MS = 2000;
/** Streams of updates that are looked at in the same moment. */
const LOOKS_IN_FLIGHT = 16;

export type BooksWatchOptions = {
  readonly cluster: ClusterName;
  readonly masterId: ActorId;
  readonly books: NatsConnection;
  readonly control: NatsConnection;
  readonly logger: ActorLog;
};

export class BooksWatch {
  readonly #options: BooksWatchOptions;
  readonly #troubles: StreamTroubles;
  #isLooking = false;

  constructor(options: BooksWatchOptions) {
    this.#options = options;
    this.#troubles = new StreamTroubles(options.logger);
  }

  /** Resolves when the books can be used, or the master is stopped. What is wrong is told whenever it changes. */
  async areFit(stopping: AbortSignal): Promise<void> {
    const { books, cluster, logger } = this.#options;
    let told: string | undefined;
    while (!stopping.aborted) {
      const checked = await checkBooks(books, cluster);
      if (checked.ok) {
        for (const warning of checked.value) logger.warn(warning);
        if (told !== undefined) logger.info('the streams of the books are as they must be');
        return this.tellHealth();
      }
      const { message } = checked.failure;
      if (message !== told) logger.error(`this master waits: ${message}`);
      told = message;
      await wait(CHECK_AGAIN_MS, undefined, { signal: stopping }).catch(() => undefined);
    }
  }

  /** A stream that takes no write is told; nobody waits for it here: whoever needs it tries until it works. */
  async tellHealth(): Promise<void> {
    const { books, logger, ...owner } = this.#options;
    for (const health of await testWrites(books, owner)) {
      if (health.trouble === undefined) {
        logger.info({ stream: health.stream }, 'a stream took a test write');
      }
      this.#tellWrite(health);
    }
  }

  /** Of a leader, now and then: whatever has changed is told, and when it is well again. */
  async look(principals: readonly PrincipalName[]): Promise<void> {
    if (this.#isLooking) return;
    this.#isLooking = true;
    try {
      const { books, cluster, ...owner } = this.#options;
      this.#tellShape('the books', await checkBooks(books, cluster));
      for (const health of await testWrites(books, { cluster, ...owner })) this.#tellWrite(health);
      for (let start = 0; start < principals.length; start += LOOKS_IN_FLIGHT) {
        const some = principals.slice(start, start + LOOKS_IN_FLIGHT);
        await Promise.all(some.map((one) => this.#lookAtUpdates(one)));
      }
    } finally {
      this.#isLooking = false;
    }
  }

  async #lookAtUpdates(principal: PrincipalName): Promise<void> {
    const { books, control, cluster } = this.#options;
    const shape = await checkUpdates(books, cluster, principal);
    this.#tellShape(`the updates of ${principal}`, shape);
    if (shape.ok) this.#tellWrite(await testUpdates(control, this.#options, principal));
  }

  #tellShape(what: string, checked: Outcome<unknown>): void {
    this.#troubles.tell(what, checked.ok ? undefined : checked.failure.message);
  }

  #tellWrite({ stream, trouble }: StreamHealth): void {
    this.#troubles.tell(stream, trouble);
  }
}
