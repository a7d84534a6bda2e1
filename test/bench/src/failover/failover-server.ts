// Owns the NATS of a measured cluster: one server as `parley start` has it, or a cluster of three of which one is killed.
import { readCredentialFile } from '@parley/actor/nats/credential-file';
import { openConnection } from '@parley/actor/nats/open-connection';
import { provision, wantedStreams, wantedUpdates } from '@parley/actor/nats/provision';
import { type NatsServer, startNatsServer } from '@parley/nats-server/nats-server';
import { addPrincipal } from '@parley/nats-server/principals';
import type { Holder, HolderKind } from '@parley/protocol/credential';
import { ClusterName, PrincipalName, RoleName } from '@parley/protocol/ids';
import { type Nats3, startNats3 } from '@parley/test-integration/nats3-fixture';
import { unwrap } from '../bench-books.ts';

export const PRINCIPALS = ['p1', 'p2', 'p3', 'p4'].map((name) => PrincipalName.parse(name));
const CLUSTER = ClusterName.parse('bench-failover');
const MEMBERS = PRINCIPALS.map((name) => ({ name, roles: [RoleName.parse('*')] }));
const MAX_STREAM_BYTES = 1024 ** 3;

export type FailoverServer = {
  /** Path of the file. */
  readonly credential: (kind: HolderKind, id: string) => string;
  /** Ends the node that leads the journal as a power cut would; the returned function starts it again and waits until all is whole. */
  readonly killJournalNode: () => Promise<() => Promise<void>>;
  readonly close: () => Promise<void>;
};

export async function startOneServer(
  directory: string,
  actors: readonly Holder[],
): Promise<FailoverServer> {
  const server = await startNatsServer({ directory, cluster: CLUSTER, actors, principals: [] });
  await provisionOne(server);
  return {
    credential: (kind, id) => server.credentialFile(kind, id),
    killJournalNode: () => Promise.reject(new Error('there is no other server')),
    close: () => server.stop(),
  };
}

async function provisionOne(server: NatsServer): Promise<void> {
  const place = { cluster: CLUSTER, replicas: 1, maxStreamBytes: MAX_STREAM_BYTES } as const;
  const file = server.credentialFile('provisioner', 'provisioner');
  const books = unwrap(await openConnection(unwrap(readCredentialFile(file)), 'books'));
  unwrap(await provision(books, wantedStreams({ ...place, principals: [] })));
  await books.close();
  for (const member of MEMBERS) {
    await addPrincipal(server, member, async (connection) => {
      unwrap(await provision(connection, [wantedUpdates(member.name, place)]));
    });
  }
}

export async function startThreeServers(actors: readonly Holder[]): Promise<FailoverServer> {
  const place = { cluster: CLUSTER, maxStreamBytes: MAX_STREAM_BYTES };
  const nats = await startNats3({ ...place, actors, principals: MEMBERS });
  return {
    credential: (kind, id) => nats.credential(kind, id),
    killJournalNode: () => killJournalNode(nats),
    close: () => nats.close(),
  };
}

async function killJournalNode(nats: Nats3): Promise<() => Promise<void>> {
  const node = await nats.leaderOf();
  await node.kill();
  return async () => {
    await node.start();
    await nats.untilWhole();
  };
}
