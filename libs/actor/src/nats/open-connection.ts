// Owns the options of a NATS connection: reconnect for ever and fast, notice a dead server within seconds, own inbox.
import { setTimeout as wait } from 'node:timers/promises';
import { inboxPrefix, tlsOptionsFor } from '@parley/protocol/credential';
import { type Failure, fail, isRetryable, type Outcome, succeed } from '@parley/protocol/errors';
import { explainTlsTrouble } from '@parley/protocol/tls-trouble';
import { connect, errors, type NatsConnection } from 'nats';
import type { Identity } from './credential-file.ts';
import { hasChoice, ServerChoice } from './server-choice.ts';
import { leaveWhenSilent } from './server-watch.ts';
import { probeTls } from './tls-probe.ts';

/** The client's defaults give up after 10 tries and notice a dead server after minutes. */
const RECONNECT_WAIT_MS = 100;
/**
 * A hung server is left when one ping more is due, where nobody notices earlier (server-watch.ts): agents leave it after 10 to
 * 15 s, others after 25 to 30 s. The answer to a ping comes behind all that was sent before it: who has much to read, such as a
 * leader on which thousands call, must not take that for silence, since it would lose what it has not read.
 */
const PING_INTERVAL_MS = 5000;
const AGENT_PINGS = 2;
const PINGS = 5;
const CONNECT_TIMEOUT_MS = 5000;

/** Fails with `notPermitted` (the server does not know the credential) or `unavailable` (nobody there: try again). */
export async function openConnection(
  identity: Identity,
  account: 'control' | 'books' | 'work' = 'control',
): Promise<Outcome<NatsConnection>> {
  const { kind, id } = identity.actor;
  const authenticator = identity[account];
  if (authenticator === undefined) {
    return fail(
      'notPermitted',
      `the credential of ${kind} ${id} is not for the ${account} account`,
    );
  }
  const servers = [...identity.servers];
  const tls = tlsOptionsFor(servers, identity.tls);
  const choice = new ServerChoice();
  try {
    const connection = await connect({
      servers,
      authenticator,
      name: `${kind} ${id}`,
      inboxPrefix: inboxPrefix(identity.actor),
      timeout: CONNECT_TIMEOUT_MS,
      maxReconnectAttempts: -1,
      reconnectToServer: (pool) => choice.choose(pool),
      reconnectTimeWait: RECONNECT_WAIT_MS,
      reconnectJitter: RECONNECT_WAIT_MS,
      reconnectJitterTLS: RECONNECT_WAIT_MS,
      pingInterval: PING_INTERVAL_MS,
      maxPingOut: kind === 'agent' ? AGENT_PINGS : PINGS,
      noAsyncTraces: true,
      ...(tls && { tls }),
    });
    hasChoice(connection, choice);
    if (kind !== 'agent') leaveWhenSilent(connection, servers.length);
    return succeed(connection);
  } catch (error) {
    if (error instanceof errors.AuthorizationError) {
      return fail(
        'notPermitted',
        `${servers.join(', ')} does not accept the credential of ${kind} ${id}`,
      );
    }
    const isSilent = tls !== undefined && !explainTlsTrouble(error);
    const cause = isSilent ? await probeTls(servers, tls) : error;
    const insecure = explainTlsTrouble(cause);
    if (insecure !== undefined) {
      return fail('unavailable', `no connection to ${servers.join(', ')}: ${insecure}`);
    }
    const why = error instanceof Error ? error.message : String(error);
    return fail('unavailable', `no NATS server answers at ${servers.join(', ')}: ${why}`);
  }
}

const TRY_AGAIN_MS = 1000;

export type ConnectOptions = {
  readonly account: 'control' | 'books' | 'work';
  /** Ends the trying. */
  readonly stopping: AbortSignal;
  /** Told when trouble begins or its reason changes. */
  readonly onTrouble: (failure: Failure) => void;
};

/** Tries until there is a server. Fails with `notPermitted` (not the credential's cluster), or `unavailable` once stopped. */
export async function connectUntilStopped(
  identity: Identity,
  { account, stopping, onTrouble }: ConnectOptions,
): Promise<Outcome<NatsConnection>> {
  let told = '';
  while (!stopping.aborted) {
    const connection = await openConnection(identity, account);
    if (connection.ok || !isRetryable(connection.failure.code)) return connection;
    if (connection.failure.message !== told) onTrouble(connection.failure);
    told = connection.failure.message;
    await wait(TRY_AGAIN_MS, undefined, { signal: stopping }).catch(() => undefined);
  }
  return fail('unavailable', 'stopped before there was a connection');
}
