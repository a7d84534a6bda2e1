// Owns `parley init`: what a cluster needs on a NATS that is run by others. It makes the credentials and the accounts for
// the server's configuration, then, once the server knows them, the streams and buckets. Repeatable.
import { identityOfCredential } from '@parley/actor/nats/credential-file';
import { openConnection } from '@parley/actor/nats/open-connection';
import { wantedStreams } from '@parley/actor/nats/provision';
import { readTlsOptions } from '@parley/actor/nats/tls-files';
import { readCredentialFile } from '@parley/nats-server/account-connection';
import { renderAccounts, type ServerUser } from '@parley/nats-server/config';
import { credentialPath } from '@parley/nats-server/credentials';
import { accountsPath, writeForeignMembers } from '@parley/nats-server/foreign-accounts';
import {
  holdersOf,
  type Members,
  mergeMembers,
  PROVISIONER,
  type PrincipalMember,
  readMembers,
} from '@parley/nats-server/members';
import { credentialsDirectory } from '@parley/nats-server/server-directory';
import type { Credential, Holder, TlsMaterial } from '@parley/protocol/credential';
import { AgentId, type ClusterName, PrincipalName, RoleName } from '@parley/protocol/ids';
import { usersOf } from '@parley/protocol/permissions';
import { bringAccounts, type Distribution, keepDistribution } from '../account-distribution.ts';
import { CommandFailure, EXIT } from '../command-failure.ts';
import type { Surroundings } from '../config.ts';
import { saveContext } from '../context-store.ts';
import { initFolder } from '../member-desk.ts';
import { printJson, printLine, printNotice } from '../print.ts';
import { closedPassages, type ProvisionResult, provisionCluster } from '../provisioning.ts';

export type InitOptions = {
  readonly cluster: ClusterName;
  readonly nats?: string;
  readonly creds?: string;
  readonly systemCreds?: string;
  readonly distribute?: string;
  readonly tlsCa?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly principals?: string;
  readonly agents?: string;
  readonly replicas?: string;
  readonly print?: boolean;
  readonly json?: boolean;
};

const OPERATOR: Holder = { kind: 'operator', id: 'operator' };
/** Three masters and two allocators: one of each leads, the others wait. */
const SERVICES: readonly Holder[] = [
  ...['master-1', 'master-2', 'master-3'].map((id): Holder => ({ kind: 'master', id })),
  ...['allocator-1', 'allocator-2'].map((id): Holder => ({ kind: 'allocator', id })),
  OPERATOR,
];
const DEFAULT_NATS = 'nats://127.0.0.1:4222';

export async function initCommand(
  { directory }: Surroundings,
  options: InitOptions,
): Promise<void> {
  const named = membersOf(options);
  const replicas = replicasOf(options.replicas);
  if (options.print === true) {
    printWanted(named, replicas ?? 3);
    return;
  }
  const tls = tlsOf(options);
  const folder = initFolder(directory, options.cluster);
  // Who was named at an earlier time, or admitted since, stays.
  const kept = readMembers(folder);
  const members = kept === undefined ? named : mergeMembers(kept, named.actors, newOf(named, kept));
  const credentials = credentialsDirectory(folder);
  const servers = serversOf(
    options,
    kept && readCredentialFile(credentialPath(credentials, OPERATOR)),
  );
  writeForeignMembers(folder, { servers, ...(tls && { tls }) }, members);
  const accounts = accountsPath(folder, members.cluster);
  const provisioner = withTls(options.creds ?? credentialPath(credentials, PROVISIONER), tls);
  const { systemCreds, distribute } = options;
  const distribution = keepDistribution(folder, {
    ...(systemCreds !== undefined && { systemCreds }),
    ...(distribute !== undefined && { distribute }),
  });
  await reach(provisioner, accounts, distribution);
  const { made, present, warning } = await provisionCluster(provisioner, {
    ...(replicas !== undefined && { replicas }),
    principals: members.principals,
    stated: options.replicas === undefined ? [] : ['num_replicas'],
  });
  await checkPassages(credentials, tls, namesOf(members));
  await saveContext(directory, {
    version: 1,
    name: members.cluster,
    cluster: members.cluster,
    servers: [...servers],
    operatorCredential: credentialPath(credentials, OPERATOR),
  });
  if (options.json === true) printJson({ accounts, credentials, made, present });
  else printMade(credentials, { made, present, warning });
}

function printMade(credentials: string, { made, present, warning }: ProvisionResult): void {
  if (warning !== undefined) printLine(warning);
  printLine(
    `made: ${made.join(', ') || 'nothing'}; there already: ${present.join(', ') || 'nothing'}`,
  );
  printLine(`credentials of every actor: ${credentials}`);
}

