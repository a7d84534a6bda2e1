// Owns the master's dealings with the world: the connections, the end of the process, the file of rules. How it stands
// by and leads is in mastership.ts.

import { readFile } from 'node:fs/promises';
import { answerLogLevel } from '@parley/actor/log-level-control';
import { logConnection } from '@parley/actor/nats/connection-watch';
import type { Identity } from '@parley/actor/nats/credential-file';
import { readStanding } from '@parley/actor/nats/jetstream-requests';
import { DAMAGED_LEASE, KvLeaseStore } from '@parley/actor/nats/kv-lease-store';
import { NatsBus } from '@parley/actor/nats/nats-bus';
import { NatsJournal } from '@parley/actor/nats/nats-journal';
import { NatsSnapshotStore } from '@parley/actor/nats/nats-snapshot-store';
import { connectUntilStopped } from '@parley/actor/nats/open-connection';
import { keepTogether } from '@parley/actor/nats/server-choice';
import { leaveServers } from '@parley/actor/nats/server-watch';
import { randomNonce, systemClock, systemTimers } from '@parley/actor/nats/system-clock';
import { UpdateStreamReader } from '@parley/actor/nats/update-stream-reader';
import { NatsUpdateWriter } from '@parley/actor/nats/update-writer';
import { clusterCore } from '@parley/cluster/cluster-core';
import type { ClusterSettings } from '@parley/cluster/inputs';
import { PRINCIPALS_API } from '@parley/protocol/accounts';
import { fail, type Outcome } from '@parley/protocol/errors';
import { ActorId } from '@parley/protocol/ids';
import { updatesStreamName } from '@parley/protocol/streams';
import { changeLevel, type Logger } from '@parley/telemetry/logger';
import type { Metrics } from '@parley/telemetry/metrics';
import type { NatsConnection } from 'nats';
import type { AuthorizationRules } from './authorization.ts';
import { parseRules } from './authorization-file.ts';
import type { AuthorizationSource } from './authorization-source.ts';
import { BooksWatch } from './books-watch.ts';
import { MasterMeter } from './master-meter.ts';
import { Mastership, type Surroundings } from './mastership.ts';
import { readPrincipals } from './principal-registry.ts';
import type { RateLimitSettings } from './rate-limits.ts';
import { ReplayDesk } from './replay-desk.ts';
import { ReplayThread } from './replay-thread.ts';
import { SettingsBucket } from './settings-bucket.ts';

const DAMAGED_SETTINGS =
  'what is kept of what operators have set is damaged: this master writes it again. If this comes again, look at the disks of the NATS servers';

export type RunningMaster = {
  /** Resolves when the process has to end: undefined after `stop`, else why. */
  readonly ended: Promise<string | undefined>;
  /** Hands over to a standby; without one a snapshot is written and the lease released. */
  stop(): void;
  /** What it does now, for people. */
  status(): string;
  /** It stands by or leads. */
  isReady(): boolean;
};

export type MasterPlan = {
  readonly identity: Identity;
  readonly settings: ClusterSettings;
  readonly rateLimits: RateLimitSettings;
  readonly authorization: AuthorizationSource;
  readonly logger: Logger;
  /** Where somebody wants to know. */
  readonly metrics: Metrics | undefined;
  /** The arguments of this process. */
  readonly words: readonly string[];
};

export function runMaster(plan: MasterPlan): RunningMaster {
  const stopping = new AbortController();
  let status = (): string => 'has no bus yet';
  let isReady = (): boolean => false;
  const ended = serve(plan, stopping.signal, (present, ready = () => false) => {
    status = present;
    isReady = ready;
  });
  return { ended, stop: () => stopping.abort(), status: () => status(), isReady: () => isReady() };
}

/** Fails with `unavailable` when the file cannot be read, and as `parseRules` does. */
export async function readRulesFile(file: string): Promise<Outcome<AuthorizationRules>> {
  try {
    return parseRules(file, await readFile(file, 'utf8'));
  } catch (error) {
    return fail('unavailable', error instanceof Error ? error.message : String(error));
  }
}

