// Owns the allocator's dealings with the world: the connection, the lease, the end of the process.
import { randomInt } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { type Identity, readCredentialFile } from '@parley/actor/nats/credential-file';
import { KvLease } from '@parley/actor/nats/kv-lease';
import { NatsBus } from '@parley/actor/nats/nats-bus';
import { openConnection } from '@parley/actor/nats/open-connection';
import { systemClock } from '@parley/actor/nats/system-clock';
import { fail, isRetryable, type Outcome, succeed } from '@parley/protocol/errors';
import { ActorId } from '@parley/protocol/ids';
import type { Logger } from '@parley/telemetry/logger';
import { AllocatorService } from './allocator-service.ts';
import type { Config } from './config.ts';

const CONNECT_RETRY_MS = 1000;

export type RunningAllocator = {
  /** Resolves when the process has to end: undefined after `stop`, else why. */
  readonly ended: Promise<string | undefined>;
  /** Releases the lease, so that another allocator leads at once. */
  stop(): void;
};

export type AllocatorIdentity = { readonly identity: Identity; readonly id: ActorId };

/** Fails with `malformed`, `notPermitted` or `unavailable`. */
export function readIdentity(config: Config): Outcome<AllocatorIdentity> {
  const { credentialFile, servers, cluster, id: wanted } = config;
  const identity = readCredentialFile(credentialFile, {
    ...(servers && { servers }),
    ...(cluster && { cluster }),
    ...(wanted && { actor: { kind: 'allocator', id: wanted } }),
  });
  if (!identity.ok) return identity;
  const { kind, id } = identity.value.actor;
  if (kind !== 'allocator') {
    return fail('notPermitted', `${credentialFile} is the credential of a ${kind}`);
  }
  return succeed({ identity: identity.value, id: ActorId.parse(id) });
}

export function runAllocator(
  { identity, id }: AllocatorIdentity,
  logger: Logger,
): RunningAllocator {
  const { promise: stopping, resolve: stop } = Promise.withResolvers<undefined>();
  const ended = serve({ identity, id, logger, stopping });
  return { ended, stop: () => stop(undefined) };
}

type Surroundings = AllocatorIdentity & {
  readonly logger: Logger;
  readonly stopping: Promise<undefined>;
};

async function serve({
  identity,
  id,
  logger,
  stopping,
}: Surroundings): Promise<string | undefined> {
  const connection = await connectUntil(identity, logger, stopping);
  if (typeof connection === 'string' || connection === undefined) return connection;
  const { promise: closed, resolve: close } = Promise.withResolvers<string>();
  const { cluster } = identity;
  const bus = new NatsBus({
    connection,
    cluster,
    onConnectedChange: (connected) => {
      logger.info({ connected }, connected ? 'the bus is back' : 'the bus is away');
      if (connected) service.reconnected();
    },
    onTrouble: (trouble) => logger.warn({ trouble }, 'trouble on the bus'),
    onClosed: close,
  });
  let lease: KvLease | undefined;
  const service = new AllocatorService({
    bus,
    cluster,
    id,
    logger,
    clock: systemClock,
    seed: randomInt(1, 2 ** 31),
    mayAct: () => lease?.mayAct() === true,
  });
  service.start();
  const stand = (): void => {
    lease = new KvLease({
      connection,
      cluster,
      key: 'allocator',
      holder: id,
      onWon: (epoch) => service.termBegan(epoch),
      onLost: () => {
        service.termEnded();
        stand();
      },
    });
    lease.start();
  };
  stand();
  const why = await Promise.race([stopping, closed]);
  if (why === undefined) await lease?.stop();
  service.termEnded();
  await bus.close();
  return why;
}

/** The connection; why there can be none; undefined when the process is stopped before there is one. */
async function connectUntil(
  identity: Identity,
  logger: Logger,
  stopping: Promise<undefined>,
): Promise<NatsConnectionOf | string | undefined> {
  const until = new AbortController();
  void stopping.then(() => until.abort());
  let told = '';
  while (!until.signal.aborted) {
    const connection = await openConnection(identity);
    if (connection.ok) return connection.value;
    const { code, message } = connection.failure;
    if (!isRetryable(code)) return message;
    if (message !== told) logger.warn({ code }, message);
    told = message;
    await wait(CONNECT_RETRY_MS, undefined, { signal: until.signal }).catch(() => undefined);
  }
  return undefined;
}

type NatsConnectionOf = Extract<Awaited<ReturnType<typeof openConnection>>, { ok: true }>['value'];
