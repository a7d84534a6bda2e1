// Owns the allocator's dealings with the world: the connection, the lease, the end of the process.
import { randomInt } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import type { Identity } from '@parley/actor/nats/credential-file';
import { KvLease, type KvLeaseOptions } from '@parley/actor/nats/kv-lease';
import { NatsBus } from '@parley/actor/nats/nats-bus';
import { openConnection } from '@parley/actor/nats/open-connection';
import { systemClock } from '@parley/actor/nats/system-clock';
import { isRetryable } from '@parley/protocol/errors';
import { ActorId, type ClusterName } from '@parley/protocol/ids';
import type { Logger } from '@parley/telemetry/logger';
import { AllocatorService } from './allocator-service.ts';

const CONNECT_RETRY_MS = 1000;

export type RunningAllocator = {
  /** Resolves when the process has to end: undefined after `stop`, else why. */
  readonly ended: Promise<string | undefined>;
  /** Releases the lease, so that another allocator leads at once. */
  stop(): void;
};

export function runAllocator(identity: Identity, logger: Logger): RunningAllocator {
  const id = ActorId.parse(identity.actor.id);
  const { promise: stopping, resolve: stop } = Promise.withResolvers<undefined>();
  const ended = serve({ identity, id, logger, stopping });
  return { ended, stop: () => stop(undefined) };
}

type Surroundings = {
  readonly identity: Identity;
  readonly id: ActorId;
  readonly logger: Logger;
  readonly stopping: Promise<undefined>;
};

async function serve(surroundings: Surroundings): Promise<string | undefined> {
  const { identity, id, logger, stopping } = surroundings;
  const control = await connectUntil('control', surroundings);
  if (control.connection === undefined) return control.why;
  const books = await connectUntil('books', surroundings);
  if (books.connection === undefined) {
    await control.connection.close();
    return books.why;
  }
  const { promise: closed, resolve: close } = Promise.withResolvers<string>();
  void books.connection.closed().then(() => close('the connection to the books was closed'));
  const { cluster } = identity;
  const bus = new NatsBus({
    connection: control.connection,
    cluster,
    onConnectedChange: (connected) => {
      logger.info({ connected }, connected ? 'the bus is back' : 'the bus is away');
      if (connected) service.reconnected();
    },
    onTrouble: (trouble) => logger.warn({ trouble }, 'trouble on the bus'),
    onClosed: close,
  });
  const candidacy = new Candidacy(books.connection, cluster, id);
  const service = new AllocatorService({
    bus,
    cluster,
    id,
    logger,
    clock: systemClock,
    seed: randomInt(1, 2 ** 31),
    mayAct: () => candidacy.mayAct(),
  });
  service.start();
  candidacy.start(service);
  const why = await Promise.race([stopping, closed]);
  service.termEnded();
  await candidacy.stop();
  await Promise.all([bus.close(), books.connection.close()]);
  return why;
}

/** Stands for the lease, and stands again after each term that was lost. */
class Candidacy {
  readonly #options: Pick<KvLeaseOptions, 'connection' | 'cluster' | 'key' | 'holder'>;
  #lease: KvLease | undefined;

  constructor(connection: Connection, cluster: ClusterName, holder: ActorId) {
    this.#options = { connection, cluster, key: 'allocator', holder };
  }

  mayAct(): boolean {
    return this.#lease?.mayAct() === true;
  }

  start(service: AllocatorService): void {
    this.#lease = new KvLease({
      ...this.#options,
      onWon: (epoch) => service.termBegan(epoch),
      onLost: () => {
        service.termEnded();
        this.start(service);
      },
    });
    this.#lease.start();
  }

  async stop(): Promise<void> {
    await this.#lease?.stop();
  }
}

type Connection = Extract<Awaited<ReturnType<typeof openConnection>>, { ok: true }>['value'];

/** Without a connection: why there can be none, or undefined when the process is to stop. */
type Connected =
  | { readonly connection: Connection }
  | { readonly connection?: never; readonly why: string | undefined };

async function connectUntil(
  account: 'control' | 'books',
  { identity, logger, stopping }: Surroundings,
): Promise<Connected> {
  const until = new AbortController();
  void stopping.then(() => until.abort());
  let told = '';
  while (!until.signal.aborted) {
    const connection = await openConnection(identity, account);
    if (connection.ok) return { connection: connection.value };
    const { code, message } = connection.failure;
    if (!isRetryable(code)) return { why: message };
    if (message !== told) logger.warn({ code }, message);
    told = message;
    await wait(CONNECT_RETRY_MS, undefined, { signal: until.signal }).catch(() => undefined);
  }
  return { why: undefined };
}
