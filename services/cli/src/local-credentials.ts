// Owns finding the credential of a principal of a local cluster.

import { credentialPath } from '@parley/nats-server/credentials';
import { credentialsDirectory } from '@parley/nats-server/server-directory';
import type { PrincipalName } from '@parley/protocol/ids';
import { CommandFailure, EXIT } from './command-failure.ts';
import type { Surroundings } from './config.ts';
import type { Context } from './context-store.ts';
import { clusterPaths } from './local-cluster/cluster-paths.ts';

/** Its path; whether the file is there is the caller's to see. Throws for a cluster that is not of this host. */
export function credentialOf(
  { directory }: Surroundings,
  context: Context,
  principal: PrincipalName,
): string {
  if (context.local !== undefined) {
    return credentialPath(credentialsDirectory(clusterPaths(directory, context.cluster).nats), {
      kind: 'principal',
      id: principal,
    });
  }
  throw new CommandFailure(EXIT.usage, {
    what: `cluster ${context.name} is not of this host: its credentials are not known here`,
    remedy: 'name one with --creds FILE',
  });
}
