// Owns that the streams of a local cluster are there while it runs: masters make none, they wait for them. One that
// somebody has deleted is made again, empty; the masters make the books anew then. Trouble is the next look's.

import type { NatsServer } from '@parley/nats-server/nats-server';
import { type Provisioning, provisionCluster, provisionerOf } from '../provisioning.ts';

const LOOK_MS = 5000;

export type StreamKeeperOptions = {
  /** The server as it runs now. */
  readonly nats: () => NatsServer;
  readonly maxStreamBytes: (principals: number) => number | undefined;
  readonly onNotice: (text: string) => void;
};

/** Looks again and again; the value ends that. */
export function keepStreams(options: StreamKeeperOptions): () => void {
  let isLooking = false;
  const timer = setInterval(() => {
    if (isLooking) return;
    isLooking = true;
    void look(options).finally(() => {
      isLooking = false;
    });
  }, LOOK_MS);
  timer.unref();
  return () => clearInterval(timer);
}

async function look({ nats, maxStreamBytes, onNotice }: StreamKeeperOptions): Promise<void> {
  try {
    const server = nats();
    const credential = provisionerOf(server);
    const { principals } = server.members();
    const limit = maxStreamBytes(principals.length);
    const placement: Omit<Provisioning, 'principals'> = {
      replicas: 1,
      ...(limit !== undefined && { maxStreamBytes: limit }),
    };
    const books = await provisionCluster(credential, { ...placement, principals: [] });
    if (books.made.length === 0) return;
    onNotice(`streams were missing and are made again, empty: ${books.made.join(', ')}`);
    await provisionCluster(credential, { ...placement, principals });
  } catch {
    // The server is away, or starts: whoever looks after it says so.
  }
}
