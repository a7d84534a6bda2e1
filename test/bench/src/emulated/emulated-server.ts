// Owns the NATS of a measured cluster: one server as `parley start` has it, or a cluster of three of which one is killed.
import { readCredentialFile } from '@parley/actor/nats/credential-file';
import { openConnection } from '@parley/actor/nats/open-connection';
import { provision, wantedStreams, wantedUpdates } from '@parley/actor/nats/provision';
import { type NatsServer, startNatsServer } from '@parley/nats-server/nats-server';
import { addPrincipal } from '@parley/nats-server/principals';
import { freePort } from '@parley/nats-server/server-process';
import type { Holder, HolderKind } from '@parley/protocol/credential';
import { ClusterName, PrincipalName, RoleName } from '@parley/protocol/ids';
import { journalStreamName } from '@parley/protocol/streams';
import { type Nats3, startNats3 } from '@parley/test-integration/nats3-fixture';
import * as z from 'zod';
import { unwrap } from '../bench-books.ts';

export const PRINCIPALS = ['p1', 'p2', 'p3', 'p4'].map((name) => PrincipalName.parse(name));
const CLUSTER = ClusterName.parse('bench-failover');
const MEMBERS = PRINCIPALS.map((name) => ({ name, roles: [RoleName.parse('*')] }));
const MAX_STREAM_BYTES = 1024 ** 3;

/** What the server and its streams have counted since it was started. */
export type ServerCounts = {
  /** Messages that it took from clients, and that it gave to them. */
  readonly messagesIn: number;
  readonly messagesOut: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** Bytes of an entry of the journal are those that the server stores, on average of the entries that are kept. */
  readonly journalEntries: number;
  readonly bytesPerEntry: number;
};

export type EmulatedServer = {
  /** Of one server. */
  readonly pid: number | undefined;
  /** Rejects where there is more than one server. */
  readonly counts: () => Promise<ServerCounts>;
  /** Ends the one server as a crash of its process would, and starts it again; resolves when it answers. Rejects where there are more. */
  readonly restart: () => Promise<void>;
  /** Path of the file. */
  readonly credential: (kind: HolderKind, id: string) => string;
  /** Ends the node that leads the journal as a power cut would; the returned function starts it again and waits until all is whole. */
  readonly killJournalNode: () => Promise<() => Promise<void>>;
  readonly close: () => Promise<void>;
};

export async function startOneServer(
  directory: string,
  actors: readonly Holder[],
  sync: 'always' | 'default' = 'always',
): Promise<EmulatedServer> {
  const monitorPort = await freePort();
  const tuning = { sync, monitorPort };
  const place = { directory, cluster: CLUSTER, actors, principals: [], tuning };
  let server = await startNatsServer(place);
  await provisionOne(server);
  return {
    get pid() {
      return server.pid;
    },
    counts: () => countsOf(monitorPort),
    restart: async () => {
      const ended = new Promise<void>((resolve) => server.onEnd(() => resolve()));
      process.kill(server.pid, 'SIGKILL');
      await ended;
      server = await startNatsServer({ ...place, port: server.port });
    },
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

export async function startThreeServers(actors: readonly Holder[]): Promise<EmulatedServer> {
  const place = { cluster: CLUSTER, maxStreamBytes: MAX_STREAM_BYTES };
  const nats = await startNats3({ ...place, actors, principals: MEMBERS });
  return {
    pid: undefined,
    counts: () => Promise.reject(new Error('three servers are not counted')),
    restart: () => Promise.reject(new Error('three servers are not restarted together')),
    credential: (kind, id) => nats.credential(kind, id),
    killJournalNode: () => killJournalNode(nats),
    close: () => nats.close(),
  };
}

const ServerVariables = z.object({
  in_msgs: z.int(),
  out_msgs: z.int(),
  in_bytes: z.int(),
  out_bytes: z.int(),
});
const StreamState = z.object({ bytes: z.int(), messages: z.int(), last_seq: z.int() });
const StreamNumbers = z.object({
  account_details: z.array(
    z.object({
      stream_detail: z.array(z.object({ name: z.string(), state: StreamState })).default([]),
    }),
  ),
});

async function countsOf(monitorPort: number): Promise<ServerCounts> {
  const ask = async (what: string): Promise<unknown> =>
    (await fetch(`http://127.0.0.1:${monitorPort}/${what}`)).json();
  const [variables, streams] = await Promise.all([ask('varz'), ask('jsz?accounts=1&streams=1')]);
  const { in_msgs, out_msgs, in_bytes, out_bytes } = ServerVariables.parse(variables);
  const details = StreamNumbers.parse(streams).account_details.flatMap((one) => one.stream_detail);
  const journal = details.find(({ name }) => name === journalStreamName(CLUSTER));
  return {
    ...{ messagesIn: in_msgs, messagesOut: out_msgs, bytesIn: in_bytes, bytesOut: out_bytes },
    journalEntries: journal?.state.last_seq ?? 0,
    bytesPerEntry: (journal?.state.bytes ?? 0) / (journal?.state.messages ?? 1),
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
