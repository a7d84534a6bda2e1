// Owns `parley principal add|list|remove`: credentials on the embedded server of a cluster of this host.
import { findRunning, type NatsServer } from '@parley/nats-server/nats-server';
import { removePrincipal } from '@parley/nats-server/principals';
import type { PrincipalName, RoleName } from '@parley/protocol/ids';
import { CommandFailure, EXIT } from '../command-failure.ts';
import type { Surroundings } from '../config.ts';
import { clusterPaths } from '../local-cluster/cluster-paths.ts';
import { printJson, printLine, printTable } from '../print.ts';
import { admitPrincipal } from '../provisioning.ts';
import { currentContext } from './context.ts';

export type NewPrincipal = { readonly name: PrincipalName; readonly roles: readonly RoleName[] };

export async function principalAddCommand(
  surroundings: Surroundings,
  named: string | undefined,
  { name, roles }: NewPrincipal,
  json: boolean,
): Promise<void> {
  const nats = await embeddedServer(surroundings, named);
  await admitPrincipal(nats, { name, roles: [...roles] });
  const credential = nats.credentialFile('principal', name);
  if (json) printJson({ name, roles, credential, servers: [nats.url], cluster: nats.cluster });
  else {
    printLine(`principal ${name} may use ${roles.join(', ')}; its credential is`);
    printLine(credential);
  }
}

export async function principalListCommand(
  surroundings: Surroundings,
  named: string | undefined,
  json: boolean,
): Promise<void> {
  const nats = await embeddedServer(surroundings, named);
  const rows = nats.members().principals.map(({ name, roles }) => ({
    name,
    roles,
    credential: nats.credentialFile('principal', name),
  }));
  if (json) printJson(rows);
  else {
    const shown = rows.map((row) => ({ ...row, roles: row.roles.join(',') }));
    printTable(['name', 'roles', 'credential'], shown);
  }
}

export async function principalRemoveCommand(
  surroundings: Surroundings,
  named: string | undefined,
  name: PrincipalName,
  json: boolean,
): Promise<void> {
  const nats = await embeddedServer(surroundings, named);
  if (!nats.members().principals.some((principal) => principal.name === name)) {
    throw new CommandFailure(EXIT.notFound, {
      what: `there is no principal ${name}`,
      remedy: 'see "parley principal list"',
    });
  }
  await removePrincipal(nats, name);
  if (json) printJson({ removed: name });
  else printLine(`principal ${name} is removed; its streams and data stay`);
}

async function embeddedServer(
  surroundings: Surroundings,
  named: string | undefined,
): Promise<NatsServer> {
  const context = await currentContext(surroundings, named);
  if (context.local === undefined) {
    throw new CommandFailure(EXIT.usage, {
      what: `the NATS of cluster ${context.name} is not ours to configure`,
      why: 'principals are added to the embedded server of a local cluster only',
      remedy:
        'see "parley init --print --principals NAME" for the streams and permissions it needs',
    });
  }
  const paths = clusterPaths(surroundings.directory, context.cluster);
  const nats = await findRunning(paths.nats);
  if (nats !== undefined) return nats;
  throw new CommandFailure(EXIT.unreachable, {
    what: `the nats-server of cluster ${context.name} does not run`,
    remedy: 'see "parley logs keeper"; if it does not come back: parley stop, then start again',
  });
}
