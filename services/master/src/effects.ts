// Owns the master's dealings with the world: the connections, candidacies for the lease, one term after another,
// the end of the process, the file of rules.
import { readFile } from 'node:fs/promises';
import type { LeaderEnd } from '@parley/actor/leader-shell';
import { answerLogLevel } from '@parley/actor/log-level-control';
import type { Identity } from '@parley/actor/nats/credential-file';
import { KvLease } from '@parley/actor/nats/kv-lease';
import { NatsBus } from '@parley/actor/nats/nats-bus';
import { NatsJournal } from '@parley/actor/nats/nats-journal';
import { NatsSnapshotStore } from '@parley/actor/nats/nats-snapshot-store';
import { connectUntilStopped } from '@parley/actor/nats/open-connection';
import { systemClock } from '@parley/actor/nats/system-clock';
import { NatsUpdateWriter } from '@parley/actor/nats/update-writer';
import type { ClusterSettings } from '@parley/cluster/inputs';
import type { Epoch } from '@parley/protocol/epoch';
import { fail, type Outcome } from '@parley/protocol/errors';
import { ActorId } from '@parley/protocol/ids';
import { changeLevel, type Logger } from '@parley/telemetry/logger';
import type { AuthorizationRules } from './authorization.ts';
import { parseRules } from './authorization-file.ts';
import type { AuthorizationSource } from './authorization-source.ts';
import { booksAreFit } from './books-watch.ts';
import type { RateLimitSettings } from './rate-limits.ts';
import { type Surroundings, Term } from './term.ts';

const OTHER_LEADS =
  'another process leads; if it has this id too, give each master an id of its own';

export type RunningMaster = {
  /** Resolves when the process has to end: undefined after `stop`, else why. */
  readonly ended: Promise<string | undefined>;
  /** Writes a snapshot and releases the lease, so that another master leads at once. */
  stop(): void;
};

export type MasterPlan = {
  readonly identity: Identity;
  readonly settings: ClusterSettings;
  readonly rateLimits: RateLimitSettings;
  readonly authorization: AuthorizationSource;
  readonly logger: Logger;
};

export function runMaster(plan: MasterPlan): RunningMaster {
  const stopping = new AbortController();
  const ended = serve(plan, stopping.signal);
  return { ended, stop: () => stopping.abort() };
}

/** Fails with `unavailable` when the file cannot be read, and as `parseRules` does. */
export async function readRulesFile(file: string): Promise<Outcome<AuthorizationRules>> {
  try {
    return parseRules(file, await readFile(file, 'utf8'));
  } catch (error) {
    return fail('unavailable', error instanceof Error ? error.message : String(error));
  }
}

async function serve(plan: MasterPlan, stopping: AbortSignal): Promise<string | undefined> {
  const { identity, settings, logger } = plan;
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
  const closed = Promise.withResolvers<string>();
  const bus = new NatsBus({
    connection: control.value,
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
    rateLimits: plan.rateLimits,
    rules: () => plan.authorization.rules(),
    bus,
    books: books.value,
    journal: new NatsJournal(books.value, identity.cluster),
    snapshots: new NatsSnapshotStore(books.value, identity.cluster, identity.actor.id),
    updateWriter: new NatsUpdateWriter(control.value, () => bus.connected),
    clock: systemClock,
    logger,
  };
  answerLogLevel(bus, {
    cluster: identity.cluster,
    actor: { kind: 'master', id: around.masterId },
    change: (level) => {
      const previous = changeLevel(logger, level);
      logger.info({ previous, level }, 'log level changed');
      return previous;
    },
  });
  const life = booksAreFit(around, stopping).then(() => leadAgainAndAgain(around, stopping));
  const why = await Promise.race([life, closed.promise]);
  await bus.close();
  await books.value.close();
  return why;
}

/** Candidacy, term, candidacy, ... until the process is stopped or the journal cannot be used. */
async function leadAgainAndAgain(
  around: Surroundings,
  stopping: AbortSignal,
): Promise<string | undefined> {
  let taken = false;
  while (!stopping.aborted) {
    const attempt = await leadOnce(around, stopping, !taken);
    const { end } = attempt;
    taken = attempt.taken || end?.reason === 'deposed';
    if (end === undefined) continue;
    if (taken) around.logger.warn({ end }, `term is over: ${OTHER_LEADS}`);
    else around.logger.info({ end }, 'term is over');
    if (end.reason === 'journalUnusable') return end.message;
  }
  return undefined;
}

type Attempt = {
  /** Undefined: it did not get as far as leading. */
  readonly end: LeaderEnd | undefined;
  /** Somebody else has the lease. */
  readonly taken: boolean;
};

async function leadOnce(
  around: Surroundings,
  stopping: AbortSignal,
  ownNameIsFree: boolean,
): Promise<Attempt> {
  const won = Promise.withResolvers<Epoch | undefined>();
  let term: Term | undefined;
  let taken = false;
  const lease = new KvLease({
    connection: around.books,
    cluster: around.cluster,
    key: 'master',
    holder: around.masterId,
    ownNameIsFree,
    onWon: won.resolve,
    onLost: (byOther) => {
      taken = byOther;
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
    if (epoch === undefined) return { end: undefined, taken };
    term = new Term(around, epoch, () => lease.mayAct());
    if (stopping.aborted) return { end: undefined, taken };
    return { end: await term.run(), taken };
  } finally {
    stopping.removeEventListener('abort', stop);
    await lease.stop();
  }
}