async function serve(
  plan: MasterPlan,
  stopping: AbortSignal,
  isNow: (status: () => string, isReady?: () => boolean) => void,
): Promise<string | undefined> {
  const { identity, logger } = plan;
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
  const closed = Promise.withResolvers<string>();
  const bus = new NatsBus({
    connection: control.value,
    cluster: identity.cluster,
    onConnectedChange: (connected) =>
      logger.info({ connected }, connected ? 'the bus is back' : 'the bus is away'),
    onTrouble: (trouble) => logger.warn({ trouble }, 'trouble on the bus'),
    onClosed: closed.resolve,
  });
  const watch = new BooksWatch({
    cluster: identity.cluster,
    masterId: ActorId.parse(identity.actor.id),
    books: books.value,
    control: control.value,
    logger,
  });
  const around = surroundingsOf(plan, { bus, books: books.value, watch });
  answerLogLevel(bus, {
    cluster: identity.cluster,
    actor: { kind: 'master', id: around.masterId },
    change: (level) => changeLevel(logger, level),
  });
  const replayDesk = new ReplayDesk({
    bus,
    cluster: identity.cluster,
    maker: new ReplayThread(plan.words),
    onTrouble: (trouble, message) => logger.warn(trouble, message),
  });
  isNow(() => 'waits for the streams of the cluster');
  const life = watch.areFit(stopping).then(() => {
    const mastership = new Mastership(around, stopping);
    around.meter?.watch(() => mastership.look);
    isNow(
      () => mastership.status,
      () => bus.connected && mastership.look.state !== undefined,
    );
    return mastership.run();
  });
  const why = await Promise.race([life, closed.promise]);
  await replayDesk.close();
  await bus.close();
  await books.value.close();
  return why;
}

function surroundingsOf(
  plan: MasterPlan,
  { bus, books, watch }: { bus: NatsBus; books: NatsConnection; watch: BooksWatch },
): Surroundings & { readonly meter: MasterMeter | undefined } {
  const { identity, settings, logger, metrics } = plan;
  const { cluster } = identity;
  const meter = metrics && new MasterMeter(metrics, systemClock);
  const journal = new NatsJournal(books, cluster);
  const masterId = ActorId.parse(identity.actor.id);
  return {
    cluster,
    masterId,
    core: clusterCore,
    settings,
    rateLimits: plan.rateLimits,
    rules: () => plan.authorization.rules(),
    bus,
    lease: new KvLeaseStore({
      connection: books,
      cluster,
      key: 'master',
      onDamaged: (damaged) => logger.error(damaged, DAMAGED_LEASE),
    }),
    onLeaseUnanswered: () => leaveServers(books, bus.connection),
    journal: meter?.measured(journal) ?? journal,
    meter,
    snapshots: new NatsSnapshotStore(books, identity.cluster, identity.actor.id),
    updateWriter: new NatsUpdateWriter(bus.connection, () => bus.connected),
    readUpdates: ({ principal, ...reading }) =>
      new UpdateStreamReader({
        connection: books,
        stream: updatesStreamName(cluster, principal),
        apiPrefix: PRINCIPALS_API,
        ...reading,
      }),
    readPrincipals: (known) => readPrincipals(books, cluster, known),
    openSettings: () =>
      new SettingsBucket(books, cluster, (subject, why) => {
        logger.error({ subject, why }, DAMAGED_SETTINGS);
      }),
    endOfUpdates: (principal) =>
      readStanding(books, updatesStreamName(cluster, principal), { apiPrefix: PRINCIPALS_API }),
    onJournalTrouble: () => void watch.tellHealth(),
    lookAtStreams: (principals) => void watch.look(principals),
    clock: systemClock,
    timers: systemTimers,
    makeNonce: randomNonce,
    logger,
  };
}
