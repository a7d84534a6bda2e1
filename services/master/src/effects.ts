// Owns the master's dealings with the world: the connections, candidacies for the lease, one term after another,
// the end of the process.
import { setTimeout as wait } from 'node:timers/promises';
import type { BusMessage } from '@parley/actor/bus';
import type { LeaderEnd } from '@parley/actor/leader-shell';
import type { Identity } from '@parley/actor/nats/credential-file';
import { KvLease } from '@parley/actor/nats/kv-lease';
import { NatsBus } from '@parley/actor/nats/nats-bus';
import { NatsJournal } from '@parley/actor/nats/nats-journal';
import { NatsSnapshotStore } from '@parley/actor/nats/nats-snapshot-store';
import { openConnection } from '@parley/actor/nats/open-connection';
import { systemClock } from '@parley/actor/nats/system-clock';
import { NatsUpdateWriter } from '@parley/actor/nats/update-writer';
import type { ClusterSettings } from '@parley/cluster/inputs';
import type { Epoch } from '@parley/protocol/epoch';
import { isRetryable } from '@parley/protocol/errors';
import { ActorId } from '@parley/protocol/ids';
import { decodeMessage, encodeAnswer } from '@parley/protocol/message';
import { wildcardOf } from '@parley/protocol/subject-entry';
import { SUBJECTS } from '@parley/protocol/subjects';
import { changeLevel, type Logger } from '@parley/telemetry/logger';
import type { NatsConnection } from 'nats';
import { type Surroundings, Term } from './term.ts';

const CONNECT_RETRY_MS = 1000;

export type RunningMaster = {
  /** Resolves when the process has to end: undefined after `stop`, else why. */
  readonly ended: Promise<string | undefined>;
  /** Writes a snapshot and releases the lease, so that another master leads at once. */
  stop(): void;
};

export function runMaster(
  identity: Identity,
  settings: ClusterSettings,
  logger: Logger,
): RunningMaster {
  const stopping = new AbortController();
  const ended = serve(identity, settings, logger, stopping.signal);
  return { ended, stop: () => stopping.abort() };
}

async function serve(
  identity: Identity,
  settings: ClusterSettings,
  logger: Logger,
  stopping: AbortSignal,
): Promise<string | undefined> {
  const control = await connectUntil(identity, 'control', logger, stopping);
  const books =
    control && typeof control !== 'string'
      ? await connectUntil(identity, 'books', logger, stopping)
      : undefined;
  if (control === undefined || typeof control === 'string') return control;
  if (books === undefined || typeof books === 'string') {
    await control.close();
    return books;
  }
  const closed = Promise.withResolvers<string>();
  const bus = new NatsBus({
    connection: control,
    cluster: identity.cluster,
    onConnectedChange: (connected) =>
      logger.info({ connected }, connected ? 'the bus is back' : 'the bus is away'),
    onTrouble: (trouble) => logger.warn({ trouble }, 'trouble on the bus'),
    onClosed: closed.resolve,
  });
  const around: Surroundings = {
    cluster: identity.cluster,
    masterId: ActorId.parse(identity.actor.id),
    settings,
    bus,
    books,
    journal: new NatsJournal(books, identity.cluster),
    snapshots: new NatsSnapshotStore(books, identity.cluster),
    updateWriter: new NatsUpdateWriter(control, () => bus.connected),
    clock: systemClock,
    logger,
  };
  listenForLevel(around);
  const why = await Promise.race([leadAgainAndAgain(around, stopping), closed.promise]);
  await bus.close();
  await books.close();
  return why;
}

/** Candidacy, term, candidacy, ... until the process is stopped or the journal cannot be used. */
async function leadAgainAndAgain(
  around: Surroundings,
  stopping: AbortSignal,
): Promise<string | undefined> {
  while (!stopping.aborted) {
    const end = await leadOnce(around, stopping);
    if (end === undefined) continue;
    around.logger.info({ end }, 'term is over');
    if (end.reason === 'journalUnusable') return end.message;
  }
  return undefined;
}

async function leadOnce(
  around: Surroundings,
  stopping: AbortSignal,
): Promise<LeaderEnd | undefined> {
  const won = Promise.withResolvers<Epoch | undefined>();
  let term: Term | undefined;
  const lease = new KvLease({
    connection: around.books,
    cluster: around.cluster,
    key: 'master',
    holder: around.masterId,
    onWon: won.resolve,
    onLost: () => {
      won.resolve(undefined);
      term?.leaseLost();
    },
  });
  const stop = (): void => {
    won.resolve(undefined);
    void term?.stop();
  };
  stopping.addEventListener('abort', stop, { once: true });
  lease.start();
  try {
    const epoch = await won.promise;
    if (epoch === undefined) return undefined;
    term = new Term(around, epoch, () => lease.mayAct());
    if (stopping.aborted) return undefined;
    return await term.run();
  } finally {
    stopping.removeEventListener('abort', stop);
    await lease.stop();
  }
}

/** The connection; why there can be none; undefined when the process is stopped before there is one. */
async function connectUntil(
  identity: Identity,
  account: 'control' | 'books',
  logger: Logger,
  stopping: AbortSignal,
): Promise<NatsConnection | string | undefined> {
  let told = '';
  while (!stopping.aborted) {
    const connection = await openConnection(identity, account);
    if (connection.ok) return connection.value;
    const { code, message } = connection.failure;
    if (!isRetryable(code)) return message;
    if (message !== told) logger.warn({ code }, message);
    told = message;
    await wait(CONNECT_RETRY_MS, undefined, { signal: stopping }).catch(() => undefined);
  }
  return undefined;
}

function listenForLevel({ bus, cluster, masterId, logger }: Surroundings): void {
  const own = { actorKind: 'master', actorId: masterId };
  bus.subscribe(wildcardOf(SUBJECTS.logLevel, cluster, own), (message: BusMessage) => {
    const request = decodeMessage(SUBJECTS.logLevel, cluster, message.subject, message.bytes);
    if (!request.ok) {
      message.respond(encodeAnswer(request));
      return;
    }
    const { level } = request.value.body;
    const previous = changeLevel(logger, level);
    logger.info({ previous, level }, 'log level changed');
    message.respond(encodeAnswer({ ok: true, value: { previous, level } }));
  });
}
