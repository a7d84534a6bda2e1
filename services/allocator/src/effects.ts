// Owns the allocator's dealings with the world: the connection, the lease, the end of the process.

import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { answerLogLevel } from '@parley/actor/log-level-control';
import { logConnection } from '@parley/actor/nats/connection-watch';
import type { Identity } from '@parley/actor/nats/credential-file';
import { DAMAGED_LEASE, KvLeaseStore } from '@parley/actor/nats/kv-lease-store';
import { NatsBus } from '@parley/actor/nats/nats-bus';
import { connectUntilStopped } from '@parley/actor/nats/open-connection';
import { keepTogether } from '@parley/actor/nats/server-choice';
import { leaveServers } from '@parley/actor/nats/server-watch';
import { systemClock } from '@parley/actor/nats/system-clock';
import { ActorId } from '@parley/protocol/ids';
import { changeLevel, type Logger } from '@parley/telemetry/logger';
import type { Metrics } from '@parley/telemetry/metrics';
import { standForLead } from './allocator-candidacy.ts';
import { AllocatorService } from './allocator-service.ts';

export type RunningAllocator = {
  /** Resolves when the process has to end: undefined after `stop`, else why. */
  readonly ended: Promise<string | undefined>;
  /** Releases the lease, so that another allocator leads at once. */
  stop(): void;
  /** What it does now, for people. */
  status(): string;
  /** It stands by or leads. */
  isReady(): boolean;
};

/** `intervalMs`: of the allocator's runs, see AllocatorOptions. */
export function runAllocator(
  identity: Identity,
  how: Pick<Surroundings, 'logger' | 'intervalMs' | 'metrics'>,
): RunningAllocator {
  const id = ActorId.parse(identity.actor.id);
  const stopping = new AbortController();
  let status = (): string => 'has no bus yet';
  let isReady = (): boolean => false;
  const isNow: Surroundings['isNow'] = (present, ready) => {
    status = present;
    isReady = ready;
  };
  const ended = serve({ ...how, identity, id, stopping: stopping.signal, isNow });
  return { ended, stop: () => stopping.abort(), status: () => status(), isReady: () => isReady() };
}

type Surroundings = {
  readonly identity: Identity;
  readonly id: ActorId;
  readonly logger: Logger;
  readonly intervalMs: number;
  /** Where somebody wants to know. */
  readonly metrics: Metrics | undefined;
  readonly stopping: AbortSignal;
  readonly isNow: (status: () => string, isReady: () => boolean) => void;
};

async function serve(around: Surroundings): Promise<string | undefined> {
  const { identity, id, logger, intervalMs, metrics, stopping, isNow } = around;
  const connect = (account: 'control' | 'books') =>
    connectUntilStopped(identity, {
      account,
      stopping,
      onTrouble: ({ code, message }) => logger.warn({ code }, message),
    });
  const control = await connect('control');
  if (!control.ok) return stopping.aborted ? undefined : control.failure.message;
  const books = await connect('books');
  if (!books.ok) {
    await control.value.close();
    return stopping.aborted ? undefined : books.failure.message;
  }
  // The lease says whether a server is cut off: for both connections, then.
  keepTogether(books.value, control.value);
  logConnection(control.value, 'control', logger);
  logConnection(books.value, 'books', logger);
  const { promise: closed, resolve: close } = Promise.withResolvers<string>();
  void books.value.closed().then(() => close('the connection to the books was closed'));
  const { cluster } = identity;
  const bus = new NatsBus({
    connection: control.value,
    cluster,
    onConnectedChange: (connected) => {
      logger.info({ connected }, connected ? 'the bus is back' : 'the bus is away');
      if (connected) service.reconnected();
    },
    onTrouble: (trouble) => logger.warn({ trouble }, 'trouble on the bus'),
    onClosed: close,
  });
  const store = new KvLeaseStore({
    connection: books.value,
    cluster,
    key: 'allocator',
    onDamaged: (damaged) => logger.error(damaged, DAMAGED_LEASE),
  });
  const onUnanswered = (): void => leaveServers(books.value, bus.connection);
  const candidacy = standForLead({ bus, store, cluster, id, onUnanswered }, logger, () => service);
  const service = new AllocatorService({
    bus,
    cluster,
    logger,
    clock: systemClock,
    seed: randomInt(1, 2 ** 31),
    intervalMs,
    metrics,
    mayAct: () => candidacy.mayAct(),
  });
  service.start();
  candidacy.start();
  candidacy.stand(true);
  isNow(
    () => (candidacy.mayAct() ? 'allocates' : 'stands by'),
    () => bus.connected,
  );
  watchStanding(metrics, candidacy, service);
  answerLogLevel(bus, {
    cluster,
    actor: { kind: 'allocator', id },
    change: (level) => changeLevel(logger, level),
  });
  const why = await Promise.race([untilAborted(stopping), closed]);
  service.termEnded();
  await candidacy.release();
  candidacy.close();
  await Promise.all([bus.close(), books.value.close()]);
  return why;
}

async function untilAborted(stopping: AbortSignal): Promise<undefined> {
  if (!stopping.aborted) await once(stopping, 'abort');
}

function watchStanding(
  metrics: Metrics | undefined,
  candidacy: { mayAct(): boolean },
  service: Pick<AllocatorService, 'isInStep'>,
): void {
  metrics?.gauge('parley_allocator_leader', () => Number(candidacy.mayAct()));
  metrics?.gauge('parley_allocator_in_step', () => Number(service.isInStep));
}
