// Owns a plain connection with one key of a credential file: for provisioning, which is over in a moment. Actors that stay
// connected use @parley/actor, which reconnects.
import { readFileSync } from 'node:fs';
import { Credential, inboxPrefix, tlsOptionsFor } from '@parley/protocol/credential';
import { connect, type NatsConnection, nkeyAuthenticator } from 'nats';

const CONNECT_TIMEOUT_MS = 20_000;

/** @throws when the file cannot be read or is no credential */
export function readCredentialFile(path: string): Credential {
  return Credential.parse(JSON.parse(readFileSync(path, 'utf8')));
}

/**
 * Connects, runs and closes.
 * @param seed one of the credential's
 */
export async function withConnection<Result>(
  credential: Credential,
  seed: string,
  run: (connection: NatsConnection) => Promise<Result>,
): Promise<Result> {
  const tls = tlsOptionsFor(credential.servers, credential.tls);
  const connection = await connect({
    servers: credential.servers,
    authenticator: nkeyAuthenticator(new TextEncoder().encode(seed)),
    inboxPrefix: inboxPrefix(credential.actor),
    name: `${credential.actor.kind} ${credential.actor.id}`,
    timeout: CONNECT_TIMEOUT_MS,
    reconnect: false,
    ...(tls && { tls }),
  });
  try {
    return await run(connection);
  } finally {
    await connection.close();
  }
}