const serversOf = ({ nats }: InitOptions, kept: Credential | undefined): readonly string[] =>
  nats?.split(',') ?? kept?.servers ?? [DEFAULT_NATS];

function tlsOf({ tlsCa, tlsCert, tlsKey }: InitOptions): TlsMaterial | undefined {
  const read = readTlsOptions({ 'tls-ca': tlsCa, 'tls-cert': tlsCert, 'tls-key': tlsKey });
  if (read.ok) return read.value;
  throw new CommandFailure(EXIT.usage, { what: read.failure.message });
}

/** What was told about TLS wins over what the file says. */
function withTls(file: string, tls: TlsMaterial | undefined): Credential {
  const credential = readCredentialFile(file);
  return tls === undefined ? credential : { ...credential, tls: { ...credential.tls, ...tls } };
}

/** A server that does not know the accounts yet refuses the provisioner: then the accounts come first. */
async function reach(
  provisioner: Credential,
  accounts: string,
  distribution: Distribution,
): Promise<void> {
  const identity = identityOfCredential(provisioner);
  let knows = await openConnection(identity);
  if (!knows.ok && knows.failure.code === 'notPermitted') {
    await bringAccounts(accounts, distribution, provisioner, printNotice);
    knows = await openConnection(identity);
  }
  if (knows.ok) return knows.value.close();
  const file = accounts.slice(accounts.lastIndexOf('/') + 1);
  throw new CommandFailure(EXIT.unreachable, {
    what: `NATS at ${provisioner.servers.join(', ')} cannot be set up yet`,
    why: knows.failure.message,
    remedy: [
      `on every server: JetStream on (with "sync_interval: always"), then copy ${accounts}`,
      `beside its configuration, write "include ${file}" inside the accounts block, reload it (nats-server --signal reload);`,
      'then run this again',
    ].join('\n              '),
  });
}

async function checkPassages(
  credentials: string,
  tls: TlsMaterial | undefined,
  principals: readonly PrincipalName[],
): Promise<void> {
  const master = withTls(credentialPath(credentials, { kind: 'master', id: 'master-1' }), tls);
  const closed = await closedPassages(master, principals);
  if (closed.length === 0) return;
  throw new CommandFailure(EXIT.unreachable, {
    what: `masters cannot reach the streams of the principals yet by ${closed.join(', ')}`,
    why: 'accounts that are new together are joined only when the servers read their configuration a second time',
    remedy: 'reload those servers once more (nats-server --signal reload), then run this again',
  });
}

function membersOf({ cluster, principals, agents }: InitOptions): Members {
  const holders = listOf(agents).map((id): Holder => ({ kind: 'agent', id: AgentId.parse(id) }));
  const named = listOf(principals).map(
    (name): PrincipalMember => ({ name: PrincipalName.parse(name), roles: [RoleName.parse(name)] }),
  );
  return { version: 1, cluster, actors: [...SERVICES, ...holders], principals: named };
}

/** Principals who are known keep the roles that they were given. */
const newOf = ({ principals }: Members, kept: Members): PrincipalMember[] =>
  principals.filter(({ name }) => !kept.principals.some((known) => known.name === name));

const listOf = (text: string | undefined): string[] =>
  (text ?? '').split(',').filter((part) => part !== '');

const namesOf = ({ principals }: Members): PrincipalName[] => principals.map(({ name }) => name);

const accountsText = (members: Members, users: readonly ServerUser[]): string =>
  renderAccounts({ cluster: members.cluster, principals: namesOf(members), users });

/** Undefined: by what the server is. */
function replicasOf(text: string | undefined): 1 | 3 | 5 | undefined {
  if (text === undefined) return undefined;
  const replicas = ([1, 3, 5] as const).find((one) => String(one) === text);
  if (replicas !== undefined) return replicas;
  throw new CommandFailure(EXIT.usage, {
    what: `--replicas ${text}`,
    why: 'streams are kept by 1, 3 or 5 servers',
  });
}

/** Keys are made when the credentials are: here each stands as the name of its holder. */
function printWanted(members: Members, replicas: 1 | 3 | 5): void {
  const { cluster } = members;
  const principals = namesOf(members);
  const users = holdersOf(members).flatMap((holder) => {
    const publicKey = `<public key of ${holder.kind} ${holder.id}>`;
    const { control, books, work, principals: own } = usersOf(holder, cluster, principals);
    const all = [control, books, work, ...Object.values(own ?? {})].filter(
      (user) => user !== undefined,
    );
    return all.map((user) => ({ ...user, publicKey }));
  });
  printLine('# inside the accounts block of the configuration of nats-server:');
  printLine(accountsText(members, users));
  printLine('# streams (the last ones in the accounts of the principals):');
  printJson(wantedStreams({ cluster, principals, replicas }));
}
