// Owns `parley init`: what a cluster needs on a NATS that is run by others. It makes the credentials and the accounts for
// the server's configuration, then, once the server knows them, the streams and buckets. Repeatable.
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { wantedStreams } from '@parley/actor/nats/provision';
import { readCredentialFile } from '@parley/nats-server/account-connection';
import { renderAccounts, type ServerUser } from '@parley/nats-server/config';
import { credentialPath, ensureCredential } from '@parley/nats-server/credentials';
import {
  holdersOf,
  type Members,
  PROVISIONER,
  type PrincipalMember,
} from '@parley/nats-server/members';
import { credentialsDirectory } from '@parley/nats-server/server-directory';
import type { Holder } from '@parley/protocol/credential';
import { AgentId, type ClusterName, PrincipalName, RoleName } from '@parley/protocol/ids';
import { usersOf } from '@parley/protocol/permissions';
import { CommandFailure, EXIT } from '../command-failure.ts';
import type { Surroundings } from '../config.ts';
import { saveContext } from '../context-store.ts';
import { printJson, printLine } from '../print.ts';
import { provisionCluster } from '../provisioning.ts';

export type InitOptions = {
  readonly cluster: ClusterName;
  readonly nats?: string;
  readonly creds?: string;
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
  const members = membersOf(options);
  const replicas = replicasOf(options.replicas);
  if (options.print === true) {
    printWanted(members, replicas);
    return;
  }
  const folder = path.join(directory, 'init', options.cluster);
  const accounts = path.join(folder, 'accounts.conf');
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const servers = (options.nats ?? DEFAULT_NATS).split(',');
  const credentials = credentialsDirectory(folder);
  const place = { directory: credentials, cluster: members.cluster, servers };
  const users = holdersOf(members).flatMap((holder) =>
    ensureCredential(place, holder, usersOf(holder, members.cluster, namesOf(members))),
  );
  await writeFile(accounts, `${accountsText(members, users)}\n`);
  const provisioner = readCredentialFile(options.creds ?? credentialPath(credentials, PROVISIONER));
  const { made, present, warning } = await provision(accounts, () =>
    provisionCluster(provisioner, {
      replicas,
      principals: members.principals,
      stated: options.replicas === undefined ? [] : ['num_replicas'],
    }),
  );
  await saveContext(directory, {
    version: 1,
    name: members.cluster,
    cluster: members.cluster,
    servers,
    operatorCredential: credentialPath(credentials, OPERATOR),
  });
  if (options.json === true) printJson({ accounts, credentials, made, present });
  else {
    if (warning !== undefined) printLine(warning);
    printLine(
      `made: ${made.join(', ') || 'nothing'}; there already: ${present.join(', ') || 'nothing'}`,
    );
    printLine(`credentials of every actor: ${credentials}`);
  }
}

/** A server that does not know the accounts yet refuses the provisioner: then the accounts come first. */
async function provision<Value>(accounts: string, work: () => Promise<Value>): Promise<Value> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof CommandFailure)) throw error;
    throw new CommandFailure(
      error.exitCode,
      {
        what: error.message,
        remedy: `put "include ${accounts}" inside the accounts block of the server's configuration, reload it, then run this again`,
      },
      error,
    );
  }
}

function membersOf({ cluster, principals, agents }: InitOptions): Members {
  const holders = listOf(agents).map((id): Holder => ({ kind: 'agent', id: AgentId.parse(id) }));
  const named = listOf(principals).map(
    (name): PrincipalMember => ({ name: PrincipalName.parse(name), roles: [RoleName.parse(name)] }),
  );
  return { version: 1, cluster, actors: [...SERVICES, ...holders], principals: named };
}

const listOf = (text: string | undefined): string[] =>
  (text ?? '').split(',').filter((part) => part !== '');

const namesOf = ({ principals }: Members): PrincipalName[] => principals.map(({ name }) => name);

const accountsText = (members: Members, users: readonly ServerUser[]): string =>
  renderAccounts({ cluster: members.cluster, principals: namesOf(members), users });

function replicasOf(text: string | undefined): 1 | 3 | 5 {
  const replicas = ([1, 3, 5] as const).find((one) => String(one) === (text ?? '1'));
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
