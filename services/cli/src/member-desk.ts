// Owns changing who has a credential, on the embedded server of a cluster of this host and on a NATS that others run: there
// the accounts are written to a file, and the servers have to read it again. What the commands say is in commands/.
import path from 'node:path';
import { readCredentialFile } from '@parley/nats-server/account-connection';
import { credentialPath, removeCredential } from '@parley/nats-server/credentials';
import { writeForeignMembers } from '@parley/nats-server/foreign-accounts';
import {
  type Members,
  mergeMembers,
  PROVISIONER,
  type PrincipalMember,
  readMembers,
  withoutHolder,
} from '@parley/nats-server/members';
import { findRunning, type NatsServer } from '@parley/nats-server/nats-server';
import { forgetPrincipal, removePrincipal } from '@parley/nats-server/principals';
import { credentialsDirectory } from '@parley/nats-server/server-directory';
import type { Credential, Holder } from '@parley/protocol/credential';
import { type ClusterName, PrincipalName } from '@parley/protocol/ids';
import { type DeskOptions, takeAccounts } from './account-distribution.ts';
import { CommandFailure, EXIT } from './command-failure.ts';
import type { Surroundings } from './config.ts';
import type { Context } from './context-store.ts';
import { clusterPaths } from './local-cluster/cluster-paths.ts';
import { admitPrincipal, provisionMember } from './provisioning.ts';

export type MemberDesk = {
  readonly members: () => Members;
  readonly place: () => { readonly cluster: ClusterName; readonly servers: readonly string[] };
  /** Where the file of a member is. */
  readonly credentialFile: (holder: Holder) => string;
  /** Resolves when the servers let the new members in, and principals have their streams. */
  readonly add: (
    actors: readonly Holder[],
    principals: readonly PrincipalMember[],
  ) => Promise<void>;
  /** Resolves when the servers have closed its connections and refuse it. */
  readonly remove: (holder: Holder) => Promise<void>;
};

/** Throws a failure when the cluster was not set up here, or its embedded server does not run. */
export async function openMemberDesk(
  { directory }: Surroundings,
  context: Context,
  options: DeskOptions,
): Promise<MemberDesk> {
  if (context.local === undefined) return foreignDesk(foreignFolder(directory, context), options);
  const nats = await findRunning(clusterPaths(directory, context.cluster).nats);
  if (nats !== undefined) return embeddedDesk(nats);
  throw new CommandFailure(EXIT.unreachable, {
    what: `the nats-server of cluster ${context.name} does not run`,
    remedy: 'see "parley logs keeper"; if it does not come back: parley stop, then start again',
  });
}

/** Where `parley init` keeps what it made for a cluster. */
export const initFolder = (directory: string, cluster: string): string =>
  path.join(directory, 'init', cluster);

function foreignFolder(directory: string, { cluster, name }: Context): string {
  const folder = initFolder(directory, cluster);
  if (readMembers(folder) !== undefined) return folder;
  throw new CommandFailure(EXIT.notFound, {
    what: `who is a member of cluster ${name} is not known here`,
    why: `there is no ${path.join(folder, 'members.json')}`,
    remedy: 'run this where "parley init" was run, or copy its folder here',
  });
}

function embeddedDesk(nats: NatsServer): MemberDesk {
  return {
    members: () => nats.members(),
    place: () => ({ cluster: nats.cluster, servers: [nats.url] }),
    credentialFile: ({ kind, id }) => nats.credentialFile(kind, id),
    add: async (actors, principals) => {
      await nats.addMembers(actors, []);
      for (const principal of principals) await admitPrincipal(nats, principal);
    },
    remove: async (holder) => {
      if (holder.kind === 'principal') await removePrincipal(nats, PrincipalName.parse(holder.id));
      else await nats.removeMember(holder);
    },
  };
}

function foreignDesk(folder: string, options: DeskOptions): MemberDesk {
  const directory = credentialsDirectory(folder);
  const provisioner = (): Credential => readCredentialFile(credentialPath(directory, PROVISIONER));
  /** Another's key, tried from here: servers that want a certificate are shown the one of who acts here. */
  const withOwnTls = (file: string): Credential => {
    const { tls } = provisioner();
    return { ...readCredentialFile(file), ...(tls && { tls }) };
  };
  const members = (): Members => {
    const kept = readMembers(folder);
    if (kept === undefined) throw new Error(`${folder} holds no members`);
    return kept;
  };
  const write = (changed: Members): void => {
    const { servers, tls } = provisioner();
    writeForeignMembers(folder, { servers, ...(tls && { tls }) }, changed);
  };
  return {
    members,
    place: () => ({ cluster: members().cluster, servers: provisioner().servers }),
    credentialFile: (holder) => credentialPath(directory, holder),
    add: async (actors, principals) => {
      write(mergeMembers(members(), actors, principals));
      const added = [...actors, ...principals.map(({ name }) => principalHolder(name))];
      const files = added.map((holder) => credentialPath(directory, holder));
      await takeAccounts(folder, files.map(withOwnTls), 'accepted', options);
      for (const principal of principals) await provisionMember(provisioner(), principal);
    },
    remove: async (holder) => {
      const credential = withOwnTls(credentialPath(directory, holder));
      if (holder.kind === 'principal') {
        await forgetPrincipal(provisioner(), PrincipalName.parse(holder.id));
      }
      write(withoutHolder(members(), holder));
      await takeAccounts(folder, [credential], 'refused', options);
      removeCredential(directory, holder);
    },
  };
}

const principalHolder = (name: PrincipalName): Holder => ({ kind: 'principal', id: name });
