// Owns what a master does about its streams and buckets beside using them: it waits, loudly, until they are as they must
// be, and says which of them take writes when the journal does not.
import { setTimeout as wait } from 'node:timers/promises';
import { checkBooks, testWrites } from '@parley/actor/nats/books-check';
import type { ActorId, ClusterName } from '@parley/protocol/ids';
import type { Logger } from '@parley/telemetry/logger';
import type { NatsConnection } from 'nats';

const CHECK_AGAIN_MS = 2000;

export type BooksWatch = {
  readonly cluster: ClusterName;
  readonly masterId: ActorId;
  readonly books: NatsConnection;
  readonly logger: Logger;
};

/** Resolves when the books can be used, or the master is stopped. What is wrong is told whenever it changes. */
export async function booksAreFit(watch: BooksWatch, stopping: AbortSignal): Promise<void> {
  const { books, cluster, logger } = watch;
  let told: string | undefined;
  while (!stopping.aborted) {
    const checked = await checkBooks(books, cluster);
    if (checked.ok) {
      for (const warning of checked.value) logger.warn(warning);
      if (told !== undefined) logger.info('the streams of the books are as they must be');
      return tellHealth(watch);
    }
    const { message } = checked.failure;
    if (message !== told) logger.error(`this master waits: ${message}`);
    told = message;
    await wait(CHECK_AGAIN_MS, undefined, { signal: stopping }).catch(() => undefined);
  }
}

/** A stream that takes no write is told; nobody waits for it here: whoever needs it tries until it works. */
export async function tellHealth({ books, logger, ...owner }: BooksWatch): Promise<void> {
  for (const { stream, trouble } of await testWrites(books, owner)) {
    if (trouble !== undefined) logger.error({ stream, trouble }, 'a stream is not healthy');
    else logger.info({ stream }, 'a stream took a test write');
  }
}
