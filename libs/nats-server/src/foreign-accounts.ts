// Owns what is kept of a cluster on a NATS that others run: who is a member, the credentials, and the text for the accounts
// block of the servers' configuration. The servers read it when they are told to (system-reload.ts).
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Holder, TlsMaterial } from '@parley/protocol/credential';
import type { ClusterName } from '@parley/protocol/ids';
import { usersOf } from '@parley/protocol/permissions';
import { renderAccounts } from './config.ts';
import { type CredentialPlace, ensureCredential } from './credentials.ts';
import { holdersOf, type Members, writeMembers } from './members.ts';
import { credentialsDirectory } from './server-directory.ts';

/** Its name says whose it is: it is put beside the configuration of servers that carry other things too. */
export const accountsPath = (folder: string, cluster: ClusterName): string =>
  join(folder, `parley-${cluster}.conf`);

/** Certificate and key are for who acts from here, operator and provisioner; the others get the authority. */
export type ForeignServers = Pick<CredentialPlace, 'servers' | 'tls'>;

/** Makes the credentials that are missing, and writes list and accounts for exactly these members. */
export function writeForeignMembers(
  folder: string,
  servers: ForeignServers,
  members: Members,
): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const { cluster } = members;
  const principals = members.principals.map(({ name }) => name);
  const place = { servers: servers.servers, directory: credentialsDirectory(folder), cluster };
  const users = holdersOf(members).flatMap((holder) => {
    const tls = tlsFor(holder, servers.tls);
    const there = tls === undefined ? place : { ...place, tls };
    return ensureCredential(there, holder, usersOf(holder, cluster, principals));
  });
  writeMembers(folder, members);
  replace(accountsPath(folder, cluster), `${renderAccounts({ cluster, principals, users })}\n`);
}

function tlsFor({ kind }: Holder, tls: TlsMaterial | undefined): TlsMaterial | undefined {
  const actsFromHere = kind === 'operator' || kind === 'provisioner';
  return tls === undefined || actsFromHere ? tls : { ca: tls.ca };
}

/** Leaves a file that servers may still include: without it they would not start again. */
export function writeNoAccounts(folder: string, cluster: ClusterName): void {
  const text = `# cluster ${cluster} was uninstalled: nothing includes this file any more, or should\n`;
  replace(accountsPath(folder, cluster), text);
}

function replace(path: string, text: string): void {
  const partial = `${path}.${process.pid}`;
  writeFileSync(partial, text, { mode: 0o644 });
  renameSync(partial, path);
}
